package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
	"smtptap/recordings/transcript"
)

// A session is one client's connection and what follows from it. One goroutine
// owns it; only what is marked as shared is touched by others.
type session struct {
	proxy   *Proxy
	listen  Listener
	log     *transcript.Log
	refusal *refusal // why the client is not served; nil for most

	client *peer
	server *peer

	split       bool     // the transcript has a dialogue for each leg
	serverNames []string // of the server, and that its certificate is for
	clientTLS   bool     // TLS is up with the client
	clientHeard int64    // read from it before
	clientHello *facts.Hello
	certAsked   bool  // by the server, of smtptap as its client
	serverHeard int64 // read from the server when TLS with it was up

	begun  time.Time
	moved  atomic.Int64 // shared: when bytes last moved, since begun
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex // guards what follows, which is shared
	conns    map[net.Conn]struct{}
	over     bool // the connections are closed, or about to be
	how      facts.End
	first    *peer // the one that ended its direction first
	lingerer *time.Timer
}

// A peer is the client or the server of a session.
type peer struct {
	party who.Party
	bytes atomic.Int64 // read from it

	// Guarded by the session's mu.
	base  net.Conn // its connection, beneath TLS; nil while there is none
	ended bool     // it sends no more
	reset bool     // and said so by a reset
	deaf  bool     // writing to it failed

	explained bool // and why it sends no more is told with its end
}

