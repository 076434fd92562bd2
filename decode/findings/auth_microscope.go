package findings

import (
	"slices"
	"strings"

	"smtptap/decode"
	"smtptap/decode/who"
)

func hasFact(m *decode.Mask, facts ...string) bool {
	return slices.ContainsFunc(m.Facts, func(f string) bool { return slices.Contains(facts, f) })
}

// withFacts are the client's lines in which credentials have one of these
// facts. Nothing is known of credentials that a log hides.
func (s *session) withFacts(facts ...string) []int {
	if s.lack(decode.LackCredentials) || s.lack(decode.LackBrackets) {
		return nil
	}
	at := s.noted(facts...)
	for _, i := range s.secrets {
		if a := s.ev(i).Auth; a.Step != decode.StepStray && hasFact(a.Secret, facts...) {
			at = append(at, i)
		}
	}
	slices.Sort(at)
	return firstFew(slices.Compact(at))
}

// refusal is the first reply that refused a login, if none was accepted later;
// nil otherwise.
func (s *session) refusal() *reply {
	if s.loggedIn >= 0 {
		return nil
	}
	for r := range s.to("AUTH") {
		if r.code >= 400 {
			return r
		}
	}
	return nil
}

// refusedWith finds credentials with one of these facts in a session whose
// login was refused.
func refusedWith(facts ...string) finder {
	return func(s *session) *evidence {
		at := s.withFacts(facts...)
		r := s.refusal()
		if len(at) == 0 || r == nil {
			return nil
		}
		return see(append(at, r.entry)...)
	}
}

// malformedWith is refusedWith for mistakes that the server's reply would speak
// of: a refusal for another reason is not explained by them.
func malformedWith(facts ...string) finder {
	find := refusedWith(facts...)
	return func(s *session) *evidence {
		g := find(s)
		if g == nil {
			return nil
		}
		switch s.refusal().code {
		case 535, 501, 500, 550, 553, 554:
			return g
		}
		g.severity = Warning
		return g
	}
}

func emptyCredentials(s *session) *evidence {
	r := s.refusal()
	if r == nil {
		return nil
	}
	at := s.withFacts("user-" + decode.FactEmpty)
	for _, i := range s.withFacts(decode.FactEmpty) {
		if a := s.ev(i).Auth; a.Secret != nil && a.Secret.What != "token" && !s.closesExchange(i) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return nil
	}
	slices.Sort(at)
	return see(append(slices.Compact(at), r.entry)...)
}

// closesExchange reports an empty line by which a client takes a server's last
// word in a mechanism that ends so.
func (s *session) closesExchange(i int) bool {
	a := s.ev(i).Auth
	return isTokenMechanism(a.Mechanism) || strings.HasPrefix(a.Mechanism, "SCRAM-") || a.Mechanism == "DIGEST-MD5" || a.Mechanism == "NTLM" || a.Mechanism == "GSSAPI"
}

// strayCredentials finds credentials that nobody asked for and that the server
// refused as commands. After MAIL such lines are rather those of a message.
func strayCredentials(s *session) *evidence {
	if s.lack(decode.LackServerLines) {
		return nil
	}
	var proof []int
	for i := range s.replies {
		r := s.replies[i]
		if r.code < 500 || r.asked < 0 {
			continue
		}
		if a := s.ev(r.asked).Auth; a != nil && a.Step == decode.StepStray && s.last("MAIL", r.asked) < 0 {
			proof = append(proof, r.proof()...)
		}
	}
	return see(firstFew(proof)...)
}

// wrappedBase64 finds a whole response with another line after it that the
// server has not asked for: the rest of what an encoder has folded.
func wrappedBase64(s *session) *evidence {
	for i, at := range s.secrets[min(1, len(s.secrets)):] {
		first := s.secrets[i]
		a := s.ev(first).Auth
		stray := s.ev(at).Auth.Step == decode.StepStray && (s.loggedIn < first || s.loggedIn > at)
		if a.Step == decode.StepStray || a.Mechanism == "LOGIN" && a.Step != decode.StepPassword || s.clientSpoke(first, at) {
			continue
		}
		if r := s.answer(first); !stray && (r == nil || r.entry < at || s.ev(at).Command != nil) {
			continue // the server asked for it, or it begins another exchange
		}
		g := see(first, at)
		if r := s.refusal(); r != nil {
			g = see(first, at, r.entry)
			slices.Sort(g.entries)
		}
		return g
	}
	return nil
}

// clientSpoke reports that the client said something between two entries.
func (s *session) clientSpoke(from, to int) bool {
	return slices.ContainsFunc(s.t.Entries[from+1:to], func(e decode.Entry) bool {
		return e.Event != nil && e.Event.Side == who.Client
	})
}

// plainNames are user names that are meant to have no domain.
var plainNames = []string{"apikey", "resend", "postmaster", "smtp", "api"}

func nameWithoutDomain(s *session) *evidence {
	r := s.refusal()
	if r == nil || r.code != 535 || slices.Contains(plainNames, strings.ToLower(s.user)) || s.isAt(ses) {
		return nil
	}
	at := s.withFacts(decode.FactUserNoDomain)
	if len(at) == 0 {
		return nil
	}
	return see(at...)
}
