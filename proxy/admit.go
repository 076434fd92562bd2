package proxy

import (
	"net"

	"smtptap/proxy/session"
)

// mostTurnedAway is how many clients beyond the limit are told so at the same
// time. Those beyond are closed without a word, so that a flood of them does
// not use up what the limit keeps free.
const mostTurnedAway = 16

// admit starts a session for a client that has connected. It returns false when
// no more clients are wanted.
func (p *Proxy) admit(l Listener, conn net.Conn) bool {
	if addr := conn.RemoteAddr(); !p.allows(l, addr) {
		p.Log.Warn().Stringer("client", addrPort(addr).Addr()).Msg("closed a connection from an address that may not connect; see --allow")
		conn.Close()
		return true
	}
	if l.Header {
		return p.awaitHeader(l, conn)
	}
	return p.accept(l, conn, origin{})
}

// take is admit for a client of that origin.
func (p *Proxy) accept(l Listener, conn net.Conn, o origin) bool {
	led := true
	if l.Transparent {
		o, led = p.redirected(conn)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing || p.isFull() {
		conn.Close()
		return false
	}
	most := orDefault(p.MaxSessions, DefaultMaxSessions)
	if len(p.sessions) >= most+mostTurnedAway {
		conn.Close()
		return true
	}
	p.admitted++
	var refusal *session.Refusal
	switch {
	case p.dialled[route(conn.RemoteAddr(), destinationOf(l, conn, o))] > 0:
		refusal = fromOurselves
	case !led:
		refusal = notLed
	case len(p.sessions) >= most:
		refusal = &session.Refusal{Code: "421 4.3.2", ID: "too-many-sessions", Why: "too-many-sessions"}
	}
	s := newDriver(p, l, conn, o, refusal)
	p.sessions[s] = struct{}{}
	p.wg.Go(func() {
		s.run()
		p.mu.Lock()
		delete(p.sessions, s)
		p.mu.Unlock()
	})
	return !p.isFull()
}

// route is a connection as seen from where it was opened. The address that it
// comes from is not enough to know it by: the system gives the same one to
// connections that lead to different places.
func route(from, to net.Addr) string { return from.String() + " " + to.String() }

// addDialled counts a connection to a server, so that a client which comes by
// it is known to be ourselves.
func (p *Proxy) addDialled(conn net.Conn, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := route(conn.LocalAddr(), conn.RemoteAddr())
	if p.dialled[r] += n; p.dialled[r] <= 0 {
		delete(p.dialled, r)
	}
}

// isOwn reports whether the client of a session is smtptap itself.
func (p *Proxy) isOwn(d *driver) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dialled[route(d.client.base.RemoteAddr(), destinationOf(d.listen, d.client.base, d.origin))] > 0
}

// destinationOf is the far end of a client's connection as the client sees it.
func destinationOf(l Listener, conn net.Conn, o origin) net.Addr {
	if l.Transparent {
		return o.destination(conn)
	}
	return conn.LocalAddr()
}

// full reports whether Count sessions have begun.
func (p *Proxy) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isFull()
}

func (p *Proxy) isFull() bool { return p.Count > 0 && p.admitted >= p.Count }

var notLed = &session.Refusal{Code: "554 5.4.6", ID: "loop", Why: "loop-not-led"}

var fromOurselves = &session.Refusal{Code: "554 5.4.6", ID: "loop", Why: "loop-own"}
