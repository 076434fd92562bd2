package findings

import (
	"strings"
	"unicode/utf8"

	"smtptap/decode"
)

const fromFix = "$mail->setFrom('address-of-the-account@example.com'); $mail->addReplyTo($visitor);"

// senderRules are about MAIL and the From field.
var senderRules = []rule{
	{id: "SES-554-NOT-VERIFIED", severity: Failure,
		any:     []when{{text: `email address is not verified|following identities failed the check`}},
		text:    "Amazon SES has not verified the address: {reply}",
		cause:   "SES sends only from verified addresses or domains, in the sandbox also only to verified ones, each for one region.",
		fix:     Fix{General: "Verify the domain or address in the SES console of that region, or leave the sandbox", PHPMailer: "$mail->setFrom('verified@example.com');"},
		sources: []string{"docs.aws.amazon.com/ses: verified identities"}},
	{id: "SENDGRID-550-SENDER-IDENTITY", severity: Failure,
		any:     []when{{text: `verified sender identity`}},
		text:    "SendGrid has not verified the From address",
		cause:   "Every From address must belong to a verified sender or an authenticated domain.",
		fix:     Fix{General: "Verify the sender or domain at SendGrid, and send from it", PHPMailer: "$mail->setFrom('verified@example.com');"},
		sources: []string{"docs.sendgrid.com: sender identity"}},
	{id: "PROVIDER-550-FROM-UNVERIFIED", severity: Failure,
		any:     []when{{code: "4..|5..", text: `sender domain not verified|not allowed to send from|unconfigured sending domain|sender signature|domain must be verified|(sender|from).{0,40}(not|un)verified|domain .{0,60}not verified|is not a verified`}},
		text:    "the provider has not verified the sender's domain: {reply}",
		cause:   "Sending services take mail only from domains that were proven to be the customer's.",
		fix:     Fix{General: "Verify the domain at the provider, and send from it", PHPMailer: fromFix},
		sources: []string{"documentation of Mailgun, Postmark, SparkPost, SMTP2GO: domain verification"}},
	{id: "SENDER-NETEASE-553", severity: Failure,
		any:     []when{{code: "553", text: `mail from must equal authori[sz]ed user`}},
		text:    "NetEase wants the sender to be the account that logged in ({user}), not {from}",
		cause:   "163, 126 and yeah.net send only from the address of the login.",
		fix:     Fix{General: "Send from the account's own address", PHPMailer: fromFix, Nodemailer: "from: the same address as auth.user"},
		sources: []string{"help.mail.163.com: 553 Mail from must equal authorized user"}},
	{id: "SENDER-QQ-501", severity: Failure,
		any:     []when{{text: `mail from address must be same as authorization user`}, {text: `the "?from"? header is missing or invalid`}},
		text:    "QQ wants the sender to be the account that logged in ({user}), not {from}",
		cause:   "QQ sends only from the address of the login, on the envelope and in the From field.",
		fix:     Fix{General: "Send from the account's own address", PHPMailer: fromFix, Nodemailer: "from: the same address as auth.user"},
		sources: []string{"service.mail.qq.com: 501 mail from address"}},
	{id: "O365-SENDAS-DENIED", severity: Failure,
		any:     []when{{enhanced: `5\.7\.60|5\.2\.252`}, {text: `SendAsDenied|not allowed to send as|permissions to send as`}},
		text:    "Microsoft 365 does not let {user} send as {from}",
		cause:   "The login has no Send As right on the From address.",
		fix:     Fix{General: "Send from the login's own address, or let the administrator grant Send As", PHPMailer: fromFix},
		sources: []string{"learn.microsoft.com: NDR 5.7.60"}},
	{id: "MAILFROM-NULL-AUTHED", severity: Failure,
		any:     []when{{to: "MAIL RCPT", code: "5..", and: nullSenderAuthed}},
		text:    "the client sends with an empty sender although it logged in: {reply}",
		cause:   "The empty reverse-path is for bounces; a submission server wants the account's address there.",
		fix:     Fix{General: "Set the envelope sender", PHPMailer: "$mail->Sender = 'user@example.com';", Nodemailer: "envelope: { from: 'user@example.com', to }"},
		sources: []string{"RFC 5321 section 4.5.5", "RFC 6409 section 6.1"}},
	{id: "SENDER-NOT-OWNED-553", severity: Failure,
		any:     []when{{code: "5..", text: `not owned by (auth )?user|not owned by|sender address rejected: not|relaying disallowed as|sender.{0,60}(not|isn't) (allowed|permitted|authori[sz]ed|owned|match)|not allowed to use|does not match (the )?(login|auth)|must (match|be the same as|equal).{0,20}(login|user|auth)|address.{0,40}does not belong|not permitted to send (as|from)|you are not (allowed|authorized) to send|sender mismatch|Sender address is not allowed|from address.{0,60}not (allowed|authori[sz]ed|match)|unauthorized sender`}},
		text:    "the account {user} may not send as {from}: {reply}",
		cause:   "The server lets each login send only from its own addresses. Contact forms that put the visitor's address into From run into this.",
		fix:     Fix{General: "Send from the account's own address, and put the visitor into Reply-To", PHPMailer: fromFix, Nodemailer: "from: auth.user, replyTo: visitor", Symfony: "->from('account@example.com')->replyTo($visitor); Laravel: MAIL_FROM_ADDRESS", WordPress: "WP Mail SMTP: Force From Email"},
		sources: []string{"RFC 6409 section 6.1", "postfix.org reject_sender_login_mismatch"}},
	{id: "MAILFROM-UTF8", severity: Failure,
		any:     []when{{to: "MAIL RCPT", code: "5..", text: `smtputf8|unicode address|8.?bit characters|strict ascii|non-?ascii`}, {to: "MAIL RCPT", code: "5..", and: eightBitPath}},
		test:    utf8WithoutExtension,
		text:    "an address with characters beyond ASCII, without SMTPUTF8",
		cause:   "Such addresses need the SMTPUTF8 extension on the server and the parameter on MAIL.",
		fix:     Fix{General: "Write the domain in its xn-- form; for the part before the @ use an ASCII address or a server with SMTPUTF8", PHPMailer: "install intl, so that PHPMailer converts domains; PHPMailer 6.10 and later know SMTPUTF8"},
		sources: []string{"RFC 6531 section 3.3", "RFC 5891"}},
	{id: "MAILFROM-SYNTAX-501", severity: Failure,
		any:     []when{{to: "MAIL", code: "501|555|553|500|550|504", text: `syntax|bad sender|malformed|missing (<|angle)|invalid address|bad address|unrecogni[sz]ed parameter`, and: notForParams}, {to: "MAIL", code: "501|555|500", and: notForParams}},
		text:    "MAIL FROM is not written as the server wants it: {reply}",
		cause:   "The address belongs in angle brackets right behind the colon, and must be one address and nothing else.",
		fix:     Fix{General: "Write MAIL FROM:<user@example.com>", PHPMailer: "$mail->setFrom('user@example.com', 'Name'); // name and address apart", Smtplib: "sendmail('user@example.com', …) // without a name"},
		sources: []string{"RFC 5321 section 4.1.1.2"}},
	{id: "MAILFROM-DOMAIN-NOT-FOUND", severity: Failure,
		any:     []when{{enhanced: `[45]\.1\.8`}, {to: "MAIL RCPT", code: "4..|5..", text: `sender.{0,80}(domain (not found|does not exist)|does not exist|not resolve|unresolvable|no mx)|domain of sender address`}},
		text:    "the sender's domain does not exist: {reply}",
		cause:   "The server looked the domain of {from} up and found neither MX nor address.",
		fix:     Fix{General: "Send from an address whose domain exists and takes mail", PHPMailer: "$mail->setFrom('user@example.com'); // not root@localhost or www-data@host"},
		sources: []string{"RFC 3463 section 3.2", "postfix.org reject_unknown_sender_domain"}},
	{id: "MAILFROM-NOT-ADDRESS", severity: Failure,
		any:     []when{{to: "MAIL RCPT", code: "5..", text: `need fully.?qualified address|sender.{0,40}fully.?qualified`}, {to: "MAIL", code: "5..", and: senderNoAddress}},
		text:    "the sender {from} is no full mail address: {reply}",
		cause:   "A user name, an encoded name or a local address stands where a mail address belongs.",
		fix:     Fix{General: "Set a full address as sender", PHPMailer: "$mail->setFrom('user@example.com'); $mail->Sender = 'user@example.com';"},
		sources: []string{"RFC 5321 section 4.1.2"}},
	{id: "RELAY-IP-NOT-ALLOWED", severity: Failure,
		any:     []when{{code: "4..|5..", text: `unauthorized ip|ip address.{0,40}(not allowed|not authorized|unauthorized) to send|not allowed from your ip|invalid credentials for relay|ip.{0,30}not (whitelisted|in.*allow)`}, {code: "525"}},
		text:    "the provider takes mail only from addresses on its list: {reply}",
		cause:   "The account is limited to certain IP addresses, and this one is not among them.",
		fix:     Fix{General: "Add the sending machine's IP address in the provider's settings"},
		sources: []string{"documentation of Brevo, SMTP2GO and Google SMTP relay: allowed IP addresses"}},
	{id: "UNSUPPORTED-PARAM-555", severity: Failure,
		any:     []when{{to: "MAIL RCPT", code: "555|501|503|504", text: `unsupported (option|parameter)|parameters? not (recogni[sz]ed|implemented|supported)|unrecogni[sz]ed parameter|dsn support|invalid command parameter|option not`}, {to: "MAIL RCPT", code: "555", and: hasParams}},
		text:    "the server does not know a parameter of the command: {reply}",
		cause:   "The client uses an extension (SIZE, BODY, SMTPUTF8, NOTIFY ...) that EHLO did not offer.",
		fix:     Fix{General: "Send only parameters of extensions that the server lists", PHPMailer: "$mail->dsn = ''; $mail->do_verp = false;", Smtplib: "do not pass mail_options"},
		sources: []string{"RFC 5321 section 4.1.1.11"}},
	{id: "SMTPUTF8-UNNEEDED", severity: Warning, test: needlessSMTPUTF8,
		text:    "MAIL asks for SMTPUTF8 although nothing in the message needs it",
		cause:   "A later server without the extension would have to refuse the message.",
		fix:     Fix{General: "Ask for SMTPUTF8 only when an address or header field holds UTF-8"},
		sources: []string{"RFC 6531 section 3.4"}},
	{id: "FROM-VISITOR-ADDRESS", severity: Warning, test: visitorSender,
		text:    "the sender {from} belongs to a public mail provider that this server does not send for",
		cause:   "SPF and DMARC of that provider forbid it; receivers refuse such mail or put it into the spam folder.",
		fix:     Fix{General: "Send from your own domain and put the visitor into Reply-To", PHPMailer: fromFix, WordPress: "WP Mail SMTP: Force From Email"},
		sources: []string{"RFC 7489", "PHPMailer wiki: SMTP troubleshooting"}},
	{id: "FROM-LOGIN-MISMATCH", severity: Advice, test: loginMismatch,
		text:    "login ({user}) and sender ({from}) are of different domains",
		cause:   "The server has not objected, but many do, and DMARC looks at the From domain.",
		fix:     Fix{General: "Send from the login's address if mail gets lost", PHPMailer: fromFix},
		sources: []string{"RFC 6409 section 6.1"}},
	{id: "ENVELOPE-HEADER-FROM-MISMATCH", severity: Advice, test: fromMismatch,
		text:    "the envelope sender and the From field are of different domains",
		cause:   "SPF judges the envelope, DMARC wants it to fit the From field, unless a DKIM signature does.",
		fix:     Fix{General: "Let both have the same domain", PHPMailer: "$mail->Sender = ''; // then From is used"},
		sources: []string{"RFC 7489 section 3.1"}},
}

