package transcript

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/recordings"
)

// A decoder turns what happened in one session into entries, whether it
// happens now or is read from a recording. Both go through here, so that a
// recording shows what was shown live. Times are given, not taken.
type decoder struct {
	keepSecrets bool
	client      leg  // what the client sees
	server      *leg // what the server sees, when that may differ; nil otherwise

	entry  func(decode.Entry)      // takes each entry as it is complete
	record func(recordings.Record) // takes what is to be recorded; Data is only lent
	fault  func(cause any)         // told once, when decoding panicked; may be nil

	live    bool // the caller holds back what the client sends while the reply to STARTTLS is pending
	failed  bool // decoding panicked: what follows is not understood
	dialled bool // the server's leg has had its first connection
}

// init makes the decoder ready for the first thing that happens.
func (d *decoder) init(splitLegs bool) {
	d.client.dialogue.KeepSecrets = d.keepSecrets
	d.client.dialogue.Gate = d.live
	if splitLegs {
		d.server = &leg{upstream: true}
		d.server.dialogue.KeepSecrets = d.keepSecrets
	}
}

// legFor is the leg whose dialogue hears bytes of that route first.
func (d *decoder) legFor(r route) *leg {
	if d.server != nil && !r.relayed() && (r.from == decode.PartyServer || r.to == decode.PartyServer) {
		return d.server
	}
	return &d.client
}

// data takes bytes that passed at time at.
func (d *decoder) data(at time.Duration, from, to decode.Party, p []byte) Verdict {
	r := route{from, to}
	if d.failed {
		d.passRaw(at, r, p)
		return Verdict{N: len(p)}
	}
	l := d.legFor(r)
	var out decode.Out
	if !d.guard(at, func() { out = l.feed(at, r, p) }) {
		d.passRaw(at, r, p)
		return Verdict{N: len(p)}
	}
	d.take(l, out)
	return Verdict{N: out.N, HoldClient: out.HoldClient, Refused: out.Refused, Accepted: out.Accepted}
}

// mask takes a secret that a recording left out.
func (d *decoder) mask(at time.Duration, from, to decode.Party, m decode.Mask) {
	r := route{from, to}
	d.tell(at, d.legFor(r), func(l *leg) decode.Out { return l.feedMask(at, r, m) })
}

// skip takes word of n bytes that passed unseen.
func (d *decoder) skip(at time.Duration, from, to decode.Party, n int64, why string) {
	d.recordJSON(at, recordings.TypeSkip, from, to, skipped{Bytes: n, Why: why})
	r := route{from, to}
	heard := []*leg{d.legFor(r)}
	if d.server != nil && r.relayed() {
		heard = append(heard, d.server)
	}
	for _, l := range heard {
		d.tell(at, l, func(l *leg) decode.Out { return l.skip(at, r, n, why) })
	}
}

// swallow takes bytes that from sent and that went no further.
func (d *decoder) swallow(at time.Duration, from decode.Party, p []byte) {
	d.keep(at, recordings.TypeSwallowed, from, decode.PartyProxy, p)
	r := route{from, decode.PartyProxy}
	d.tell(at, d.legFor(r), func(l *leg) decode.Out { return l.swallow(at, r, p) })
}

// secured tells that TLS is up on a leg.
func (d *decoder) secured(at time.Duration, which facts.Leg) {
	l, from, to := &d.client, decode.PartyClient, decode.PartyProxy
	if which == facts.ServerLeg {
		from, to = decode.PartyProxy, decode.PartyServer
		if d.server != nil {
			l = d.server
		}
	}
	d.keep(at, recordings.TypeSecured, from, to, nil)
	d.tell(at, l, func(l *leg) decode.Out { return l.dialogue.Secured(at) })
}

// unopened tells that TLS is handed through.
func (d *decoder) unopened(at time.Duration) {
	d.keep(at, recordings.TypeUnopened, decode.PartyClient, decode.PartyServer, nil)
	for _, l := range d.legs() {
		d.tell(at, l, func(l *leg) decode.Out { return l.dialogue.Unopened(at) })
	}
}

