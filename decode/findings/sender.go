package findings

import (
	"slices"
	"strings"

	"smtptap/decode"
	"smtptap/decode/message"
)

// senderRules are about MAIL and the From field.
var senderRules = []rule{
	{
		id: "RELAY-IP-NOT-ALLOWED", severity: Failure, title: "the provider's list lacks the client's address",
		when: []when{
			{text: `unauthorized ip|\bip( address)?\b.{0,60}(not|isn't|un)[- ]?(allowed|authori[sz]ed|permitted|whitelisted|listed).{0,20}(to )?(send|relay|use)?|not allowed from your ip|invalid credentials for relay|(allow|white) ?list.{0,40}\bip\b`, also: notDirect},
			{code: "525"},
		},
		text:    "the account is limited to certain addresses, and this one is not among them: {reply}",
		cause:   "An allow list is active at the provider. Its IPv6 address counts apart.",
		fix:     Fix{General: "Add the sending machine's addresses, IPv4 and IPv6, in the provider's settings"},
		sources: []string{"support.google.com/a/answer/2956491", "help.brevo.com: authorized IPs", "gophish/gophish#1701"},
	},
	{
		id: "MAILFROM-NULL-AUTHED", severity: Failure, title: "an empty sender behind a login",
		when:    []when{{to: "MAIL RCPT DATA", code: "5xx", also: emptySender}},
		lint:    lint{find: emptySenderTaken, severity: Warning, text: "the client logged in and sends with an empty envelope sender"},
		text:    "the client logged in and sends with an empty envelope sender: {reply}",
		cause:   "The empty reverse-path is for bounces. A submission server wants the account's own address there, or drops the mail later.",
		fix:     Fix{General: "Set the envelope sender", PHPMailer: "$mail->setFrom('user@example.com'); // fills $mail->Sender too", Nodemailer: "from: 'user@example.com' // or envelope.from", Smtplib: "the first argument of smtp.sendmail()"},
		sources: []string{"RFC 5321 section 4.5.5", "RFC 6409 section 6.1", "splitbrain/dokuwiki-plugin-smtp#38"},
	},
	{
		id: "FROM-VISITOR-ADDRESS", severity: Failure, title: "a visitor's address as sender",
		when:    []when{{code: "553 550 554", text: `disallowed as|not allowed|not owned|sender address rejected`, also: refusesVisitor}},
		lint:    lint{find: visitorSender, severity: Warning, text: "the sender {from} belongs to a public mail provider that this server does not send for"},
		text:    "the sender belongs to a public mail provider that this server does not send for: {reply}",
		cause:   "Contact forms put the visitor's address into From. The server knows no such account, and the provider's SPF and DMARC forbid it.",
		fix:     Fix{General: "Send from your own address and put the visitor into Reply-To", PHPMailer: "$mail->setFrom('form@example.com'); $mail->addReplyTo($_POST['email']);", Nodemailer: nodeFrom, Symfony: symFrom, WordPress: wpFrom},
		sources: []string{"RFC 7489 section 3.1", "PHPMailer: examples/contactform.phps", "getgrav/grav-plugin-email#77"},
	},
	{
		id: "SENDER-NOT-OWNED-553", severity: Failure, title: "the sender does not belong to the login",
		when: []when{
			{text: `not owned by|(relaying|sending) disallowed as|sender.{0,60}(not|isn't) (allowed|permitted|authori[sz]ed|owned|match)|not allowed to use|does(n't| not) match.{0,30}(login|auth|user)|must (match|be the same as|equal).{0,30}(login|user|auth|account)|address.{0,40}(does not|doesn't) belong|not (permitted|allowed|authori[sz]ed) to send (as|from|mail from|on behalf)|sender (mismatch|verify failed)|sender address is not allowed|from address.{0,60}not|unauthori[sz]ed sender|not one of your addresses|conform with authentication|non-local account|spoof|envelope sender.{0,40}not`, also: notUnverified},
			{code: "553", text: `relaying disallowed`},
			{code: "553", enhanced: "5.7.1", text: `: sender( address)?( rejected)?:?$|sender address rejected`},
			{code: "440"},
			{said: `relaying disallowed as|not owned by user|sender address rejected: not owned`},
		},
		text:  "the login[ {user}] may not send as this sender[ ({from})]: {reply}",
		cause: "The server lets a login send from its own addresses only; it looks at the envelope sender, some also at From, behind the message.",
		fix: Fix{
			General:   "Send from the login's own address or a verified alias, and put other people into Reply-To",
			PHPMailer: phpFrom, Nodemailer: nodeFrom, Smtplib: "the first argument of smtp.sendmail() is the login's address", Symfony: symFrom, WordPress: wpFrom,
		},
		sources: []string{"RFC 6409 section 6.1", "postfix.org: reject_sender_login_mismatch", "mybb/mybb#2644"},
	},
	{
		id: "MAILFROM-UTF8", severity: Failure, title: "an address beyond ASCII without SMTPUTF8",
		when:    []when{{to: "MAIL RCPT", text: `smtputf8|unicode address|8[- ]?bit characters|strict ascii|non[- ]?ascii|internationali[sz]ed`, also: notForSMTPUTF8Param}, {to: "MAIL RCPT", code: "5xx", also: eightBitPath}, {enhanced: "5.6.7", to: "MAIL RCPT"}},
		lint:    lint{find: utf8Address, severity: Warning, text: "an address holds characters beyond ASCII, and MAIL does not say SMTPUTF8"},
		text:    "an address holds characters beyond ASCII, and MAIL does not say SMTPUTF8: {reply}",
		cause:   "The domain was not put into its ASCII form, or the part before the @ needs SMTPUTF8, which client, server and every later server must know.",
		fix:     Fix{General: "Write the domain in its xn-- form; use an ASCII name before the @, or a server with SMTPUTF8", PHPMailer: "$mail->CharSet = 'UTF-8'; with the extensions intl and mbstring, and 6.10 or later", Smtplib: "smtp.send_message(msg), which asks for SMTPUTF8 where it is needed", Nodemailer: "update: nodemailer does both"},
		sources: []string{"RFC 6531 section 3", "RFC 5891"},
	},
	{
		id: "UNSUPPORTED-PARAM-555", severity: Failure, title: "a parameter that the server does not know",
		when:    []when{{to: "MAIL RCPT", text: `unsupported (option|parameter|command parameter|extension)|parameters? .{0,30}(not|un)[- ]?(recogni[sz]ed|implemented|supported|known|allowed)|(unrecogni[sz]ed|unknown|invalid) (command )?(parameter|option)s?|dsn support is disabled|option .{0,20}not`}, {to: "MAIL RCPT", code: "555", also: hasUnlistedParams}},
		text:    "the server does not know a parameter of the command: {reply}",
		cause:   "The client uses an extension (SIZE, BODY, SMTPUTF8, RET, NOTIFY, AUTH=) that EHLO did not list, or it said HELO.",
		fix:     Fix{General: "Send parameters of listed extensions only", PHPMailer: "$mail->dsn = ''; $mail->do_verp = false;", Nodemailer: "leave dsn out", Smtplib: "no mail_options and rcpt_options"},
		sources: []string{"RFC 5321 section 4.1.1.11"},
	},
	{
		id: "MAILFROM-NOT-ADDRESS", severity: Failure, title: "the sender is no mail address",
		when:    []when{{text: `need fully[- ]?qualified address|sender.{0,60}fully[- ]?qualified|unqualified (sender|address)|sender address .{0,20}must contain a domain|domain (name )?required`, also: notInMessage}, {to: "MAIL", code: "5xx", also: senderNoAddress}},
		text:    "the sender[ {from}] is no full mail address: {reply}",
		cause:   "A display name, an encoded name or a local user stands where the address belongs: From was used for the envelope as it is.",
		fix:     Fix{General: "Give the bare address as the envelope sender", PHPMailer: "$mail->setFrom('user@example.com', 'Name'); $mail->Sender = 'user@example.com';", Smtplib: "email.utils.parseaddr(msg['From'])[1] as the first argument", Nodemailer: "envelope: { from: 'user@example.com', to }"},
		sources: []string{"RFC 5321 section 4.1.2", "postfix.org: reject_non_fqdn_sender"},
	},
	{
		id: "MAILFROM-DOMAIN-NOT-FOUND", severity: Failure, title: "the sender's domain does not exist",
		when:    []when{{enhanced: "x.1.8"}, {also: notNullMX, text: `sender.{0,100}(domain not found|does not (exist|resolve)|doesn't exist|unresolvable|no (mx|a|dns) record|can(not|'t) be (resolved|verified))|domain of sender|invalid sender( domain)?|sender verify failed|sender domain must`}, {to: "MAIL", text: `domain.{0,40}(not found|does not exist|not exist|unknown|invalid)|unrouteable|no such domain`}},
		text:    "the sender's domain[ ({from})] does not exist in DNS: {reply}",
		cause:   "The server looked for an MX or address record of the sender's domain. A local host name, a mistyped one or a web-only domain has none.",
		fix:     Fix{General: "Send from an address whose domain takes mail", PHPMailer: "$mail->setFrom('user@example.com'); // not www-data@host or root@localhost", Nodemailer: "from: 'user@example.com'"},
		sources: []string{"RFC 3463 section 3.2", "postfix.org: reject_unknown_sender_domain", "RFC 7505 section 4.2"},
	},
	{
		id: "MAILFROM-SYNTAX-501", severity: Failure, title: "MAIL is malformed",
		when: []when{
			{text: `bad sender address|mail from:? ?<address>|mail must have an address|malformed (sender|reverse)|invalid (sender|mail from|from address)( address)? (format|syntax)`},
			{to: "MAIL", code: "501 555 500 553 504", also: notTooLong},
			{to: "MAIL", text: `syntax|malformed|missing (<|angle|bracket)|bad address|invalid address`},
		},
		lint:    lint{find: malformedPath("MAIL"), severity: Warning, text: "MAIL FROM is not of the form MAIL FROM:<address>; strict servers refuse it"},
		text:    "MAIL FROM is not written as the server wants it: {reply}",
		cause:   "One bare address in angle brackets belongs right behind the colon: no space, no display name.",
		fix:     Fix{General: "Write MAIL FROM:<user@example.com>", PHPMailer: "$mail->setFrom('user@example.com', 'Name'); // name and address apart", Nodemailer: "from: { name, address }", Smtplib: "smtp.sendmail('user@example.com', …)"},
		sources: []string{"RFC 5321 section 4.1.1.2", "RFC 5321 section 3.3", "maildev/maildev#212"},
	},
	{
		id: "SMTPUTF8-UNNEEDED", severity: Warning, title: "SMTPUTF8 without need",
		find:    needlessSMTPUTF8,
		text:    "MAIL asks for SMTPUTF8 although nothing in the message needs it",
		cause:   "The client asks for it whenever it is on offer. A later server without it has to refuse the message.",
		fix:     Fix{General: "Ask for SMTPUTF8 only when an address or a header field holds UTF-8", PHPMailer: "$mail->UseSMTPUTF8 = false; // on a new object"},
		sources: []string{"RFC 6531 section 3.4", "kisli/vmime#186"},
	},
	{
		id: "PM-SMTPUTF8-STICKY", severity: Warning, title: "SMTPUTF8 switched on late or never off",
		find:    stickySMTPUTF8,
		text:    "SMTPUTF8 does not fit the addresses of a later message on the same connection",
		cause:   "PHPMailer hands the flag to its SMTP class when it connects and never takes it back.",
		fix:     Fix{General: "Use a new connection for the first message with an international address, and a new object behind it", PHPMailer: "$mail->smtpClose(); $mail->UseSMTPUTF8 = false;"},
		sources: []string{"PHPMailer 7.1.1: smtpConnect(), preSend()", "RFC 6531 section 3.4"},
	},
	{
		id: "FROM-LOGIN-MISMATCH", severity: Advice, title: "login and sender are of different domains",
		find:    loginMismatch,
		text:    "login ({user}) and sender ({from}) are of different domains",
		cause:   "The settings come from two accounts. Some servers object only behind the message, others let it pass and it fails DMARC later.",
		fix:     Fix{General: "Send from the login's domain", PHPMailer: "$mail->setFrom($mail->Username);", Nodemailer: "from: auth.user"},
		sources: []string{"RFC 6409 section 6.1", "RFC 7489 section 3.1"},
	},
	{
		id: "ENVELOPE-HEADER-FROM-MISMATCH", severity: Advice, title: "envelope and From are of different domains",
		find:    fromMismatch,
		text:    "the envelope sender ({from}) and the From field ({field}) are of different domains",
		cause:   "SPF judges the envelope, and DMARC wants it to fit From, unless a DKIM signature of that domain does.",
		fix:     Fix{General: "Keep both in one domain, or sign with DKIM for the From domain", PHPMailer: "$mail->Sender = $mail->From;", Nodemailer: "leave envelope.from out"},
		sources: []string{"RFC 7489 section 3.1"},
	},
}

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