func newSession(p *Proxy, l Listener, conn net.Conn) *session {
	s := &session{
		proxy: p, listen: l, begun: time.Now(),
		client: &peer{party: who.Client, base: conn},
		server: &peer{party: who.Server},
		conns:  map[net.Conn]struct{}{conn: {}},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// run is the session from its beginning to its end. While bytes are relayed it
// is on the stack of a goroutine that waits, so what is only done once is done
// elsewhere: a small frame keeps the stack of an idle session small.
func (s *session) run() {
	s.open()
	stop := s.watchIdle(orDefault(s.proxy.IdleTimeout, DefaultIdleTimeout))
	s.contained(s.phases)
	stop()
	s.close()
}

// open begins the session's transcript.
func (s *session) open() {
	s.split = s.mode() == Hide || s.proxy.TLSToServer || s.proxy.Router != nil
	s.log = s.proxy.Transcripts.Begin(transcript.Session{
		Listen: s.listen.Addr().String(), Target: s.proxy.Target, Mode: string(s.mode()), SplitLegs: s.split,
	})
	client := s.client.base
	s.debug().Stringer("client", client.RemoteAddr()).Stringer("listen", s.listen.Addr()).Msg("session begins")
	s.log.Fact(&facts.Open{Client: client.RemoteAddr().String(), Listen: client.LocalAddr().String(), TLS: s.listen.TLS})
}

// close ends connections and transcript.
func (s *session) close() {
	s.noteSilence()
	s.closeConns()
	end := s.ending()
	s.log.End(end)
	s.debug().Str("cause", end.Cause).Int64("client_bytes", end.ClientBytes).Int64("server_bytes", end.ServerBytes).
		Dur("took", time.Since(s.begun)).Msg("session ends")
}

func (s *session) debug() *zerolog.Event { return s.proxy.Log.Debug().Str("session", s.log.ID()) }

// phases takes the session through its phases. Each ends where the session has
// something to do itself: a STARTTLS was accepted, or another server is due.
func (s *session) phases() {
	ph := &phase{client: s.client.base}
	err := s.begin(ph)
	for err == nil && s.relay(ph) {
		err = s.next(ph)
	}
	if err != nil {
		s.fail(*ph, err)
	}
}

// begin makes the first phase in which bytes are relayed.
func (s *session) begin(ph *phase) (err error) {
	if s.refusal != nil {
		s.note(s.refusal.id, s.refusal.why)
		*ph = s.readyToTell(*ph)
		return s.refusal.end()
	}
	*ph, err = s.start(*ph)
	return err
}

// next makes the phase that follows one that has ended.
func (s *session) next(ph *phase) (err error) {
	if ph.next != nil {
		*ph, err = ph.next(s.ctx, *ph)
	} else {
		*ph, err = s.upgrade(s.ctx, *ph)
	}
	return err
}

// start takes the session to the first phase in which bytes are relayed.
func (s *session) start(ph phase) (phase, error) {
	if s.proxy.Router != nil {
		ph, err := s.prepare(s.ctx, ph)
		if err != nil {
			return ph, err
		}
		return s.frontDesk(s.ctx, ph)
	}
	ctx, cancel := context.WithTimeout(s.ctx, orDefault(s.proxy.ConnectTimeout, DefaultConnectTimeout))
	defer cancel()
	srv, err := s.proxy.Upstream.Dial(ctx, s)
	if err != nil {
		return s.readyToTell(ph), err
	}
	if err := s.attach(srv.Conn); err != nil {
		return s.readyToTell(ph), err
	}
	ph.target, ph.server = srv, srv.Conn
	return s.prepare(s.ctx, ph)
}

// readyToTell brings up TLS with a client that expects it, so that it can be
// told why there is no server.
func (s *session) readyToTell(ph phase) phase {
	ready, err := s.prepare(s.ctx, ph)
	if err != nil {
		ph.client = nil
		return ph
	}
	return ready
}

// attach makes conn the server's connection. It finds out once more whether the
// client is smtptap itself: when it came, the session that it comes from may
// not have been told of its connection yet.
func (s *session) attach(conn net.Conn) error {
	if s.proxy.isOwn(s.client.base) {
		conn.Close()
		s.note(fromOurselves.id, fromOurselves.why)
		return fromOurselves.end()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		conn.Close()
		return errOver
	}
	if s.server.base != nil {
		s.dropLocked(s.server.base)
	}
	s.server.base, s.server.ended, s.server.reset, s.server.deaf = conn, false, false, false
	s.conns[conn] = struct{}{}
	s.proxy.addDialled(conn, 1)
	return nil
}

// errOver tells the owner that the session was cut off meanwhile.
var errOver = errors.New("the session was cut off")

// Fact implements upstream.Session.
func (s *session) Fact(f facts.Fact) { s.log.Fact(f) }

// Ours implements upstream.Session.
func (s *session) Ours(addr netip.AddrPort) bool { return s.proxy.ours(addr) }

// fail ends a session that can't go on, and tells the client why if it has
// not been told.
func (s *session) fail(ph phase, err error) {
	var ended *sessionEnd
	var reply upstream.Replier
	switch {
	case errors.Is(err, errOver), s.isOver():
	case errors.As(err, &ended):
		s.end(ended.cause, ended.Error())
		s.dismiss(ph, ended.reply)
	case errors.As(err, &reply):
		r := reply.Reply()
		cause := facts.CauseUnreachable
		if r.Code >= 500 {
			cause = facts.CauseRefused
		}
		s.end(cause, err.Error())
		s.dismiss(ph, fmt.Sprintf("%d %s [smtptap] %s", r.Code, r.Enhanced, r.Text))
	default:
		s.end(facts.CauseUnreachable, visible.Text(err.Error()))
		s.dismiss(ph, "421 4.4.1 [smtptap] cannot reach the server: "+visible.Text(err.Error()))
	}
}

// A sessionEnd is an error that ends a session for a reason of its own.
type sessionEnd struct {
	cause string // one of the Cause constants
	reply string // what the client is told, without line end; "" when it can't be told, or was
	err   error
}

func (e *sessionEnd) Error() string { return e.err.Error() }
func (e *sessionEnd) Unwrap() error { return e.err }

// contained runs f. A panic in it ends this session and nothing else.
func (s *session) contained(f func()) {
	defer func() {
		if cause := recover(); cause != nil {
			s.panicked(cause, debug.Stack())
		}
	}()
	f()
}

func (s *session) panicked(cause any, stack []byte) {
	s.proxy.Log.Error().Str("session", s.log.ID()).Str("panic", visible.Text(fmt.Sprint(cause))).
		Bytes("stack", stack).Msg("a fault of smtptap ended a session")
	s.end(facts.CauseInternal, "a fault of smtptap: "+visible.Text(fmt.Sprint(cause)))
	s.closeConns()
}