func domainOf(address string) string {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return ""
	}
	return strings.ToLower(strings.Trim(address[i+1:], "<> \t"))
}

// mailOf is the MAIL command that a reply to MAIL, or the last one before a
// reply to RCPT, is about.
func (v *view) mailOf(i int) *decode.Command {
	var c *decode.Command
	for _, m := range v.mails {
		if m < i {
			c = v.event0(m).Command
		}
	}
	return c
}

func nullSenderAuthed(v *view, i int) bool {
	c := v.mailOf(i)
	return c != nil && c.HasPath && c.Path == "" && v.authed && !v.t.Lack(decode.LackBrackets)
}

func senderNoAddress(v *view, i int) bool {
	c := v.mailOf(i)
	if c == nil || !c.HasPath || c.Path == "" {
		return false
	}
	domain := domainOf(c.Path)
	return domain == "" || !strings.Contains(domain, ".") || strings.Contains(c.Path, "=?")
}

func (v *view) askedCommand(i int) *decode.Command {
	for n := range v.answers {
		if v.answers[n].entry == i && v.answers[n].asked >= 0 {
			return v.event0(v.answers[n].asked).Command
		}
	}
	return nil
}

func eightBitPath(v *view, i int) bool {
	c := v.askedCommand(i)
	return c != nil && strings.ContainsFunc(c.Path, func(r rune) bool { return r > 126 })
}

