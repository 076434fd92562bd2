// Package proxy relays SMTP sessions between clients and servers, byte for
// byte, and lets a transcript note every chunk before it is sent on.
//
// What a client sends is what the server receives, and the other way round,
// whatever the bytes are and however the network cuts them. The exceptions are
// few, and each is in the transcript as smtptap's own doing: what follows
// STARTTLS waits for its reply, a server that can't be reached is reported to
// the client in a reply of smtptap's, and some modes speak to one peer on
// smtptap's account.
//
// What becomes of the bytes of a session is decided by the layers of package
// session, which do no I/O. A driver reads from both peers, asks the layers, and
// does what they say.
//
// # What is ordered, what may block
//
// A session is one goroutine for each peer, which reads from it. What was read
// is noted before it is written on, so in the transcript a reply never stands
// before its command. A peer that does not read holds up the one direction that
// leads to it, as it would without smtptap; nothing else does: noting takes no
// disk and no screen. All goroutines have ended when Serve returns.
package proxy

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"smtptap/decode/facts"
	"smtptap/proxy/handshake"
	"smtptap/proxy/session"
	"smtptap/proxy/session/rules"
	"smtptap/proxy/upstream"
	"smtptap/recordings/transcript"
)

// Mode says what happens at STARTTLS.
type Mode = session.Mode

const (
	Intercept = session.Intercept
	Pass      = session.Pass
	Hide      = session.Hide
)

// Defaults of a Proxy. The idle timeout is longer than the longest that a
// client may have to wait for a reply (RFC 5321 section 4.5.3.2.6: 10 minutes
// after the final dot); a shorter one would be the fault under study.
const (
	DefaultMaxSessions    = 1000
	DefaultIdleTimeout    = 15 * time.Minute
	DefaultConnectTimeout = 30 * time.Second
	DefaultDrainTimeout   = 30 * time.Second
)

// A Proxy relays sessions. Its fields must not change while it serves.
type Proxy struct {
	// Transcripts takes what the sessions say.
	Transcripts *transcript.Set

	// Upstream leads every session to its server. Router does, once the
	// first recipient is known. Exactly one of them is set.
	Upstream upstream.Dialer
	Router   upstream.Router
	Target   string // the same in words, for the transcripts

	Mode        Mode // "" means Intercept
	TLSToServer bool // STARTTLS is used to the server even when the client speaks plain; not with Pass
	TLS         handshake.Settings

	Rules *rules.Set // what sessions do on purpose; nil for nothing

	Allow       []netip.Prefix // who may connect; none means loopback addresses
	MaxSessions int            // at the same time; 0 means DefaultMaxSessions
	Count       int            // Serve ends after so many sessions; 0 means never

	IdleTimeout    time.Duration // neither direction has moved; 0 means DefaultIdleTimeout
	ConnectTimeout time.Duration // to reach a server, all its addresses together; 0 means DefaultConnectTimeout
	DrainTimeout   time.Duration // how long sessions may go on when ctx is done; 0 means DefaultDrainTimeout

	Log zerolog.Logger // its writer is used by several goroutines at once

	// SendHeader is the version of the PROXY header that tells servers of the
	// client; 0 for none.
	SendHeader byte

	linger time.Duration // set by tests; 0 means defaultLinger
	wait   time.Duration // likewise; 0 means defaultWait
	header time.Duration // likewise; 0 means headerTimeout

	mu        sync.Mutex
	listeners []Listener
	sessions  map[*driver]struct{}
	waiting   map[net.Conn]struct{} // for their PROXY header
	enough    func()                // no more clients are wanted
	admitted  int                   // sessions so far
	dialled   map[string]int        // connections to servers, by route
	closing   bool
	attending int // who can let held lines go
	wg        sync.WaitGroup
}

// Serve accepts clients on all listeners until ctx is done or Count sessions
// have begun, and returns when the last session has ended. When ctx is done the
// listeners are closed at once, and sessions that still run after DrainTimeout
// are cut off. It returns nil then, and the error of a listener that failed
// otherwise. It closes the listeners in any case. A Proxy serves once.
func (p *Proxy) Serve(ctx context.Context, listeners ...Listener) error {
	if err := p.begin(listeners); err != nil {
		closeAll(listeners)
		return err
	}
	accepting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	p.enough = func() { stop(nil) }
	unhook := context.AfterFunc(accepting, func() {
		closeAll(listeners)
		p.dropWaiting()
	})
	defer unhook()
	var accepts sync.WaitGroup
	for _, l := range listeners {
		accepts.Go(func() {
			if err := p.acceptAll(accepting, l); err != nil {
				stop(err)
			}
			if p.full() {
				stop(nil)
			}
		})
	}
	accepts.Wait()
	closeAll(listeners)
	err := context.Cause(accepting)
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		p.drain(ctx)
		return nil
	}
	p.drain(accepting)
	return err
}

func (p *Proxy) begin(listeners []Listener) error {
	if (p.Upstream == nil) == (p.Router == nil) {
		return errors.New("a proxy needs either a server or a router")
	}
	if p.TLSToServer && p.Mode == Pass {
		return errors.New("TLS that is handed through can't be smtptap's own with the server")
	}
	if len(listeners) == 0 {
		return errors.New("nothing to listen on")
	}
	for _, l := range listeners {
		if err := p.CheckExposure(l); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions != nil {
		return errors.New("this proxy has served already")
	}
	p.sessions, p.waiting = map[*driver]struct{}{}, map[net.Conn]struct{}{}
	p.dialled = map[string]int{}
	p.listeners = listeners
	return nil
}

// Abort cuts off all sessions and waits for none; Serve returns soon after. It
// is for a user who does not want to wait for DrainTimeout.
func (p *Proxy) Abort() {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	for _, s := range p.running() {
		s.cut(shutdown)
	}
}

// Close ends the session of that id, as somebody who watches it asks.
func (p *Proxy) Close(id string) error {
	for _, s := range p.running() {
		if s.log.ID() == id {
			s.cut(facts.End{Cause: facts.CauseByHand, Err: "it was closed by hand"})
			return nil
		}
	}
	return errors.New("session " + id + " has ended")
}

// running are the sessions that have not ended.
func (p *Proxy) running() []*driver {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.sessions))
}

// drain waits for the sessions. Once ctx is done they have DrainTimeout left.
func (p *Proxy) drain(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		p.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	t := time.NewTimer(orDefault(p.DrainTimeout, DefaultDrainTimeout))
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		p.Abort()
		<-done
	}
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
