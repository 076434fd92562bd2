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
	if addr := conn.RemoteAddr(); !p.allows(addr) {
		p.Log.Warn().Stringer("client", addrPort(addr).Addr()).Msg("closed a connection from an address that may not connect; see --allow")
		conn.Close()
		return true
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
	case p.dialled[route(conn.RemoteAddr(), conn.LocalAddr())] > 0:
		refusal = fromOurselves
	case len(p.sessions) >= most:
		refusal = &session.Refusal{Code: "421 4.3.2", ID: "too-many-sessions", Why: "too many sessions at the same time; raise --max-sessions or try again later"}
	}
	s := newDriver(p, l, conn, refusal)
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

// isOwn reports whether the client at the other end of conn is smtptap itself.
func (p *Proxy) isOwn(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dialled[route(conn.RemoteAddr(), conn.LocalAddr())] > 0
}

// full reports whether Count sessions have begun.
func (p *Proxy) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isFull()
}

func (p *Proxy) isFull() bool { return p.Count > 0 && p.admitted >= p.Count }

var fromOurselves = &session.Refusal{Code: "554 5.4.6", ID: "loop", Why: "this session comes from smtptap itself"}
