// Package session is a session as the panes look at it: its transcript and what
// is worked out from it once, away from the keys.
package session

import (
	"slices"

	"smtptap/decode"
	"smtptap/decode/findings"
	"smtptap/recordings/transcript"
)

// A Session is a snapshot. It does not change.
type Session struct {
	*decode.Transcript
	Summary  transcript.Summary
	Report   findings.Report
	Under    map[int][]int  // findings by the last entry that proves them
	Starts   map[int][]byte // how message bodies begin, by their entry
	Mail     []decode.Message
	NoReveal bool // secrets stay hidden: they were not kept
}

// GoTo asks for an entry to be shown in the dialogue.
type GoTo struct{ Entry int }

// Bounds of what is read of bodies ahead of time.
const (
	startBytes = 4 << 10
	maxStarts  = 100
)

// New works a session out. It may read the recording.
func New(t *decode.Transcript, sum transcript.Summary) *Session {
	s := &Session{
		Transcript: t, Summary: sum, Report: findings.Analyze(t), Mail: t.Messages(),
		Under: map[int][]int{}, Starts: map[int][]byte{}, NoReveal: !t.SecretsKept,
	}
	for i, f := range s.Report.Findings {
		if len(f.Entries) > 0 {
			last := slices.Max(f.Entries)
			s.Under[last] = append(s.Under[last], i)
		}
	}
	s.readStarts()
	return s
}

// readStarts reads the beginnings of bodies. Those that can't be read are shown
// without.
func (s *Session) readStarts() {
	if s.Bytes == nil {
		return
	}
	for i, e := range s.Entries {
		if len(s.Starts) == maxStarts {
			return
		}
		if e.Event == nil || e.Event.Kind != decode.KindBody {
			continue
		}
		span := e.Event.Span
		span.End = min(span.End, span.Start+startBytes)
		if b, err := s.Bytes(e.Leg, e.Event.Side, span); err == nil {
			s.Starts[i] = b
		}
	}
}

// Waited is how long entry i took to come after what it answers, and whether
// there is such a time.
func (s *Session) Waited(i int) (since int, ok bool) {
	e := s.Entries[i]
	if e.Event == nil || e.Event.Reply == nil {
		return 0, false
	}
	if q := s.Question(i); q >= 0 {
		return q, true
	}
	return i - 1, i > 0 && e.Event.Kind == decode.KindGreeting
}

// Partner is the reply to entry i, or what it replies to; -1 for neither.
func (s *Session) Partner(i int) int {
	if i < 0 || i >= len(s.Entries) {
		return -1
	}
	if q := s.Question(i); q >= 0 {
		return q
	}
	return s.Answer(i)
}

// Raw is what was said in entry i, with decode.MaskText for secrets unless they
// are to be revealed. It is nil for facts and bodies.
func (s *Session) Raw(i int, reveal bool) []byte {
	e := s.Entries[i].Event
	if e == nil || reveal || len(e.Secrets) == 0 {
		if e == nil {
			return nil
		}
		return e.Raw
	}
	var b []byte
	done := 0
	for _, secret := range e.Secrets {
		from := min(max(int(secret.Start-e.Span.Start), done), len(e.Raw))
		b = append(append(b, e.Raw[done:from]...), decode.MaskText...)
		done = min(max(int(secret.End-e.Span.Start), from), len(e.Raw))
	}
	return append(b, e.Raw[done:]...)
}
