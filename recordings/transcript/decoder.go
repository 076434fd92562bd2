package transcript

import (
	"math"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
)

// A decoder turns what happened in one session into entries, whether it
// happens now or is read from a recording. Both go through here, so that a
// recording shows what was shown live. Times are given, not taken.
type decoder struct {
	keepSecrets bool
	client      leg  // what the client hears
	server      *leg // what the server hears, when that may differ; nil otherwise
	dialled     bool // the server's leg has had its first connection
	failed      bool // decoding panicked: what follows is not understood

	source place // where the recording holds what is being told now

	entry  func(decode.Entry)      // takes each entry as it is complete
	record func(recordings.Record) // takes what is to be recorded, Data only lent; nil for none
	index  *index                  // learns where streams lie in the recording; nil for none
	fault  func(cause any)         // told once, when decoding panicked; nil for none
}

// begin makes the decoder ready for the first thing that happens.
func (d *decoder) begin(splitLegs bool) {
	d.client.dialogue = &decode.Dialogue{KeepSecrets: d.keepSecrets}
	if splitLegs {
		d.server = &leg{end: who.ServerLeg, dialogue: &decode.Dialogue{KeepSecrets: d.keepSecrets}}
	}
}

func (d *decoder) legs() []*leg {
	if d.server == nil {
		return []*leg{&d.client}
	}
	return []*leg{&d.client, d.server}
}

// hearing is the leg that hears bytes of that route first. Of what is relayed
// the server's leg hears what the client's leg lets out.
func (d *decoder) hearing(r route) *leg {
	if d.server != nil && !r.relayed() && (r.from == who.Server || r.to == who.Server) {
		return d.server
	}
	return &d.client
}

// data takes bytes that passed. At a boundary it goes on: what the session did
// there is told as well.
func (d *decoder) data(at time.Duration, from, to who.Party, p []byte) {
	for len(p) > 0 {
		n, _ := d.feed(at, from, to, p)
		p = p[n:]
	}
}

// feed takes bytes that passed, up to a boundary, and reports whether that is
// the 220 that TLS follows.
func (d *decoder) feed(at time.Duration, from, to who.Party, p []byte) (n int, accepted bool) {
	r := route{from, to}
	out, heard := d.tell(at, d.hearing(r), func(l *leg) decode.Out { return l.feed(at, arrival{route: r, source: d.source}, p) })
	if !heard {
		d.passRaw(at, r, p)
		return len(p), false
	}
	d.source = d.source.plus(out.N)
	if from == who.Smtptap {
		d.settle(d.hearing(r)) // smtptap says whole lines
	}
	return out.N, out.Accepted
}

// mask takes a secret that a recording left out.
func (d *decoder) mask(at time.Duration, from, to who.Party, m decode.Mask) {
	r := route{from, to}
	d.tell(at, d.hearing(r), func(l *leg) decode.Out { return l.feedMask(at, arrival{route: r, source: d.source}, m) })
}

// skip takes word of n bytes that passed unseen, -1 for an unknown number. It
// is recorded as it comes: what the dialogue makes of it, it makes at once.
func (d *decoder) skip(at time.Duration, from, to who.Party, n int64, why string) {
	r := route{from, to}
	heard := []*leg{d.hearing(r)}
	if d.server != nil && r.relayed() {
		heard = append(heard, d.server)
	}
	for _, l := range heard {
		d.tell(at, l, func(l *leg) decode.Out { return l.skip(at, r, n, why) })
	}
	d.keepFact(at, r, &facts.Skip{Bytes: n, Why: why})
}

// swallow takes bytes that from sent and that went no further. In the stream
// they stand before a line that is still incomplete.
func (d *decoder) swallow(at time.Duration, from who.Party, p []byte) {
	r := route{from, who.Smtptap}
	l := d.hearing(r)
	d.settle(l) // what was said before went further
	var out decode.Out
	if d.failed || !d.guard(at, func() { out = l.dialogue.Swallow(at, r.side(), p) }) {
		d.passRaw(at, r, p)
		return
	}
	d.guard(at, func() {
		d.recordSwallowed(at, r, out.Pieces)
		a := arrival{route: r, source: d.source}
		for _, p := range out.Pieces {
			if a.n, a.masked = len(p.Bytes), p.Mask != nil; a.masked {
				a.n, a.hidden = len(decode.MaskText), p.Fed
			}
			d.grow(l, p.Side, a)
			a.source = a.source.plus(p.Fed)
		}
		d.show(l, out.Events)
	})
}

// grow lengthens a stream by what came out of a dialogue. The index learns of
// it too.
func (d *decoder) grow(l *leg, side who.Party, a arrival) {
	s := l.stream(side)
	if d.index != nil {
		n := a.n
		if a.masked {
			n = a.hidden
			d.index.hide(l.end, side, s.end, n)
		}
		d.index.learn(l.end, side, s.end, a.source, n)
	}
	s.grow(a.route, a.n)
}

