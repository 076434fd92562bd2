package panes

import (
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/tui/draw"
)

// A step is a stretch of time in which somebody was waited for.
type step struct {
	label      string
	who        waitCause
	begin, end time.Duration
	entry      int // that ended it, -1 while it is open
}

func (s step) took() time.Duration { return s.end - s.begin }

// A waitCause is what was waited for.
type waitCause uint8

const (
	waitServer waitCause = iota
	waitClient
	waitSetup // smtptap: DNS, connecting, handshakes
	waitCauses
)

func (w waitCause) String() string { return [...]string{"server", "client", "setup"}[w] }

// stepsOf divides the time of a session, up to now while it runs, into steps:
// each begins where the one before ends, so that their sum is the whole.
func stepsOf(t *draw.Theme, s *Session, now time.Duration) []step {
	f := stepFinder{session: s, theme: t}
	for i, e := range s.Entries {
		switch {
		case e.Fact != nil:
			f.fact(i, e)
		case e.Event.Side == who.Server:
			f.server(i, e)
		default:
			f.client(i, e)
		}
	}
	if s.turn != nil {
		f.add(s.turn.label(t), s.turn.who, f.at, now, -1)
	}
	return f.steps
}

// A stepFinder goes through the entries of a session.
type stepFinder struct {
	session *Session
	theme   *draw.Theme
	steps   []step
	at      time.Duration // up to where time is accounted for
	open    int           // commands without a reply
}

// add accounts for the time up to end. What is before begin was somebody else's.
func (f *stepFinder) add(label string, w waitCause, begin, end time.Duration, entry int) {
	if begin = max(begin, f.at); end > begin {
		f.steps = append(f.steps, step{label, w, begin, end, entry})
		f.at = end
	}
}

func (f *stepFinder) fact(i int, e decode.Entry) {
	took := func(label string, d time.Duration) {
		f.add(f.theme.Say("step-before", "what", label), waitSetup, f.at, e.At-d, i)
		f.add(label, waitSetup, f.at, e.At, i)
	}
	switch fact := e.Fact.(type) {
	case *facts.DNS:
		took("DNS "+visible.Text(fact.Kind+" "+fact.Name), fact.Took)
	case *facts.Dial:
		took(f.theme.Say("step-connect"), fact.Took)
	case *facts.TLS:
		took(f.theme.Say("step-tls-"+fact.Leg.String()), fact.Took)
	case *facts.Closed:
		w := waitClient
		if e.From == who.Server {
			w = waitServer
		}
		f.add(f.theme.Say("step-close"), w, f.at, e.At, i)
	case *facts.End:
		f.add(f.theme.Say("step-end"), waitSetup, f.at, e.At, i)
	}
}

func (f *stepFinder) server(i int, e decode.Entry) {
	switch ev := e.Event; {
	case ev.Reply == nil:
		f.add(f.theme.Say("step-bytes"), waitServer, f.at, e.At, i)
	case ev.Kind == decode.KindGreeting:
		f.add(f.theme.Say("step-greeting"), waitServer, f.at, e.At, i)
	default:
		label := f.theme.Say("step-unasked")
		if q := f.session.Question(i); q >= 0 {
			label = f.replyLabel(ev.Reply.ToVerb, f.session.Entries[q].Event)
			f.open = max(f.open-1, 0)
		}
		f.add(label, waitServer, f.at, e.At, i)
	}
}

// replyLabel names what a reply answers.
func (f *stepFinder) replyLabel(verb string, asked *decode.Event) string {
	switch {
	case verb == ".":
		return f.theme.Say("step-accept")
	case asked.Auth != nil && asked.Auth.Step == decode.StepUser:
		return f.theme.Say("step-username")
	case asked.Auth != nil && asked.Auth.Step == decode.StepPassword:
		return f.theme.Say("step-password")
	case asked.Command != nil:
		return commandName(asked.Command)
	}
	return visible.Text(verb)
}

// client accounts for what the client took, unless it sends while the server is
// waited for.
func (f *stepFinder) client(i int, e decode.Entry) {
	ev := e.Event
	begin := min(ev.Begin, e.At)
	label := f.theme.Say("step-bytes")
	switch ev.Kind {
	case decode.KindHeader, decode.KindBody:
		f.message(begin, e.At, i)
		return
	case decode.KindEndOfData:
		f.message(begin, e.At, i)
		f.open++
		return
	case decode.KindCommand:
		label = f.theme.Say("step-before", "what", commandName(ev.Command))
	case decode.KindAuth:
		label = f.theme.Say("step-login")
	}
	if f.open == 0 {
		f.add(label, waitClient, f.at, e.At, i)
	}
	if ev.Kind != decode.KindOpaque && ev.Kind != decode.KindMissing {
		f.open++
	}
}

// message accounts for the time in which a message comes, as one step.
func (f *stepFinder) message(begin, end time.Duration, i int) {
	label := f.theme.Say("step-message")
	if n := len(f.steps) - 1; n >= 0 && f.steps[n].label == label && f.steps[n].end == f.at {
		f.steps[n].end, f.steps[n].entry, f.at = max(end, f.at), i, max(end, f.at)
		return
	}
	if f.open == 0 {
		f.add(f.theme.Say("step-before", "what", label), waitClient, f.at, begin, i)
	}
	f.add(label, waitClient, f.at, end, i)
}
