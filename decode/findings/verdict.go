package findings

import (
	"fmt"
	"strings"

	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// verdict says the session in one sentence.
func (s *session) verdict(all []found) Verdict {
	o := &s.became
	var decisive *found
	if len(all) > 0 && all[0].Severity == Failure {
		decisive = &all[0]
	}
	switch {
	case o.kind == sentAll:
		return Verdict{VerdictSent, Success, o.sentence()}
	case o.kind == sentPart && decisive != nil:
		return Verdict{decisive.ID, Failure, o.sentence() + "; " + s.because(decisive)}
	case o.kind == sentPart:
		return Verdict{VerdictPartly, Failure, o.sentence() + "; the rest was not taken"}
	case decisive != nil && o.kind != notTried:
		return Verdict{decisive.ID, Failure, "not sent: " + s.because(decisive)}
	case decisive != nil:
		return Verdict{decisive.ID, Failure, s.because(decisive)}
	case s.running():
		return Verdict{VerdictRunning, Unknown, "the session goes on"}
	case o.kind == notShown && s.handedThrough():
		return Verdict{VerdictUnknown, Unknown, "not known: the session went on inside TLS, which was handed through unopened (--starttls intercept opens it)"}
	case o.kind == notShown:
		return Verdict{VerdictUnknown, Unknown, "not known: the transcript stops before the server has decided"}
	case o.kind == sentNone:
		return Verdict{VerdictNotSent, Failure, "not sent: " + s.lastWord()}
	case s.loggedIn >= 0:
		return Verdict{VerdictLogin, Success, s.fill("the login[ of {user}] was accepted; nothing was sent", &sighting{})}
	}
	return Verdict{VerdictNothing, Unknown, "nothing was sent: the client did not try"}
}

// because is a finding in a sentence, with the mend in brief.
func (s *session) because(f *found) string {
	mend := lowerFirst(firstSentence(f.Fix.General))
	if mend == "" {
		return f.Text
	}
	return strings.TrimRight(f.Text, ". ") + "; " + mend
}

// sentence tells for how many recipients mail was accepted, and the ids that
// the server gave.
func (o *outcome) sentence() string {
	text := "accepted"
	switch {
	case o.inferred:
		return "it seems accepted: the client went on behind the message; the replies are not in the log"
	case o.messages > 1:
		text = fmt.Sprintf("accepted, %d messages", o.messages)
	case o.refused > 0:
		text = fmt.Sprintf("accepted for %d of %d recipients", o.accepted, o.accepted+o.refused)
	case o.accepted > 1:
		text = fmt.Sprintf("accepted for %d recipients", o.accepted)
	}
	const most = 3
	switch ids := o.queue; {
	case len(ids) == 1:
		text += "; queue id " + visible.Text(ids[0])
	case len(ids) > most:
		text += "; queue ids " + visible.Text(strings.Join(ids[:most], ", ")) + " and more"
	case len(ids) > 1:
		text += "; queue ids " + visible.Text(strings.Join(ids, ", "))
	}
	return text
}

// lastWord is what stood in the way when no rule knows it: the first reply that
// said no and was not made good, or how the session ended.
func (s *session) lastWord() string {
	for _, r := range s.spoken {
		if r.code < 400 || s.madeGood(r) {
			continue
		}
		if r.by == who.Smtptap {
			return s.fill("smtptap answered {reply}", see(r.entry))
		}
		return s.fill("the server answered {reply}", see(r.entry))
	}
	for i := range s.says {
		if !s.says[i].fact {
			return s.fill("the client says: {says}", see(s.says[i].entry))
		}
	}
	if len(s.spoken) == 0 {
		return "the server said nothing"
	}
	return "the session ended before the message was accepted"
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
