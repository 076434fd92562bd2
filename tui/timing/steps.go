package timing

import (
	"slices"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/tui/session"
)

// A step is a stretch of time in which somebody was waited for.
type step struct {
	label      string
	who        cause
	begin, end time.Duration
	entry      int // that ended it
}

func (s step) took() time.Duration { return s.end - s.begin }

// A cause is what was waited for.
type cause uint8

const (
	server cause = iota
	client
	setup // DNS, connecting, handshakes
	whos
)

func (w cause) String() string { return [...]string{"server", "client", "setup"}[w] }

// idle is how long a client must take between a reply and its next command for
// the pause to be a step.
const idle = 50 * time.Millisecond

// stepsOf finds the steps of a session in the order in which they began.
func stepsOf(s *session.Session) []step {
	f := follower{session: s}
	for i, e := range s.Entries {
		switch {
		case e.Fact != nil:
			f.fact(i, e)
		case e.Event != nil && e.Event.Side == who.Server:
			f.server(i, e)
		case e.Event != nil:
			f.client(i, e)
		}
	}
	slices.SortStableFunc(f.steps, func(a, b step) int { return int(a.begin - b.begin) })
	return f.steps
}

// A follower goes through the entries of a session.
type follower struct {
	session *session.Session
	steps   []step
	replied time.Duration // when the server last spoke
	data    time.Duration // when the message at hand began, -1 for none
	inData  bool
}

func (f *follower) add(label string, w cause, begin, end time.Duration, entry int) {
	f.steps = append(f.steps, step{label, w, max(begin, 0), max(end, begin, 0), entry})
}

func (f *follower) fact(i int, e decode.Entry) {
	switch fact := e.Fact.(type) {
	case *facts.DNS:
		f.add("DNS "+visible.Text(fact.Kind+" "+fact.Name), setup, e.At-fact.Took, e.At, i)
	case *facts.Dial:
		f.add("connect", setup, e.At-fact.Took, e.At, i)
	case *facts.TLS:
		f.add("TLS, "+fact.Leg.String()+"'s leg", setup, e.At-fact.Took, e.At, i)
	default:
		return
	}
	f.replied = e.At
}

func (f *follower) server(i int, e decode.Entry) {
	ev := e.Event
	switch {
	case ev.Kind == decode.KindGreeting:
		f.add("greeting", server, f.replied, e.At, i)
	case ev.Reply == nil:
		return
	default:
		if q := f.session.Question(i); q >= 0 {
			f.add(label(ev.Reply.ToVerb, f.session.Entries[q].Event), server, f.session.Entries[q].At, e.At, i)
		}
	}
	f.replied = e.At
}

// label names what a reply answers.
func label(verb string, asked *decode.Event) string {
	switch {
	case verb == ".":
		return "accept message"
	case verb == "":
		return "reply"
	case asked.Auth != nil && asked.Auth.Step == decode.StepUser:
		return "AUTH, user name"
	case asked.Auth != nil && asked.Auth.Step == decode.StepPassword:
		return "AUTH, password"
	}
	return visible.Text(verb)
}

func (f *follower) client(i int, e decode.Entry) {
	ev := e.Event
	begin := min(ev.Begin, e.At)
	switch ev.Kind {
	case decode.KindHeader, decode.KindBody:
		if !f.inData {
			f.inData, f.data = true, begin
			f.pause(begin, i)
		}
		return
	case decode.KindEndOfData:
		if f.inData {
			f.add("message", client, f.data, e.At, i)
			f.inData = false
		}
		return
	}
	f.pause(begin, i)
}

// pause notes that the client was silent after the server had spoken.
func (f *follower) pause(until time.Duration, i int) {
	if until-f.replied >= idle && f.replied > 0 {
		f.add("silence", client, f.replied, until, i)
	}
	f.replied = max(f.replied, until)
}
