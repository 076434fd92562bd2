package transcript

import (
	"sync"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
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

// A Log takes down one live session. What it is told it only notes, in order;
// that is decoded and recorded in the background, or when somebody looks. All
// methods may be called from several goroutines; none waits for a disk. The
// order of the calls is the order of the transcript.
type Log struct {
	id        string
	started   time.Time
	ses       Session
	set       *Set
	recording *recording // nil when nobody will look at the session and nothing is recorded

	mu    sync.Mutex    // of what is noted
	notes *notes        // nil for none
	over  bool          // the end was told
	last  time.Duration // of the newest note: a clock that is set back takes none back
	seen  bool          // somebody has looked since the last note that subscribers were told of

	decoding sync.Mutex // of what follows; taken before mu
	decoder  *decoder   // nil once the end was decoded
	entries  []decode.Entry
	earlier  int // entries dropped to save memory
	weight   int // of entries, in bytes
	tally    Tally
	gaps     [2][2]int64 // where the recording of each stream has its first gap, plus one; 0 for nowhere
	released bool        // what it held was given back: the recording has it

	index liveIndex // of the recording, as far as somebody looked
}

// ID is the session's id, which is also the name of its recording.
func (l *Log) ID() string { return l.id }

// header is the head of the session's recording.
func (l *Log) header() recordings.Header {
	return recordings.Header{
		ID: l.id, Recorder: l.set.recorder.id(), Started: l.started.Round(0).UTC(), Program: l.set.options.Program,
		Listen: l.ses.Listen, Target: l.ses.Target, Mode: l.ses.Mode,
		SplitLegs: l.ses.SplitLegs, SecretsKept: l.set.options.KeepSecrets,
	}
}

// Data notes bytes that passed from one party to another. Call it before
// sending them on.
func (l *Log) Data(from, to who.Party, p []byte) {
	l.note(note{kind: noteData, from: from, to: to, n: int64(len(p))}, p)
}

// Swallow notes bytes that from sent and that go no further: clear text after
// STARTTLS or after its reply.
func (l *Log) Swallow(from who.Party, p []byte) {
	l.note(note{kind: noteSwallow, from: from, n: int64(len(p))}, p)
}

// Skip notes that n bytes passed unseen (-1: an unknown number), and why: one
// of decode's Why constants.
func (l *Log) Skip(from, to who.Party, n int64, why string) {
	l.note(note{kind: noteSkip, from: from, to: to, n: n, why: why}, nil)
}

// Fact notes a fact about the connections. Closed and End have methods of
// their own.
func (l *Log) Fact(f facts.Fact) { l.note(note{kind: noteFact, fact: f}, nil) }

// Secured notes that what follows on that leg was said inside TLS. Where the
// legs are not split it is called once, when TLS is up on all that have it.
func (l *Log) Secured(leg who.Leg) { l.note(note{kind: noteSecured, leg: leg}, nil) }

// Release notes that the reply to STARTTLS is not waited for any more: what the
// client sends goes on as text.
func (l *Log) Release() { l.note(note{kind: noteRelease}, nil) }

// Unopened notes that TLS is being handed through: what follows can't be read.
func (l *Log) Unopened() { l.note(note{kind: noteUnopened}, nil) }

// Closed notes that side sends no more, and how it ended.
func (l *Log) Closed(side who.Party, c facts.Closed) {
	l.note(note{kind: noteClosed, from: side, fact: &c}, nil)
}

// End notes that the session is over. It is the last call: what comes later is
// dropped. The memory that the session held is given back once it is recorded.
func (l *Log) End(e facts.End) { l.note(note{kind: noteEnd, fact: &e}, nil) }

// note notes one thing at the time it is now, p being its data. What does not
// fit is decoded at once, so that the session is held back by its own work and
// not by memory.
func (l *Log) note(n note, p []byte) {
	if l.recording == nil {
		return
	}
	if len(p) < bulk && l.queue(n, p) {
		return
	}
	l.decoding.Lock()
	defer l.decoding.Unlock()
	if before, ok := l.interrupt(&n); ok {
		l.decode(before)
		l.tell(&n, p)
		l.limit()
		l.recording.ask(l.recording.urgency())
	}
}

// queue adds to what is noted, unless that is too much.
func (l *Log) queue(n note, p []byte) (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.notes.full(len(p)) || l.set.noted.tooMuch.Load() {
		return false
	}
	if l.over {
		return true
	}
	l.stamp(&n)
	if l.notes == nil {
		l.notes = unusedNotes.Get().(*notes)
	}
	l.notes.add(n, p)
	l.recording.ask(l.set.noted.add(noteSize + int64(len(p))))
	return true
}

// interrupt takes what is noted, to be decoded before n. ok is false when the
// session is over.
func (l *Log) interrupt(n *note) (before *notes, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil, false
	}
	l.stamp(n)
	before, l.notes = l.notes, nil
	return before, true
}

