package decode

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
	"time"

	"smtptap/decode/who"
)

// A line is the unfinished line of one side. It remembers when its bytes came
// and where secrets were left out, and holds at most MaxRaw bytes: of a longer
// line the rest goes straight to the recorder, or nowhere when it is secret.
type line struct {
	buf   []byte
	marks []mark
	holes []hole
	over  overflow
	start int64 // stream offset of its first byte; set once bytes were kept
	begin time.Duration
	at    time.Duration // arrival of its newest byte
	last  byte          // newest byte of a long line
	crlf  bool          // a long line ended in CRLF
	past  int           // how many bytes of it were not put into buf, its end included
}

// A mark says that the bytes from off on came at that time.
type mark struct {
	off int
	at  time.Duration
}

// A hole is a secret that was left out before the bytes came here; MaskText
// stands in its place.
type hole struct {
	off  int
	mask Mask
}

// overflow says what happens to the bytes of a line past MaxRaw.
type overflow uint8

const (
	fits    overflow = iota
	keeping          // handed to the recorder as they come
	hiding           // part of a secret
)

// dropped is how many bytes of a hidden line are neither in buf nor kept.
func (l *line) dropped() int {
	if l.over != hiding {
		return 0
	}
	return l.past
}

func (l *line) empty() bool { return len(l.buf) == 0 }

// add appends bytes that belong to the line.
func (l *line) add(at time.Duration, p []byte) {
	if len(p) == 0 {
		return
	}
	if len(l.marks) == 0 || l.marks[len(l.marks)-1].at != at {
		l.marks = append(l.marks, mark{len(l.buf), at})
	}
	l.buf = append(l.buf, p...)
	l.at = at
}

// addMask puts a secret's stand-in where the secret was.
func (l *line) addMask(at time.Duration, m Mask) {
	if l.empty() {
		l.begin = at
	}
	l.holes = append(l.holes, hole{len(l.buf), m})
	l.marks = append(l.marks, mark{len(l.buf), at})
	l.buf = append(l.buf, MaskText...)
	l.at = at
	// Even when the next bytes came at the same time they are a run of their own.
	l.marks = append(l.marks, mark{len(l.buf), at})
}

// reset makes room for the next line.
func (l *line) reset() {
	*l = line{buf: l.buf[:0], marks: l.marks[:0], holes: l.holes[:0]}
	if cap(l.buf) > 1<<10 {
		l.buf = nil
	}
}

// upTo returns how many bytes of p still belong to the line, and whether the
// line ends there.
func (l *line) upTo(p []byte) (n int, ended bool) {
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		return i + 1, true
	}
	return len(p), false
}

// A secretSpan is a part of a line that must not be kept.
type secretSpan struct {
	from, to int // offsets in the line
	mask     *Mask
}

// flush hands a whole line, or what there is of it, to the recorder, leaves
// its secrets out, and returns where it stands in the stream, its raw form and
// the places of the secrets.
func (d *Dialogue) flush(side who.Party, l *line, secrets []secretSpan) (e Event) {
	e.Side = side
	e.Begin, e.At = l.begin, l.at
	if l.over == keeping {
		e.Span = Span{l.start, d.pos[side]}
		e.Raw = clone(l.buf)
		e.Secrets = shift(secrets, l.start)
		return e
	}
	for _, h := range l.holes {
		m := h.mask
		secrets = append(secrets, secretSpan{h.off, h.off + len(MaskText), &m})
	}
	secrets = inOrder(secrets)
	start := d.pos[side]
	var raw []byte
	from := 0
	for i, s := range secrets {
		if s.from < from {
			continue
		}
		dropped := 0
		if i == len(secrets)-1 {
			dropped = l.dropped()
		}
		d.keepRun(side, l, from, s.from)
		raw = append(raw, l.buf[from:s.from]...)
		place := d.pos[side]
		switch {
		case (d.KeepSecrets || side == who.Client && d.rereads()) && !l.isHole(s.from):
			d.keepRun(side, l, s.from, s.to)
			raw = append(raw, l.buf[s.from:s.to]...)
		default:
			d.mask(l.timeOf(s.to-1), side, s.mask, s.to-s.from+dropped)
			raw = append(raw, MaskText...)
		}
		e.Secrets = append(e.Secrets, Span{place, d.pos[side]})
		from = s.to
	}
	d.keepRun(side, l, from, len(l.buf))
	raw = append(raw, l.buf[from:]...)
	e.Span = Span{start, d.pos[side]}
	e.Raw = raw
	e.Begin = d.firstAt(l, secrets)
	return e
}

