package findings

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/smtp"
)

// mechanism is the login mechanism that a reply to AUTH is about.
func (s *session) mechanism(r *reply) string {
	if r.asked >= 0 {
		if a := s.ev(r.asked).Auth; a != nil && a.Mechanism != "" {
			return a.Mechanism
		}
	}
	// A line of an exchange whose AUTH command the log lacks.
	name := ""
	for _, i := range s.logins {
		if a := s.ev(i).Auth; i < r.entry && a.Mechanism != "" {
			name = a.Mechanism
		}
	}
	return name
}

// digestInDoubt reports a login by a digest of the password that was refused and
// may go well with the password itself, as far as the session tells: one that
// was tried with the same user was not refused too, and one is on offer.
func digestInDoubt(s *session, r *reply) bool {
	if used := s.mechanism(r); used != "CRAM-MD5" && used != "DIGEST-MD5" {
		return false
	}
	for other := range s.to("AUTH") {
		if m := s.mechanism(other); m != "CRAM-MD5" && m != "DIGEST-MD5" && other.code == 535 && s.sameUser(r, other) {
			return false
		}
	}
	offered := " " + strings.ToUpper(s.offered["AUTH"]) + " "
	return s.offered["AUTH"] == "" || s.offers("STARTTLS") || strings.Contains(offered, " PLAIN ") || strings.Contains(offered, " LOGIN ")
}

// sameUser reports that two logins were not of different users.
func (s *session) sameUser(a, b *reply) bool {
	one, other := s.userOf(a), s.userOf(b)
	return one == "" || other == "" || one == other
}

// userOf is the user of the login that a reply decides, "" when unknown.
func (s *session) userOf(r *reply) string {
	user := ""
	for _, i := range s.logins {
		if i > r.entry {
			break
		}
		a := s.ev(i).Auth
		if a.Step == decode.StepStart {
			user = ""
		}
		switch {
		case a.User != "":
			user = a.User
		case a.Secret != nil && a.Secret.User != "":
			user = a.Secret.User
		}
	}
	return user
}

// credentialsSent reports a refusal after credentials, or one of which that is
// not known.
func credentialsSent(s *session, r *reply) bool {
	if r.asked < 0 || s.lack(decode.LackCredentials) || s.lack(decode.LackClientLines) {
		return true
	}
	a := s.ev(r.asked).Auth
	return a == nil || a.Step != decode.StepStart || a.Secret != nil || a.User != ""
}

// oddBlanks reports an AUTH command with other blanks than the two that belong
// there, for a mechanism that the server is not known to lack.
func oddBlanks(s *session, r *reply) bool {
	if r.asked < 0 || s.lack(decode.LackBytes) {
		return false
	}
	line := strings.TrimRight(string(s.ev(r.asked).Raw), "\r\n")
	if len(line) < 4 || !strings.EqualFold(line[:4], "AUTH") {
		return false
	}
	return strings.Contains(line, "  ") || strings.ContainsRune(line, '\t') || strings.HasSuffix(line, " ") || line[0] == ' '
}

// mechanismMissing reports a login with a mechanism that EHLO did not list.
func mechanismMissing(s *session, r *reply) bool {
	used, offered := s.mechanism(r), strings.ToUpper(s.offered["AUTH"])
	if used == "" || offered == "" {
		return false
	}
	for _, m := range strings.Fields(offered) {
		if m == used {
			return false
		}
	}
	return true
}

func mechanismNotOffered(s *session) *evidence {
	for r := range s.to("AUTH") {
		if r.code >= 400 && r.asked >= 0 && mechanismMissing(s, r) {
			return see(r.proof()...)
		}
	}
	return nil
}

// loginAtOnce reports a refusal of AUTH LOGIN with the user name on its line,
// or a prompt for the user name that was given already.
func loginAtOnce(s *session, r *reply) bool {
	c := s.command(r)
	if c == nil || c.Verb != "AUTH" {
		return false
	}
	if mechanism, response := smtp.Word([]byte(c.Arg)); !strings.EqualFold(string(mechanism), "LOGIN") || len(response) == 0 {
		return false
	}
	if r.code == 334 {
		prompt := r.event.Auth
		return prompt != nil && strings.Contains(strings.ToLower(prompt.Prompt), "user") && s.loggedIn < 0
	}
	return !mechanismMissing(s, r) && s.offers("AUTH")
}

// plainAlone reports a refusal of AUTH PLAIN without a response on its line,
// where PLAIN is on offer.
func plainAlone(s *session, r *reply) bool {
	c := s.command(r)
	return c != nil && c.Verb == "AUTH" && strings.EqualFold(strings.TrimSpace(c.Arg), "PLAIN") && !mechanismMissing(s, r) &&
		(s.offers("AUTH") || s.ehlo < 0) && r.code != 530 && r.code != 538
}

// cancelled reports a reply to the asterisk that ends an exchange.
func cancelled(s *session, r *reply) bool {
	return r.asked >= 0 && s.ev(r.asked).Auth != nil && s.ev(r.asked).Auth.Step == decode.StepCancel
}

// withoutLogin reports a refusal in a session in which the client did not try
// to log in.
func withoutLogin(s *session, r *reply) bool {
	return !s.triedLogin(r.entry) && !containsAny(r.folded(), []string{"spf", "dkim", "dmarc"})
}

// orphaned is withoutLogin for a reply of which the log does not tell what it
// answers.
func orphaned(s *session, r *reply) bool { return r.verb == "" && withoutLogin(s, r) }

// loginOnOffer reports a client that could have logged in and did not, or that
// said HELO, which makes it impossible.
func loginOnOffer(s *session, r *reply) bool {
	if s.triedLogin(r.entry) {
		return false
	}
	return s.offers("AUTH") || s.offers("AUTH=") || s.said("HELO") && !s.said("EHLO")
}

func quitBeforeLogin(s *session) *evidence {
	if s.ehlo < 0 || len(s.logins) > 0 || s.said("MAIL") || !s.offers("AUTH") {
		return nil
	}
	quit := s.last("QUIT", len(s.t.Entries))
	if quit < s.ehlo {
		return nil
	}
	for _, i := range s.commands {
		// Whoever asks for something else came for that.
		if verb := s.ev(i).Command.Verb; i > s.ehlo && verb != "QUIT" && verb != "RSET" && verb != "NOOP" {
			return nil
		}
	}
	return see(s.ehlo, quit)
}

func passwordInClear(s *session) *evidence {
	if s.local() {
		return nil
	}
	for _, i := range s.secrets {
		switch s.ev(i).Auth.Secret.What {
		case "password", "credentials", "token":
		default:
			continue
		}
		if !s.hadTLS(i) && s.surelyClear() {
			return see(i)
		}
	}
	return nil
}

// surelyClear reports that the transcript can tell that there was no TLS. A log
// may leave it out; but a server that still offers STARTTLS has not had it.
func (s *session) surelyClear() bool {
	if !s.pasted() {
		return true
	}
	switch s.port() {
	case "25", "587", "2525", "1025":
		return !s.secured
	}
	return !s.secured && s.offers("STARTTLS")
}

func severalAuthLines(s *session) *evidence {
	if s.ehlo < 0 || !s.isPHPMailer() {
		return nil
	}
	lines := 0
	for _, l := range s.ev(s.ehlo).Reply.Lines {
		if name := firstWord(l.Text); name == "AUTH" {
			lines++
		} else if strings.EqualFold(name, "AUTH") {
			lines += 2
		}
	}
	if lines > 1 {
		return see(s.ehlo)
	}
	return nil
}
