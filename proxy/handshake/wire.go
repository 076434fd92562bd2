package handshake

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
)

// maxFirst bounds what is kept of a peer that speaks no TLS.
const maxFirst = 4 << 10

// A wire is the connection beneath TLS. It remembers what TLS does not tell:
// what the peer said first, and whether it closed the connection beneath.
type wire struct {
	net.Conn
	first  []byte // what was read, up to maxFirst, while shaking
	done   bool
	shown  bool        // a certificate of ours went to the server
	closed atomic.Bool // it ended without more bytes
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if !w.done {
		w.first = append(w.first, p[:min(n, maxFirst-len(w.first))]...)
	}
	if errors.Is(err, io.EOF) {
		w.closed.Store(true)
	}
	return n, err
}

func (w *wire) handshakeDone() { w.done, w.first = true, nil }

// CloseWrite makes half-close work, which embedding net.Conn would hide.
func (w *wire) CloseWrite() error {
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Truncated reports whether the peer has closed the connection without saying
// so in TLS first (RFC 8446 section 6.1). crypto/tls reports the end between
// two records as an orderly one.
func Truncated(c *tls.Conn) bool {
	w, ok := c.NetConn().(*wire)
	return ok && w.closed.Load()
}
