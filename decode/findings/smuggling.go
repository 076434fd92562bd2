package findings

import (
	"slices"
	"strings"
)

// endLookalikes finds messages with what some servers take for their end and
// others do not, and names its octets.
func endLookalikes(s *session) *evidence {
	at := s.noted("eod-lookalike")
	if g := see(at...); g != nil {
		return g.with("octets", s.lookalikes(at))
	}
	return nil
}

func (s *session) lookalikes(at []int) string {
	var forms []string
	for _, i := range at {
		for _, n := range s.ev(i).Notes {
			if n.ID == "eod-lookalike" {
				forms = append(forms, strings.Split(n.Of, ", ")...)
			}
		}
	}
	slices.Sort(forms)
	return strings.Join(slices.Compact(forms), ", ")
}

// falseEndTaken finds a server that ended a message there: its replies came
// before the message ended, or more of them than were asked for after it.
func falseEndTaken(s *session) *evidence {
	alike := s.noted("eod-lookalike")
	if len(alike) == 0 {
		return nil
	}
	proof := s.noted("false-end")
	for _, i := range s.notes["unsolicited-reply"] {
		if code := s.ev(i).Reply.Code; i > alike[0] && (code == 250 || code == 354) {
			proof = append(proof, i)
		}
	}
	if len(proof) == 0 {
		return nil
	}
	g := see(append(alike, proof...)...).with("octets", s.lookalikes(alike))
	if ids := s.became.QueueIDs; len(ids) > 1 {
		g.with("messages", strings.Join(ids, ", "))
	}
	return g
}

// earlyReply finds a server that accepts a message before its end, for no reason
// that the message shows.
func earlyReply(s *session) *evidence {
	if len(s.noted("eod-lookalike")) > 0 {
		return nil
	}
	return see(s.noted("early-reply")...)
}
