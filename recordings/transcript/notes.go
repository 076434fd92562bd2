package transcript

import (
	"sync"
	"sync/atomic"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// A note is one thing that a Log was told and that nobody has decoded yet.
type note struct {
	at       time.Duration
	kind     noteKind
	from, to who.Party
	leg      who.Leg
	n        int64 // bytes: of data, or that passed unseen
	why      string
	fact     facts.Fact
}

type noteKind uint8

const (
	noteData noteKind = iota
	noteSwallow
	noteSkip
	noteFact
	noteSecured
	noteRelease
	noteUnopened
	noteClosed
	noteEnd
)

// tell tells a decoder what was noted; p is the data.
func (n *note) tell(d *decoder, p []byte) {
	switch n.kind {
	case noteData:
		d.data(n.at, n.from, n.to, p)
	case noteSwallow:
		d.swallow(n.at, n.from, p)
	case noteSkip:
		d.skip(n.at, n.from, n.to, n.n, n.why)
	case noteFact:
		d.fact(n.at, n.fact)
	case noteSecured:
		d.secured(n.at, n.leg)
	case noteRelease:
		d.release(n.at)
	case noteUnopened:
		d.unopened(n.at)
	case noteClosed:
		d.closed(n.at, n.from, *n.fact.(*facts.Closed))
	case noteEnd:
		d.end(n.at, *n.fact.(*facts.End))
	}
}

const (
	// maxNoted and maxNotes bound what waits to be decoded of a session, in
	// bytes and in number, and maxAllNoted what waits of all of them, in bytes.
	// Who has more to tell decodes it himself.
	maxNoted    = 32 << 10
	maxNotes    = 512
	maxAllNoted = 4 << 20
	// bulk is so much data that it is decoded where it is: to copy it first
	// would cost more than it saves.
	bulk = 16 << 10
	// noteSize is how many bytes a note takes up without its data.
	noteSize = 72
)

// notes are what waits to be decoded, in order. Their memory is used by one
// session after the other, so that one that is idle holds none.
type notes struct {
	list []note
	data []byte // of all of them
	size int64  // about how many bytes both take up
}

var unusedNotes = sync.Pool{New: func() any { return &notes{list: make([]note, 0, 32), data: make([]byte, 0, 8<<10)} }}

// full reports whether there is no room for n more bytes.
func (ns *notes) full(n int) bool {
	return ns != nil && (len(ns.data)+n > maxNoted || len(ns.list) >= maxNotes)
}

func (ns *notes) add(n note, p []byte) {
	ns.list = append(ns.list, n)
	ns.data = append(ns.data, p...)
	ns.size += noteSize + int64(len(p))
}

// each hands out every note with its data.
func (ns *notes) each(f func(n *note, p []byte)) {
	data := ns.data
	for i := range ns.list {
		n, size := &ns.list[i], 0
		if n.kind == noteData || n.kind == noteSwallow {
			size = int(n.n)
		}
		f(n, data[:size])
		data = data[size:]
	}
}

// An amount is how much all sessions of a Set have noted, in bytes. When it is
// too much, nobody may add to it until half of it is decoded: otherwise those
// that find room again at once would outrun the writers for good.
type amount struct {
	bytes   atomic.Int64
	tooMuch atomic.Bool
}

// add counts n bytes more or less, and says how soon they should be decoded.
func (a *amount) add(n int64) urgency {
	switch now := a.bytes.Add(n); {
	case now > maxAllNoted:
		a.tooMuch.Store(true)
	case now < maxAllNoted/4:
		a.tooMuch.Store(false)
		return soon
	case now < maxAllNoted/2:
		a.tooMuch.Store(false)
	}
	return atOnce
}

// free lets the memory be used again.
func (ns *notes) free() {
	clear(ns.list)
	ns.list, ns.data, ns.size = ns.list[:0], ns.data[:0], 0
	unusedNotes.Put(ns)
}
