package findings

import (
	"slices"

	"smtptap/decode/facts"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
)

// endedFor finds a session that smtptap ended itself.
func endedFor(cause string) finder {
	return func(s *session) *evidence {
		if s.end == nil || s.end.fact.Cause != cause {
			return nil
		}
		return see(s.end.entry)
	}
}

// noServer finds DNS questions that came to nothing where no server was
// reached.
func noServer(s *session) *evidence {
	if s.connected() || nullMX(s) != nil {
		return nil
	}
	for _, l := range s.lookups {
		if l.fact.Err == "" && (l.fact.Rcode == "" || l.fact.Rcode == "NOERROR") {
			continue
		}
		why := l.fact.Err
		if why == "" {
			why = l.fact.Rcode
		}
		return see(l.entry).with("domain", l.fact.Name).with("why", why)
	}
	return nil
}

// ruled finds what smtptap did because the user had it do so, by the notes on that.
// It failed the session only where somebody other than the server did.
func ruled(notes ...string) finder {
	return func(s *session) *evidence {
		g := see(s.byRule(notes...)...)
		if g != nil && !s.spoiltByRule() {
			g.severity = Advice
		}
		return g
	}
}

func (s *session) byRule(notes ...string) []int {
	var at []int
	for _, n := range notes {
		at = append(at, s.ruled[n]...)
	}
	slices.Sort(at)
	return firstFew(at)
}

func (s *session) spoiltByRule() bool {
	return s.became.Outcome.Bad() && s.became.Decided.By != who.Server || s.became.Outcome == outcome.Partly
}

// Notes on rules that let a peer wait, which no other finding counts.
var slowRules = []string{facts.NoteRuleDelayed, facts.NoteRuleSlowed, facts.NoteRuleHeld}

// endedByRule reports that a rule ended the session, or had a peer wait for
// nothing.
func (s *session) endedByRule() bool {
	return s.byRule(facts.NoteRuleEnded, facts.NoteRuleSilent, facts.NoteRuleHalfClosed) != nil || s.byRule(slowRules...) != nil
}

// overRule turns a failure of TLS with the client into the rule's doing that
// showed it a bad certificate.
func (s *session) overRule(f *fault) *fault {
	if f == nil || len(s.ruled[facts.NoteRuleCertificate]) == 0 {
		return f
	}
	for _, i := range f.entries {
		if t, ok := s.t.Entries[i].Fact.(*facts.TLS); ok && t.Leg == who.ServerLeg {
			return f
		}
	}
	return &fault{"RULE-CERTIFICATE", *see(append(s.byRule(facts.NoteRuleCertificate), f.entries...)...)}
}
