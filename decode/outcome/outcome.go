// Package outcome tells what became of the mail of a session: of each
// transaction, and of the session as a whole. It is the only judge: the exit
// status, the list, the screen, the verdict, filters, exports and JSON ask it.
//
// A Tracker is fed entry by entry and keeps what it needs, which is bounded. It
// looks back over nothing.
package outcome

import (
	"slices"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// Outcome is what became of a transaction or a session, in one word.
type Outcome string

const (
	Running   Outcome = "running"   // it has not ended
	Sent      Outcome = "sent"      // every message and recipient was accepted
	Partly    Outcome = "partly"    // some message or recipient was accepted, another was not
	Disputed  Outcome = "disputed"  // the server accepted the message, and the client reports that it failed
	Refused   Outcome = "refused"   // the server said no
	Failed    Outcome = "failed"    // no server was reached, the connection was lost, or TLS or smtptap failed
	Abandoned Outcome = "abandoned" // the client gave up what it had begun
	Opaque    Outcome = "opaque"    // it was said inside TLS that was handed through unopened
	Unknown   Outcome = "unknown"   // the recording or log stops before it is decided
	Nothing   Outcome = "nothing"   // the client did not try to send, and nothing failed
)

// All lists every outcome.
func All() []Outcome {
	return []Outcome{Running, Sent, Partly, Disputed, Refused, Failed, Abandoned, Opaque, Unknown, Nothing}
}

// Good reports that all went well: everything was sent, or there was nothing to
// send. It decides the exit status.
func (o Outcome) Good() bool { return o == Sent || o == Nothing }

// Bad reports that something the client tried is known to have failed.
func (o Outcome) Bad() bool {
	switch o {
	case Partly, Disputed, Refused, Failed, Abandoned:
		return true
	}
	return false
}

// A Decision is what decided an outcome.
type Decision struct {
	By    who.Party      // 0 for nobody
	Code  int            // of the reply; 0 for none
	Text  facts.Sentence // that reply, or what failed; as sent, cut to a bound
	Entry int            // that shows it, counted from the first that was added; -1 for none
}

// Answer is what the server made of a recipient.
type Answer uint8

const (
	Unanswered Answer = iota
	Accepted
	Rejected  // 5xx
	Temporary // 4xx
)

var answers = [...]string{"unanswered", "accepted", "rejected", "temporary"}

func (a Answer) String() string { return answers[a] }

// A Recipient is one address of a transaction.
type Recipient struct {
	Path     string // as sent, cut to a bound
	Answer   Answer
	Decided  Decision // set unless it is accepted or unanswered
	Sent     bool     // the server took the message for it
	MadeGood bool     // not sent here, but in a later transaction
}

// A Transaction is one MAIL with what follows from it (RFC 5321 section 3.3).
type Transaction struct {
	Mail       int // entry of the MAIL command, -1 for none
	Sender     string
	Recipients []Recipient // as far as they are kept
	Outcome    Outcome
	Decided    Decision
	MadeGood   bool // what it did not send, a later transaction sent

	taken             bool // the server took the message
	pardoned          bool // a login came after it
	accepted, refused int  // recipients, those not kept included
	lost              int  // not sent and not kept: nothing makes them good
	message           message
}

// Taken reports that the server took the message, for some recipient at least.
func (t *Transaction) Taken() bool { return t.taken }

// QueueID is the id that the server gave the message, "" for none.
func (t *Transaction) QueueID() string {
	if !t.taken {
		return ""
	}
	return QueueID(string(t.Decided.Text))
}

// A Session is what became of a session.
type Session struct {
	Outcome      Outcome
	Decided      Decision
	Transactions []Transaction // the newest ones, and those that failed; see Tracker

	Messages int      // that the server took
	Accepted int      // recipients of these
	Refused  int      // recipients of these that were refused and not taken later
	QueueIDs []string // that the server gave them, the first few
	Inferred bool     // no reply says so: the client went on as after an acceptance

	// Consequences are entries of replies that only follow from an earlier
	// refusal: DATA without a recipient, RCPT without MAIL, MAIL without the
	// login that failed. The first few.
	Consequences []int
}

// MadeGood reports that a reply that said no in a transaction stands in nobody's
// way any more: what it refused was accepted later, in this transaction or in
// another.
func (s *Session) MadeGood(entry int) bool {
	for i := range s.Transactions {
		t := &s.Transactions[i]
		if t.Decided.Entry == entry {
			return t.MadeGood
		}
		for j := range t.Recipients {
			if to := &t.Recipients[j]; to.Decided.Entry == entry && to.Answer > Accepted {
				return to.MadeGood
			}
		}
	}
	return true
}

// Consequence reports a reply that says no only because an earlier one did.
func (s *Session) Consequence(entry int) bool { return slices.Contains(s.Consequences, entry) }
