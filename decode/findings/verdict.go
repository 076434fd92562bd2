package findings

import (
	"fmt"
	"strings"

	"smtptap/decode/outcome"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// verdict says the session in one sentence. Its weight follows from what became
// of the mail, its reason from the finding that stands first.
func (s *session) verdict(all []found) Verdict {
	o := &s.became
	var decisive *found
	if len(all) > 0 && all[0].Severity == Failure {
		decisive = &all[0]
	}
	switch o.Outcome {
	case outcome.Sent:
		return Verdict{VerdictSent, Success, accepted(o)}
	case outcome.Disputed:
		return Verdict{VerdictDisputed, Failure, accepted(o) + s.fill("; all the same the client says: {says}", see(o.Decided.Entry))}
	case outcome.Running:
		return Verdict{VerdictRunning, Unknown, "in progress"}
	case outcome.Opaque:
		return Verdict{VerdictUnknown, Unknown, "not known: the session went on inside TLS, which was handed through unopened (--starttls intercept opens it)"}
	case outcome.Unknown:
		v := Verdict{VerdictUnknown, Unknown, "not known: the transcript stops before the server has decided"}
		if decisive != nil {
			v.ID, v.Text = decisive.ID, v.Text+"; "+s.because(decisive)
		}
		return v
	case outcome.Nothing:
		return s.nothing()
	}
	said := "not sent: "
	if o.Outcome == outcome.Partly {
		said = accepted(o) + "; "
	}
	switch {
	case decisive != nil:
		return Verdict{decisive.ID, Failure, said + s.because(decisive)}
	case o.Outcome == outcome.Partly:
		return Verdict{VerdictPartly, Failure, said + "the rest was not: " + s.lastWord()}
	}
	return Verdict{VerdictNotSent, Failure, said + s.lastWord()}
}

// nothing is the verdict on a session in which the client did not try to send.
func (s *session) nothing() Verdict {
	if s.loggedIn >= 0 {
		return Verdict{VerdictLogin, Success, s.fill("the login[ of {user}] was accepted; nothing was sent", &sighting{})}
	}
	return Verdict{VerdictNothing, Success, "nothing was sent: the client did not try"}
}

// because is a finding in a sentence, with the mend in brief.
func (s *session) because(f *found) string {
	mend := lowerFirst(firstSentence(f.Fix.General))
	if mend == "" {
		return f.Text
	}
	return strings.TrimRight(f.Text, ". ") + "; " + mend
}

// accepted tells for how many recipients mail was accepted, and the ids that
// the server gave.
func accepted(o *outcome.Session) string {
	text := "accepted"
	switch {
	case o.Inferred:
		return "it seems accepted: the client went on behind the message; the replies are not in the log"
	case o.Messages > 1:
		text = fmt.Sprintf("accepted, %d messages", o.Messages)
	case o.Refused > 0:
		text = fmt.Sprintf("accepted for %d of %d recipients", o.Accepted, o.Accepted+o.Refused)
	case o.Accepted > 1:
		text = fmt.Sprintf("accepted for %d recipients", o.Accepted)
	}
	const most = 3
	switch ids := o.QueueIDs; {
	case len(ids) == 1:
		text += "; queue id " + visible.Text(ids[0])
	case len(ids) > most:
		text += "; queue ids " + visible.Text(strings.Join(ids[:most], ", ")) + " and more"
	case len(ids) > 1:
		text += "; queue ids " + visible.Text(strings.Join(ids, ", "))
	}
	return text
}

// lastWord is what stood in the way when no rule knows it: the reply that
// decided, or how the session ended.
func (s *session) lastWord() string {
	d := s.became.Decided
	if r := s.answers[d.Entry]; d.Code != 0 && r != nil && r.entry == d.Entry {
		by := "the server"
		if d.By == who.Smtptap {
			by = "smtptap"
		}
		return s.fill(by+" answered {reply}", see(d.Entry))
	}
	for i := range s.says {
		if !s.says[i].fact {
			return s.fill("the client says: {says}", see(s.says[i].entry))
		}
	}
	switch {
	case len(s.spoken) == 0:
		return "the server said nothing"
	case d.By == who.Client:
		return "the client gave up before the message was accepted" + s.soFar()
	case d.By == who.Server:
		return "the server closed the connection before the message was accepted" + s.soFar()
	case d.By == who.Smtptap:
		return "smtptap ended the session before the message was accepted" + s.soFar()
	}
	return "the session ended before the message was accepted"
}

// soFar tells what the server had accepted of the transaction that failed.
func (s *session) soFar() string {
	for i := range s.became.Transactions {
		t := &s.became.Transactions[i]
		if t.MadeGood || t.Outcome == outcome.Sent || t.Mail < 0 {
			continue
		}
		if r := s.answer(t.Mail); r == nil || !r.positive() {
			continue
		}
		n := 0
		for _, to := range t.Recipients {
			if to.Answer == outcome.Accepted {
				n++
			}
		}
		switch n {
		case 0:
			return "; MAIL had been accepted"
		case 1:
			return "; MAIL and RCPT had been accepted"
		}
		return fmt.Sprintf("; MAIL and %d recipients had been accepted", n)
	}
	return ""
}

// firstSentence is the mend in brief: up to the first full stop or semicolon
// outside quotes.
func firstSentence(s string) string {
	quoted := false
	for i := range len(s) {
		switch s[i] {
		case '`', '"':
			quoted = !quoted
		case '.', ';':
			if !quoted && (i+1 == len(s) || s[i+1] == ' ') {
				return s[:i]
			}
		}
	}
	return s
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'a' && s[1] <= 'z' {
		return string(s[0]+'a'-'A') + s[1:]
	}
	return s
}
