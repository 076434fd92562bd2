package transcript

import (
	"slices"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/outcome"
)

// A Summary is one session in one line. Strings are as the peers sent them,
// cut to a bound.
type Summary struct {
	ID      string
	Started time.Time
	Took    time.Duration // until the last thing that happened, or until now while it runs
	Live    bool          // it still runs
	Quiet   time.Duration // while it runs, since the last byte or fact
	Source  decode.Source

	Client string // address and port
	Server string // name or address, and port
	Target string // as given with --to
	TLS    bool   // TLS on either leg
	Mode   string // what happened at STARTTLS: "intercept", "pass", "hide"; "" if unknown

	User     string // of AUTH
	From     string // of the first MAIL command
	Rcpt     string // of the first RCPT command
	Rcpts    int    // RCPT commands
	Accepted int    // RCPT commands that the server took
	Messages int    // messages that the client sent to their end
	Sent     int    // messages that the server took
	Size     int64  // bytes of messages, as on the wire
	Subject  string // of the first message, decoded
	Also     *Also  // what is different in later ones; nil for nothing

	Outcome outcome.Outcome
	Code    int            // of the reply that decided the outcome; 0 for none
	Verdict facts.Sentence // that reply, or what failed; the peer's words or smtptap's

	Path        string // of the recording; "" for none
	SecretsKept bool   // the recording holds passwords
	Incomplete  bool   // the recording lacks something that passed
}

// Also holds what later recipients and messages of a session add to its
// summary.
type Also struct{ From, Rcpt, Subject []string }

// maxVerdict bounds a verdict, as outcome does.
const maxVerdict = 1200

// bound makes a summary that somebody else sent one that a session could have.
func (s *Summary) bound() {
	for _, text := range []*string{&s.Client, &s.Server, &s.Target, &s.Mode, &s.User, &s.From, &s.Rcpt, &s.Subject} {
		*text = clip(*text)
	}
	if len(s.Verdict) > maxVerdict {
		s.Verdict = facts.Plain(clip(s.Verdict.String()))
	}
	for _, n := range []*int{&s.Rcpts, &s.Accepted, &s.Messages, &s.Sent, &s.Code} {
		*n = max(*n, 0)
	}
	s.Size, s.Took, s.Quiet = max(s.Size, 0), max(s.Took, 0), max(s.Quiet, 0)
	if !slices.Contains(outcome.All(), s.Outcome) {
		s.Outcome = outcome.Unknown
	}
	if s.Also != nil {
		for _, texts := range []*[]string{&s.Also.From, &s.Also.Rcpt, &s.Also.Subject} {
			*texts = (*texts)[:min(len(*texts), maxAlso)]
			for i, text := range *texts {
				(*texts)[i] = clip(text)
			}
		}
	}
}

// unreadable says that the recording can't be read, and why.
func (s *Summary) unreadable(err error) {
	s.Live, s.Outcome, s.Incomplete, s.Verdict = false, outcome.Unknown, true, facts.Say("cannot-read", "why", err)
}
