package proxy

import (
	"context"
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
	"smtptap/proxy/session"
	"smtptap/proxy/upstream"
	"smtptap/recordings/transcript"
)

// A driver runs one session: it reads from both peers, tells the session's
// layers what has come, and does what they say. It decides nothing itself.
//
// Each peer has a pump, which reads from it and shakes hands with it. An event
// is handled by whoever meets it, mostly a pump: the layers are called and what
// they want noted is noted under mu; what is to be sent is then written without
// it, so that a peer that does not read holds up nobody else.
type driver struct {
	proxy  *Proxy
	listen Listener
	origin origin
	log    *transcript.Log
	split  bool // the transcript has a dialogue for each leg
	begun  time.Time
	moved  atomic.Int64 // when bytes last moved, since begun
	bytes  [who.Server + 1]atomic.Int64
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // pumps of servers, and layers that are woken

	mu      sync.Mutex // guards what follows, and the peers; no other lock but the log's is taken within
	changed sync.Cond  // of what pumps and writers wait for
	logic   *session.Session
	client  *peer
	server  *peer // nil while there is none
	paused  [who.Server + 1]bool
	timers  map[*session.Place]*time.Timer
	dialing bool
	route   *upstream.Route  // of the recipient that is looked at
	reached *upstream.Server // the newest
	over    bool             // the connections are closed, or about to be
	how     facts.End
	first   who.Party // the one that ended its direction first
	linger  *time.Timer
	tls     tlsSeen
	held    map[who.Party]*heldLine // by who said it
}

func newDriver(p *Proxy, l Listener, conn net.Conn, o origin, refusal *session.Refusal) *driver {
	d := &driver{proxy: p, listen: l, origin: o, begun: time.Now()}
	d.changed.L = &d.mu
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.client = &peer{party: who.Client, base: conn, conn: conn}
	d.paused[who.Client], d.paused[who.Server] = true, true
	layers := p.ruled(o, conn)
	d.split = d.mode() == Hide || p.TLSToServer || p.Router != nil || layers != nil
	d.logic = session.New(session.Config{
		Mode: d.mode(), ClientTLS: l.TLS, FirstByte: l.Transparent, ToServer: p.TLSToServer, MX: p.Router != nil,
		OfferTLS: d.mode() == Intercept && p.TLS.Authority != nil,
		Refusal:  refusal, Ready: d.ready, Linger: orDefault(p.linger, defaultLinger), Wait: p.wait,
		Layers: layers, Attended: p.attended,
	})
	return d
}

func (d *driver) mode() Mode { return orDefault(d.proxy.Mode, Intercept) }

// ready says why TLS can't be opened towards a client.
func (d *driver) ready() error {
	_, err := d.proxy.TLS.Ready()
	return err
}

// run is the session from its beginning to its end. While bytes are relayed it
// is on the stack of a goroutine that waits, so what is only done once is done
// elsewhere: a small frame keeps the stack of an idle session small.
func (d *driver) run() {
	d.open()
	stop := d.watchIdle(orDefault(d.proxy.IdleTimeout, DefaultIdleTimeout))
	d.contained(d.begin)
	d.pump(d.client)
	d.wg.Wait()
	stop()
	d.close()
}

func (d *driver) begin() { d.handle(session.Event{Kind: session.Began}) }

// open begins the session's transcript.
func (d *driver) open() {
	d.log = d.proxy.Transcripts.Begin(transcript.Session{
		Listen: d.listen.Where(), Target: d.proxy.Target, Mode: string(d.mode()), SplitLegs: d.split,
	})
	client := d.client.base
	fact := d.origin.open(client, d.listen.TLS)
	d.debug().Str("client", fact.Client).Stringer("listen", d.listen).Msg("session begins")
	d.log.Fact(fact)
}

// close ends connections and transcript.
func (d *driver) close() {
	d.noteSilence()
	d.closeConns()
	end := d.ending()
	d.log.End(end)
	d.debug().Str("cause", end.Cause).Int64("client_bytes", end.ClientBytes).Int64("server_bytes", end.ServerBytes).
		Dur("took", time.Since(d.begun)).Msg("session ends")
}

func (d *driver) debug() *zerolog.Event { return d.proxy.Log.Debug().Str("session", d.log.ID()) }

// Fact implements upstream.Session.
func (d *driver) Fact(f facts.Fact) { d.log.Fact(f) }

// Ours implements upstream.Session.
func (d *driver) Ours(addr netip.AddrPort) bool { return d.proxy.ours(addr) }

// Destination implements upstream.Session.
func (d *driver) Destination() netip.AddrPort {
	if d.origin.to == nil {
		return netip.AddrPort{}
	}
	return addrPort(d.origin.to)
}

// OursAt implements upstream.Session.
func (d *driver) OursAt(path string) bool { return d.proxy.oursAt(path) }

// note notes one sentence about what smtptap did.
func (d *driver) note(id string, words ...any) { d.log.Fact(facts.NewNote(id, words...)) }

// contained runs f. A panic in it ends this session and nothing else.
func (d *driver) contained(f func()) {
	defer func() {
		if cause := recover(); cause != nil {
			d.panicked(cause, debug.Stack())
		}
	}()
	f()
}

func (d *driver) panicked(cause any, stack []byte) {
	d.proxy.Log.Error().Str("session", d.log.ID()).Str("panic", visible.Text(fmt.Sprint(cause))).
		Bytes("stack", stack).Msg("a fault of smtptap ended a session")
	d.cut(facts.End{Cause: facts.CauseInternal, Err: facts.Say("fault", "what", fmt.Sprint(cause))})
}
