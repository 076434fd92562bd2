package capture

import (
	"bytes"
	"slices"
	"time"
)

const (
	// maxHeld bounds the bytes of one conversation that wait for others.
	maxHeld = 256 << 10
	// Bytes that were acknowledged but are not in the file may still follow:
	// captures of several queues are out of order. They are given up after
	// patience, or so many packets.
	patience        = time.Second
	patiencePackets = 64
)

// A hearer hears what passed in one conversation. Ends are numbered from 0.
type hearer interface {
	said(at time.Time, end int, p []byte) // p is only lent
	lost(at time.Time, end int, n int64)
	closed(at time.Time, end int, how string)
}

// A conversation puts the segments of one TCP connection in order. gopacket's
// assemblers do so for each direction alone, and hold back what follows a lost
// packet until they are flushed: replies would then stand before the commands
// that they answer. Here a segment waits for what it acknowledges, so that the
// order is that in which the ends spoke.
type conversation struct {
	hearer  hearer
	ways    [2]way // what each end sends
	packets int
	now     time.Time // of the newest packet
	told    time.Time // of the newest bytes handed on
	held    int       // what waits takes up, in bytes
	over    bool      // both ends have ended, or one was reset
}

// A way is one direction of a connection. Offsets count its bytes from the
// first.
type way struct {
	known   bool   // base is
	base    uint32 // sequence number of offset 0
	next    int64  // offset of what was not handed on yet
	acked   int64  // the other end has read up to here
	waiting []*piece
	closed  bool
}

// A piece is a segment that waits.
type piece struct {
	packet int // of the conversation
	at     time.Time
	offset int64
	ack    int64 // of the other way, offset up to which its sender has read
	data   []byte
	fin    bool
	done   bool
}

// size is about how many bytes of memory a piece takes up.
func (p *piece) size() int { return 64 + len(p.data) }

// How an end closed; see facts.Closed.
const (
	byFin   = "fin"
	byReset = "reset"
)

// begin sets where the bytes of a way begin.
func (w *way) begin(seq uint32) {
	if !w.known {
		w.known, w.base = true, seq
	}
}

// offset is where a sequence number lies, which counts modulo 2^32.
func (w *way) offset(seq uint32) int64 {
	return w.next + int64(int32(seq-(w.base+uint32(w.next))))
}

// restarts reports a segment that opens another connection between the same
// ports.
func (c *conversation) restarts(end int, s *segment) bool {
	w := &c.ways[end]
	return s.syn && !s.acks && (c.over || w.known && w.offset(s.seq+1) != 0)
}

// take takes a segment that an end sent.
func (c *conversation) take(end int, s *segment) {
	if c.over {
		return
	}
	c.packets++
	c.now = s.at
	mine, other := &c.ways[end], &c.ways[1-end]
	seq := s.seq
	if s.syn {
		seq++
	}
	if s.syn || len(s.data) > 0 || s.fin {
		mine.begin(seq)
	}
	p := &piece{packet: c.packets, at: s.at, data: s.data, fin: s.fin}
	if s.acks && (other.known || len(s.data) > 0) {
		other.begin(s.ack)
		p.ack = other.offset(s.ack)
		other.acked = max(other.acked, p.ack)
	}
	if mine.known && (len(p.data) > 0 || p.fin) {
		p.offset = mine.offset(seq)
		mine.wait(p)
		c.held += p.size()
	}
	c.handOn(c.due)
	if s.rst {
		c.flush()
		c.close(s.at, end, byReset)
		c.over = true
	}
	if !p.done {
		p.data = bytes.Clone(p.data)
	}
}

// wait puts a piece in its place.
func (w *way) wait(p *piece) {
	i, _ := slices.BinarySearchFunc(w.waiting, p, func(a, b *piece) int {
		if a.offset <= b.offset {
			return -1
		}
		return 1
	})
	w.waiting = slices.Insert(w.waiting, i, p)
}

