package findings

import (
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/units"
	"smtptap/decode/who"
)

// Waits from which on they are worth telling.
const (
	slowGreeting = 5 * time.Second
	slowDNS      = 2 * time.Second
	slowTLS      = 3 * time.Second
	slowClient   = 30 * time.Second
)

// timed reports whether the transcript knows when something was said.
func (s *session) timed() bool { return !s.lack(decode.LackTimes) }

func lateGreeting(s *session) *evidence {
	if s.greeting < 0 || !s.timed() || s.greetedInTLS() {
		return nil
	}
	from := time.Duration(0)
	for _, d := range s.dials {
		if d.entry < s.greeting {
			from = s.t.Entries[d.entry].At
		}
	}
	for _, f := range s.tls {
		if f.entry < s.greeting {
			from = s.t.Entries[f.entry].At
		}
	}
	if took := s.ev(s.greeting).Begin - from; took > slowGreeting {
		return see(s.greeting).with("took", units.Time(took))
	}
	return nil
}

func lateDNS(s *session) *evidence {
	return tookTogether(s.lookups, slowDNS, func(f *facts.DNS) time.Duration { return f.Took })
}

func lateDial(s *session) *evidence {
	if s.dialFault != nil {
		return nil
	}
	return tookTogether(s.dials, slowGreeting, func(f *facts.Dial) time.Duration { return f.Took })
}

// tookTogether is evidence of facts that took more than limit in all.
func tookTogether[T any](all []placed[T], limit time.Duration, took func(T) time.Duration) *evidence {
	var sum time.Duration
	var proof []int
	for _, f := range all {
		sum += took(f.fact)
		proof = append(proof, f.entry)
	}
	if sum <= limit {
		return nil
	}
	return see(firstFew(proof)...).with("took", units.Time(sum))
}

func lateTLS(s *session) *evidence {
	for _, f := range s.tls {
		if f.fact.Took > slowTLS && f.fact.Err == "" {
			return see(f.entry).with("took", units.Time(f.fact.Took))
		}
	}
	return nil
}

// lateReplies finds the slowest reply to any of the verbs; the first argument is
// the wait that is still usual.
func lateReplies(args ...string) finder {
	limit, err := time.ParseDuration(args[0])
	if err != nil {
		panic(err) // of the catalogue, which a test reads
	}
	verbs := args[1:]
	return func(s *session) *evidence {
		if !s.timed() {
			return nil
		}
		var slowest *reply
		longest := limit
		for r := range s.to(verbs...) {
			if r.asked < 0 {
				continue
			}
			if took := r.event.Begin - s.ev(r.asked).At; took > longest {
				slowest, longest = r, took
			}
		}
		if slowest == nil {
			return nil
		}
		return see(slowest.proof()...).with("took", units.Time(longest))
	}
}

// idleClient finds the longest gap between a reply and what the client said
// next, if it is long.
func idleClient(s *session) *evidence {
	if !s.timed() {
		return nil
	}
	var longest *evidence
	most := slowClient
	last := -1
	for i := range s.t.Entries {
		ev := s.t.Entries[i].Event
		if ev == nil {
			continue
		}
		if last >= 0 && ev.Side == who.Client && s.ev(last).Side == who.Server {
			if gap := ev.Begin - s.ev(last).At; gap > most {
				longest, most = see(last, i), gap
			}
		}
		last = i
	}
	if longest == nil {
		return nil
	}
	return longest.with("took", units.Time(most))
}
