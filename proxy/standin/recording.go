package standin

import (
	"io"
	"slices"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/sink"
	"smtptap/recordings/redact"
)

// A recording is what a server said in a session, by what it answered.
type recording struct {
	id       string
	t        *decode.Transcript
	greeting []sink.Answer
	steps    []step
	messages []decode.Message
	end      *end           // by the server; nil where the client ended the session, or nobody knows
	cut      facts.Sentence // why the recording says no more after its last answer
	lmtp     bool
	redacted bool // people and hosts in it have stand-ins
}

// A step is something that the client said, and the answers to it. The lines of a
// login are one step with its AUTH command, a message is one with its end.
type step struct {
	event   *decode.Event
	answers []sink.Answer
	lines   int   // of a login, after the AUTH command
	cancels bool  // the login was cancelled
	message int   // which it ends, -1 for none
	content int64 // octets of a message that came to no end after this DATA
}

// verb is what the step is matched by: "." for the end of a message.
func (s *step) verb() string {
	if s.event.Kind == decode.KindEndOfData {
		return "."
	}
	return s.event.Command.Verb
}

// An end is how the server ended the session.
type end struct {
	after int // the step that it came after or in place of an answer to, -1 for before all
	sink.Answer
}

// prompt is how short a wait is of which the client knows nothing.
const prompt = time.Second

// OffersTLS reports that the recorded server offered STARTTLS.
func OffersTLS(t *decode.Transcript) bool {
	for _, e := range t.Entries {
		if e.Event != nil && e.Leg != who.ServerLeg && e.Event.Reply != nil && slices.ContainsFunc(e.Event.Reply.EHLO, func(k decode.Keyword) bool { return k.Name == "STARTTLS" }) {
			return true
		}
	}
	return false
}

// A reader goes through a session in its order.
type reader struct {
	*recording
	asked    map[int]int // steps by the Seq of their events
	at       time.Duration
	answered time.Duration // when the last answer came
	last     int           // the last step that was answered, -1 for none
	said     time.Duration // when the client said what was not answered first after that
	gone     *end          // as far as a peer has closed its side
	first    who.Leg       // which one was the first
	left     time.Duration
	cause    string
}

// read reads the server's side. The error says why there is none.
func read(t *decode.Transcript) (*recording, error) {
	if t.Earlier > 0 {
		return nil, facts.Sentence("standin-long")
	}
	r := &reader{recording: &recording{id: t.ID, t: t, messages: t.Messages(), cut: "standin-cut"}, asked: map[int]int{}, last: -1}
	for i := range t.Entries {
		e := &t.Entries[i]
		switch {
		case e.Fact != nil:
			r.fact(e)
		case e.Leg == who.ServerLeg:
		case e.Event.Kind == decode.KindMissing && e.Event.Missing.Why == decode.WhyEncrypted:
			return nil, facts.Sentence("standin-sealed")
		case e.Event.Kind == decode.KindMissing && e.Event.Side == who.Server:
			r.cut = "standin-lacks"
			return r.done()
		case e.Event.Side == who.Server:
			if err := r.heard(e.Event); err != nil {
				return nil, err
			}
		default:
			r.told(i, e.Event)
		}
	}
	return r.done()
}

// told notes what the client said.
func (r *reader) told(entry int, e *decode.Event) {
	last := len(r.steps) - 1
	switch {
	case e.Kind == decode.KindAuth && last >= 0 && r.steps[last].verb() == "AUTH":
		r.asked[e.Seq] = last
		r.steps[last].lines++
		r.steps[last].cancels = e.Auth.Step == decode.StepCancel
	case e.Kind == decode.KindCommand, e.Kind == decode.KindEndOfData:
		s := step{event: e, message: -1}
		for i := range r.messages {
			if r.messages[i].Complete && r.messages[i].End == entry {
				s.message = i
			}
		}
		if e.Kind == decode.KindEndOfData && last >= 0 {
			r.steps[last].content = 0
		}
		if len(r.steps) == r.last+1 {
			r.said = e.At
		}
		r.asked[e.Seq] = len(r.steps)
		r.steps = append(r.steps, s)
		r.lmtp = r.lmtp || s.verb() == "LHLO"
		if s.verb() == "MAIL" || s.verb() == "RCPT" {
			r.redacted = r.redacted || redact.StandIn(e.Command.Path)
		}
	case last >= 0 && r.steps[last].verb() == "DATA" && e.Kind != decode.KindAuth:
		r.steps[last].content += e.Span.Len()
	}
	r.at = e.At
}

