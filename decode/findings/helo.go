package findings

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/smtp"
)

func nameless(s *session, r *reply) bool {
	c := s.command(r)
	return c != nil && strings.TrimSpace(c.Arg) == "" && !s.lack(decode.LackBrackets)
}

func heloOnly(s *session) *evidence {
	if s.said("EHLO") || !s.said("HELO") {
		return nil
	}
	at := s.byName["HELO"][0]
	for i := range s.replies {
		r := s.replies[i]
		if r.entry > at && r.code >= 500 && (strings.Contains(r.folded(), "auth") || strings.Contains(r.folded(), "relay")) {
			return see(at, r.entry)
		}
	}
	return nil
}

func ehloAfterAuth(s *session) *evidence {
	again := s.last("EHLO", len(s.t.Entries))
	if s.loggedIn < 0 || again < s.loggedIn {
		return nil
	}
	for i := range s.replies {
		r := s.replies[i]
		if r.entry > again && (r.code == 530 || r.enhanced == "5.7.0" || r.enhanced == "5.7.1") && r.verb != "EHLO" {
			return see(s.loggedIn, again, r.entry)
		}
	}
	return nil
}

// lastLineMissed finds a client that complains of the lack of something that
// the last line of the EHLO reply offers.
func lastLineMissed(s *session) *evidence {
	if s.ehlo < 0 {
		return nil
	}
	lines := s.ev(s.ehlo).Reply.Lines
	if len(lines) < 2 {
		return nil
	}
	keyword := strings.ToLower(firstWord(lines[len(lines)-1].Text))
	if keyword != "starttls" && keyword != "auth" {
		return nil
	}
	for _, said := range s.says {
		if strings.Contains(said.folded, keyword) && missing.match(said.folded) && said.entry > s.ehlo {
			return see(s.ehlo, said.entry).with("says", said.text)
		}
	}
	return nil
}

var missing = newPattern(`not (supported|offered|advertised?|available|found)|does(n't| not) (support|offer|advertise)|no (auth|starttls)|unsupported`)

func oldAuthForm(s *session) *evidence {
	if s.offers("AUTH=") && !s.offers("AUTH") {
		return see(s.ehlo)
	}
	return nil
}

func oddName(s *session) *evidence {
	for _, i := range s.commands {
		c := s.ev(i).Command
		if !smtp.Greets(c.Verb) || !s.fromClient(i) {
			continue
		}
		if isOddName(strings.ToLower(strings.TrimSpace(c.Arg))) {
			return see(i)
		}
		return nil
	}
	return nil
}

// isOddName reports a greeting name that no public server would bear. What a
// poster or tool has hidden is not judged.
func isOddName(name string) bool {
	if name == "" || name == "unknown" || strings.Trim(name, "-*x.…") == "" || strings.Contains(name, "hidden") {
		return false
	}
	if literal, found := strings.CutPrefix(name, "["); found {
		ip, ok := address(strings.TrimPrefix(strings.TrimSuffix(literal, "]"), "ipv6:"))
		return !ok || ip.IsLoopback() || ip.IsPrivate()
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch last {
	case "local", "lan", "internal", "localdomain", "home", "localhost", "invalid":
		return true
	}
	_, bare := address(name)
	return bare || !strings.Contains(name, ".") || strings.ContainsAny(name, "_ :/")
}
