package panes

import (
	"slices"
	"time"

	"smtptap/decode"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/recordings/transcript"
)

// A Session is a session as the panes look at it: its transcript and what is
// worked out from it once, away from the keys. It does not change.
type Session struct {
	*decode.Transcript
	Lang     lang.Lang
	Summary  transcript.Summary
	Report   findings.Report
	Under    map[int][]int         // findings by the last entry that proves them
	Starts   map[int][]byte        // how message bodies begin, by their entry
	bodies   map[int]*readableBody // likewise decoded; nil for those that are text already
	Mail     []decode.Message
	NoReveal bool  // secrets stay hidden: they were not kept
	turn     *turn // nil when nobody is awaited, or it can't be known
}

// GoTo asks for an entry to be shown in the dialogue.
type GoTo struct{ Entry int }

// Bounds of what is read of bodies ahead of time.
const (
	startBytes = 4 << 10
	maxStarts  = 100
)

// NewSession works a session out. It may read the recording. Before is an earlier state
// of the same session, nil for none: what was worked out then, and has not
// changed, is not worked out again.
func NewSession(t *decode.Transcript, sum transcript.Summary, before *Session, l lang.Lang) *Session {
	s := &Session{Transcript: t, Lang: l, Summary: sum, NoReveal: !t.SecretsKept}
	s.turn = turnOf(t)
	if before != nil && before.ID == t.ID && before.Checks != nil {
		t = withChecks(t, before.Checks)
		s.Transcript = t
	}
	news := allNews
	if before != nil && before.ID == t.ID && before.Earlier == t.Earlier && len(before.Entries) <= len(t.Entries) && !t.Ended {
		news = newsOf(t.Entries[len(before.Entries):])
	}
	if news < decisionNews {
		s.Report, s.Under = before.Report, before.Under
	} else {
		s.judge()
	}
	if news < messageNews {
		s.Mail, s.Starts, s.bodies = before.Mail, before.Starts, before.bodies
	} else {
		s.Mail = t.Messages()
		s.readStarts(before)
		s.readBodies(before)
	}
	return s
}

// judge asks for the findings.
func (s *Session) judge() {
	s.Report, s.Under = findings.Analyze(s.Transcript, s.Lang), map[int][]int{}
	for i, f := range s.Report.Findings {
		if len(f.Entries) > 0 {
			last := slices.Max(f.Entries)
			s.Under[last] = append(s.Under[last], i)
		}
	}
}

// News is how much entries that came since change of what was worked out.
type news uint8

const (
	noNews       news = iota
	messageNews       // of messages and envelopes
	decisionNews      // something was decided, good or bad
	allNews           // it is another session, or one that has ended
)

func newsOf(entries []decode.Entry) news {
	all := noNews
	for _, e := range entries {
		all = max(all, newsIn(e.Event))
	}
	return all
}

func newsIn(e *decode.Event) news {
	switch {
	case e == nil:
		return decisionNews
	case e.Reply != nil && (!e.Reply.Positive() || decides[e.Reply.ToVerb]):
		return decisionNews
	case e.Reply != nil, e.Kind == decode.KindAuth, e.Command != nil && !envelope[e.Command.Verb]:
		return noNews
	}
	return messageNews
}

// decides are what a reply answers that ends something, envelope the commands
// that make up messages.
var (
	decides  = map[string]bool{"": true, ".": true, "BDAT": true, "EHLO": true, "LHLO": true, "AUTH": true, "STARTTLS": true, "RSET": true, "QUIT": true}
	envelope = map[string]bool{"MAIL": true, "RCPT": true, "DATA": true, "BDAT": true, "RSET": true, "EHLO": true, "HELO": true, "LHLO": true}
)

// readStarts reads the beginnings of bodies, as far as they are not known from
// before. Those that can't be read are shown without.
func (s *Session) readStarts(before *Session) {
	s.Starts = map[int][]byte{}
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
		if b := before.start(i+s.Earlier, e.Event); b != nil {
			s.Starts[i] = b
			continue
		}
		span := e.Event.Span
		span.End = min(span.End, span.Start+startBytes)
		if b, err := s.Bytes(e.Leg, e.Event.Side, span); err == nil {
			s.Starts[i] = b
		}
	}
}

// start is how the body of an event begins, whose entry is counted from the
// session's first; nil when it is not known.
func (s *Session) start(entry int, e *decode.Event) []byte {
	if s == nil {
		return nil
	}
	if i := entry - s.Earlier; i >= 0 && i < len(s.Entries) && s.Entries[i].Event == e {
		return s.Starts[i]
	}
	return nil
}

// at is a time of the day as a time of the session.
func (s *Session) at(now time.Time) time.Duration { return max(now.Sub(s.Started), 0) }

// Waited is how long entry i took to come after what it answers, and whether
// there is such a time.
func (s *Session) waited(i int) (since int, ok bool) {
	if i >= len(s.Entries) {
		return 0, false
	}
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
func (s *Session) raw(i int, reveal bool) []byte {
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
