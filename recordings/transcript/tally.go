package transcript

import (
	"fmt"
	"net"
	"strings"
	"unicode/utf8"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/message"
	"smtptap/decode/who"
)

// A Tally makes a Summary from a session's entries, one after the other. The
// zero value is ready to use.
type Tally struct {
	sum     Summary
	subject string // of the first message, as sent; "" once it is decoded
	end     *facts.End
	failure string // of the newest connection or handshake that failed
	refusal refusal
	taken   string // the newest reply that took a message
	code    int    // its code

	mail     bool // a MAIL command stands, and its message was not answered
	accepted int  // recipients of that message that the server took
	unsent   bool // a message, or one of its recipients, was refused
	last     int  // Seq of the newest BDAT LAST, plus one; 0 for none
	quit     bool
	sealed   bool // TLS was handed through unopened
}

// A refusal is a reply that said no.
type refusal struct {
	stage stage
	code  int
	text  string
}

// stage is how far a session had come.
type stage uint8

const (
	atNothing stage = iota
	atGreeting
	atHello
	atTLS
	atAuth
	atMail
	atRcpt
	atData
	atEnd
)

// stages are the stages that a refusal decides, by what the reply answers.
var stages = map[string]stage{
	"EHLO": atHello, "HELO": atHello, "STARTTLS": atTLS, "AUTH": atAuth,
	"MAIL": atMail, "RCPT": atRcpt, "DATA": atData, "BDAT": atData, ".": atEnd,
}

// maxText bounds the strings of a Summary, in bytes.
const maxText = 200

// maxSubject bounds what is decoded of a subject, in bytes.
const maxSubject = 2 << 10

// Add counts one entry. Entries of the server's leg alone count with their
// facts only: what is said there shows in the answers that the client gets.
func (t *Tally) Add(e decode.Entry) {
	t.sum.Took = max(t.sum.Took, e.At)
	switch {
	case e.Fact != nil:
		t.addFact(e.Fact)
	case e.Leg != who.ServerLeg:
		t.addEvent(e.Event)
	}
}

func (t *Tally) addFact(f facts.Fact) {
	switch f := f.(type) {
	case *facts.Open:
		t.sum.Client = clip(f.Client)
		t.sum.TLS = t.sum.TLS || f.TLS
	case *facts.Dial:
		if t.failure = clip(f.Err); f.Err == "" {
			t.sum.Server = clip(serverName(f))
		}
	case *facts.TLS:
		if t.failure = clip(f.Err); f.Err == "" {
			t.sum.TLS = true
		}
	case *facts.Hello:
		t.sealed = t.sealed || f.Why == facts.HelloPassed
	case *facts.Note:
		if f.ID == facts.NoteClientSilent || f.ID == facts.NoteServerSilent {
			t.failure = clip(f.Text)
		}
	case *facts.Lost:
		t.sum.Incomplete = true
	case *facts.End:
		t.end = f
	}
}

// serverName is the name of the server if it has one, and the port.
func serverName(d *facts.Dial) string {
	_, port, err := net.SplitHostPort(d.Addr)
	if d.Host == "" || err != nil {
		return d.Addr
	}
	return net.JoinHostPort(d.Host, port)
}

func (t *Tally) addEvent(e *decode.Event) {
	if e.Auth != nil && e.Auth.User != "" {
		t.sum.User = clip(e.Auth.User)
	}
	switch e.Kind {
	case decode.KindCommand:
		t.addCommand(e)
	case decode.KindHeader:
		t.sum.Size += e.Span.Len()
		if t.subject == "" && t.sum.Subject == "" && t.sum.Messages == 0 && strings.EqualFold(e.Header.Name, "Subject") {
			t.subject = strings.Clone(e.Header.Value[:min(len(e.Header.Value), maxSubject)])
		}
	case decode.KindBody:
		t.sum.Size += e.Span.Len()
	case decode.KindEndOfData:
		t.sum.Messages++
	case decode.KindGreeting:
		if e.Reply.Code >= 400 {
			t.refuse(atGreeting, e.Reply)
		}
	case decode.KindReply:
		t.addReply(e.Reply)
	}
}

func (t *Tally) addCommand(e *decode.Event) {
	c := e.Command
	switch c.Verb {
	case "MAIL":
		if t.sum.From == "" {
			t.sum.From = clip(c.Path)
		}
		t.mail, t.accepted = true, 0
	case "RCPT":
		if t.sum.Rcpts == 0 {
			t.sum.Rcpt = clip(c.Path)
		}
		t.sum.Rcpts++
	case "BDAT":
		if c.Last {
			t.sum.Messages++
			t.last = e.Seq + 1
		}
	case "RSET", "EHLO", "HELO":
		t.mail = false
	case "QUIT":
		t.quit = true
	}
}

