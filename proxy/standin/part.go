package standin

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/proxy/sink"
)

// A part is the recorded server in one session. It is the sink's script.
type part struct {
	recording *recording
	options   Options
	fact      func(facts.Fact)

	at     int // the step that is next
	parted int // how often the client did something else
	missed int // the step that the client was last told to have done something else than

	login   []sink.Answer // what is still to be answered in a login
	cancels bool          // then it was cancelled
	scram   bool          // it is one of SCRAM
	content content
}

// Greeting implements sink.Script.
func (p *part) Greeting() (sink.Answer, bool) {
	if len(p.recording.greeting) == 0 {
		return p.ended()
	}
	return p.timed(joined(p.recording.greeting)), true
}

// joined are answers that were given at once, in one.
func joined(all []sink.Answer) (a sink.Answer) {
	for i := range all {
		a.Wait += all[i].Wait
		a.Reply += all[i].Reply
	}
	return a
}

// timed is an answer with the wait that it is to have.
func (p *part) timed(a sink.Answer) sink.Answer {
	if p.options.Speed == 0 {
		a.Wait = 0
	} else {
		a.Wait = time.Duration(float64(a.Wait) / p.options.Speed)
	}
	return a
}

// ended is the end that the session came to then.
func (p *part) ended() (sink.Answer, bool) {
	if p.recording.end == nil {
		return sink.Answer{Then: sink.Closes}, true
	}
	return p.timed(p.recording.end.Answer), true
}

// Command implements sink.Script.
func (p *part) Command(c *smtp.Command) (sink.Answer, bool) {
	if p.parted > 0 && !p.options.Lenient {
		return refusal(c.Verb), true
	}
	if c.Verb == "BDAT" && !c.Last && p.at < len(p.recording.steps) && p.recording.steps[p.at].verb() == "BDAT" && p.recording.steps[p.at].event.Command.Last {
		return sink.Answer{}, false // a message is cut into as many chunks as it likes
	}
	at := p.find(c)
	if at < 0 && p.leftBefore() {
		return p.ended()
	}
	switch leftOut := at > p.at; {
	case at == p.at, leftOut && (c.Verb == "BDAT" || p.missed == p.at):
	case leftOut && p.options.Lenient:
		p.part(told(c), "standin-as-then")
	default:
		p.missed = p.at
		p.part(told(c), p.policy())
		if !p.options.Lenient {
			return refusal(c.Verb), true
		}
		if at < 0 {
			return sink.Answer{}, false
		}
	}
	return p.play(at, c)
}

// find is the next step that means what the command means, -1 for none.
func (p *part) find(c *smtp.Command) int {
	for i := p.at; i < len(p.recording.steps); i++ {
		if p.recording.same(c, p.recording.steps[i].event) {
			return i
		}
	}
	return -1
}

// leftBefore reports that the server was gone before it could hear any more.
func (p *part) leftBefore() bool {
	end := p.recording.end
	return end != nil && p.at == len(p.recording.steps) && end.Then != sink.FallsSilent && end.Wait < prompt
}

// play answers a command by a step.
func (p *part) play(at int, c *smtp.Command) (sink.Answer, bool) {
	p.at = at + 1
	s := &p.recording.steps[at]
	if c.Verb != "BDAT" {
		p.content = content{}
	}
	switch {
	case s.verb() == "AUTH":
		return p.logIn(s, c.Arg)
	case s.content > 0:
		p.content.most = s.content
		p.content.then = p.recording.end
	}
	if len(s.answers) == 0 {
		return p.unanswered(at, c)
	}
	return p.timed(joined(s.answers)), true
}

// unanswered is what becomes of something that was not answered then.
func (p *part) unanswered(at int, c *smtp.Command) (sink.Answer, bool) {
	if end := p.recording.end; end != nil && at >= end.after {
		return p.ended()
	}
	for i := at + 1; i < len(p.recording.steps); i++ {
		if len(p.recording.steps[i].answers) > 0 {
			return sink.Answer{}, true // the server took no notice
		}
	}
	if c.Verb == "QUIT" {
		return sink.Answer{}, false // the client left at once
	}
	p.part(told(c), p.policy())
	return refusal(c.Verb), !p.options.Lenient
}

