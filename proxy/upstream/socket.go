package upstream

import (
	"context"
	"net"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
)

// A Socket leads every session to the server at a unix socket.
type Socket struct {
	Path string
	LMTP bool // it speaks LMTP
}

// socketHost is what a certificate has to be for that is shown at a unix socket.
const socketHost = "localhost"

// Dial connects to the socket. The error is a *SocketError.
func (s *Socket) Dial(ctx context.Context, ses Session) (*Server, error) {
	begun := time.Now()
	fact := &facts.Dial{Addr: "unix:" + s.Path, Why: "configured"}
	conn, err := s.dial(ctx, ses)
	fact.Took = time.Since(begun)
	if err != nil {
		fact.Class, fact.Err = dialFailure(err)
		ses.Fact(fact)
		return nil, &SocketError{Path: s.Path, err: err}
	}
	ses.Fact(fact)
	return &Server{Conn: conn, Host: Host{Name: socketHost, Why: fact.Why}, Named: true, LMTP: s.LMTP}, nil
}

func (s *Socket) dial(ctx context.Context, ses Session) (net.Conn, error) {
	if ses.OursAt(s.Path) {
		return nil, errLoop
	}
	return new(net.Dialer).DialContext(ctx, "unix", s.Path)
}

// A SocketError says why the server at a unix socket could not be reached.
type SocketError struct {
	Path string
	err  error
}

// InFacts is the error as a fact says it.
func (e *SocketError) InFacts() facts.Sentence {
	_, words := dialFailure(e.err)
	return facts.Say("dial-cannot-connect", "host", "unix:"+e.Path, "why", words)
}

func (e *SocketError) Error() string { return e.In(lang.English) }

// In is the error in one language.
func (e *SocketError) In(l lang.Lang) string { return visible.Text(e.InFacts().In(l)) }

func (e *SocketError) Unwrap() error { return e.err }

// Loop reports whether smtptap would have connected to itself.
func (e *SocketError) Loop() bool { return e.err == errLoop }

// Reply is what the client is told; see ConnectError.
func (e *SocketError) Reply() Reply {
	if e.Loop() {
		return Reply{Code: 554, Enhanced: "5.4.6", Text: inASCII(e.Error())}
	}
	return Reply{Code: 421, Enhanced: "4.4.1", Text: inASCII(e.Error())}
}
