package findings

import (
	"strings"

	"smtptap/decode"
)

func unknownSecure(s *session) *evidence {
	value, told := s.settings["smtpsecure"]
	if !told {
		return nil
	}
	switch value {
	case "", "tls", "ssl", "none", "false":
		return nil
	}
	return see(s.setAt["smtpsecure"]).with("value", value)
}

func quitAfterDead(s *session) *evidence {
	if !s.isPHPMailer() || s.lossFault == nil {
		return nil
	}
	quit := s.last("QUIT", len(s.t.Entries))
	if quit < 0 || s.answer(quit) != nil || quit < s.lossFault.entries[0] {
		return nil
	}
	return see(quit)
}

func resetAfterTLS(s *session) *evidence {
	if s.tlsFault == nil {
		return nil
	}
	reset := s.last("RSET", len(s.t.Entries))
	if reset < s.tlsFault.entries[0] {
		return nil
	}
	if r := s.answer(reset); r != nil && r.positive() {
		return nil
	}
	return see(reset)
}

func heloAfter421(s *session) *evidence {
	for r := range s.to("EHLO") {
		if r.code != 421 {
			continue
		}
		for _, h := range s.byName["HELO"] {
			if h > r.entry {
				return see(r.entry, h)
			}
		}
	}
	return nil
}

func ignoredGreeting(s *session) *evidence {
	if !s.said("EHLO") || s.greeting < 0 {
		return nil
	}
	ehlo := s.byName["EHLO"][0]
	if r := s.answer(s.greeting); r.code >= 400 && ehlo > r.entry && s.fromClient(ehlo) {
		return see(r.entry, ehlo)
	}
	return nil
}

func refusedThenQuit(s *session) *evidence {
	if !s.isPHPMailer() {
		return nil
	}
	for r := range s.to("RCPT") {
		quit := s.last("QUIT", len(s.t.Entries))
		if a := s.answer(quit); !r.positive() && quit > r.entry && a != nil && a.code == 221 {
			return see(r.entry, quit)
		}
	}
	return nil
}

// debugShows finds passwords that a log shows, where it does not hide them.
func debugShows(s *session) *evidence {
	if !s.pasted() || s.lack(decode.LackCredentials) {
		return nil
	}
	var proof []int
	for _, i := range s.secrets {
		m := s.ev(i).Auth.Secret
		switch m.What {
		case "password", "credentials", "token":
			if !hasFact(m, decode.FactEmpty, decode.FactPlaceholder, decode.FactUndefined) {
				proof = append(proof, i)
			}
		}
	}
	return see(firstFew(proof)...)
}

// catchers are servers that keep mail for testing.
var catchers = []string{"mailhog", "mailpit", "mailtrap", "maildev", "smtp4dev", "papercut", "mailcatcher", "fakesmtp", "greenmail", "inbucket"}

func acceptedByCatcher(s *session) *evidence {
	if s.greeting < 0 || !s.accepted(s.greeting, toMessage) {
		return nil
	}
	if containsAny(s.answer(s.greeting).folded(), catchers) || containsAny(strings.ToLower(s.t.Target), catchers) {
		return see(s.greeting)
	}
	return nil
}