// stamp gives a note its time, and tells whoever looked before that there is
// something new. l.mu is held.
func (l *Log) stamp(n *note) {
	n.at = max(l.last, l.set.options.Clock().Sub(l.started))
	l.last = n.at
	l.over = n.kind == noteEnd
	if l.seen {
		l.seen = false
		l.set.changed()
	}
}

func (l *Log) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// catchUp decodes what is noted. l.decoding is held.
func (l *Log) catchUp(looks bool) {
	l.mu.Lock()
	noted := l.notes
	l.notes, l.seen = nil, l.seen || looks
	l.mu.Unlock()
	l.decode(noted)
}

// decodeAll is what a writer of the recorder has done before it writes.
func (l *Log) decodeAll() {
	l.decoding.Lock()
	defer l.decoding.Unlock()
	l.catchUp(false)
}

// decode decodes notes. l.decoding is held.
func (l *Log) decode(noted *notes) {
	if noted == nil {
		return
	}
	noted.each(l.tell)
	l.set.noted.add(-noted.size)
	noted.free()
	l.limit()
}

// tell tells the decoder of a note. After the last one it is not needed any
// more.
func (l *Log) tell(n *note, p []byte) {
	n.tell(l.decoder, p)
	if n.kind == noteEnd {
		l.decoder = nil
		l.recording.end()
	}
}

// limit bounds what is held of the session.
func (l *Log) limit() {
	if limit := l.set.share(l.weight); l.weight > limit {
		l.shed(limit / 2)
	}
}

// add takes an entry from the decoder.
func (l *Log) add(e decode.Entry) {
	if l.set.options.Unwatched {
		return
	}
	l.entries = append(l.entries, e)
	l.weight += weigh(e)
	l.tally.Add(e)
}

// record takes a record from the decoder.
func (l *Log) record(r recordings.Record) {
	lost, missed := l.recording.append(r)
	if lost != nil {
		l.add(decode.Entry{At: r.At, From: who.Smtptap, To: who.Smtptap, Fact: lost})
	}
	if missed && l.gaps == [2][2]int64{} {
		for i, leg := range l.decoder.legs() {
			for j := range leg.streams {
				l.gaps[i][j] = max(0, leg.streams[j].end-int64(len(r.Data))) + 1
			}
		}
	}
}

// shed drops the oldest entries until those that stay weigh no more than limit.
func (l *Log) shed(limit int) {
	n := 0
	for n < len(l.entries)-1 && l.weight > limit {
		l.weight -= weigh(l.entries[n])
		n++
	}
	l.earlier += n
	// A copy, so that the memory of those that go is given back.
	l.entries = append([]decode.Entry(nil), l.entries[n:]...)
}

// Transcript is the session as it is now. Of a long one it begins in the
// middle; see decode.Transcript.Earlier. Once the session has ended and is
// recorded, it holds no entries: Set.Open reads them.
func (l *Log) Transcript() *decode.Transcript {
	t, _ := l.snapshot()
	return t
}

