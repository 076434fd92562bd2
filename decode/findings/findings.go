// Package findings says what went wrong in a session, why, and how to mend it.
//
// A rule looks at a transcript and, where it recognises something, proves it
// with entries. All findings of a session come down to one verdict. Rules judge
// by what the wire shows; a provider's name only changes the mend.
package findings

import "smtptap/decode"

// Severity is the weight of a finding.
type Severity string

const (
	Failure Severity = "failure" // the mail, or part of it, was not sent because of this
	Warning Severity = "warning" // it may fail because of this elsewhere or later
	Advice  Severity = "advice"  // worth knowing
	Success Severity = "success" // of verdicts only: the mail was accepted
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
	ID       string // of the finding that decided it; "SENT", "SENT-PARTLY", "NOTHING-SENT", "UNKNOWN" or "NOT-SENT" otherwise
	Severity Severity
	Text     string // safe to print
}

// A Report is what is to be said of a session.
type Report struct {
	Verdict  Verdict
	Findings []Finding // the one that decided the verdict first, then by weight
}

// Failed reports that something was not sent that the client tried to send.
func (r Report) Failed() bool { return r.Verdict.Severity == Failure }

// Analyze judges a session. It may be called while the session runs.
func Analyze(t *decode.Transcript) Report {
	v := newView(t)
	all := v.match()
	r := Report{Verdict: v.verdict(all)}
	for _, f := range all {
		r.Findings = append(r.Findings, f.Finding)
	}
	return r
}