// heard notes a reply of the server.
func (r *reader) heard(e *decode.Event) error {
	if e.Reply == nil {
		return nil // no SMTP, which no client takes for an answer
	}
	text := e.Raw
	if int64(len(text)) < e.Span.Len() {
		var err error
		if text, err = io.ReadAll(r.t.Reader(who.ClientLeg, who.Server, e.Span)); err != nil {
			return err
		}
	}
	a := sink.Answer{Reply: string(text), Wait: max(e.Begin-max(r.at, r.answered), 0)}
	if !strings.HasSuffix(a.Reply, "\n") {
		a.Reply += "\r\n" // a pasted log keeps no line ends
	}
	r.gone, r.answered = nil, e.At
	to, found := r.asked[e.Reply.To]
	switch {
	case e.Kind == decode.KindGreeting || len(r.steps) == 0:
		r.greeting = append(r.greeting, a)
		return nil
	case !found:
		to = len(r.steps) - 1
		if e.Reply.To < 0 && e.Reply.Code == 421 {
			r.gone = &end{to, a}
			return nil
		}
	}
	r.steps[to].answers = append(r.steps[to].answers, a)
	r.last = max(r.last, to)
	return nil
}

func (r *reader) fact(e *decode.Entry) {
	switch f := e.Fact.(type) {
	case *facts.Open:
		r.at, r.answered = e.At, e.At
	case *facts.Dial:
		if len(r.steps) == 0 {
			r.at = e.At
		}
	case *facts.TLS:
		r.answered = max(r.answered, e.At)
	case *facts.Closed:
		r.closed(f.Leg, f.How, e.At)
	case *facts.Note:
		switch f.ID {
		case facts.NoteRuleSilent:
			r.closed(who.ServerLeg, "silent", e.At)
		case facts.NoteRuleEnded, facts.NoteRuleHalfClosed:
			how := "fin"
			if strings.Contains(f.Text.String(), " resets ") {
				how = "reset"
			}
			r.closed(who.ServerLeg, how, e.At)
		}
	case *facts.End:
		r.cause = f.Cause
		if r.first == 0 {
			r.left = e.At
		}
		if f.Cause == facts.CauseUnreachable || f.Cause == facts.CauseRefused {
			r.closed(who.ServerLeg, "fin", e.At)
		}
	}
}

var endings = map[string]sink.Ending{"truncated": sink.Truncates, "reset": sink.Resets, "silent": sink.FallsSilent}

// closed notes that a peer ended its side.
func (r *reader) closed(leg who.Leg, how string, at time.Duration) {
	if r.first == 0 {
		r.first, r.left = leg, at
	}
	if leg != who.ServerLeg || r.first != who.ServerLeg || r.gone != nil && r.gone.Then != sink.GoesOn {
		return
	}
	if r.gone == nil {
		r.gone = &end{Answer: sink.Answer{Wait: at}}
	}
	if r.gone.Then = endings[how]; r.gone.Then == sink.GoesOn {
		r.gone.Then = sink.Closes
	}
}

// done settles how the session ended.
func (r *reader) done() (*recording, error) {
	if len(r.greeting) == 0 && len(r.steps) == 0 && r.gone == nil {
		return nil, facts.Sentence("standin-silent")
	}
	open := r.last+1 < len(r.steps) // something was not answered
	if len(r.steps) > 0 && r.last == len(r.steps)-1 {
		s := &r.steps[r.last]
		open = s.content > 0 || s.verb() == "AUTH" && s.lines >= len(s.answers)
	}
	since := r.answered
	if open {
		since = r.at
		if r.last+1 < len(r.steps) {
			since = r.said
		}
	}
	switch waited := r.left - since; {
	case r.gone != nil && r.gone.Then != sink.GoesOn:
		r.end = r.gone
		if r.end.Reply == "" {
			r.end.Wait = max(r.end.Wait-since, 0)
		}
	case r.cause == facts.CauseIdle && open, open && r.first == who.ClientLeg && waited >= prompt:
		r.end = &end{Answer: sink.Answer{Then: sink.FallsSilent}}
	case r.gone != nil:
		r.end = r.gone // it said 421, and was left
		r.end.Then = sink.Closes
	}
	if r.end != nil {
		r.end.after = r.last
		if r.last+1 < len(r.steps) {
			r.end.after++
		}
	}
	switch r.cause {
	case "":
	case facts.CauseShutdown, facts.CauseInternal:
		r.cut = "standin-smtptap-ended"
	default:
		r.cut = "standin-ended"
	}
	return r.recording, nil
}
