package handshake

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"smtptap/decode/facts"
)

// Begins reports whether a stream that begins with p begins with TLS: a
// handshake record (RFC 8446 section 5.1). No SMTP command does.
func Begins(p []byte) bool { return len(p) > 0 && p[0] == 22 }

// MaxHello bounds a ClientHello that is read without answering it, record
// headers included. Real ones are a tenth of it.
const MaxHello = 16 << 10

// ErrShort is returned by ReadHello when the ClientHello is not complete.
var ErrShort = errors.New("the ClientHello is not complete")

// ReadHello reads the ClientHello at the start of p, which is not answered. The
// error is ErrShort as long as more bytes could make one of p.
func ReadHello(p []byte) (*facts.Hello, error) {
	m := &memory{rest: p}
	var hello *facts.Hello
	err := tls.Server(m, &tls.Config{
		MinVersion: tls.VersionTLS10,
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			hello = describeHello(h)
			return nil, errSeen
		},
	}).Handshake()
	switch {
	case hello != nil:
		return hello, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, ErrShort
	}
	return nil, err
}

var errSeen = errors.New("seen")

// A memory is a connection that holds what was said and takes no answer.
type memory struct{ rest []byte }

func (m *memory) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func (m *memory) Write(p []byte) (int, error)      { return len(p), nil }
func (m *memory) Close() error                     { return nil }
func (m *memory) LocalAddr() net.Addr              { return nil }
func (m *memory) RemoteAddr() net.Addr             { return nil }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }
