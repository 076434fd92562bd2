package transcript

import (
	"cmp"
	"io"
	"math"
	"slices"

	"smtptap/decode"
	"smtptap/decode/who"
	"smtptap/recordings"
)

// A place is where a recording holds bytes of a stream: so many bytes after
// the beginning of the record at that offset, counting only what is of the
// stream.
type place struct {
	record  int64
	within  int
	order   int64 // how many bytes of the stream stand before it in the recording
	relayed int64 // the same, on the server's leg, of bytes that were relayed
}

func (p place) known() bool { return p.record > 0 }

// plus is the place n bytes further on.
func (p place) plus(n int) place {
	p.within += n
	p.order += int64(n)
	p.relayed += int64(n)
	return p
}

// maxWithin bounds how far a place may be from its record.
const maxWithin = 64 << 10

// follows reports whether p can be told as a place n bytes after another.
func (p place) follows(other place, n int) bool {
	next := other.plus(n)
	return !p.known() || p.order == next.order && p.relayed == next.relayed && next.within < maxWithin
}

// An index tells where in a recording the bytes of its streams are. It learns
// that from the decoder, so that it counts as the spans of events do.
type index struct {
	split   bool              // the session has two legs
	streams [2][2]streamIndex // by leg, then side
}

// A streamIndex is the index of one stream. It holds a checkpoint for every so
// many bytes, so that its size does not grow with the recording. Between two of
// them the order of the records is that of the stream.
type streamIndex struct {
	spacing     int64
	checkpoints []checkpoint
	holes       []hole
	order       int64 // of the bytes to come, if they follow in the recording
	jumps       int
	limit       int64 // what lies beyond can't be read; 0 for no limit
}

// A checkpoint is where the bytes at a position are.
type checkpoint struct {
	pos int64 // in the stream
	place
	jump bool // they don't follow in the recording on those before
}

// A hole is a secret that the decoder hides and the recording does not: it was
// made by a program that did not know it for one.
type hole struct {
	pos int64
	fed int // bytes in the recording
}

const (
	firstSpacing   = 16 << 10
	maxCheckpoints = 4096
	// maxOdd bounds the holes and the jumps of a stream. A recording that
	// has more was not made by smtptap.
	maxOdd = 1 << 16
)

func (x *index) stream(which who.Leg, side who.Party) *streamIndex {
	leg := 0
	if which == who.ServerLeg {
		leg = 1
	}
	return &x.streams[leg][side-who.Client]
}

// learn notes where n bytes at pos came from.
func (x *index) learn(which who.Leg, side who.Party, pos int64, from place, n int) {
	s := x.stream(which, side)
	jump := from.order != s.order
	s.order = from.order + int64(n)
	last := len(s.checkpoints) - 1
	if !jump && last >= 0 && pos < s.checkpoints[last].pos+s.spacing || !s.mayGrow(pos) {
		return
	}
	s.checkpoints = append(s.checkpoints, checkpoint{pos, from, jump})
	s.spacing = max(s.spacing, firstSpacing)
	if jump {
		s.jumps++
	}
	if len(s.checkpoints)-s.jumps > maxCheckpoints {
		s.thin()
	}
}

// hide notes that n bytes of the recording, which stand at pos, became a mask.
func (x *index) hide(which who.Leg, side who.Party, pos int64, n int) {
	if s := x.stream(which, side); s.mayGrow(pos) {
		s.holes = append(s.holes, hole{pos, n})
	}
}

// mayGrow reports whether the stream is as orderly as those that smtptap makes.
func (s *streamIndex) mayGrow(pos int64) bool {
	if s.limit == 0 && len(s.holes)+s.jumps >= maxOdd {
		s.limit = pos
	}
	return s.limit == 0
}

// thin forgets every second checkpoint that is no jump.
func (s *streamIndex) thin() {
	kept := s.checkpoints[:0]
	for i, c := range s.checkpoints {
		if c.jump || i%2 == 0 {
			kept = append(kept, c)
		}
	}
	s.checkpoints = kept
	s.spacing *= 2
}