// fact takes a fact that is neither Closed nor End.
func (d *decoder) fact(at time.Duration, f facts.Fact) {
	if dial, ok := f.(*facts.Dial); ok && dial.Err == "" && d.server != nil {
		d.connected(at)
	}
	d.addFact(at, f)
}

// connected tells that smtptap has reached a server. When it is another than
// before, the dialogue with it begins anew.
func (d *decoder) connected(at time.Duration) {
	if d.dialled {
		d.hangUp(at, d.server, decode.Client)
		d.hangUp(at, d.server, decode.Server)
		d.server.restart(d.keepSecrets)
	}
	d.dialled = true
}

// closed tells that side sends no more on its leg. What it left incomplete is
// an entry before the fact.
func (d *decoder) closed(at time.Duration, side decode.Side, f facts.Closed) {
	if d.server == nil || side == decode.Client || d.server.joined {
		d.hangUp(at, &d.client, side)
	}
	if d.server != nil && (side == decode.Server || d.server.joined) {
		d.hangUp(at, d.server, side)
	}
	d.addFact(at, &f)
}

// end tells that the session is over.
func (d *decoder) end(at time.Duration, f facts.End) {
	d.flush(at)
	d.addFact(at, &f)
}

// flush makes entries of all that is still incomplete.
func (d *decoder) flush(at time.Duration) {
	for _, l := range d.legs() {
		d.hangUp(at, l, decode.Client)
		d.hangUp(at, l, decode.Server)
	}
}

func (d *decoder) hangUp(at time.Duration, l *leg, side decode.Side) {
	s := l.stream(side)
	if s.closed {
		return
	}
	s.closed = true
	d.tell(at, l, func(l *leg) decode.Out { return l.dialogue.Closed(at, side) })
}

func (d *decoder) legs() []*leg {
	if d.server == nil {
		return []*leg{&d.client}
	}
	return []*leg{&d.client, d.server}
}

// tell calls a leg's dialogue, unless decoding has failed, and takes what
// comes out.
func (d *decoder) tell(at time.Duration, l *leg, call func(*leg) decode.Out) {
	if d.failed {
		return
	}
	var out decode.Out
	if d.guard(at, func() { out = call(l) }) {
		d.take(l, out)
	}
}

// guard runs a call of a dialogue. A panic in it ends the decoding of this
// session and nothing else: guard then returns false.
func (d *decoder) guard(at time.Duration, call func()) (ok bool) {
	defer func() {
		if cause := recover(); cause != nil {
			d.fail(at, cause)
		}
	}()
	call()
	return true
}

func (d *decoder) fail(at time.Duration, cause any) {
	d.failed = true
	text := "smtptap failed to decode this session from here on; it is relayed as before, but not explained"
	if !d.keepSecrets {
		text += ", and what the client says is not recorded, because secrets in it can't be told"
	}
	d.addFact(at, &facts.Note{ID: noteFailed, Text: text})
	if d.fault != nil {
		d.fault(cause)
	}
}

const noteFailed = "decoder-failed"

// passRaw records bytes that nobody understands. A client's may hold secrets.
func (d *decoder) passRaw(at time.Duration, r route, p []byte) {
	if r.side() == decode.Client && !d.keepSecrets {
		d.recordJSON(at, recordings.TypeSkip, r.from, r.to, skipped{Bytes: int64(len(p)), Why: decode.WhyNotRecorded})
		return
	}
	d.keep(at, recordings.TypeData, r.from, r.to, p)
}

