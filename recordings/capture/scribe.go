package capture

import (
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
	"smtptap/recordings/transcript"
)

// A scribe takes down one session.
type scribe struct {
	session Session
	out     *transcript.Writer
	hello   func(p []byte) (*facts.Hello, error)
	agreed  bool   // the server has answered 220 to STARTTLS
	sealed  bool   // TLS has begun
	greeted bool   // what the client began it with was noted
	first   []byte // of what the client says in TLS, until its ClientHello is read
	bytes   [2]int64
	ended   [2]string
	last    time.Duration
}

var parties = [2]who.Party{who.Client, who.Server}

// newScribe takes down what is known when a session is recognised.
func newScribe(s Session, out *transcript.Writer, hello func(p []byte) (*facts.Hello, error)) *scribe {
	sc := &scribe{session: s, out: out, hello: hello}
	out.Fact(0, &facts.Open{Client: s.Client.String(), Listen: s.Server.String(), TLS: s.Sealed})
	dial := &facts.Dial{Addr: s.Server.String(), Took: s.Took}
	switch {
	case s.Refused:
		dial.Err, dial.Class = "connection refused", "refused"
	case s.Silent && !s.Connected:
		dial.Err, dial.Class = "no answer", "timeout"
	}
	sc.last = s.Took
	out.Fact(s.Took, dial)
	if !s.Begun {
		out.Skip(0, who.Client, who.Server, -1, decode.WhyNotRecorded)
		out.Skip(0, who.Server, who.Client, -1, decode.WhyNotRecorded)
	}
	if s.Sealed {
		sc.seal()
	}
	return sc
}

// since is a time in the session. Times that go back stand still.
func (s *scribe) since(at time.Time) time.Duration {
	s.last = max(s.last, at.Sub(s.session.Started))
	return s.last
}

func (s *scribe) said(at time.Time, end int, p []byte) {
	now, from, to := s.since(at), parties[end], parties[1-end]
	s.bytes[end] += int64(len(p))
	for len(p) > 0 && !s.sealed {
		if end == 0 && s.agreed && smtp.BeginsTLS(p) {
			s.seal()
			break
		}
		n, accepted := s.out.Data(now, from, to, p)
		s.agreed = accepted || s.agreed && end == 1
		p = p[n:]
	}
	if len(p) == 0 {
		return
	}
	if end == 0 {
		s.look(p)
	}
	s.out.Skip(now, from, to, int64(len(p)), decode.WhyEncrypted)
}

// NoteSealed is the note that TLS hides what follows.
const NoteSealed = "capture-sealed"

// seal notes that TLS begins.
func (s *scribe) seal() {
	s.sealed = true
	s.out.Fact(s.last, &facts.Note{ID: NoteSealed, Text: "sealed"})
	s.out.Unopened(s.last)
}

// maxHello bounds a ClientHello, record headers included.
const maxHello = 16 << 10

// look reads the client's ClientHello.
func (s *scribe) look(p []byte) {
	if s.hello == nil {
		return
	}
	s.first = append(s.first, p[:min(len(p), maxHello-len(s.first))]...)
	if hello, err := s.hello(s.first); err == nil {
		s.greet(hello)
	} else if len(s.first) >= maxHello {
		s.hello = nil
	}
}

// greet notes what the client began TLS with.
func (s *scribe) greet(hello *facts.Hello) {
	s.hello, s.first, s.greeted = nil, nil, true
	hello.Leg, hello.Why = who.ClientLeg, facts.HelloPassed
	s.out.Fact(s.last, hello)
}

func (s *scribe) lost(at time.Time, end int, n int64) {
	s.bytes[end] += n
	s.out.Skip(s.since(at), parties[end], parties[1-end], n, decode.WhyNotRecorded)
}

func (s *scribe) closed(at time.Time, end int, how string) {
	s.ended[end] = how
	s.out.Closed(s.since(at), parties[end], facts.Closed{Leg: parties[end].Leg(), How: how})
}

// over ends the session, as far as the file shows its end.
func (s *scribe) over() {
	if s.sealed && !s.greeted {
		s.greet(&facts.Hello{})
	}
	e := facts.End{ClientBytes: s.bytes[0], ServerBytes: s.bytes[1]}
	switch {
	case s.session.Refused || s.session.Silent && !s.session.Connected:
		e.Cause = facts.CauseUnreachable
	case s.ended[0] == byReset:
		e.Cause = facts.CauseClientReset
	case s.ended[1] == byReset:
		e.Cause = facts.CauseServerReset
	case s.ended[0] != "" && s.ended[1] != "":
		e.Cause = facts.CauseClosed
	default:
		s.out.Cut(s.last)
		return
	}
	s.out.End(s.last, e)
}