// firstAt is when the first thing came that the recorder keeps of the line: a
// secret counts from its end, or how long it is would show in its times.
func (d *Dialogue) firstAt(l *line, secrets []secretSpan) time.Duration {
	if len(secrets) > 0 && secrets[0].from == 0 && !d.KeepSecrets {
		return l.timeOf(secrets[0].to - 1)
	}
	return l.timeOf(0)
}

// timeOf is when the byte at that offset came.
func (l *line) timeOf(off int) time.Duration {
	if len(l.marks) == 0 {
		return l.begin
	}
	return l.marks[max(l.markAfter(off)-1, 0)].at
}

// markAfter is the index of the first mark past that offset.
func (l *line) markAfter(off int) int {
	return sort.Search(len(l.marks), func(i int) bool { return l.marks[i].off > off })
}

func (l *line) isHole(off int) bool {
	_, found := slices.BinarySearchFunc(l.holes, off, func(h hole, off int) int { return cmp.Compare(h.off, off) })
	return found
}

// keepRun hands the bytes [from,to) to the recorder, a piece for each arrival.
func (d *Dialogue) keepRun(side who.Party, l *line, from, to int) {
	for from < to {
		end, at := to, l.begin
		next := l.markAfter(from)
		if next > 0 {
			at = l.marks[next-1].at
		}
		if next < len(l.marks) {
			end = min(end, l.marks[next].off)
		}
		d.keep(at, side, d.lend(l.buf[from:end]))
		from = end
	}
}

// lend copies bytes of a line, whose buffer the next line will use, for as long
// as a piece is valid.
func (d *Dialogue) lend(p []byte) []byte {
	start := len(d.lent)
	d.lent = append(d.lent, p...)
	return d.lent[start:len(d.lent):len(d.lent)]
}

func shift(secrets []secretSpan, by int64) []Span {
	var out []Span
	for _, s := range secrets {
		out = append(out, Span{by + int64(s.from), by + int64(s.to)})
	}
	return out
}

// inOrder sorts the few secrets of a line by place.
func inOrder(s []secretSpan) []secretSpan {
	for i := 1; i < len(s); i++ {
		for j := i; j > 0 && s[j].from < s[j-1].from; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	return s
}

// takeLine adds bytes to the side's line until the line ends or p does, and
// returns how many it took. hide says, of a line that grows past MaxRaw,
// whether the rest of it must not be kept.
func (d *Dialogue) takeLine(at time.Duration, side who.Party, p []byte, hide func([]byte) bool) (n int, ended bool) {
	l := &d.line[side]
	if l.empty() {
		l.begin = at
	}
	n, ended = l.upTo(p)
	if l.over == fits && len(l.buf)+n > MaxRaw {
		room := max(MaxRaw-len(l.buf), 0)
		l.add(at, p[:room])
		l.last = l.buf[len(l.buf)-1]
		if !d.KeepSecrets && !(side == who.Client && d.rereads()) && hide(l.buf) {
			l.over = hiding
		} else {
			l.over = keeping
			l.start = d.pos[side]
			d.keepRun(side, l, 0, len(l.buf))
		}
		d.overflowing(at, side, p[room:n])
		return n, ended
	}
	if l.over != fits {
		d.overflowing(at, side, p[:n])
		return n, ended
	}
	l.add(at, p[:n])
	return n, ended
}

// overflowing takes bytes of a line past MaxRaw.
func (d *Dialogue) overflowing(at time.Duration, side who.Party, p []byte) {
	l := &d.line[side]
	if len(p) == 0 {
		return
	}
	before := l.last
	if len(p) > 1 {
		before = p[len(p)-2]
	}
	ended := p[len(p)-1] == '\n'
	held := len(l.buf)
	l.crlf = ended && before == '\r'
	switch {
	case l.over == keeping:
		d.keep(at, side, p)
	case l.crlf:
		// A hidden line gets its end back, so that it reads as a line.
		l.buf = append(bytes.TrimSuffix(l.buf, []byte("\r")), "\r\n"...)
	case ended:
		l.buf = append(l.buf, '\n')
	}
	l.past += len(p) - (len(l.buf) - held)
	l.last = p[len(p)-1]
	l.at = at
}
