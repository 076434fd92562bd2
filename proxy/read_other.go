//go:build !unix

package proxy

import "net"

// newReader returns the reader that suits conn.
func newReader(conn net.Conn) reader { return &plainReader{conn: conn} }
