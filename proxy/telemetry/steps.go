package telemetry

import (
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// A step is one thing in a session that takes its time.
type step struct {
	name    string // stepDNS, ...; "" for another command
	leg     who.Leg
	entry   int           // that began it, or that tells of it
	begin   time.Duration // when it began
	sent    time.Duration // when all was said that is to be answered
	end     time.Duration // when it was over
	over    bool
	replies []int // entries
}

// Names of steps. They are values of a label.
const (
	stepDNS      = "dns"
	stepConnect  = "connect"
	stepTLS      = "tls"
	stepGreeting = "greeting"
	stepEHLO     = "ehlo"
	stepAuth     = "auth"
	stepMail     = "mail"
	stepRcpt     = "rcpt"
	stepData     = "data"
	stepDataEnd  = "data_end"
)

var stepOf = map[string]string{
	"EHLO": stepEHLO, "HELO": stepEHLO, "LHLO": stepEHLO, "AUTH": stepAuth,
	"MAIL": stepMail, "RCPT": stepRcpt, "DATA": stepData,
}

// legOf is where an event was said: on the client's leg, unless it was on the
// server's alone.
func legOf(e *decode.Entry) who.Leg {
	if e.Leg == who.ServerLeg {
		return who.ServerLeg
	}
	return who.ClientLeg
}

// A question is an event that a reply refers to.
type question struct {
	leg who.Leg
	seq int
}

// A stepper finds the steps of a session in one pass.
type stepper struct {
	steps   []step
	asked   map[question]int // their steps
	current map[who.Leg]int  // the AUTH or BDAT that what follows belongs to
	reached time.Duration    // when the last connection was made
}

// stepsOf are the steps of a session in the order in which they began to show.
func stepsOf(t *decode.Transcript) []step {
	s := &stepper{asked: map[question]int{}, current: map[who.Leg]int{}}
	for i := range t.Entries {
		switch e := &t.Entries[i]; {
		case e.Fact != nil:
			s.fact(i, e)
		case e.Event != nil && e.Event.Reply != nil:
			s.reply(i, e)
		case e.Event != nil:
			s.said(i, e)
		}
	}
	return s.steps
}

func (s *stepper) fact(i int, e *decode.Entry) {
	took := func(name string, leg who.Leg, d time.Duration) {
		s.steps = append(s.steps, step{name: name, leg: leg, entry: i, begin: e.At - d, sent: e.At - d, end: e.At, over: true})
	}
	switch f := e.Fact.(type) {
	case *facts.Open:
		s.reached = e.At
	case *facts.DNS:
		took(stepDNS, who.ServerLeg, f.Took)
	case *facts.Dial:
		took(stepConnect, who.ServerLeg, f.Took)
		if f.Err == "" {
			s.reached = e.At
		}
	case *facts.TLS:
		took(stepTLS, f.Leg, f.Took)
		if f.Implicit && f.Err == "" {
			s.reached = e.At
		}
	}
}

func (s *stepper) said(i int, e *decode.Entry) {
	ev := e.Event
	switch ev.Kind {
	case decode.KindCommand:
		name := stepOf[ev.Command.Verb]
		if ev.Command.Verb == "BDAT" && ev.Command.Last {
			name = stepDataEnd
		}
		s.ask(name, i, e)
	case decode.KindEndOfData:
		s.ask(stepDataEnd, i, e)
	case decode.KindAuth, decode.KindBody:
		// A line of an exchange, or the chunk of a BDAT.
		if n, ok := s.current[legOf(e)]; ok && (ev.Kind == decode.KindAuth || ev.Body.Chunk) {
			s.asked[question{legOf(e), ev.Seq}] = n
			if ev.Kind == decode.KindBody {
				s.steps[n].sent = ev.At
			}
		}
	}
}

func (s *stepper) ask(name string, i int, e *decode.Entry) {
	s.asked[question{legOf(e), e.Event.Seq}] = len(s.steps)
	s.current[legOf(e)] = len(s.steps)
	s.steps = append(s.steps, step{name: name, leg: legOf(e), entry: i, begin: e.Event.Begin, sent: e.Event.At})
}

func (s *stepper) reply(i int, e *decode.Entry) {
	r := e.Event.Reply
	if e.Event.Kind == decode.KindGreeting {
		s.steps = append(s.steps, step{name: stepGreeting, leg: legOf(e), entry: i, begin: min(s.reached, e.At), sent: min(s.reached, e.At), end: e.At, over: true, replies: []int{i}})
		return
	}
	n, ok := s.asked[question{legOf(e), r.To}]
	if !ok {
		return
	}
	st := &s.steps[n]
	st.replies = append(st.replies, i)
	st.end, st.over = e.At, st.name != stepAuth || r.Code != 334
}
