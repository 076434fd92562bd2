package findings

import (
	"slices"
	"strings"

	"smtptap/decode"
	"smtptap/decode/message"
)

// domainOf is the domain of an address in lower case, "" for none.
func domainOf(address string) string {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return ""
	}
	return strings.ToLower(strings.Trim(address[i+1:], "<> \t.\""))
}

// sender is the MAIL command that a reply is about; nil when the transcript
// does not show it.
func (s *session) sender(r *reply) *decode.Command {
	if c := s.command(r); c != nil && c.Verb == "MAIL" {
		return c
	}
	if at := s.last("MAIL", r.entry); at >= 0 {
		return s.ev(at).Command
	}
	return nil
}

func emptySender(s *session, r *reply) bool {
	c := s.sender(r)
	return c != nil && c.HasPath && c.Path == "" && s.loggedIn >= 0 && !s.lack(decode.LackBrackets)
}

func emptySenderTaken(s *session) *evidence {
	for _, i := range s.byName["MAIL"] {
		if c := s.ev(i).Command; c.HasPath && c.Path == "" && s.loggedIn >= 0 && s.loggedIn < i && !s.lack(decode.LackBrackets) {
			return see(i)
		}
	}
	return nil
}

// refusesVisitor reports a refusal that names an address of a public mail
// domain, where the login is not known to be of that domain.
func refusesVisitor(s *session, r *reply) bool {
	if s.user != "" || s.said("MAIL") {
		return false // then it is known who sends as whom
	}
	for _, word := range strings.Fields(r.folded()) {
		if d := domainOf(strings.TrimRight(word, ".,;:")); publicDomains[d] && !s.isAt(findProvider("@"+d)) {
			return true
		}
	}
	return false
}

// visitorSender finds a sender of a public mail domain at a server that is
// another's, or after a login of another domain.
func visitorSender(s *session) *evidence {
	for _, i := range s.byName["MAIL"] {
		d := domainOf(s.ev(i).Command.Path)
		if !publicDomains[d] || domainOf(s.user) == d {
			continue
		}
		if p := findProvider("@" + d); p != "" && (s.isAt(p) || s.wanted == p) {
			continue
		}
		if s.provider == "" && domainOf(s.user) == "" {
			continue
		}
		return see(i)
	}
	return nil
}

func eightBitPath(s *session, r *reply) bool {
	c := s.command(r)
	return c != nil && !isASCII(c.Path) && !hasParam(s.sender(r), "SMTPUTF8")
}

func notForSMTPUTF8Param(s *session, r *reply) bool { return !hasParam(s.sender(r), "SMTPUTF8") }

func hasParam(c *decode.Command, key string) bool {
	if c == nil {
		return false
	}
	for _, p := range c.Params {
		if p.Key == key {
			return true
		}
	}
	return false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] > 126 {
			return false
		}
	}
	return true
}

// utf8Address finds an address beyond ASCII in a transaction without SMTPUTF8.
func utf8Address(s *session) *evidence {
	declared := false
	for _, i := range s.commands {
		c := s.ev(i).Command
		if c.Verb == "MAIL" {
			declared = hasParam(c, "SMTPUTF8")
		}
		if (c.Verb == "MAIL" || c.Verb == "RCPT") && !declared && !isASCII(c.Path) {
			return see(i)
		}
	}
	return nil
}

// paramOf is the extension that a parameter belongs to.
var paramOf = map[string]string{"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN", "NOTIFY": "DSN", "ORCPT": "DSN", "AUTH": "AUTH", "REQUIRETLS": "REQUIRETLS"}

func hasUnlistedParams(s *session, r *reply) bool {
	c := s.command(r)
	if c == nil || len(c.Params) == 0 {
		return false
	}
	for _, p := range c.Params {
		if ext := paramOf[p.Key]; isKeyword(p.Key) && (ext == "" || !s.offers(ext)) {
			return true
		}
	}
	return false
}

