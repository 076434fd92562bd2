package replay

import (
	"bytes"
	"cmp"
	"fmt"
	"io"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// A Script is the client's side of a session, ready to be said.
type Script struct {
	t      *decode.Transcript
	steps  []step
	unsaid []error // what is left out, and why

	pipelining bool // the recorded server offered PIPELINING (RFC 2920)
	last       int  // the last step that the recorded server answered, or -1
}

// StartsTLS reports that the client began TLS with STARTTLS.
func (s *Script) StartsTLS() bool {
	for i := range s.steps {
		if s.steps[i].verb() == "STARTTLS" {
			return true
		}
	}
	return false
}

// Speak has the script begin with that verb, EHLO or LHLO, where the client
// began with another: a server of SMTP does not know the one, a server of LMTP
// the other (RFC 2033 section 4.1).
func (s *Script) Speak(verb string) {
	for i := range s.steps {
		at := &s.steps[i]
		if was := at.verb(); smtp.Greets(was) && was != verb && (verb == "LHLO" || was == "LHLO") {
			at.hello = verb
			said := fmt.Appendf(nil, "%s %s\r\n", verb, at.event.Command.Arg)
			at.line = func(string) ([]byte, error) { return said, nil }
			s.unsaid = append(s.unsaid, words.Error("spoken", "was", visible.Text(was), "verb", verb))
		}
	}
}

// A step is one thing that the client said.
type step struct {
	event  *decode.Event
	line   func(challenge string) ([]byte, error) // for a login line that is said anew; nil for the recorded bytes
	hello  string                                 // said in place of another EHLO, HELO or LHLO; "" for what was recorded
	secret bool                                   // it holds a password or token

	// What the client had heard when it said this.
	greeted bool
	heard   int // the last step whose reply it had, or -1
}

// verb is what a reply to the step answers, "" when none comes.
func (s *step) verb() string {
	switch s.event.Kind {
	case decode.KindCommand:
		return cmp.Or(s.hello, s.event.Command.Verb)
	case decode.KindAuth:
		return "AUTH"
	case decode.KindEndOfData:
		return "."
	}
	return ""
}

// endsMessage reports a step that a server answers for the whole message.
func (s *step) endsMessage() bool {
	return s.event.Kind == decode.KindEndOfData || s.verb() == "BDAT" && s.event.Command.Last
}

// answered reports whether a server replies to the step.
func (s *step) answered() bool {
	return s.event.Kind == decode.KindCommand || s.event.Kind == decode.KindAuth || s.event.Kind == decode.KindEndOfData
}

// inMessage reports a step that is part of a message after DATA.
func (s *step) inMessage() bool {
	switch s.event.Kind {
	case decode.KindHeader, decode.KindEndOfData:
		return true
	case decode.KindBody:
		return !s.event.Body.Chunk
	}
	return false
}

// NewScript makes the script of a recorded session. The error says what is
// missing: bytes that the recording does not hold, or credentials.
func NewScript(t *decode.Transcript, c Credentials) (*Script, error) {
	if t.Source == decode.SourceLog {
		return nil, words.Error("log")
	}
	if err := whole(t); err != nil {
		return nil, err
	}
	b := &builder{Script: &Script{t: t, last: -1}, credentials: c, said: map[int]int{}}
	for i := range t.Entries {
		if e := &t.Entries[i]; e.Event != nil && e.Leg != who.ServerLeg {
			if err := b.event(e.Event); err != nil {
				return nil, err
			}
		}
	}
	if len(b.steps) == 0 {
		return nil, words.Error("nothing-said")
	}
	return b.Script, nil
}

// whole says what is missing of a recording.
func whole(t *decode.Transcript) error {
	if len(t.CannotShow) > 0 {
		return words.Error("whole-recording", "why", t.CannotShow[0])
	}
	for i := range t.Entries {
		if _, ended := t.Entries[i].Fact.(*facts.End); ended {
			return nil
		}
	}
	return words.Error("no-end")
}

// A builder makes a script from a session's events in their order.
type builder struct {
	*Script
	credentials Credentials
	user        string      // that the client named last
	said        map[int]int // steps by the Seq of their events
	greeted     bool
}

func (b *builder) event(e *decode.Event) error {
	if e.Side == who.Server {
		b.heard(e)
		return nil
	}
	switch e.Kind {
	case decode.KindMissing:
		return missing(e.Missing)
	case decode.KindHeader, decode.KindBody, decode.KindOpaque, decode.KindCommand, decode.KindAuth, decode.KindEndOfData:
		return b.add(e)
	}
	return nil
}

// heard notes a reply that the client had from here on.
func (b *builder) heard(e *decode.Event) {
	switch {
	case e.Kind == decode.KindGreeting:
		b.greeted = true
	case e.Reply != nil:
		if at, found := b.said[e.Reply.To]; found {
			b.last = max(b.last, at)
		}
		for _, k := range e.Reply.EHLO {
			b.pipelining = b.pipelining || k.Name == "PIPELINING"
		}
	}
}

func missing(m *decode.Missing) error {
	switch {
	case m.Why == decode.WhyEncrypted:
		return words.Error("sealed")
	case m.Bytes > 0:
		return words.Error("missing-bytes", "size", units.Bytes(m.Bytes), "why", visible.Text(m.Why))
	}
	return words.Error("missing", "why", visible.Text(m.Why))
}

func (b *builder) add(e *decode.Event) error {
	if e.Auth != nil && e.Auth.Step == decode.StepStray && !b.t.SecretsKept {
		b.unsaid = append(b.unsaid, words.Error("stray"))
		return nil
	}
	s := step{event: e, greeted: b.greeted, heard: b.last, secret: len(e.Secrets) > 0}
	if a := e.Auth; a != nil {
		if err := b.login(&s, a); err != nil {
			return err
		}
	}
	if s.secret && s.line == nil && !b.t.SecretsKept {
		return words.Error("no-secret", "what", b.name(e))
	}
	b.said[e.Seq] = len(b.steps)
	b.steps = append(b.steps, s)
	return nil
}

// name tells a step in a sentence.
func (b *builder) name(e *decode.Event) any {
	if e.Command != nil && e.Command.Verb != "" {
		return visible.Text(e.Command.Verb)
	}
	return words.Error("line-number", "n", len(b.steps)+1)
}

// login makes a line of a login anew where the recording does not hold it, or
// holds another user's.
func (b *builder) login(s *step, a *decode.Auth) error {
	switch {
	case a.User != "":
		b.user = a.User
	case a.Secret != nil && a.Secret.User != "":
		b.user = a.Secret.User
	}
	say, err := b.credentials.answerFor(a, b.user, b.t.SecretsKept)
	if err != nil || say == nil {
		return err
	}
	raw := s.event.Raw
	from, to := place(s.event)
	if from < 0 {
		return words.Error("login-long", "size", units.Bytes(s.event.Span.Len()))
	}
	s.line = func(challenge string) ([]byte, error) {
		text, err := say(challenge)
		return fmt.Appendf(nil, "%s%s%s", raw[:from], text, raw[to:]), err
	}
	return nil
}

// place is where in a login line the response stands: the secret if there is
// one, and else what follows the mechanism, or the whole line. It is -1 where
// the line is not all there.
func place(e *decode.Event) (from, to int) {
	if int64(len(e.Raw)) != e.Span.Len() {
		return -1, -1
	}
	if len(e.Secrets) > 0 {
		return int(e.Secrets[0].Start - e.Span.Start), int(e.Secrets[len(e.Secrets)-1].End - e.Span.Start)
	}
	to = len(e.Raw)
	for to > 0 && (e.Raw[to-1] == '\n' || e.Raw[to-1] == '\r') {
		to--
	}
	if e.Kind == decode.KindCommand { // AUTH LOGIN followed by the user name
		for from = to; from > 0 && e.Raw[from-1] != ' '; {
			from--
		}
	}
	return from, to
}

// read reads what the client said in a step.
func (s *Script) read(at *step, challenge string) (io.Reader, error) {
	switch {
	case at.line == nil && at.event.Raw != nil && int64(len(at.event.Raw)) == at.event.Span.Len():
		return bytes.NewReader(at.event.Raw), nil
	case at.line == nil:
		return s.t.Reader(who.ClientLeg, who.Client, at.event.Span), nil
	}
	line, err := at.line(challenge)
	return bytes.NewReader(line), err
}
