package transcript

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"smtptap/decode"
	"smtptap/recordings"
)

// A place is where a recording holds bytes of a stream: so many bytes behind
// the beginning of the record at that offset, counting only what is of the
// stream.
type place struct {
	record int64
	within int
}

func (p place) known() bool { return p.record > 0 }

// An index tells where in a recording the bytes of its streams are. It learns
// that from the decoder, so that it counts as the spans of events do.
type index struct {
	split   bool              // the session has two legs
	streams [2][2]streamIndex // by leg, then side
}

// A streamIndex is the index of one stream. It holds a checkpoint for every so
// many bytes, so that its size does not grow with the recording.
type streamIndex struct {
	spacing     int64
	checkpoints []checkpoint
	holes       []hole
}

type checkpoint struct {
	pos int64 // in the stream
	place
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
	// maxHoles bounds what is known of secrets that only the decoder hides.
	// What lies beyond can't be read.
	maxHoles = 1 << 16
)

func (x *index) stream(upstream bool, side decode.Side) *streamIndex {
	leg := 0
	if upstream {
		leg = 1
	}
	return &x.streams[leg][side-decode.Client]
}

// learn notes where the bytes at pos came from.
func (x *index) learn(upstream bool, side decode.Side, pos int64, from arrival) {
	if x == nil {
		return
	}
	s := x.stream(upstream, side)
	if len(s.holes) == maxHoles {
		return
	}
	if from.hidden > 0 {
		s.holes = append(s.holes, hole{pos, from.hidden})
	}
	if !from.source.known() {
		return
	}
	if n := len(s.checkpoints); n == 0 || pos >= s.checkpoints[n-1].pos+s.spacing {
		s.checkpoints = append(s.checkpoints, checkpoint{pos, from.source})
	}
	if s.spacing == 0 {
		s.spacing = firstSpacing
	}
	if len(s.checkpoints) > maxCheckpoints {
		s.thin()
	}
}

// thin forgets every second checkpoint.
func (s *streamIndex) thin() {
	for i := range len(s.checkpoints) / 2 {
		s.checkpoints[i] = s.checkpoints[2*i]
	}
	s.checkpoints = s.checkpoints[:len(s.checkpoints)/2]
	s.spacing *= 2
}

// read returns the bytes of a span of a stream from the recording r.
func (x *index) read(r io.ReadSeeker, upstream bool, side decode.Side, span decode.Span) ([]byte, error) {
	if span.Start < 0 || span.End < span.Start {
		return nil, fmt.Errorf("no bytes lie from %d to %d", span.Start, span.End)
	}
	s := x.stream(upstream, side)
	at, found := slices.BinarySearchFunc(s.checkpoints, span.Start, func(c checkpoint, pos int64) int {
		return int(max(min(c.pos-pos, 1), -1))
	})
	if !found {
		at--
	}
	if at < 0 {
		return nil, errors.New("the recording does not hold these bytes")
	}
	if len(s.holes) == maxHoles && span.End > s.holes[maxHoles-1].pos {
		return nil, errors.New("too many secrets stand before these bytes")
	}
	from := s.checkpoints[at]
	if _, err := r.Seek(from.record, io.SeekStart); err != nil {
		return nil, err
	}
	w := walk{
		records: recordings.Resume(r, from.record), split: x.split, upstream: upstream, side: side,
		skip: from.within, pos: from.pos, holes: s.holesFrom(from.pos), span: span,
	}
	return w.collect()
}

func (s *streamIndex) holesFrom(pos int64) []hole {
	i, _ := slices.BinarySearchFunc(s.holes, pos, func(h hole, pos int64) int {
		return int(max(min(h.pos-pos, 1), -1))
	})
	return s.holes[i:]
}

// A walk goes through the records of one stream.
type walk struct {
	records  *recordings.Reader
	split    bool
	upstream bool
	side     decode.Side
	skip     int   // bytes of the stream that lie before pos, or in the hole at pos
	pos      int64 // of the next byte
	holes    []hole
	span     decode.Span
	out      []byte
}

// maxAhead bounds what is set aside for a span before its bytes were seen.
const maxAhead = 32 << 20

func (w *walk) collect() ([]byte, error) {
	w.out = make([]byte, 0, min(w.span.Len(), maxAhead))
	for w.pos < w.span.End {
		rec, err := w.records.Next()
		if err != nil {
			return nil, fmt.Errorf("bytes %d to %d of the %s: %w", w.span.Start, w.span.End, w.side, err)
		}
		r := route{decode.Party(rec.From), decode.Party(rec.To)}
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
	return w.out, nil
}

// onLeg reports whether bytes of that route are heard on the leg.
func (w *walk) onLeg(r route) bool {
	far := decode.PartyServer
	if w.upstream {
		far = decode.PartyClient
	}
	return !w.split || r.relayed() || r.from != far && r.to != far
}

// take goes through the bytes of a record.
func (w *walk) take(p []byte) {
	for {
		n := min(w.skip, len(p))
		w.skip -= n
		p = p[n:]
		if len(p) == 0 || w.pos >= w.span.End {
			return
		}
		if len(w.holes) > 0 && w.holes[0].pos == w.pos {
			w.skip = w.holes[0].fed
			w.holes = w.holes[1:]
			w.give([]byte(decode.MaskText))
			continue
		}
		n = len(p)
		if len(w.holes) > 0 {
			n = int(min(int64(n), w.holes[0].pos-w.pos))
		}
		w.give(p[:n])
		p = p[n:]
	}
}

// give keeps the part of the next bytes that lies in the span.
func (w *walk) give(p []byte) {
	start := max(w.span.Start-w.pos, 0)
	end := min(w.span.End-w.pos, int64(len(p)))
	if start < end {
		w.out = append(w.out, p[start:end]...)
	}
	w.pos += int64(len(p))
}
