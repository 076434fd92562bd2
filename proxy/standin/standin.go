// Package standin plays the server's side of a recorded session to clients that
// come anew. It answers what means the same as then as it was answered then, with
// the waits and the end of then. Where a client does something else it says so in
// a note of that session, and goes on by its policy.
package standin

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/proxy/replay"
	"smtptap/proxy/sink"
	"smtptap/proxy/upstream"
)

// Options say how a recorded server stands in.
type Options struct {
	// Lenient has the sink answer what the recording holds no answer to, and the
	// recording what comes after it. Otherwise everything from there on is
	// answered by 503.
	Lenient bool
	// Speed divides the recorded waits; 0 means no waits.
	Speed float64
	// TLS is the server's own, for a recording with STARTTLS.
	TLS *tls.Config
}

// A Server stands in for the server of a recording. It is an upstream.Dialer:
// each session is played to by itself, from the beginning.
type Server struct {
	recording *recording
	options   Options
	sink      sink.Server
	over      context.Context
	stop      context.CancelFunc
	wg        sync.WaitGroup
}

// New is the server of a recording. The error says why it can't stand in.
func New(t *decode.Transcript, o Options) (*Server, error) {
	r, err := read(t)
	if err != nil {
		return nil, facts.Say("standin-cannot", "id", t.ID, "why", err)
	}
	s := &Server{recording: r, options: o, sink: sink.Server{TLS: o.TLS}}
	s.over, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Close ends all sessions, once nobody dials any more.
func (s *Server) Close() {
	s.stop()
	s.wg.Wait()
}

// Dial begins a session with the server.
func (s *Server) Dial(ctx context.Context, ses upstream.Session) (*upstream.Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, facts.Say("standin-start", "why", err)
	}
	door := replay.NewDoor(l)
	defer door.Close()
	begun := time.Now()
	conn, err := door.Dial(ctx)
	if err != nil {
		return nil, facts.Say("standin-reach", "why", err)
	}
	peer, err := door.Accept()
	if err != nil {
		return nil, errors.Join(facts.Say("standin-reach", "why", err), conn.Close())
	}
	why := facts.Say("standin", "id", s.recording.id)
	ses.Fact(&facts.Dial{Addr: l.Addr().String(), Local: conn.LocalAddr().String(), Why: why, Took: time.Since(begun)})
	p := &part{recording: s.recording, options: s.options, fact: ses.Fact, missed: -1}
	s.wg.Go(func() { s.sink.Talk(s.over, peer, p) })
	at := l.Addr().(*net.TCPAddr).AddrPort()
	return &upstream.Server{Conn: conn, Host: upstream.Host{Name: at.Addr().String(), Why: why}, Addr: netip.AddrPortFrom(at.Addr(), at.Port()), Named: true, LMTP: s.recording.lmtp}, nil
}
