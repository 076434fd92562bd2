package findings

import (
	"encoding/json"
	"strings"

	"smtptap/decode"
	"smtptap/decode/who"
)

func isTokenMechanism(name string) bool { return name == "XOAUTH2" || name == "OAUTHBEARER" }

// refusedToken reports a refusal of a login by token that does not say that
// something else is the matter.
func refusedToken(s *session, r *reply) bool {
	return isTokenMechanism(s.mechanism(r)) && !containsAny(r.folded(), []string{"smtpclientauthentication", "unrecognized auth", "not supported", "mechanism"}) && r.code != 504 && !mechanismMissing(s, r)
}

func longToken(s *session, r *reply) bool {
	c := s.command(r)
	return c != nil && isTokenMechanism(s.mechanism(r)) && (r.asked >= 0 && s.ev(r.asked).Span.Len() > 500 || strings.Contains(r.folded(), "line"))
}

func emptyToken(s *session) *evidence {
	for _, i := range s.logins {
		ev := s.ev(i)
		if !isTokenMechanism(ev.Auth.Mechanism) || s.lack(decode.LackCredentials) {
			continue
		}
		a := s.answer(i)
		switch {
		case ev.Auth.Secret != nil && hasFact(ev.Auth.Secret, decode.FactEmpty):
			return tokenSighting(i, a)
		case ev.Command == nil || !isTokenMechanism(strings.ToUpper(strings.TrimSpace(ev.Command.Arg))):
		case a != nil && a.code >= 400 && !mechanismMissing(s, a), a != nil && a.code == 334 && s.nothingFollows(i):
			return tokenSighting(i, a)
		}
	}
	return nil
}

func tokenSighting(i int, a *reply) *evidence {
	if a == nil || a.positive() {
		return see(i)
	}
	return see(i, a.entry)
}

// nothingFollows reports that the client sent no token after AUTH: it left, or
// it said the next command where the token belongs.
func (s *session) nothingFollows(auth int) bool {
	for i := auth + 1; i < len(s.t.Entries); i++ {
		ev := s.t.Entries[i].Event
		if ev == nil || ev.Side != who.Client {
			continue
		}
		return ev.Auth == nil || ev.Auth.Secret == nil
	}
	return s.t.Ended && !s.lack(decode.LackEnd)
}

// challenge is what the server gives as its reason to refuse a token (RFC 7628
// section 3.2.2).
type challenge struct {
	Status  string `json:"status"`
	Schemes string `json:"schemes"`
	Scope   string `json:"scope"`
}

// oauthError is the server's reason in words, "" when it gave none.
func oauthError(a *decode.Auth) string {
	var c challenge
	if a == nil || json.Unmarshal([]byte(a.Decoded), &c) != nil || c.Status == "" {
		return ""
	}
	text := "status " + c.Status
	if c.Scope != "" {
		text += ", scope " + c.Scope
	}
	return text
}

func tokenRefused(s *session) *evidence {
	for r := range s.to("AUTH") {
		if reason := oauthError(r.event.Auth); r.code == 334 && reason != "" {
			return see(r.proof()...).with("oauth", reason)
		}
	}
	return nil
}

func goesOnAfterRefusal(s *session) *evidence {
	if s.loggedIn >= 0 || !s.isPHPMailer() {
		return nil
	}
	for r := range s.to("AUTH") {
		if r.code < 500 || !isTokenMechanism(s.mechanism(r)) {
			continue
		}
		for _, m := range s.byName["MAIL"] {
			if m > r.entry {
				return see(r.entry, m)
			}
		}
	}
	return nil
}

// passwordInsteadOfToken finds a login by password in a session of a client
// whose settings or log speak of OAuth.
func passwordInsteadOfToken(s *session) *evidence {
	if len(s.logins) == 0 || !s.isPHPMailer() {
		return nil
	}
	mech := s.ev(s.logins[0]).Auth.Mechanism
	if isTokenMechanism(mech) || mech == "" {
		return nil
	}
	for _, said := range s.says {
		if strings.Contains(said.folded, "oauth") && !strings.Contains(said.folded, "auth methods") {
			return see(s.logins[0], said.entry).with("mech", mech)
		}
	}
	return nil
}