func emptySenderTaken(s *session) *sighting {
	for _, i := range s.byName["MAIL"] {
		if c := s.ev(i).Command; c.HasPath && c.Path == "" && s.loggedIn >= 0 && s.loggedIn < i && !s.lack(decode.LackBrackets) {
			return see(i)
		}
	}
	return nil
}

// notNullMX leaves domains that take no mail to NULL-MX-556.
func notNullMX(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"nullmx", "null mx", "does not accept mail"})
}

func notTooLong(_ *session, r *reply) bool { return !strings.Contains(r.folded(), "too long") }

func notUnverified(_ *session, r *reply) bool {
	return !strings.Contains(r.folded(), "unauthenticated") && !strings.Contains(r.folded(), "spf")
}

// notDirect leaves home addresses that deliver to Gmail themselves to
// GMAIL-550-NOTAUTHORIZED, and SPF to its own rule.
func notDirect(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"send email directly", "notauthorizederror", "spf", "ptr"})
}

// notInMessage leaves what receivers say of header fields to the message rules.
func notInMessage(_ *session, r *reply) bool { return r.verb != toMessage }

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
// another's, or behind a login of another domain.
func visitorSender(s *session) *sighting {
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
func utf8Address(s *session) *sighting {
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

// malformedPath finds commands whose address is not in brackets right behind
// the colon.
func malformedPath(verb string) finder {
	return func(s *session) *sighting {
		for _, i := range s.noted("path-space", "path-brackets", "path-missing") {
			if c := s.ev(i).Command; c != nil && c.Verb == verb {
				return see(i)
			}
		}
		return nil
	}
}

func needlessSMTPUTF8(s *session) *sighting {
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
func stickySMTPUTF8(s *session) *sighting {
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

func loginMismatch(s *session) *sighting {
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

func fromMismatch(s *session) *sighting {
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