// isKeyword reports the form of an ESMTP keyword (RFC 5321 section 4.1.2);
// what follows a malformed address is none.
func isKeyword(key string) bool {
	return key != "" && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

func senderNoAddress(s *session, r *reply) bool {
	c := s.command(r)
	if c == nil || c.Path == "" || hasNote(s.ev(r.asked), "path-brackets", "path-space") || hasUnlistedParams(s, r) {
		return false
	}
	d := domainOf(c.Path)
	return d == "" || !strings.Contains(d, ".") && !strings.HasPrefix(d, "[") || strings.Contains(c.Path, "=?") || strings.ContainsAny(c.Path, " <")
}

func hasNote(ev *decode.Event, ids ...string) bool {
	return slices.ContainsFunc(ev.Notes, func(n decode.Note) bool { return slices.Contains(ids, n.ID) })
}

// malformedPath finds commands whose address is not in brackets right after
// the colon.
func malformedPath(verb string) finder {
	return func(s *session) *evidence {
		for _, i := range s.noted("path-space", "path-brackets", "path-missing") {
			if c := s.ev(i).Command; c != nil && c.Verb == verb {
				return see(i)
			}
		}
		return nil
	}
}

func needlessSMTPUTF8(s *session) *evidence {
	for _, m := range s.messages {
		if m.Mail < 0 {
			continue
		}
		if c := s.ev(m.Mail).Command; hasParam(c, "SMTPUTF8") && !s.needsUTF8(&m) && s.wholeHeader(&m) {
			return see(m.Mail)
		}
	}
	for _, i := range s.byName["MAIL"] {
		// The messages are not in the transcript, but the addresses are.
		if c := s.ev(i).Command; len(s.fields) == 0 && hasParam(c, "SMTPUTF8") && isASCII(c.Path) && s.asciiRecipients() {
			return see(i)
		}
	}
	return nil
}

func (s *session) asciiRecipients() bool {
	for _, i := range s.byName["RCPT"] {
		if !isASCII(s.ev(i).Command.Path) {
			return false
		}
	}
	return true
}

// needsUTF8 reports UTF-8 in the addresses or the header of a message.
func (s *session) needsUTF8(m *decode.Message) bool {
	if m.Mail >= 0 && !isASCII(s.ev(m.Mail).Command.Path) {
		return true
	}
	for _, i := range m.Rcpts {
		if !isASCII(s.ev(i).Command.Path) {
			return true
		}
	}
	for _, i := range m.Parts {
		if h := s.ev(i).Header; h != nil && !isASCII(h.Value) {
			return true
		}
	}
	return false
}

// stickySMTPUTF8 finds a connection with several messages of which a later one
// has the parameter without need, or needs it and lacks it.
func stickySMTPUTF8(s *session) *evidence {
	if !s.isPHPMailer() || len(s.messages) < 2 {
		return nil
	}
	for i := range s.messages[1:] {
		m, before := &s.messages[i+1], &s.messages[i]
		if m.Mail < 0 || before.Mail < 0 {
			continue
		}
		declared := hasParam(s.ev(m.Mail).Command, "SMTPUTF8")
		if declared != s.needsUTF8(m) && s.needsUTF8(m) != s.needsUTF8(before) {
			return see(before.Mail, m.Mail)
		}
	}
	return nil
}

func loginMismatch(s *session) *evidence {
	login := domainOf(s.user)
	for _, i := range s.byName["MAIL"] {
		if d := domainOf(s.ev(i).Command.Path); login != "" && d != "" && !related(d, login) {
			return see(i)
		}
	}
	return nil
}

// related reports domains of which one is the other or lies below it.
func related(a, b string) bool {
	return a == b || strings.HasSuffix(a, "."+b) || strings.HasSuffix(b, "."+a)
}

func fromMismatch(s *session) *evidence {
	for i := range s.messages {
		m := &s.messages[i]
		if m.Mail < 0 {
			continue
		}
		envelope := domainOf(s.ev(m.Mail).Command.Path)
		p := s.field(m, "From")
		if p < 0 || envelope == "" {
			continue
		}
		list, _ := message.Addresses(s.ev(p).Header.Value)
		if len(list) != 1 || domainOf(list[0].Addr) == "" {
			continue
		}
		if !related(domainOf(list[0].Addr), envelope) {
			return see(m.Mail, p).with("field", list[0].Addr)
		}
	}
	return nil
}

// notDMARCAdvice leaves deferrals for lack of DMARC to RATE-421-REPUTATION, and
// mail that fails SPF and DKIM as such to GMAIL-550-5.7.26-UNAUTH.
func notDMARCAdvice(_ *session, r *reply) bool {
	return r.code >= 500 || r.enhanced == "4.7.26"
}
