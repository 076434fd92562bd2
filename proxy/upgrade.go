package proxy

import (
	"context"
	"errors"
	"net"
	"slices"

	"smtptap/decode"
)

// prepare does what comes before the first relayed byte: TLS with a client or a
// server that expects it from the first byte. Without either it returns ph as
// it is. ph.server is nil when no server could be reached: then the client is
// made ready to be told so.
func (s *session) prepare(ctx context.Context, ph phase) (phase, error) {
	if s.listen.TLS || ph.target != nil && ph.target.Implicit {
		return ph, errors.New("TLS from the first byte is not supported")
	}
	return ph, nil
}

// upgrade takes the session on behind an accepted STARTTLS. The phase has the
// server's reply, which the client has not got yet, and what both said behind
// command and reply.
func (s *session) upgrade(ctx context.Context, ph phase) (phase, error) {
	s.log.Unopened()
	if _, err := ph.client.Write(ph.reply); err != nil {
		s.isDeaf(s.client, err)
	}
	ph.reply = nil
	ph.clientStage, ph.serverStage = passClient, passServer
	return ph, nil
}

// passClient and passServer are the stages of bytes that are not for reading.
func passClient(r *relay, p []byte) bool { return r.pass(&r.up, p) }
func passServer(r *relay, p []byte) bool { return r.pass(&r.down, p) }

func (r *relay) pass(d *direction, p []byte) bool {
	if r.s.deaf(d.to) {
		r.undelivered(d, p)
		return true
	}
	r.s.log.Skip(d.from.party, d.to.party, int64(len(p)), decode.WhyEncrypted)
	r.deliver(d, p)
	return true
}

// A prefixConn is a connection whose first bytes have been read already.
type prefixConn struct {
	net.Conn
	first []byte
}

// withPrefix returns conn with p to be read before what it has itself.
func withPrefix(conn net.Conn, p []byte) net.Conn {
	if len(p) == 0 {
		return conn
	}
	return &prefixConn{conn, slices.Clone(p)}
}

func (c *prefixConn) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite makes half-close work, which embedding net.Conn would hide.
func (c *prefixConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
