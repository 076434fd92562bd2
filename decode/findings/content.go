package findings

func answersNothing(_ *session, r *reply) bool { return r.verb == "" }

// notDMARCAdvice leaves deferrals for lack of DMARC to RATE-421-REPUTATION, and
// mail that fails SPF and DKIM as such to GMAIL-550-5.7.26-UNAUTH.
func notDMARCAdvice(_ *session, r *reply) bool {
	return r.code >= 500 || r.enhanced == "4.7.26"
}

func notVirusProduct(_ *session, r *reply) bool { return r.verb != toGreeting && r.verb != "EHLO" }