func hasParams(v *view, i int) bool {
	c := v.askedCommand(i)
	return c != nil && len(c.Params) > 0
}

func notForParams(v *view, i int) bool { return !hasParams(v, i) || senderNoAddress(v, i) }

func utf8WithoutExtension(v *view) []int {
	if _, offered := v.offered["SMTPUTF8"]; offered || v.ehlo < 0 {
		return nil
	}
	for _, i := range v.commands {
		c := v.event0(i).Command
		if c != nil && (c.Verb == "MAIL" || c.Verb == "RCPT") && strings.ContainsFunc(c.Path, func(r rune) bool { return r > 126 }) {
			return []int{i}
		}
	}
	return nil
}

func needlessSMTPUTF8(v *view) []int {
	for _, i := range v.mails {
		c := v.event0(i).Command
		for _, p := range c.Params {
			if p.Key == "SMTPUTF8" && !v.eightBitHeader() && utf8.ValidString(c.Path) && isASCII(c.Path) {
				return []int{i}
			}
		}
	}
	return nil
}

func isASCII(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 }) }

func (v *view) eightBitHeader() bool {
	for _, e := range v.t.Entries {
		if e.Event == nil {
			continue
		}
		if e.Event.Header != nil && !isASCII(e.Event.Header.Value) {
			return true
		}
		if c := e.Event.Command; c != nil && !isASCII(c.Path) {
			return true
		}
	}
	return false
}

