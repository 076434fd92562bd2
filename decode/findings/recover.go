package findings

import "smtptap/decode/who"

// recover lowers failures that the session overcame: a login refused with one
// mechanism and accepted with the next, an EHLO answered by a HELO, a refusal
// in a session in which nothing was left unsent.
func (x *examination) recover() {
	good := x.became.Outcome.Good()
	for i := range x.found {
		f := &x.found[i]
		if f.Severity == Failure && f.rule.Role != stands && (good || x.overcome(f)) {
			f.Severity = Warning
		}
	}
}

// overcome reports that every refusal that proves a finding was made good.
func (x *examination) overcome(f *found) bool {
	refusals := 0
	for _, i := range f.Entries {
		r := x.answers[i]
		if r == nil || r.entry != i {
			continue
		}
		if r.positive() && r.verb != "STARTTLS" {
			continue
		}
		refusals++
		if !x.madeGood(r) {
			return false
		}
	}
	return refusals > 0
}

// madeGood reports that what a reply refused went well later.
func (s *session) madeGood(r *reply) bool {
	switch r.verb {
	case "EHLO", "HELO":
		return s.greetedLater(r)
	case "AUTH":
		return s.loggedIn > r.entry || !credentialsSent(s, r) && s.triedAgain(r)
	case "MAIL", "RCPT", "DATA", "BDAT", toMessage:
		if s.t.Entries[r.entry].Leg == who.ServerLeg {
			return s.accepted(r.entry, r.verb)
		}
		return s.became.MadeGood(r.entry)
	case "STARTTLS", "VRFY", "EXPN", "NOOP", "HELP", "RSET", "XCLIENT", "ETRN":
		return s.accepted(r.entry, "MAIL")
	case "QUIT":
		return true
	}
	return false
}

// triedAgain reports that the client went on with another login: that one
// decides.
func (s *session) triedAgain(refused *reply) bool {
	for r := range s.to("AUTH") {
		if r.entry > refused.entry && r.code != 334 && credentialsSent(s, r) {
			return true
		}
	}
	return false
}

// greetedLater reports that the same name was taken later, or that another was
// and mail followed.
func (s *session) greetedLater(refused *reply) bool {
	if s.accepted(refused.entry, "MAIL") {
		return true
	}
	name := s.command(refused)
	for r := range s.to("EHLO", "HELO") {
		if c := s.command(r); r.entry > refused.entry && r.positive() && (name == nil || c == nil || c.Arg == name.Arg) {
			return true
		}
	}
	return false
}

// accepted reports a positive reply to one of these verbs after an entry.
func (s *session) accepted(after int, verbs ...string) bool {
	for r := range s.to(verbs...) {
		if r.entry > after && r.positive() {
			return true
		}
	}
	return false
}
