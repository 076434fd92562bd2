package transcript

import (
	"sync"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
)

// A Session is what is known of a session when its client connects.
type Session struct {
	Listen string // address where the client connected
	Target string // as given with --to
	Mode   string // what happens at STARTTLS: "intercept", "pass", "hide"

	// SplitLegs is for a session in which smtptap speaks to the server on
	// its own account. The server's leg then has a dialogue of its own.
	SplitLegs bool
}

// A Verdict is what the relay must know of the bytes that it noted before it
// sends them on. See decode.Out.
type Verdict struct {
	N          int // how many bytes were taken; the others wait for the boundary's far side
	HoldClient bool
	Refused    bool
	Accepted   bool
}

// A Log takes down one live session: it decodes what it is told and records it
// behind the session. All methods may be called from several goroutines; none
// waits for a disk. The order of the calls is the order of the transcript.
type Log struct {
	id      string
	started time.Time
	ses     Session
	set     *Set

	mu      sync.Mutex
	decoder decoder
	entries []decode.Entry
	tally   Tally
	ended   bool
}

// ID is the session's id, which is also the name of its recording.
func (l *Log) ID() string { return l.id }

// Data notes bytes that passed from one party to another. Call it before
// sending them on, and send on only as many as the Verdict says.
func (l *Log) Data(from, to decode.Party, p []byte) (v Verdict) {
	l.note(func(at time.Duration) { v = l.decoder.data(at, from, to, p) })
	return v
}

// Swallow notes bytes that from sent and that go no further: clear text behind
// STARTTLS or behind its reply.
func (l *Log) Swallow(from decode.Party, p []byte) {
	l.note(func(at time.Duration) { l.decoder.swallow(at, from, p) })
}

// Skip notes that n bytes passed unseen (-1: an unknown number), and why: one
// of decode's Why constants.
func (l *Log) Skip(from, to decode.Party, n int64, why string) {
	l.note(func(at time.Duration) { l.decoder.skip(at, from, to, n, why) })
}

// Fact notes a fact about the connections. Closed and End have methods of
// their own.
func (l *Log) Fact(f facts.Fact) {
	l.note(func(at time.Duration) { l.decoder.fact(at, f) })
}

// Secured notes that what follows on that leg was said inside TLS. Where the
// legs are not split it is called once, when TLS is up on all that have it.
func (l *Log) Secured(leg facts.Leg) {
	l.note(func(at time.Duration) { l.decoder.secured(at, leg) })
}

// Unopened notes that TLS is being handed through: what follows can't be read.
func (l *Log) Unopened() {
	l.note(func(at time.Duration) { l.decoder.unopened(at) })
}

// Closed notes that side sends no more, and how it ended.
func (l *Log) Closed(side decode.Side, c facts.Closed) {
	l.note(func(at time.Duration) { l.decoder.closed(at, side, c) })
}

// End notes that the session is over. It is the last call; what comes later
// is dropped.
func (l *Log) End(e facts.End) {
	l.note(func(at time.Duration) {
		l.decoder.end(at, e)
		l.ended = true
	})
}

// note makes one call to the decoder, at the time it has now.
func (l *Log) note(call func(at time.Duration)) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	had := len(l.entries)
	call(max(0, l.set.options.Clock().Sub(l.started)))
	news := len(l.entries) > had
	l.mu.Unlock()
	if news {
		l.set.changed()
	}
}

func (l *Log) add(e decode.Entry) {
	l.entries = append(l.entries, e)
	l.tally.Add(e)
}

// Transcript is the session as it is now.
func (l *Log) Transcript() *decode.Transcript {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &decode.Transcript{
		ID: l.id, Started: l.started, Source: decode.SourceLive,
		Listen: l.ses.Listen, Target: l.ses.Target, Mode: l.ses.Mode,
		SecretsKept: l.decoder.keepSecrets, Ended: l.ended,
		Entries: l.entries[:len(l.entries):len(l.entries)],
	}
}

// Summary is the session in one line, as it is now.
func (l *Log) Summary() Summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.tally.Summary()
	s.ID, s.Started, s.Source = l.id, l.started, decode.SourceLive
	s.Target, s.SecretsKept = l.ses.Target, l.decoder.keepSecrets
	return s
}
