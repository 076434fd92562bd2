package decode

import (
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// A Dialogue decodes the session of one client and one server. The zero value
// is ready to use. It is not safe for concurrent use.
type Dialogue struct {
	// KeepSecrets leaves secrets in pieces and events instead of masking them.
	KeepSecrets bool
	// MidSession is set for a dialogue whose beginning was not seen, such as a
	// pasted log: the first reply need not be the greeting.
	MidSession bool
	// Lenient is set for a dialogue of which lines of either side may be
	// missing anywhere. Nothing is counted then: Cue tells what comes.
	Lenient bool
	// Gate is set by a caller that holds the client's bytes itself while the
	// reply to STARTTLS is pending: Feed then takes none of them.
	Gate bool

	out  Out
	lent []byte // bytes of lines in out.Pieces
	seq  int
	tls  bool
	pos  [3]int64 // bytes of each side's recorded stream so far, by Side
	end  [3]bool  // the side sends no more

	order     smtp.Sequence
	cue, said Cue            // of a lenient dialogue: the newest, and that of the reply under way
	begun     bool           // past the client's first bytes, which may be no line
	line      [3]line        // the unfinished line of each side
	backlog   []chunk        // client bytes whose meaning hangs on a reply; at most smtp.MaxEarly
	waiting   int            // bytes in backlog
	replaying bool           // the backlog is being read
	rcpts     map[int]string // in LMTP, the recipients by their Seq that no reply to a message has told of
	message   message        // the one that is being sent, and between the chunks of one
	falseEnd  *falseEnd      // in it, or in the one whose reply is due
	kept      int64          // how far the recorder has the client's stream, where that is read again

	refusedDATA time.Duration // when a DATA was refused; a line from before was meant as its message

	reply    *replyBuilder // multi-line reply under way: building, or nil
	building replyBuilder
	offered  map[string]bool

	auth      *exchange
	authTried bool   // an AUTH command was seen: stray lines may be credentials
	known     known  // secrets seen, to recognise them in the server's replies
	http      bool   // the client speaks HTTP
	httpBody  bool   // and has said the header of its request
	held      []line // lines of a reply that may repeat one
	heldSize  int    // bytes in held

	opaque  *opaqueRun  // of bytes that are no text
	missing [3]*Missing // unseen bytes not yet told as an event
	since   [3]time.Duration
}

type chunk struct {
	at   time.Duration
	p    []byte
	mask *Mask // a secret that was left out before it came here; p is MaskText
}

// A Piece is a run of a side's stream for the recorder: bytes, a secret that
// was left out, or a note of bytes that passed unseen. Pieces of one side are
// in the order of its stream; At may lie before that of a piece of the other
// side handed out earlier.
type Piece struct {
	At      time.Duration
	Side    who.Party
	Bytes   []byte   // valid until the next call; copy it to keep it
	Mask    *Mask    // when set, Bytes is nil; shown as MaskText
	Missing *Missing // when set, Bytes is nil
	Fed     int      // how many fed bytes it stands for: len(Bytes), or the secret's length, which is never kept
}

// Out is what one call made of its bytes. Its slices are valid until the next
// call; the events in them for ever.
type Out struct {
	// N is how many of the bytes were consumed. It is less than what was
	// given only at a boundary whose far side is the caller's to decide; see
	// HoldClient and Accepted. To decide nothing, leave Gate unset and feed
	// the rest again.
	N int
	// Events that are now complete, in order, and after how many of the pieces
	// each was.
	Events []Event
	After  []int
	// Pieces to record, in order. Pieces may be later than Feed by up to a line
	// (a secret is known for one only at its end) and by what follows DATA
	// before its reply, never past Closed.
	Pieces []Piece
	// HoldClient: a STARTTLS command has ended and its reply has not come.
	// What the client sends now must be held until it has. It is told after
	// every Feed, of either side: a STARTTLS that was sent after DATA is
	// found when the server refuses that.
	HoldClient bool
	// Accepted: the reply to STARTTLS was 220 and ends here, or, after bytes
	// of the client, TLS begins here after a 220 that was taken for another
	// reply. Nothing that follows in clear on either side may enter TLS. The
	// caller goes on with Secured, Unopened, or (a peer that ignores its own
	// 220) Feed.
	Accepted bool
	// Due is what the reply that comes next, or is under way, will answer:
	// as Reply.ToVerb, "" for the greeting and when none is due.
	Due string
}

func (d *Dialogue) begin() {
	if d.offered == nil {
		d.offered = map[string]bool{}
		d.order.MidSession = d.MidSession
	}
	d.out = Out{Pieces: d.out.Pieces[:0], After: d.out.After[:0]}
	if d.lent = d.lent[:0]; cap(d.lent) > 1<<10 {
		d.lent = nil
	}
}

// Feed consumes bytes that side sent at time at. It consumes all of p unless
// it meets a boundary (Out.HoldClient, Out.Accepted).
func (d *Dialogue) Feed(at time.Duration, side who.Party, p []byte) Out {
	d.begin()
	if side == who.Client {
		d.ended()
		d.out.N = d.feedClient(at, p)
	} else {
		d.out.N = d.feedServer(at, p)
	}
	d.out.HoldClient = d.order.Place() == smtp.AfterSTARTTLS
	d.out.Accepted = d.order.Place() == smtp.Upgraded
	d.out.Due = d.order.Due()
	return d.out
}

// FeedMask takes a secret that a recording or a log has left out, at its place
// in the stream.
func (d *Dialogue) FeedMask(at time.Duration, side who.Party, m Mask) Out {
	d.begin()
	d.proceed()
	if side == who.Client {
		d.ended()
		d.settle()
	}
	d.takeMask(at, side, m)
	return d.out
}

func (d *Dialogue) takeMask(at time.Duration, side who.Party, m Mask) {
	switch {
	case side == who.Client && d.inMessage() && !d.message.suspect.on:
		d.message.feed(d, at, []byte(MaskText))
	case side == who.Client && d.undecided():
		d.backlog = append(d.backlog, chunk{at, []byte(MaskText), &m})
		d.waiting += len(MaskText)
	default:
		d.line[side].addMask(at, m)
	}
}

// Skip tells that n bytes of side (-1: an unknown number) passed unseen. Runs
// of them are one event, told when something else comes or at Closed.
func (d *Dialogue) Skip(at time.Duration, side who.Party, n int64, why string) Out {
	d.begin()
	d.ended()
	if n < 0 && d.seq == 0 && d.pos == [3]int64{} {
		d.MidSession, d.order.MidSession = true, true // nobody knows how much was said before
	}
	m := d.missing[side]
	if m != nil && m.Why != why {
		d.flushMissing(side)
		m = nil
	}
	if m == nil {
		if side == who.Client {
			d.settle()
		}
		d.flushPartial(side)
		if side == who.Client && d.inMessage() {
			d.message.finish(d)
		}
		m = &Missing{Why: why}
		d.missing[side] = m
		d.since[side] = at
	}
	if n < 0 || m.Bytes < 0 {
		m.Bytes = -1
	} else {
		m.Bytes += n
	}
	return d.out
}

// flushMissing tells of bytes that passed unseen.
func (d *Dialogue) flushMissing(side who.Party) { d.tellMissing(side, false) }

// tellMissing is flushMissing. dot: the line that ends the message follows.
func (d *Dialogue) tellMissing(side who.Party, dot bool) {
	m := d.missing[side]
	if m == nil {
		return
	}
	d.missing[side] = nil
	at := d.since[side]
	d.out.Pieces = append(d.out.Pieces, Piece{At: at, Side: side, Missing: m})
	e := d.emit(Event{Begin: at, At: at, Side: side, Span: Span{d.pos[side], d.pos[side]}, Kind: KindMissing, Missing: m})
	if side != who.Client || !d.inMessage() || m.Why != WhyNotInLog {
		return
	}
	if dot || d.Lenient {
		d.message.scan = smtp.NewData(!d.message.chunked)
		return
	}
	// The log leaves the message out, and often its dot too: the next reply
	// answers the message.
	d.order.MessageEnds(e.Seq)
}

// Swallow takes bytes that side sent and that went no further: clear text
// after STARTTLS or after its reply. They are an event of their own and
// change nothing in the dialogue.
func (d *Dialogue) Swallow(at time.Duration, side who.Party, p []byte) Out {
	d.begin()
	d.ended()
	d.out.N = len(p)
	if side == who.Client {
		d.settle()
	}
	d.swallow(at, side, p)
	return d.out
}

// Secured tells that TLS is up and that what follows is its clear text. The
// dialogue starts again at EHLO (RFC 3207 section 4.2), or at the greeting
// when nothing was said before.
func (d *Dialogue) Secured(at time.Duration) Out {
	d.begin()
	d.ended()
	d.settle()
	d.flushMissing(who.Client)
	d.flushMissing(who.Server)
	if len(d.backlog) > 0 {
		d.swallow(d.backlog[0].at, who.Client, joined(d.backlog))
	}
	d.backlog, d.waiting = nil, 0
	d.clientEnds()
	d.flushPartial(who.Server)
	d.order.Secured()
	d.tls = true
	d.offered = map[string]bool{}
	d.auth = nil
	return d.out
}

// Release tells that the reply to STARTTLS is not waited for any more: what the
// client sends is text.
func (d *Dialogue) Release(time.Duration) Out {
	d.begin()
	if d.order.Place() == smtp.AfterSTARTTLS {
		d.decide(smtp.InCommands)
	}
	return d.out
}

// Settle tells that the client's first bytes, should they wait for more to tell
// what they are, were taken for lines without: so it was when they were recorded.
func (d *Dialogue) Settle() Out {
	d.begin()
	if !d.line[who.Client].empty() {
		d.settle()
	}
	return d.out
}

// Unopened tells that TLS is being handed through: what follows is not for reading.
func (d *Dialogue) Unopened(at time.Duration) Out {
	d.begin()
	d.ended()
	d.settle()
	d.flushPartial(who.Client)
	d.flushPartial(who.Server)
	d.order.Decide(smtp.NotText)
	for _, c := range d.backlog {
		d.takeOpaque(c.at, c.p)
	}
	d.backlog, d.waiting = nil, 0
	return d.out
}

// Closed tells that side sends no more. What was incomplete becomes an event.
func (d *Dialogue) Closed(at time.Duration, side who.Party) Out {
	d.begin()
	if d.end[side] {
		return d.out
	}
	d.end[side] = true
	if side == who.Server {
		// No reply can decide any more what the client's bytes meant.
		d.order.ServerEnds()
		d.decideAll()
		d.flushPartial(side)
		d.finishReply()
		d.ended()
		if d.end[who.Client] { // and was read again since
			d.decideAll()
			d.clientEnds()
		}
	} else {
		d.settle()
		d.decideAll()
		d.clientEnds()
	}
	d.flushMissing(side)
	return d.out
}

// clientEnds tells of what the client has not finished.
func (d *Dialogue) clientEnds() {
	if d.inMessage() {
		d.message.finish(d)
		d.message.open = false // what the server still says can't end it
	}
	d.flushOpaque()
	d.flushPartial(who.Client)
}

// afterMissing tells of unseen bytes that are over, because side's next ones
// have come: when they are handed on, not when they are fed, so that a recording
// tells of them at the same place.
func (d *Dialogue) afterMissing(side who.Party) {
	d.flushMissing(side)
	if side == who.Server {
		d.flushMissing(who.Client)
	}
}

// emit hands out an event.
func (d *Dialogue) emit(e Event) *Event {
	e.Seq = d.seq
	e.TLS = d.tls
	d.seq++
	if f := d.falseEnd; f != nil && f.waits {
		f.events = append(f.events, e)
		return &f.events[len(f.events)-1]
	}
	d.out.Events = append(d.out.Events, e)
	d.out.After = append(d.out.After, len(d.out.Pieces))
	return &d.out.Events[len(d.out.Events)-1]
}

// keep hands bytes to the recorder and advances the side's stream.
func (d *Dialogue) keep(at time.Duration, side who.Party, p []byte) {
	if side == who.Client && d.rereads() {
		n := min(d.kept-d.pos[side], int64(len(p)))
		d.pos[side] += n
		p = p[n:]
	}
	if len(p) == 0 {
		return
	}
	d.afterMissing(side)
	d.out.Pieces = append(d.out.Pieces, Piece{At: at, Side: side, Bytes: p, Fed: len(p)})
	d.pos[side] += int64(len(p))
}

// mask hands the place of a secret of fed bytes to the recorder.
func (d *Dialogue) mask(at time.Duration, side who.Party, m *Mask, fed int) {
	if side == who.Client && d.rereads() {
		d.pos[side] += int64(len(MaskText))
		return
	}
	d.afterMissing(side)
	d.out.Pieces = append(d.out.Pieces, Piece{At: at, Side: side, Mask: m, Fed: fed})
	d.pos[side] += int64(len(MaskText))
}

// flushPartial turns an unfinished line into an event.
func (d *Dialogue) flushPartial(side who.Party) {
	l := &d.line[side]
	if l.empty() {
		if side == who.Server && len(d.held) > 0 {
			d.release(false)
		}
		return
	}
	if side == who.Client {
		d.clientLine(true)
	} else {
		d.serverLine(true)
	}
}

func clone(p []byte) []byte {
	if len(p) > MaxRaw {
		p = p[:MaxRaw]
	}
	return append([]byte(nil), p...)
}
