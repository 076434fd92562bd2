package redact

import (
	"smtptap/decode"
	"smtptap/decode/who"
)

// A stream is one side's bytes as said again. Bodies that did not change stay
// where they are, in the original.
type stream struct {
	end  int64
	runs []run
}

// A run of a stream is bytes of its own, or a span of the original.
type run struct {
	start int64
	own   []byte
	from  decode.Span
}

func (r *run) end() int64 {
	if r.own != nil {
		return r.start + int64(len(r.own))
	}
	return r.start + r.from.Len()
}

// note adds bytes to a side's stream.
func (l *leg) note(side who.Party, p []byte) {
	s := &l.streams[side]
	if len(p) == 0 {
		return
	}
	if last := len(s.runs) - 1; last >= 0 && s.runs[last].own != nil {
		s.runs[last].own = append(s.runs[last].own, p...)
	} else {
		s.runs = append(s.runs, run{start: s.end, own: append([]byte(nil), p...)})
	}
	s.end += int64(len(p))
}

// borrow adds bytes of the original to a side's stream.
func (l *leg) borrow(side who.Party, from decode.Span) {
	s := &l.streams[side]
	s.runs = append(s.runs, run{start: s.end, from: from})
	s.end += from.Len()
}

// bytes is Transcript.Bytes of the session as said again.
func (r *rewriter) bytes(which who.Leg, side who.Party, span decode.Span) ([]byte, error) {
	l := r.legs[0]
	if which == who.ServerLeg {
		l = r.legs[1]
	}
	var out []byte
	for i := range l.streams[side].runs {
		x := &l.streams[side].runs[i]
		from, to := max(span.Start, x.start), min(span.End, x.end())
		if from >= to {
			continue
		}
		if x.own != nil {
			out = append(out, x.own[from-x.start:to-x.start]...)
			continue
		}
		if r.from.Bytes == nil {
			return nil, decode.ErrNoBytes
		}
		shift := x.from.Start - x.start
		b, err := r.from.Bytes(which, side, decode.Span{Start: from + shift, End: to + shift})
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}
