package panes

import (
	"slices"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// A step is a stretch of time in which somebody was waited for.
type step struct {
	label      string
	who        waitCause
	begin, end time.Duration
	entry      int // that ended it
}

func (s step) took() time.Duration { return s.end - s.begin }

// A waitCause is what was waited for.
type waitCause uint8

const (
	waitServer waitCause = iota
	waitClient
	waitSetup // DNS, connecting, handshakes
	waitCauses
)

func (w waitCause) String() string { return [...]string{"server", "client", "setup"}[w] }

// idleClient is how long a client must take between a reply and its next command for
// the pause to be a step.
const idleClient = 50 * time.Millisecond

// stepsOf finds the steps of a session in the order in which they began.
func stepsOf(s *Session) []step {
	f := stepFinder{session: s}
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

// A stepFinder goes through the entries of a session.
type stepFinder struct {
	session *Session
	steps   []step
	replied time.Duration // when the server last spoke
	data    time.Duration // when the message at hand began, -1 for none
	inData  bool
}

func (f *stepFinder) add(label string, w waitCause, begin, end time.Duration, entry int) {
	f.steps = append(f.steps, step{label, w, max(begin, 0), max(end, begin, 0), entry})
}

func (f *stepFinder) fact(i int, e decode.Entry) {
	switch fact := e.Fact.(type) {
	case *facts.DNS:
		f.add("DNS "+visible.Text(fact.Kind+" "+fact.Name), waitSetup, e.At-fact.Took, e.At, i)
	case *facts.Dial:
		f.add("connect", waitSetup, e.At-fact.Took, e.At, i)
	case *facts.TLS:
		f.add("TLS, "+fact.Leg.String()+"'s leg", waitSetup, e.At-fact.Took, e.At, i)
	default:
		return
	}
	f.replied = e.At
}

func (f *stepFinder) server(i int, e decode.Entry) {
	ev := e.Event
	switch {
	case ev.Kind == decode.KindGreeting:
		f.add("greeting", waitServer, f.replied, e.At, i)
	case ev.Reply == nil:
		return
	default:
		if q := f.session.Question(i); q >= 0 {
			f.add(replyLabel(ev.Reply.ToVerb, f.session.Entries[q].Event), waitServer, f.session.Entries[q].At, e.At, i)
		}
	}
	f.replied = e.At
}

// replyLabel names what a reply answers.
func replyLabel(verb string, asked *decode.Event) string {
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

func (f *stepFinder) client(i int, e decode.Entry) {
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
			f.add("message", waitClient, f.data, e.At, i)
			f.inData = false
		}
		return
	}
	f.pause(begin, i)
}

// pause notes that the client was silent after the server had spoken.
func (f *stepFinder) pause(until time.Duration, i int) {
	if until-f.replied >= idleClient && f.replied > 0 {
		f.add("silence", waitClient, f.replied, until, i)
	}
	f.replied = max(f.replied, until)
}
