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

// inClear is what the peer said that is no TLS: all of it, or what follows the
// last record. It is nil when that was too much to keep.
func (w *wire) inClear() []byte {
	if len(w.first) == maxFirst {
		return nil
	}
	p := w.first
	for len(p) >= recordHeader && p[0] >= 20 && p[0] <= 23 && p[1] == 3 {
		n := recordHeader + int(p[3])<<8 + int(p[4])
		if n > len(p) {
			return nil
		}
		p = p[n:]
	}
	return p
}

// clearAlert is an alert that the peer sent in clear. OpenSSL refuses a
// certificate so in TLS 1.3: it has not begun to encrypt when it speaks of it,
// and crypto/tls, which expects it encrypted, only sees a broken record. An
// encrypted alert is longer than two bytes (RFC 8446 section 6).
func (w *wire) clearAlert() (name string, ok bool) {
	const recordAlert, alertLength = 21, 2
	for p := w.first; len(p) >= recordHeader; {
		n := int(p[3])<<8 + int(p[4])
		if len(p) < recordHeader+n {
			return "", false
		}
		if p[0] == recordAlert && n == alertLength {
			return alertName(p[recordHeader+1]), true
		}
		p = p[recordHeader+n:]
	}
	return "", false
}

// recordHeader is the length of what stands before a TLS record: its type, 20
// to 23, a version, and its length (RFC 8446 section 5.1).
const recordHeader = 5

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