// take records the pieces that came out of a leg's dialogue, lets the server's
// dialogue hear those that were relayed, and hands out the events.
func (d *decoder) take(l *leg, out decode.Out) {
	for _, p := range out.Pieces {
		l.place(p, func(at time.Duration, r route, text []byte, m *decode.Mask) {
			if l.upstream && r.relayed() {
				return // recorded when the client's leg gave it
			}
			if m != nil {
				d.recordJSON(at, recordings.TypeMask, r.from, r.to, m)
			} else {
				d.keep(at, recordings.TypeData, r.from, r.to, text)
			}
			if d.server != nil && r.relayed() {
				d.relay(at, r, text, m)
			}
		})
	}
	for _, e := range out.Events {
		d.show(l, e)
	}
}

// relay lets the server's dialogue hear what was relayed to or from it.
func (d *decoder) relay(at time.Duration, r route, p []byte, m *decode.Mask) {
	d.server.joined = true
	if m != nil {
		d.tell(at, d.server, func(l *leg) decode.Out { return l.feedMask(at, r, *m) })
		return
	}
	for len(p) > 0 && !d.failed {
		var out decode.Out
		if !d.guard(at, func() { out = d.server.feed(at, r, p) }) {
			return
		}
		d.take(d.server, out)
		if out.N == 0 {
			d.tell(at, d.server, func(l *leg) decode.Out { return l.swallow(at, r, p) })
			return
		}
		p = p[out.N:]
	}
}

// show hands out an event. What the server's leg only heard of the relayed
// dialogue is shown by the client's.
func (d *decoder) show(l *leg, e decode.Event) {
	e = l.shift(e)
	r := l.routeOf(e)
	if l.upstream && r.relayed() {
		return
	}
	d.entry(decode.Entry{At: e.At, From: r.from, To: r.to, Upstream: l.upstream, Event: &e})
}

func (d *decoder) addFact(at time.Duration, f facts.Fact) {
	from, to := parties(f)
	if d.record != nil {
		var data []byte
		data, f = marshal(f)
		d.keep(at, f.Type(), from, to, data)
	}
	d.entry(decode.Entry{At: at, From: from, To: to, Fact: f})
}

// marshal encodes a fact and returns it as a reader of the recording will see
// it: JSON can't hold bytes that are no UTF-8. A fact too big for a record
// keeps its type only.
func marshal(f facts.Fact) ([]byte, facts.Fact) {
	data, err := facts.Marshal(f)
	if err != nil || len(data) > recordings.MaxData {
		return []byte("{}"), facts.New(f.Type())
	}
	if bytes.Contains(data, []byte(`\ufffd`)) {
		if read, err := facts.Unmarshal(f.Type(), data); err == nil {
			return data, read
		}
	}
	return data, f
}

// parties are the ends of the connection that a fact is about.
func parties(f facts.Fact) (from, to decode.Party) {
	leg := facts.Leg("")
	switch f := f.(type) {
	case *facts.Open:
		leg = facts.ClientLeg
	case *facts.Dial:
		return decode.PartyProxy, decode.PartyServer
	case *facts.TLS:
		leg = f.Leg
	case *facts.Hello:
		leg = f.Leg
	case *facts.Closed:
		leg = f.Leg
	}
	switch leg {
	case facts.ClientLeg:
		return decode.PartyClient, decode.PartyProxy
	case facts.ServerLeg:
		return decode.PartyServer, decode.PartyProxy
	}
	return decode.PartyProxy, decode.PartyProxy
}

// A skipped is what a skip record holds.
type skipped struct {
	Bytes int64  `json:"bytes"` // -1 when unknown
	Why   string `json:"why"`
}

func (d *decoder) recordJSON(at time.Duration, kind string, from, to decode.Party, v any) {
	if d.record == nil {
		return
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("%s record: %v", kind, err)) // v is a struct of strings and numbers
	}
	d.keep(at, kind, from, to, data)
}

// keep records, when this is a live session.
func (d *decoder) keep(at time.Duration, kind string, from, to decode.Party, data []byte) {
	if d.record != nil {
		d.record(recordings.Record{At: at, Type: kind, From: recordings.Party(from), To: recordings.Party(to), Data: data})
	}
}
