package findings

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/outcome"
)

func emptyRecipient(s *session, r *reply) bool {
	c := s.command(r)
	return c != nil && strings.TrimSpace(c.Path) == "" && !s.lack(decode.LackBrackets)
}

// notLocalFault leaves what a server says of its own troubles to TEMP-451-LOCAL.
func notLocalFault(_ *session, r *reply) bool {
	return !fits(r.enhanced, []string{"4.3.x", "4.1.x", "4.4.x"})
}

// noRecipientRefused reports that no recipient was refused: there was none at
// all.
func noRecipientRefused(s *session, _ *reply) bool {
	for r := range s.to("RCPT") {
		if !r.positive() {
			return false
		}
	}
	return true
}

func notUserText(_ *session, r *reply) bool { return !userText.match(r.folded()) }

// userText are servers' words for a mailbox that does not exist.
var userText = newPattern(`user unknown|unknown (user|recipient|mailbox|local part|address)|no such (user|recipient|person|mailbox|address|account|local user)|(mailbox|account|recipient|user|email|address|alias|inbox)( address)?( [^ ]+)?.{0,60}(not found|not (be )?found|unavailable|does not exist|doesn't exist|not exist|not (a )?(valid|known)|disabled|inactive|deactivated|suspended|invalid|unknown|no longer)|recipientnotfound|invalid (recipient|mailbox|user)|not a valid mailbox|no mailbox (here|by)|does not have an? .{0,30}account|couldn't be delivered.{0,40}(not found|unknown)`)

// someRefused finds recipients that were refused in a transaction whose message
// went to the others.
func someRefused(s *session) *evidence {
	var proof []int
	for i := range s.became.Transactions {
		t := &s.became.Transactions[i]
		for _, to := range t.Recipients {
			if r := s.answer(to.Decided.Entry); t.Taken() && to.Answer > outcome.Accepted && !to.MadeGood && r != nil {
				proof = append(proof, r.proof()...)
			}
		}
	}
	return see(firstFew(proof)...)
}

// nullMX finds an MX record that says that the domain takes no mail.
func nullMX(s *session) *evidence {
	for _, l := range s.lookups {
		if l.fact.Kind != "MX" {
			continue
		}
		for _, record := range l.fact.Answers {
			fields := strings.Fields(record)
			if len(fields) > 1 && fields[len(fields)-1] == "." && fields[len(fields)-2] == "0" && len(l.fact.Answers) == 1 {
				return see(l.entry)
			}
		}
	}
	return nil
}
