package outcome

import "smtptap/decode"

// stage is how far a session had come, outside of transactions.
type stage uint8

const (
	atNothing stage = iota // a command that no message needs, or none
	atGreeting
	atHello
	atTLS
	atAuth
	atMail
)

func stageOf(verb string) stage {
	switch verb {
	case "EHLO", "HELO", "LHLO":
		return atHello
	case "STARTTLS":
		return atTLS
	}
	return atNothing
}

// A refusal is a reply that said no outside of a transaction.
type refusal struct {
	Decision
	stage  stage
	stands bool
}

// refuseOr notes a refusal, or that the session went on in spite of one.
func (t *Tracker) refuseOr(at stage, r *decode.Reply, d Decision) {
	switch {
	case r.Code >= 400:
		if at > atNothing || !t.refusal.stands || r.Code == 421 {
			t.refuse(at, d)
		}
	case at > atNothing && r.Code < 300:
		t.overcome(at)
	}
}

func (t *Tracker) refuse(at stage, d Decision) { t.refusal = refusal{d, at, true} }

// overcome forgets a refusal of a stage that the session has passed.
func (t *Tracker) overcome(at stage) {
	if t.refusal.stage <= at {
		t.refusal = refusal{}
	}
}

// follows notes a reply that says no only because an earlier one did.
func (t *Tracker) follows(d Decision) {
	if len(t.consequences) < maxConsequences {
		t.consequences = append(t.consequences, d.Entry)
	}
}