// snapshot is Transcript, and whether the entries are still held.
func (l *Log) snapshot() (t *decode.Transcript, held bool) {
	l.decoding.Lock()
	defer l.decoding.Unlock()
	l.catchUp(true)
	t = &decode.Transcript{
		ID: l.id, Started: l.started, Source: decode.SourceLive,
		Listen: l.ses.Listen, Target: l.ses.Target, Mode: l.ses.Mode,
		SecretsKept: l.set.options.KeepSecrets, Ended: l.decoder == nil,
		Entries: l.entries[:len(l.entries):len(l.entries)], Earlier: l.earlier,
	}
	if l.earlier > 0 {
		o, _ := l.tally.became.Outcome()
		t.Became = string(o)
		t.CannotShow = append(t.CannotShow, facts.Say("lacks-earlier", "n", l.earlier))
	}
	if l.set.options.Folder != nil {
		t.Bytes = l.bytes
	}
	return t, !l.released
}

// bytes reads a span from the recording. What still waits for the disk is
// waited for.
func (l *Log) bytes(which who.Leg, side who.Party, span decode.Span) ([]byte, error) {
	l.decoding.Lock()
	released, gaps := l.released, l.gaps
	l.decoding.Unlock()
	leg := 0
	if which == who.ServerLeg {
		leg = 1
	}
	if gap := gaps[leg][side-who.Client]; gap > 0 && span.End >= gap {
		return nil, words.Error("not-in-full", "id", l.id, "side", side)
	}
	if !released && !l.set.recorder.flush(l.recording, flushPatience) {
		return nil, words.Error("not-written", "id", l.id)
	}
	return l.index.bytes(l.set.options.Folder.Path(l.id), which, side, span)
}

// flushPatience is how long a reader waits for the disk.
const flushPatience = 2 * time.Second

// Summary is the session in one line, as it is now.
func (l *Log) Summary() Summary {
	l.decoding.Lock()
	defer l.decoding.Unlock()
	l.catchUp(true)
	s := l.tally.Summary()
	s.ID, s.Started, s.Source = l.id, l.started, decode.SourceLive
	s.Target, s.Mode, s.SecretsKept = l.ses.Target, l.ses.Mode, l.set.options.KeepSecrets
	if s.Live {
		now := l.set.options.Clock().Sub(l.started)
		s.Took = max(s.Took, now)
		l.mu.Lock()
		s.Quiet = max(now-l.last, 0)
		l.mu.Unlock()
	}
	if l.set.options.Folder != nil {
		s.Path = l.set.options.Folder.Path(l.id)
	}
	return s
}

// incomplete notes that the recording lacks the end of the session.
func (l *Log) incomplete() {
	l.decoding.Lock()
	defer l.decoding.Unlock()
	l.tally.sum.Incomplete = true
}

// heldBytes is what the session's entries weigh.
func (l *Log) heldBytes() int {
	l.decoding.Lock()
	defer l.decoding.Unlock()
	return l.weight
}

func (l *Log) fault(cause any) {
	if told := l.set.options.Fault; told != nil {
		told(l.id, cause)
	}
}

// release gives the memory of an ended session back.
func (l *Log) release() {
	l.decoding.Lock()
	defer l.decoding.Unlock()
	l.earlier += len(l.entries)
	l.entries, l.weight, l.released = nil, 0, true
}

// weigh is about how many bytes an entry takes up.
func weigh(e decode.Entry) int {
	const entry, event, fact, note, line = 64, 280, 400, 120, 64
	if e.Event == nil {
		return entry + fact
	}
	n := entry + event + len(e.Event.Raw) + note*len(e.Event.Notes)
	if r := e.Event.Reply; r != nil {
		n += len(e.Event.Raw) + line*(len(r.Lines)+len(r.EHLO))
	}
	if e.Event.Command != nil || e.Event.Auth != nil || e.Event.Header != nil {
		n += event + len(e.Event.Raw)
	}
	return n
}
