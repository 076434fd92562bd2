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
	"smtptap/proxy/handshake"
)

// defaultLinger is how long the connections stay open when one peer has gone
// for good and the other has not noticed: long enough to read the last reply,
// which a reset could destroy.
const defaultLinger = 5 * time.Second

// shutdown is how sessions end that were cut off because smtptap stops.
var shutdown = facts.End{Cause: facts.CauseShutdown, Err: "smtptap was stopped"}

// How a direction ended; see facts.Closed.
const (
	byFin         = "fin"
	byCloseNotify = "close-notify"
	byTruncation  = "truncated"
	byReset       = "reset"
	byError       = "error"
)

// ended says how the peer behind conn ended its direction, from the error that
// reading gave.
func endedHow(conn net.Conn, err error) string {
	secured, inTLS := conn.(*tls.Conn)
	switch {
	case errors.Is(err, io.EOF) && inTLS && handshake.Truncated(secured):
		return byTruncation
	case errors.Is(err, io.EOF) && inTLS:
		return byCloseNotify
	case errors.Is(err, io.EOF):
		return byFin
	case errors.Is(err, io.ErrUnexpectedEOF):
		return byTruncation
	case errors.Is(err, syscall.ECONNRESET):
		return byReset
	}
	return byError
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

// end sets the reason for which smtptap ends the session. The first one counts.
func (s *session) end(cause, err string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.how.Cause == "" {
		s.how = facts.End{Cause: cause, Err: err}
	}
}

// cut ends the session from outside: its connections are closed, which is what
// makes its goroutines return.
func (s *session) cut(why facts.End) {
	s.end(why.Cause, why.Err)
	s.closeConns()
}

// closeConns closes all connections.
func (s *session) closeConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.cancel()
	if s.lingerer != nil {
		s.lingerer.Stop()
	}
	for conn := range s.conns {
		s.dropLocked(conn)
	}
}

// dropLocked closes a connection and forgets it. The caller holds s.mu.
func (s *session) dropLocked(conn net.Conn) {
	if conn == s.server.base {
		s.proxy.addDialled(conn, -1)
	}
	delete(s.conns, conn)
	conn.Close()
}

// resetPeer passes a reset on and ends the session.
func (s *session) resetPeer(p *peer) {
	s.mu.Lock()
	base, over := p.base, s.over
	s.over = true
	s.mu.Unlock()
	if base != nil && !over {
		resetConn(base)
	}
	s.closeConns()
}

// isOver reports whether the connections were closed by smtptap.
func (s *session) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// hasEnded notes that p sends no more, and how.
func (s *session) hasEnded(p *peer, how string, err error) {
	c := facts.Closed{Leg: p.party.Leg(), How: how}
	if text, alerted := handshake.EndedByAlert(p.party.Leg(), err); alerted {
		c.Err = text
	} else if how == byError {
		c.Err = visible.Text(err.Error())
	}
	s.log.Closed(p.party, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	p.ended, p.explained = true, c.Err != ""
	if s.first == nil {
		s.first = p
	}
	p.reset = p.reset || how == byReset
	s.lingerLocked(p)
}

// isDeaf notes that p can't be written to any more.
func (s *session) isDeaf(p *peer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.deaf = true
	p.reset = p.reset || errors.Is(err, syscall.ECONNRESET)
	s.lingerLocked(p)
}

// lingerLocked ends the session soon when p has gone for good.
func (s *session) lingerLocked(p *peer) {
	if p.ended && p.deaf && s.lingerer == nil && !s.over {
		s.lingerer = time.AfterFunc(orDefault(s.proxy.linger, defaultLinger), s.closeConns)
	}
}

// deaf reports whether nothing can be delivered to p any more.
func (s *session) deaf(p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.deaf || s.over
}

// wasReset reports whether p's end of the connection is known to be reset.
func (s *session) wasReset(p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.reset
}

// ending is the session's last fact.
func (s *session) ending() facts.End {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.how
	e.ClientBytes, e.ServerBytes = s.client.bytes.Load(), s.server.bytes.Load()
	switch {
	case e.Cause != "":
	case s.client.reset:
		e.Cause = facts.CauseClientReset
	case s.server.reset:
		e.Cause = facts.CauseServerReset
	case s.server.deaf, s.first == s.server && e.ServerBytes == 0:
		e.Cause = facts.CauseServerGone
	case s.client.deaf:
		e.Cause = facts.CauseClientGone
	default:
		e.Cause = facts.CauseClosed
	}
	return e
}