// flush hands on all that waits.
func (c *conversation) flush() {
	c.handOn(func(*piece, bool) bool { return true })
	for end := range c.ways {
		w := &c.ways[end]
		if n := w.acked - w.next; n > 1 { // one is a FIN that is not in the file
			c.lose(c.now, end, n)
		}
	}
}

// due reports that a piece has waited long enough for bytes that are not in the
// file. sure says that the other end has read those.
func (c *conversation) due(p *piece, sure bool) bool {
	return c.held > maxHeld || sure && (c.now.Sub(p.at) > patience || c.packets-p.packet > patiencePackets)
}

// handOn hands on what is complete, and what has waited long enough.
func (c *conversation) handOn(due func(p *piece, sure bool) bool) {
	for {
		if end := c.ready(); end >= 0 {
			c.give(end)
			continue
		}
		first, second := c.older()
		if !c.giveUp(first, due) && !c.giveUp(second, due) {
			return
		}
	}
}

// ready is the end whose first piece misses nothing; of both, the one that came
// first. It is -1 for none.
func (c *conversation) ready() int {
	found := -1
	for end := range c.ways {
		mine, other := &c.ways[end], &c.ways[1-end]
		if len(mine.waiting) == 0 {
			continue
		}
		first := mine.waiting[0]
		if first.offset <= mine.next && first.ack <= other.next && (found < 0 || first.packet < c.ways[found].waiting[0].packet) {
			found = end
		}
	}
	return found
}

// older is the ends in the order in which their first pieces came.
func (c *conversation) older() (first, second int) {
	a, b := c.ways[0].waiting, c.ways[1].waiting
	if len(a) > 0 && len(b) > 0 && b[0].packet < a[0].packet {
		return 1, 0
	}
	return 0, 1
}

// giveUp takes for lost what the first piece of an end waits for, if it is due.
func (c *conversation) giveUp(end int, due func(p *piece, sure bool) bool) bool {
	mine, other := &c.ways[end], &c.ways[1-end]
	if len(mine.waiting) == 0 {
		return false
	}
	first := mine.waiting[0]
	switch gap := first.offset - mine.next; {
	case gap > 0:
		if !due(first, mine.acked >= first.offset) {
			return false
		}
		c.lose(first.at, end, gap)
	case !due(first, true):
		return false
	default:
		until := first.ack
		if len(other.waiting) > 0 {
			until = min(until, other.waiting[0].offset)
		}
		if until > other.next {
			c.lose(first.at, 1-end, until-other.next)
		} else {
			first.ack = 0 // each waits for the other: no honest ends send that
		}
	}
	return true
}

// lose tells of bytes that are not in the file.
func (c *conversation) lose(at time.Time, end int, n int64) {
	w := &c.ways[end]
	if n <= 0 {
		return
	}
	w.next += n
	if !w.closed {
		c.hearer.lost(c.clock(at), end, n)
	}
}

// clock is the time of what is handed on: its own, or that of what had to come
// before it.
func (c *conversation) clock(at time.Time) time.Time {
	if at.After(c.told) {
		c.told = at
	}
	return c.told
}

// give hands on the first piece of an end.
func (c *conversation) give(end int) {
	w := &c.ways[end]
	p := w.waiting[0]
	w.waiting = slices.Delete(w.waiting, 0, 1)
	p.done = true
	c.held -= p.size()
	last := p.offset + int64(len(p.data))
	if last > w.next && !w.closed {
		c.hearer.said(c.clock(p.at), end, p.data[w.next-p.offset:])
		w.next = last
	}
	if p.fin && last == w.next {
		w.next++ // a FIN is acknowledged as a byte
		c.close(p.at, end, byFin)
	}
}

func (c *conversation) close(at time.Time, end int, how string) {
	w := &c.ways[end]
	if w.closed {
		return
	}
	w.closed = true
	c.hearer.closed(c.clock(at), end, how)
	c.over = c.over || c.ways[1-end].closed
}
