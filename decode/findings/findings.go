// Package findings says what went wrong in a session, why, and how to mend it.
//
// A rule looks at a transcript and, where it recognises something, proves it
// with entries. All findings of a session come down to one verdict. Rules judge
// by what the wire shows; a provider's name only changes the mend.
//
// The same rules read a live session, a recording and a pasted log. What a log
// is unable to show (decode.Transcript.Lacks) proves nothing.
package findings

import (
	"smtptap/decode"
	"smtptap/decode/outcome"
)

// Severity is the weight of a finding.
type Severity string

const (
	Failure Severity = "failure" // the mail, or part of it, was not sent because of this
	Warning Severity = "warning" // it may fail because of this elsewhere or later
	Advice  Severity = "advice"  // worth knowing
	Success Severity = "success" // of verdicts only: the mail was accepted, or there was none
	Unknown Severity = "unknown" // of verdicts only: the transcript does not show it
)

// A Finding is something that a rule recognised.
type Finding struct {
	ID       string // of the catalogue, such as "AUTH-BAD-CREDENTIALS"
	Severity Severity
	Entries  []int  // indexes into Transcript.Entries that prove it, in order
	Text     string // what happened, in one sentence; safe to print
	Cause    string
	Fix      Fix
	Sources  []string // RFC sections, provider documents, issues of projects
}

// A Fix says how to mend a finding: in general, and in the terms of clients.
// Clients for which nothing is known beyond General are empty.
type Fix struct {
	General    string
	PHPMailer  string
	Nodemailer string
	Smtplib    string
	Symfony    string // Laravel too, which sends through it
	WordPress  string
	Other      string
}

// A Verdict is one session in one sentence.
type Verdict struct {
	// ID is that of the finding that decided it, or one of the Verdict
	// constants where no finding did.
	ID       string
	Severity Severity
	Text     string // safe to print
}

// Ids of verdicts that no finding decided.
const (
	VerdictSent     = "SENT"          // everything that the client sent was accepted
	VerdictPartly   = "SENT-PARTLY"   // a part was accepted, and no rule knows why the rest was not
	VerdictDisputed = "SENT-DISPUTED" // it was accepted, and the client reports that it failed
	VerdictLogin    = "LOGGED-IN"     // the login was accepted, and nothing was sent
	VerdictNothing  = "NOTHING-SENT"  // the client did not try to send
	VerdictNotSent  = "NOT-SENT"      // not accepted, and no rule knows why
	VerdictUnknown  = "UNKNOWN"       // the transcript ends before it is decided
	VerdictRunning  = "RUNNING"       // the session is in progress
)

// A Report is what is to be said of a session.
type Report struct {
	Outcome  outcome.Session
	Verdict  Verdict
	Findings []Finding // the one that decided the verdict first, then by weight and place
	Client   string    // the program that the client seems to be, see Fix.For; "" when it can't be told
}

// Failed reports that something was not sent that the client tried to send.
func (r Report) Failed() bool { return r.Outcome.Outcome.Bad() }

// Analyze judges a session. It may be called while the session runs, and again
// whenever it has grown: it keeps nothing, and its work is bounded however
// large the messages are.
func Analyze(t *decode.Transcript) Report {
	s := gather(t)
	found := s.examine()
	r := Report{Outcome: s.became, Verdict: s.verdict(found), Client: string(s.client)}
	for i := range found {
		r.Findings = append(r.Findings, found[i].Finding)
	}
	return r
}