// recordSwallowed keeps swallowed bytes as one record. A mask has no record of
// its own there, because it would be a part of the dialogue: its text stands
// in for it.
func (d *decoder) recordSwallowed(at time.Duration, r route, pieces []decode.Piece) {
	if d.record == nil {
		return
	}
	var kept []byte
	for _, p := range pieces {
		if p.Mask != nil {
			kept = append(kept, decode.MaskText...)
		}
		kept = append(kept, p.Bytes...)
	}
	d.keep(at, recordings.TypeSwallowed, r, kept)
}

// secured tells that TLS is up on a leg.
func (d *decoder) secured(at time.Duration, which who.Leg) {
	l, r := &d.client, route{who.Client, who.Smtptap}
	if which == who.ServerLeg {
		r = route{who.Smtptap, who.Server}
		if d.server != nil {
			l = d.server
		}
	}
	d.tell(at, l, func(l *leg) decode.Out { return l.dialogue.Secured(at) })
	d.keep(at, recordings.TypeSecured, r, nil)
}

// release tells that the reply to STARTTLS is not waited for any more.
func (d *decoder) release(at time.Duration) {
	for _, l := range d.legs() {
		d.tell(at, l, func(l *leg) decode.Out { return l.dialogue.Release(at) })
	}
}

// settle tells a leg that no bytes that come belong to the client's last ones.
func (d *decoder) settle(l *leg) {
	d.tell(0, l, func(l *leg) decode.Out { return l.dialogue.Settle() })
}

// unopened tells that TLS is handed through.
func (d *decoder) unopened(at time.Duration) {
	for _, l := range d.legs() {
		d.tell(at, l, func(l *leg) decode.Out { return l.dialogue.Unopened(at) })
	}
	d.keep(at, recordings.TypeUnopened, route{who.Client, who.Server}, nil)
}

// fact takes a fact that is neither Closed nor End.
func (d *decoder) fact(at time.Duration, f facts.Fact) {
	if dial, ok := f.(*facts.Dial); ok && dial.Err == "" && d.server != nil {
		d.connected(at)
	}
	if n, ok := f.(*facts.Note); ok && n.ID == noteFailed && d.failed {
		return // decoding the recording failed too, and said so
	}
	d.addFact(at, f)
}

// connected tells that smtptap has reached a server. When it is not the first,
// the dialogue with it begins anew.
func (d *decoder) connected(at time.Duration) {
	if d.dialled {
		d.hangUp(at, d.server, who.Client)
		d.hangUp(at, d.server, who.Server)
		d.server.restart(d.keepSecrets)
	}
	d.dialled = true
}

// closed tells that side sends no more. What it left incomplete is an entry
// before the fact.
func (d *decoder) closed(at time.Duration, side who.Party, f facts.Closed) {
	joined := d.server == nil || d.server.joined
	if side == who.Client || joined {
		d.hangUp(at, &d.client, side)
	}
	if d.server != nil && (side == who.Server || joined) {
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
		d.hangUp(at, l, who.Client)
		d.hangUp(at, l, who.Server)
	}
}

func (d *decoder) hangUp(at time.Duration, l *leg, side who.Party) {
	s := l.stream(side)
	if s.closed {
		return
	}
	s.closed = true
	d.tell(at, l, func(l *leg) decode.Out { return l.dialogue.Closed(at, side) })
}

// tell calls a leg's dialogue and takes what comes out. heard is false when
// decoding has failed, then or before.
func (d *decoder) tell(at time.Duration, l *leg, call func(*leg) decode.Out) (out decode.Out, heard bool) {
	if d.failed || !d.guard(at, func() { out = call(l) }) {
		return decode.Out{}, false
	}
	d.guard(at, func() { d.emit(l, out) })
	return out, true
}

// A passage is a run of bytes, or a secret, that came out of a leg's dialogue.
type passage struct {
	at time.Duration
	arrival
	bytes []byte
	mask  *decode.Mask
}

// take records the pieces that came out of a leg's dialogue, each before the
// events that it completes, and then lets the server's leg hear what was relayed:
// so the recording tells all in the order in which it came about.
func (d *decoder) emit(l *leg, out decode.Out) {
	shown, relayed := 0, false
	show := func(pieces int) {
		from := shown
		for shown < len(out.Events) && out.After[shown] <= pieces {
			shown++
		}
		d.show(l, out.Events[from:shown])
	}
	show(0)
	for i := range out.Pieces {
		heard := d.place(l, &out.Pieces[i])
		show(i + 1)
		for _, p := range heard {
			d.relay(p)
			relayed = true
		}
	}
	if relayed {
		d.settle(d.server) // what the client's leg lets out has its meaning
	}
}

