// Package findings says what went wrong in a session, why, and how to fix it.
//
// A rule looks at a transcript and, where it recognises something, proves it
// with entries. All findings of a session come down to one verdict. Rules judge
// by what the wire shows; a provider's name only changes the fix.
//
// The same rules read a live session, a recording and a pasted log. What a log
// is unable to show (decode.Transcript.Lacks) proves nothing.
package findings

import (
	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
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

// A Retry says whether what failed can be tried again.
type Retry string

const (
	RetryLater    Retry = "later"     // the same mail may be taken later
	RetryAfterFix Retry = "after-fix" // not before something was changed
	RetryNever    Retry = "never"     // not to this recipient, or not at all
)

// A Finding is something that a rule recognised.
type Finding struct {
	ID       string // of the catalogue, such as "AUTH-BAD-CREDENTIALS"
	Severity Severity
	Retry    Retry     // of failures
	Entries  []int     // indexes into Transcript.Entries that prove it, in order
	By       who.Party // who said or did the last thing that proves it, 0 when nobody did
	Leg      who.Leg   // and on which connection, 0 when on none
	Text     string    // what happened, as a verdict names it: "login refused"; safe to print
	Why      string    // safe to print
	Fix      Fix
	Sources  []string // RFC sections, provider documents, issues of projects
}

// A Verdict is one session in one row: its state, then the reason.
type Verdict struct {
	// ID is that of the finding that decided it, or one of the Verdict
	// constants where no finding did.
	ID       string
	Severity Severity
	Text     string // safe to print

	Class     Class     // what kind of failure it is; "" for none
	Retry     Retry     // "" where nothing failed
	Certainty Certainty // "" where nothing failed
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
	Client   string    // the program that the client seems to be, by its id in the catalogue; "" when it can't be told
}

// Failed reports that something was not sent that the client tried to send.
func (r Report) Failed() bool { return r.Outcome.Outcome.Bad() }

// Analyze judges a session, in words of that language. It may be called while
// the session runs, and again whenever it has grown: it keeps nothing, and its
// work is bounded however large the messages are.
func Analyze(t *decode.Transcript, l lang.Lang) Report {
	s := gather(t)
	found := s.examine(l)
	r := Report{Outcome: s.became, Verdict: s.verdict(found, l), Client: string(s.client)}
	for i := range found {
		r.Findings = append(r.Findings, found[i].Finding)
	}
	return r
}