// visitorSender finds a sender of a public mail domain at a server that is
// another's.
func visitorSender(v *view) []int {
	for _, i := range v.mails {
		domain := domainOf(v.event0(i).Command.Path)
		if !consumerDomains[domain] || domainOf(v.user) == domain {
			continue
		}
		if p := findProvider("@" + domain); p != "" && p == v.provider {
			continue
		}
		if v.provider == "" && v.user == "" {
			continue
		}
		return []int{i}
	}
	return nil
}

func loginMismatch(v *view) []int {
	login := domainOf(v.user)
	for _, i := range v.mails {
		if d := domainOf(v.event0(i).Command.Path); login != "" && d != "" && d != login {
			return []int{i}
		}
	}
	return nil
}

func fromMismatch(v *view) []int {
	for _, m := range v.messages {
		if m.Mail < 0 {
			continue
		}
		envelope := domainOf(v.event0(m.Mail).Command.Path)
		for _, p := range m.Parts {
			h := v.event0(p).Header
			if h == nil || !strings.EqualFold(h.Name, "From") {
				continue
			}
			if d := domainOf(h.Value); envelope != "" && d != "" && d != envelope && !strings.HasSuffix(envelope, "."+d) && !strings.HasSuffix(d, "."+envelope) {
				return []int{m.Mail, p}
			}
		}
	}
	return nil
}