// Idle implements sink.Script.
func (p *part) Idle() (sink.Answer, bool) {
	end := p.recording.end
	if end == nil || p.at <= end.after || p.at < len(p.recording.steps) || p.parted > 0 || end.Then == sink.FallsSilent || p.login != nil {
		return sink.Answer{}, false
	}
	a := p.timed(end.Answer)
	if end.Wait >= prompt { // so that a client has the time to say something
		a.Wait = max(a.Wait, prompt)
	}
	return a, true
}

// Content implements sink.Script.
func (p *part) Content() io.Writer {
	if at := p.message(); at >= 0 {
		p.content.room = min(p.recording.messages[p.recording.steps[at].message].Size(), mostCompared) + room
	}
	return &p.content
}

// message is the step that ends the message which is sent now, -1 for none.
func (p *part) message() int {
	for at := p.at; at < len(p.recording.steps); at++ {
		switch s := &p.recording.steps[at]; {
		case s.message >= 0:
			return at
		case s.verb() != "BDAT":
			return -1
		}
	}
	return -1
}

// Message implements sink.Script.
func (p *part) Message(due int) ([]sink.Answer, bool) {
	strict := !p.options.Lenient
	now := p.content
	p.content = content{}
	if p.parted > 0 && strict {
		return refusals(due), true
	}
	at := p.message()
	if now.then != nil { // then it had come to no end
		a, _ := p.ended()
		return []sink.Answer{a}, true
	}
	if at < 0 {
		p.part("standin-whole", p.policy())
		return refusals(due), strict
	}
	s := &p.recording.steps[at]
	p.at = at + 1
	if what := p.recording.differs(s, &now); what != "" {
		if strict {
			p.part(facts.Say("standin-another", "what", what), p.policy())
			return refusals(due), true
		}
		p.part(facts.Say("standin-another", "what", what), "standin-as-then")
	}
	if len(s.answers) == 0 {
		a, ok := p.unanswered(at, &smtp.Command{Verb: "."})
		return []sink.Answer{a}, ok
	}
	var all []sink.Answer
	for i := range min(due, len(s.answers)) {
		all = append(all, p.timed(s.answers[i]))
	}
	for len(all) < due { // of LMTP, for recipients that there were not then
		all = append(all, all[0])
	}
	return all, true
}

// refusal is the strict answer to what the recording holds no answer to.
func refusal(verb string) sink.Answer {
	if verb == "QUIT" {
		return sink.Answer{Reply: "221 2.0.0 " + decode.OwnMark + " bye\r\n"}
	}
	return sink.Answer{Reply: "503 5.5.1 " + decode.OwnMark + " the recorded client went on in another way\r\n"}
}

func refusals(n int) (all []sink.Answer) {
	for range n {
		all = append(all, refusal(""))
	}
	return all
}

// mostPartings is how often it is told that a client does something else.
const mostPartings = 50

// part tells that the client does something else than then.
func (p *part) part(now, what facts.Sentence) {
	if p.parted++; p.parted > mostPartings {
		return
	}
	then := p.recording.cut
	if p.at < len(p.recording.steps) {
		then = facts.Say("standin-said", "what", p.recording.steps[p.at].told())
	}
	p.fact(&facts.Note{ID: facts.NoteParted, Text: facts.Say("standin-parted", "now", now, "id", p.recording.id, "then", then, "what", what)})
}

// policy is what becomes of what the recording holds no answer to.
func (p *part) policy() facts.Sentence {
	if p.options.Lenient {
		return "standin-as-sink"
	}
	return "standin-503"
}

// told names a command safely: what follows a verb may be a secret, but for an
// address.
func told(c *smtp.Command) facts.Sentence {
	switch {
	case c.Verb == "":
		return "standin-no-command"
	case c.Path.Found:
		return facts.Say("standin-command", "command", fmt.Sprintf("%s <%s>", c.Verb, c.Path.Text))
	case c.Verb == "AUTH":
		return facts.Say("standin-command", "command", strings.TrimSpace("AUTH "+decode.Mechanism(c.Arg)))
	}
	return facts.Say("standin-command", "command", c.Verb)
}

func (s *step) told() facts.Sentence {
	if s.verb() == "." {
		return "standin-end"
	}
	c := smtp.ReadCommand(bytes.TrimRight(s.event.Raw, "\r\n"))
	return told(&c)
}
