package findings

import (
	"fmt"
	"regexp"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/visible"
)

// outcome is what became of what the client tried to send.
type outcome int

const (
	notTried outcome = iota
	allSent
	partlySent
	noneSent
	notShown
)

// outcome counts recipients and messages.
func (v *view) outcome() outcome {
	sent, refused := v.recipients()
	delivered, undelivered := 0, 0
	for _, m := range v.messages {
		if m.Reply >= 0 && v.event0(m.Reply).Reply.Positive() {
			delivered++
		} else {
			undelivered++
		}
	}
	switch {
	case delivered > 0 && undelivered == 0 && refused == 0:
		return allSent
	case delivered > 0:
		return partlySent
	case v.cutOff(undelivered):
		return notShown
	case refused > 0 || undelivered > 0 || sent > 0 || len(v.mails) > 0 || v.refusedAnything() || len(v.says) > 0:
		return noneSent
	}
	return notTried
}

// cutOff reports a log that stops before the fate of the mail is known.
func (v *view) cutOff(undelivered int) bool {
	if v.t.Source == decode.SourceLive && !v.t.Ended {
		return !v.refusedAnything()
	}
	return v.t.Lack(decode.LackEnd) && !v.refusedAnything() && len(v.says) == 0
}

// refusedAnything reports a reply that says no, or a connection that failed.
func (v *view) refusedAnything() bool {
	for _, a := range v.answers {
		if a.reply.Code >= 400 && a.verb != "QUIT" && a.verb != "VRFY" && a.verb != "HELP" {
			return true
		}
	}
	for _, e := range v.t.Entries {
		switch f := e.Fact.(type) {
		case *facts.End:
			switch f.Cause {
			case facts.CauseUnreachable, facts.CauseRefused, facts.CauseTLS:
				return true
			}
		case *facts.TLS:
			if f.Err != "" {
				return true
			}
		}
	}
	return false
}

// recipients counts those that were accepted and refused, of messages that
// were not given up.
func (v *view) recipients() (sent, refused int) {
	for _, a := range v.answersTo("RCPT") {
		if a.reply.Positive() {
			sent++
		} else {
			refused++
		}
	}
	return sent, refused
}

// verdict says the session in one sentence.
func (v *view) verdict(all []found) Verdict {
	out := v.outcome()
	var decisive *found
	if len(all) > 0 && all[0].Severity == Failure {
		decisive = &all[0]
	}
	switch {
	case out == allSent:
		return Verdict{"SENT", Success, v.accepted()}
	case out == partlySent:
		return v.partly(decisive)
	case decisive != nil:
		return Verdict{decisive.ID, Failure, "not sent: " + v.because(decisive)}
	case v.t.Source == decode.SourceLive && !v.t.Ended:
		return Verdict{"RUNNING", Unknown, "the session goes on"}
	case out == notShown:
		return Verdict{"UNKNOWN", Unknown, "not known: the log stops before the server has decided"}
	case out == notTried:
		return Verdict{"NOTHING-SENT", Unknown, "nothing was sent: the client did not try"}
	}
	return Verdict{"NOT-SENT", Failure, "not sent: " + v.lastWord()}
}

// because is a finding in a sentence, with the mend in brief.
func (v *view) because(f *found) string {
	text := f.Text
	if mend := firstSentence(f.Fix.General); mend != "" {
		text += "; " + lowerFirst(mend)
	}
	return text
}

func (v *view) partly(decisive *found) Verdict {
	text := v.accepted()
	if decisive == nil {
		return Verdict{"SENT-PARTLY", Failure, text}
	}
	return Verdict{decisive.ID, Failure, text + "; " + decisive.Text}
}

// accepted tells of a success: for how many recipients, and the queue ids.
func (v *view) accepted() string {
	sent, refused := v.recipients()
	var ids []string
	messages := 0
	for _, m := range v.messages {
		if m.Reply < 0 || !v.event0(m.Reply).Reply.Positive() {
			continue
		}
		messages++
		if id := QueueID(v.event0(m.Reply).Reply.Text()); id != "" {
			ids = append(ids, id)
		}
	}
	text := "accepted"
	switch {
	case messages > 1:
		text = fmt.Sprintf("accepted, %d messages", messages)
	case refused > 0:
		text = fmt.Sprintf("accepted for %d of %d recipients", sent, sent+refused)
	case sent > 1:
		text = fmt.Sprintf("accepted for %d recipients", sent)
	}
	switch {
	case len(ids) == 1:
		text += "; queue id " + visible.Text(ids[0])
	case len(ids) > 1:
		text += "; queue ids " + visible.Text(strings.Join(ids[:min(3, len(ids))], ", "))
	}
	return text
}

// queueIDs are how servers name a message that they took, most particular
// first. The id is the first group.
var queueIDs = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\bqueued as ([A-Za-z0-9._-]+)`),                      // Postfix, Haraka
	regexp.MustCompile(`(?i)\bid=([A-Za-z0-9-]{10,})`),                           // Exim
	regexp.MustCompile(`(?i)\bqueued mail for delivery.*?([A-Za-z0-9._-]+@\S+)`), // older Microsoft
	regexp.MustCompile(`(?i)<([^<>\s]+@[^<>\s]+)> \[.*\] \d+ bytes in`),          // Microsoft 365
	regexp.MustCompile(`(?i)\bOk:? queued as[: ]*([A-Za-z0-9._-]+)`),             // QQ, SendGrid
	regexp.MustCompile(`^OK +\d{9,} ([a-z0-9-]+[.-][A-Za-z0-9._-]+) - gsmtp`),    // Gmail
	regexp.MustCompile(`^Ok ([0-9a-f]{16}-[0-9a-f-]+)`),                          // Amazon SES
	regexp.MustCompile(`^(\S{10,}) Message accepted for delivery`),               // sendmail
	regexp.MustCompile(`(?i)\bMail OK queued as (\S+)`),                          // NetEase
	regexp.MustCompile(`(?i)\bqueue id:? ([A-Za-z0-9]{6,})`),
}

// QueueID finds the id that the server gave the message, "" for none. A maintainer
// of the server finds the message by it.
func QueueID(reply string) string {
	for _, p := range queueIDs {
		if m := p.FindStringSubmatch(reply); m != nil {
			return strings.TrimRight(m[1], ".,;")
		}
	}
	return ""
}

// lastWord is what stood in the way when no rule knows it: the last reply that
// said no, or how the session ended.
func (v *view) lastWord() string {
	for i := len(v.answers) - 1; i >= 0; i-- {
		a := v.answers[i]
		if a.reply.Code >= 400 && a.verb != "QUIT" {
			return v.fill("the server answered {reply}", []int{a.entry})
		}
	}
	for _, s := range v.says {
		return v.fill("the client says: {says}", []int{s.entry})
	}
	if len(v.answers) == 0 {
		return "the server said nothing"
	}
	return "the session ended before the message was accepted"
}

// firstSentence is the mend in brief.
func firstSentence(s string) string {
	for i := range s {
		if (s[i] == '.' || s[i] == ';') && (i+1 == len(s) || s[i+1] == ' ') {
			return s[:i]
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
