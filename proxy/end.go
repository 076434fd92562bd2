package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/proxy/handshake"
	"smtptap/proxy/session"
)

// defaultLinger is how long the connections stay open when one peer has gone
// for good and the other has not noticed: long enough to read the last reply,
// which a reset could destroy.
const defaultLinger = 5 * time.Second

// shutdown is how sessions end that were cut off because smtptap stops.
var shutdown = facts.End{Cause: facts.CauseShutdown, Err: "stopped"}

// endedHow says how the peer of conn ended its direction, from the error that
// reading gave.
func endedHow(conn net.Conn, err error) session.Ending {
	secured, inTLS := conn.(*tls.Conn)
	switch {
	case errors.Is(err, io.EOF) && inTLS && handshake.Truncated(secured):
		return session.ByTruncation
	case errors.Is(err, io.EOF) && inTLS:
		return session.ByCloseNotify
	case errors.Is(err, io.EOF):
		return session.ByFIN
	case errors.Is(err, io.ErrUnexpectedEOF):
		return session.ByTruncation
	case errors.Is(err, syscall.ECONNRESET):
		return session.ByReset
	}
	return session.ByError
}

// closeWrite ends our direction towards a peer as the other peer has ended its
// own: over TLS an orderly end is a close_notify and then a FIN (RFC 8446
// section 6.1), and a truncated one lacks the former.
func closeWrite(conn net.Conn, orderly bool) {
	if t, ok := conn.(*tls.Conn); ok {
		if orderly {
			t.CloseWrite() // it fails when the peer is gone, which its reader finds out as well
		}
		conn = t.NetConn()
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// resetConn closes base with a reset instead of a FIN.
func resetConn(base net.Conn) {
	if l, ok := base.(interface{ SetLinger(sec int) error }); ok {
		waitSent(base)
		l.SetLinger(0)
	}
	base.Close()
}

// explainedEnd is what is told with the end of a peer, "" for nothing.
func explainedEnd(a *session.Action) facts.Sentence {
	if text, alerted := handshake.EndedByAlert(a.Peer.Leg(), a.Err); alerted {
		return text
	}
	if a.How == session.ByError {
		return facts.Plain(visible.Text(a.Err.Error()))
	}
	return ""
}

// passEnd tells a peer that the other one has ended its direction, in the same
// way.
func (d *driver) passEnd(p *peer, conn net.Conn, it item) {
	_, alerted := handshake.EndedByAlert(p.party.Other().Leg(), it.err)
	switch {
	case it.end == session.ByReset:
		d.resetPeer(p)
	case alerted:
		d.mu.Lock()
		other := d.peer(p.party.Other())
		d.mu.Unlock()
		d.isDeaf(other, it.err) // nothing goes through TLS that was ended so
		closeWrite(conn, true)
	case it.end == session.ByError:
		d.closeConns()
	default:
		closeWrite(conn, it.end != session.ByTruncation)
	}
}

// becauseLocked sets the cause for which smtptap ends the session. The first one
// counts. The caller holds mu.
func (d *driver) becauseLocked(why facts.End) {
	if d.how.Cause == "" {
		d.how = why
	}
}

// cut ends the session from outside: its connections are closed, which is what
// makes its goroutines return.
func (d *driver) cut(why facts.End) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.becauseLocked(why)
	d.closeConnsLocked()
}

// closeConns closes all connections.
func (d *driver) closeConns() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closeConnsLocked()
}

func (d *driver) closeConnsLocked() {
	d.over = true
	d.cancel()
	if d.linger != nil {
		d.linger.Stop()
	}
	for _, t := range d.timers {
		t.Stop()
	}
	d.held = nil
	d.dropLocked(d.client)
	d.dropLocked(d.server)
	d.changed.Broadcast()
}

// drop closes the connection to a server that smtptap has done with.
func (d *driver) drop(p *peer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropLocked(p)
	if d.server == p {
		d.server = nil
	}
}

// dropLocked closes a connection. The caller holds mu.
func (d *driver) dropLocked(p *peer) {
	if p == nil || p.closed {
		return
	}
	p.closed = true
	if p.party == who.Server {
		d.proxy.addDialled(p.base, -1)
	}
	p.base.Close()
	d.changed.Broadcast()
}

// resetPeer passes a reset on and ends the session.
func (d *driver) resetPeer(p *peer) {
	d.mu.Lock()
	closed := d.over || p.closed
	d.over = true
	d.mu.Unlock()
	if !closed {
		resetConn(p.base)
	}
	d.closeConns()
}

// isOver reports whether the connections were closed by smtptap.
func (d *driver) isOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

// isDeaf notes that p can't be written to any more.
func (d *driver) isDeaf(p *peer, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p == nil || d.over || p.closed {
		return
	}
	p.deaf = true
	p.reset = p.reset || errors.Is(err, syscall.ECONNRESET)
	d.lingerFor(p)
}

// lingerFor ends the session soon when p has gone for good. The caller holds mu.
func (d *driver) lingerFor(p *peer) {
	if p.ended && p.deaf && d.linger == nil && !d.over {
		d.linger = time.AfterFunc(orDefault(d.proxy.linger, defaultLinger), d.closeConns)
	}
}

// ending is the session's last fact.
func (d *driver) ending() facts.End {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.how
	e.ClientBytes, e.ServerBytes = d.bytes[who.Client].Load(), d.bytes[who.Server].Load()
	var server peerEnd
	if d.server != nil {
		server = d.server.peerEnd
	}
	switch {
	case e.Cause != "":
	case d.client.reset:
		e.Cause = facts.CauseClientReset
	case server.reset:
		e.Cause = facts.CauseServerReset
	case server.deaf, d.first == who.Server && e.ServerBytes == 0:
		e.Cause = facts.CauseServerGone
	case d.client.deaf:
		e.Cause = facts.CauseClientGone
	default:
		e.Cause = facts.CauseClosed
	}
	return e
}