// place finds the routes of a piece and records it. It returns what the server's
// leg has to hear of it.
func (d *decoder) place(l *leg, p *decode.Piece) (heard []passage) {
	s := l.stream(p.Side)
	pass := func(a arrival, text []byte) {
		d.grow(l, p.Side, a)
		switch {
		case l.end == who.ServerLeg && a.relayed():
			return // recorded when the client's leg let it out
		case p.Mask != nil:
			d.keepFact(p.At, a.route, p.Mask)
		default:
			d.keep(p.At, recordings.TypeData, a.route, text)
		}
		if d.server != nil && a.relayed() {
			heard = append(heard, passage{p.At, a, text, p.Mask})
		}
	}
	switch {
	case p.Missing != nil:
		// It was recorded when it was told.
	case p.Mask != nil:
		a := s.leave(p.Fed)
		for left := p.Fed - a.n; left > 0 && s.waiting(); {
			left -= s.leave(left).n
		}
		if !a.secret {
			a.masked, a.hidden = true, p.Fed
		}
		a.n = len(decode.MaskText)
		pass(a, nil)
	default:
		for text := p.Bytes; len(text) > 0; {
			a := s.leave(len(text))
			pass(a, text[:a.n])
			text = text[a.n:]
		}
	}
	return heard
}

// relay lets the server's leg hear what was relayed.
func (d *decoder) relay(p passage) {
	d.server.joined = true
	a := p.arrival
	a.source.order = a.source.relayed
	if p.mask != nil {
		d.tell(p.at, d.server, func(l *leg) decode.Out { return l.feedMask(p.at, a, *p.mask) })
		return
	}
	for text := p.bytes; len(text) > 0; {
		// A boundary that only this leg sees decides nothing: the rest is
		// fed again.
		out, heard := d.tell(p.at, d.server, func(l *leg) decode.Out { return l.feed(p.at, a, text) })
		if !heard {
			return
		}
		text = text[out.N:]
		a.source = a.source.plus(out.N)
	}
}

// show hands out events. What the server's leg only heard of the relayed
// dialogue is shown by the client's.
func (d *decoder) show(l *leg, events []decode.Event) {
	for i := range events {
		e := &events[i] // its dialogue has let go of it
		l.number(e)
		r := l.routeOf(e)
		if l.end == who.ServerLeg && r.relayed() {
			continue
		}
		d.entry(decode.Entry{At: e.At, From: r.from, To: r.to, Leg: l.end, Event: e})
	}
}

// addFact records a fact and makes it an entry.
func (d *decoder) addFact(at time.Duration, f facts.Fact) {
	r := about(f)
	f = d.keepFact(at, r, f)
	d.entry(decode.Entry{At: at, From: r.from, To: r.to, Leg: facts.On(f), Fact: f})
}

// about is the connection that a fact is about, or smtptap itself.
func about(f facts.Fact) route {
	if _, dial := f.(*facts.Dial); dial {
		return route{who.Smtptap, who.Server}
	}
	if peer := facts.On(f).Peer(); peer != 0 {
		return route{peer, who.Smtptap}
	}
	return route{who.Smtptap, who.Smtptap}
}

// guard runs a call of a dialogue. A panic in it ends the decoding of this
// session and nothing else: guard then returns false.
func (d *decoder) guard(at time.Duration, call func()) (ok bool) {
	defer func() {
		if ok {
			return
		}
		if cause := recover(); cause != nil {
			d.fail(at, cause)
		}
	}()
	call()
	return true
}

const noteFailed = "decoder-failed"

func (d *decoder) fail(at time.Duration, cause any) {
	d.failed = true
	note := facts.NewNote(noteFailed)
	if !d.keepSecrets {
		note.Text = "decoder-failed-unrecorded"
	}
	d.addFact(at, note)
	for _, l := range d.legs() {
		d.giveUp(at, l)
	}
	if d.fault != nil {
		d.fault(cause)
	}
}

// giveUp records that what is still inside a leg's dialogue will not come out.
func (d *decoder) giveUp(at time.Duration, l *leg) {
	for i := range l.streams {
		for s := &l.streams[i]; s.waiting(); {
			a := s.leave(math.MaxInt32)
			if l.end != who.ServerLeg || !a.relayed() {
				d.keepFact(at, a.route, &facts.Skip{Bytes: int64(a.n), Why: decode.WhyNotRecorded})
			}
		}
	}
}

// passRaw records bytes that nobody understands. They may hold secrets: the
// client's its own, the server's those that it repeats.
func (d *decoder) passRaw(at time.Duration, r route, p []byte) {
	if !d.keepSecrets {
		d.keepFact(at, r, &facts.Skip{Bytes: int64(len(p)), Why: decode.WhyNotRecorded})
		return
	}
	d.keep(at, recordings.TypeData, r, p)
}
