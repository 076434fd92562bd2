package findings

import (
	_ "embed"
	"slices"
	"strconv"

	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

//go:embed catalogue/verdicts.toml
var verdictTexts []byte

var verdicts = lang.NewTexts(verdictTexts)

// verdict says the session in one row: its state, which is what became of the
// mail, then the reason, which is the finding that stands first.
func (s *session) verdict(all []found, l lang.Lang) Verdict {
	var decisive *found
	if len(all) > 0 && all[0].Severity == Failure {
		decisive = &all[0]
	}
	v := s.ruling(decisive, l)
	s.assess(&v, decisive)
	return v
}

func (s *session) ruling(decisive *found, l lang.Lang) Verdict {
	o := &s.became
	say := func(id string, severity Severity, key string, words ...string) Verdict {
		return Verdict{ID: id, Severity: severity, Text: verdicts.Say(l, key, words...)}
	}
	switch o.Outcome {
	case outcome.Sent:
		return Verdict{ID: VerdictSent, Severity: Success, Text: sent(o, l)}
	case outcome.Disputed:
		return say(VerdictDisputed, Failure, "disputed")
	case outcome.Running:
		return say(VerdictRunning, Unknown, "running")
	case outcome.Opaque:
		return say(VerdictUnknown, Unknown, "inside-tls")
	case outcome.Unknown:
		if decisive != nil {
			return say(decisive.ID, Unknown, "cut-off-reason", "reason", decisive.Text)
		}
		return say(VerdictUnknown, Unknown, "cut-off")
	case outcome.Nothing:
		if s.loggedIn >= 0 {
			return say(VerdictLogin, Success, "logged-in")
		}
		return say(VerdictNothing, Success, "no-mail")
	}
	reason := ""
	if decisive != nil {
		reason = decisive.Text
		if decisive.inferred && !slices.Contains(stageFindings, decisive.ID) && !slices.Contains(classFindings, decisive.ID) {
			reason = verdicts.Say(l, "probably", "reason", reason)
		}
	}
	partly, share := o.Outcome == outcome.Partly, []string{}
	if partly && o.Messages == 1 && o.Refused > 0 {
		share = []string{"count", strconv.Itoa(o.Accepted), "all", strconv.Itoa(o.Accepted + o.Refused)}
	}
	switch {
	case decisive != nil && partly:
		return say(decisive.ID, Failure, "partly-sent", append(share, "reason", reason)...)
	case decisive != nil:
		return say(decisive.ID, Failure, "not-sent", "reason", reason)
	case partly:
		return say(VerdictPartly, Failure, "partly-sent-unknown", share...)
	}
	return say(VerdictNotSent, Failure, s.lastWord(), "verb", s.soFar())
}

// sent tells for how many recipients mail was accepted, and the id that the
// server gave.
func sent(o *outcome.Session, l lang.Lang) string {
	id := ""
	if len(o.QueueIDs) == 1 {
		id = visible.Text(o.QueueIDs[0])
	}
	switch {
	case o.Inferred:
		return verdicts.Say(l, "sent-inferred")
	case o.Messages > 1:
		return verdicts.Say(l, "sent-messages", "count", strconv.Itoa(o.Messages))
	case o.Accepted > 1:
		return verdicts.Say(l, "sent-recipients", "count", strconv.Itoa(o.Accepted), "id", id)
	}
	return verdicts.Say(l, "sent", "id", id)
}

// lastWord is the verdict on what no rule knows: on the reply that decided, or
// on how the session ended.
func (s *session) lastWord() string {
	d := s.became.Decided
	if r := s.answers[d.Entry]; d.Code != 0 && r != nil && r.entry == d.Entry {
		if d.By == who.Smtptap {
			return "not-sent-smtptap"
		}
		return "not-sent-refused"
	}
	for i := range s.says {
		if !s.says[i].fact {
			return "not-sent-client"
		}
	}
	switch {
	case len(s.spoken) == 0:
		return "not-sent-silent"
	case d.By == who.Client:
		return "not-sent-client-left"
	case d.By == who.Server:
		return "not-sent-server-left"
	case d.By == who.Smtptap:
		return "not-sent-smtptap-left"
	}
	return "not-sent-ended"
}

// soFar is the last command that the server had accepted of the transaction
// that failed; "" for none.
func (s *session) soFar() string {
	for i := range s.became.Transactions {
		t := &s.became.Transactions[i]
		if t.MadeGood || t.Outcome == outcome.Sent || t.Mail < 0 {
			continue
		}
		if r := s.answer(t.Mail); r == nil || !r.positive() {
			continue
		}
		for _, to := range t.Recipients {
			if to.Answer == outcome.Accepted {
				return "RCPT TO"
			}
		}
		return "MAIL FROM"
	}
	return ""
}
