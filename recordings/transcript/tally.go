package transcript

import (
	"net"
	"strings"
	"unicode/utf8"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/message"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
)

// A Tally makes a Summary from a session's entries, one after the other. The
// zero value is ready to use.
type Tally struct {
	// Whole keeps all of what Summary.Also holds, otherwise the first few.
	Whole bool

	sum      Summary
	subject  string   // of the first message, as sent; "" once it is decoded
	subjects []string // of later ones, likewise
	titled   int      // messages that had a subject by then, this one included
	also     Also
	became   outcome.Tracker
}

// maxText bounds the strings of a Summary, in bytes.
const maxText = 200

// maxAlso bounds how many of each kind a Summary's Also holds.
const maxAlso = 16

// maxSubject bounds what is decoded of a subject, in bytes.
const maxSubject = 2 << 10

// Add counts one entry. Entries of the server's leg alone count with their
// facts only: what is said there shows in the answers that the client gets.
func (t *Tally) Add(e decode.Entry) {
	t.became.Add(e)
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
		if f.Err == "" {
			t.sum.Server = clip(serverName(f))
		}
	case *facts.TLS:
		t.sum.TLS = t.sum.TLS || f.Err == ""
	case *facts.Lost:
		t.sum.Incomplete = true
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
		t.addCommand(e.Command)
	case decode.KindHeader:
		t.sum.Size += e.Span.Len()
		if t.titled <= t.sum.Messages && strings.EqualFold(e.Header.Name, "Subject") {
			t.addSubject(strings.Clone(e.Header.Value[:min(len(e.Header.Value), maxSubject)]))
		}
	case decode.KindBody:
		t.sum.Size += e.Span.Len()
	case decode.KindEndOfData:
		t.sum.Messages++
	}
}

func (t *Tally) addCommand(c *decode.Command) {
	switch c.Verb {
	case "MAIL":
		if t.sum.From == "" {
			t.sum.From = clip(c.Path)
		} else if path := clip(c.Path); path != t.sum.From {
			t.add(&t.also.From, path)
		}
	case "RCPT":
		if t.sum.Rcpts == 0 {
			t.sum.Rcpt = clip(c.Path)
		} else if path := clip(c.Path); path != t.sum.Rcpt {
			t.add(&t.also.Rcpt, path)
		}
		t.sum.Rcpts++
	case "BDAT":
		if c.Last {
			t.sum.Messages++
		}
	}
}

func (t *Tally) addSubject(subject string) {
	first := t.titled == 0 && t.sum.Messages == 0
	t.titled = t.sum.Messages + 1
	if first {
		t.subject = subject
	} else {
		t.add(&t.subjects, subject)
	}
}

// add keeps a text if there is room.
func (t *Tally) add(to *[]string, text string) {
	if t.Whole || len(*to) < maxAlso {
		*to = append(*to, text)
	}
}

// Summary is what the entries so far come to. What no entry holds is for the
// caller to add.
func (t *Tally) Summary() Summary {
	if t.subject != "" {
		t.sum.Subject = clip(decoded(t.subject))
		t.subject = ""
	}
	for len(t.subjects) > len(t.also.Subject) {
		t.also.Subject = append(t.also.Subject, clip(decoded(t.subjects[len(t.also.Subject)])))
	}
	s := t.sum
	if also := t.also; also.From != nil || also.Rcpt != nil || also.Subject != nil {
		s.Also = &also
	}
	o, decided := t.became.Outcome()
	s.Outcome, s.Live, s.Code, s.Verdict = o, o == outcome.Running, decided.Code, decided.Text
	s.Sent, s.Accepted = t.became.Counts()
	return s
}

// decoded is a subject in readable form. That is done when somebody asks, not while the
// session waits; what can't be decoded stays as it was sent.
func decoded(subject string) (text string) {
	defer func() {
		if recover() != nil {
			text = subject
		}
	}()
	return message.Words(subject)
}

// tear ends a tally whose recording stops before the session does.
func (t *Tally) tear() {
	t.became.Cut()
	t.sum.Incomplete = true
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
