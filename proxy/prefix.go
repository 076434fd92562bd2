package proxy

import (
	"errors"
	"net"
	"slices"
)

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