func (t *Tally) addReply(r *decode.Reply) {
	verb := r.ToVerb
	if verb == "BDAT" && r.To+1 == t.last {
		verb = "."
	}
	at := stages[verb]
	switch {
	case r.Code >= 400:
		t.addRefusal(at, r)
	case at == atRcpt:
		t.sum.Accepted++
		t.accepted++
	case at == atEnd:
		t.sum.Sent++
		t.mail = false
		t.code, t.taken = r.Code, replyText(r)
	case at <= atMail && r.Code < 300 && t.refusal.stage <= at:
		t.refusal = refusal{} // it went on all the same
	}
}

func (t *Tally) addRefusal(at stage, r *decode.Reply) {
	if at == atNothing && r.Code != 421 {
		return // of a command that no message needs, or of none
	}
	if at >= atMail {
		t.unsent = true
	}
	if at == atEnd {
		t.mail = false
	}
	if !t.follows(at) {
		t.refuse(at, r)
	}
}

// follows reports a refusal that only follows from the one before: MAIL
// without the AUTH that failed, DATA or another RCPT after a refused one.
func (t *Tally) follows(at stage) bool {
	switch t.refusal.stage {
	case atAuth:
		return at == atMail
	case atRcpt:
		return at == atRcpt || at == atData && t.accepted == 0
	}
	return false
}

func (t *Tally) refuse(at stage, r *decode.Reply) {
	t.refusal = refusal{at, r.Code, replyText(r)}
}

func replyText(r *decode.Reply) string {
	text := fmt.Sprintf("%03d", r.Code)
	if r.Enhanced != "" {
		text += " " + r.Enhanced
	}
	for _, l := range r.Lines {
		if len(text) > maxText {
			break
		}
		text += " " + l.Text
	}
	return clip(text)
}

// Summary is what the entries so far come to. What no entry holds is for the
// caller to add.
func (t *Tally) Summary() Summary {
	if t.subject != "" {
		t.sum.Subject = clip(words(t.subject))
		t.subject = ""
	}
	s := t.sum
	s.Live = t.end == nil
	s.Outcome, s.Code, s.Verdict = t.outcome()
	return s
}

// words decodes a subject. That is done when somebody asks, not while the
// session waits; what can't be decoded stays as it was sent.
func words(subject string) (decoded string) {
	defer func() {
		if recover() != nil {
			decoded = subject
		}
	}()
	return message.Words(subject)
}

func (t *Tally) outcome() (o Outcome, code int, why string) {
	no := t.refusal
	switch {
	case t.end == nil:
		return OutcomeLive, 0, ""
	case t.sum.Sent > 0 && t.unsent:
		return OutcomePartly, no.code, no.text
	case t.sum.Sent > 0:
		return OutcomeSent, t.code, t.taken
	case failed[t.end.Cause]:
		return OutcomeFailed, no.code, first(t.failure, t.end.Err, no.text, t.end.Cause)
	case no.code != 0:
		return OutcomeRefused, no.code, no.text
	case t.failure != "":
		return OutcomeFailed, 0, t.failure
	case t.sealed:
		return OutcomeSealed, 0, ""
	case !t.quit && (t.mail || cut[t.end.Cause]):
		return OutcomeCut, 0, first(t.end.Err, t.end.Cause)
	}
	return OutcomeNothing, 0, ""
}

// failed are the causes of an end that keep any message from being sent.
var failed = map[string]bool{
	facts.CauseUnreachable: true, facts.CauseRefused: true, facts.CauseTLS: true, facts.CauseInternal: true,
}

// cut are the causes of an end that are not orderly.
var cut = map[string]bool{
	facts.CauseClientReset: true, facts.CauseServerReset: true, facts.CauseServerGone: true,
	facts.CauseIdle: true, facts.CauseShutdown: true, causeTorn: true,
}

// causeTorn is the cause of an end that a recording does not hold.
const causeTorn = "the recording is cut off"

// tear ends a tally whose session has no end.
func (t *Tally) tear() {
	if t.end == nil {
		t.end = &facts.End{Cause: causeTorn}
	}
	t.sum.Incomplete = true
}

// first is the first of the texts that says something.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return clip(t)
		}
	}
	return ""
}

// clip is s, cut to maxText bytes at most and free of the memory around it.
func clip(s string) string {
	if len(s) <= maxText {
		return strings.Clone(s)
	}
	end := maxText
	for end > maxText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