// read returns the bytes of a span of a stream from the recording r.
func (x *index) read(r io.ReadSeeker, which who.Leg, side who.Party, span decode.Span) ([]byte, error) {
	s := x.stream(which, side)
	switch {
	case span.Start < 0 || span.End < span.Start:
		return nil, words.Error("span", "from", span.Start, "to", span.End, "side", side, "why", words.Error("not-held"))
	case s.limit > 0 && span.End > s.limit:
		return nil, words.Error("span", "from", span.Start, "to", span.End, "side", side, "why", words.Error("disordered"))
	}
	w := walk{split: x.split, leg: which, side: side, span: span}
	w.out = make([]byte, 0, min(span.Len(), maxAhead))
	for w.pos = span.Start; w.pos < span.End; {
		before := w.pos
		err := w.from(r, s)
		if err == nil && w.pos <= before {
			// Jumps that lead nowhere: no writer makes them, a forger may.
			err = words.Error("disordered")
		}
		if err != nil {
			return nil, words.Error("span", "from", span.Start, "to", span.End, "side", side, "why", err)
		}
	}
	return w.out, nil
}

// maxAhead bounds what is set aside for a span before its bytes were seen.
const maxAhead = 32 << 20

// at finds the last checkpoint that is not after pos, and where the next jump is.
func (s *streamIndex) at(pos int64) (c checkpoint, until int64, found bool) {
	i, exact := slices.BinarySearchFunc(s.checkpoints, pos, func(c checkpoint, pos int64) int { return cmp.Compare(c.pos, pos) })
	if !exact {
		i--
	}
	if i < 0 {
		return checkpoint{}, 0, false
	}
	until = math.MaxInt64
	for _, next := range s.checkpoints[i+1:] {
		if next.jump {
			until = next.pos
			break
		}
	}
	return s.checkpoints[i], until, true
}

func (s *streamIndex) holesFrom(pos int64) []hole {
	i, _ := slices.BinarySearchFunc(s.holes, pos, func(h hole, pos int64) int { return cmp.Compare(h.pos, pos) })
	return s.holes[i:]
}

// A walk goes through the records of one stream.
type walk struct {
	split bool
	leg   who.Leg
	side  who.Party
	span  decode.Span
	out   []byte

	pos   int64 // of the next byte
	until int64 // where the records are no longer in the stream's order
	skip  int   // bytes of the stream that lie before pos, or in the hole at pos
	holes []hole
}

// from goes on from where the index says that pos is, up to the next jump or
// the end of the span.
func (w *walk) from(r io.ReadSeeker, s *streamIndex) error {
	c, until, found := s.at(w.pos)
	if !found {
		return words.Error("not-held")
	}
	if _, err := r.Seek(c.record, io.SeekStart); err != nil {
		return err
	}
	records := recordings.Resume(r, c.record)
	w.pos, w.until, w.skip, w.holes = c.pos, min(until, w.span.End), c.within, s.holesFrom(c.pos)
	for w.pos < w.until {
		rec, err := records.Next()
		if err == io.EOF {
			return words.Error("ends-before")
		}
		if err != nil {
			return err
		}
		r := route{rec.From, rec.To}
		if r.side() != w.side || !w.onLeg(r) {
			continue
		}
		switch rec.Type {
		case recordings.TypeData, recordings.TypeSwallowed:
			w.take(rec.Data)
		case recordings.TypeMask:
			w.take([]byte(decode.MaskText))
		}
	}
	return nil
}

// onLeg reports whether bytes of that route are heard on the leg.
func (w *walk) onLeg(r route) bool {
	far := who.Server
	if w.leg == who.ServerLeg {
		far = who.Client
	}
	return !w.split || r.relayed() || r.from != far && r.to != far
}

// take goes through the bytes of a record.
func (w *walk) take(p []byte) {
	for {
		n := min(w.skip, len(p))
		w.skip -= n
		p = p[n:]
		if len(p) == 0 || w.pos >= w.until {
			return
		}
		if len(w.holes) > 0 && w.holes[0].pos == w.pos {
			w.skip = w.holes[0].fed
			w.holes = w.holes[1:]
			w.give([]byte(decode.MaskText))
			continue
		}
		n = int(min(int64(len(p)), w.until-w.pos))
		if len(w.holes) > 0 {
			n = int(min(int64(n), w.holes[0].pos-w.pos))
		}
		w.give(p[:n])
		p = p[n:]
	}
}

// give keeps the part of the next bytes that lies in the span and was not
// given: a mask may reach over a jump, from which the walk goes on.
func (w *walk) give(p []byte) {
	start := max(w.span.Start+int64(len(w.out))-w.pos, 0)
	end := min(w.span.End-w.pos, int64(len(p)))
	if start < end {
		w.out = append(w.out, p[start:end]...)
	}
	w.pos += int64(len(p))
}
