package findings

import (
	"strings"

	"smtptap/decode"
)

// recipientRules are about RCPT.
var recipientRules = []rule{
	{id: "NULL-MX-556", severity: Failure,
		any:     []when{{code: "556"}, {enhanced: `5\.1\.10`, text: `null ?mx|does not accept mail`}, {enhanced: `5\.7\.27`}, {text: `nullmx|null mx`}},
		text:    "the domain says that it takes no mail: {reply}",
		cause:   "Its only MX record is \".\", which means so (RFC 7505). Often the domain is mistyped.",
		fix:     Fix{General: "Check the spelling of the address"},
		sources: []string{"RFC 7505"}},
	{id: "GREYLIST-45X", severity: Failure,
		any:     []when{{code: "4..", text: `gr[ae]y.?list|postgrey|try again in \d+|come back later|deferred.{0,40}(minutes|seconds)|temporarily deferred.*first`}, {to: "RCPT", code: "45[01]", text: `try again later|temporarily (rejected|deferred|unavailable)|please try (again|later)`}},
		text:    "greylisting: the server wants the mail to be tried again later: {reply}",
		cause:   "Servers that don't know the sender turn the first try away; spam programs don't come back, mail servers do.",
		fix:     Fix{General: "Try again after some minutes; a script should hand its mail to a queueing server (a local Postfix or a provider) that does so by itself"},
		sources: []string{"RFC 6647"}},
	{id: "RCPT-LIMIT-452", severity: Failure,
		any:     []when{{enhanced: `[45]\.5\.3`, text: `recip|rcpt`}, {code: "4..|5..", text: `too many (recipients|rcpt)|rcpts? over size|recipient limit|maximum.{0,20}recipients`}},
		text:    "too many recipients for one message: {reply}",
		cause:   "The server takes only so many RCPT commands for a message, or in a time.",
		fix:     Fix{General: "Send to fewer recipients at a time", PHPMailer: "one message per group of recipients: $mail->clearAddresses(); in a loop with SMTPKeepAlive"},
		sources: []string{"RFC 5321 section 4.5.3.1.10"}},
	{id: "MAILBOX-FULL-452", severity: Failure,
		any:     []when{{enhanced: `[45]\.2\.2`}, {code: "4..|5..", text: `over ?quota|quota exceeded|mailbox (is )?full|insufficient (mail)?box|exceeded storage|out of storage`}},
		text:    "the recipient's mailbox is full: {reply}",
		cause:   "The recipient has to make room.",
		fix:     Fix{General: "Tell the recipient by another way, and try later"},
		sources: []string{"RFC 3463 section 3.3"}},
	{id: "RCPT-DOMAIN-NOT-FOUND", severity: Failure,
		any:     []when{{enhanced: `[45]\.1\.2`}, {code: "512"}, {to: "RCPT", code: "4..|5..", text: `recipient.{0,80}domain not found|domain not found|no such domain|host (or domain name )?not found|unrouteable (address|domain)|domain does not exist`}},
		text:    "the recipient's domain does not exist: {reply}",
		cause:   "The domain has neither MX nor address record, or the server's own DNS is broken.",
		fix:     Fix{General: "Check the spelling of the domain; if it exists, the server's resolver is at fault"},
		sources: []string{"RFC 3463 section 3.2", "RFC 5321 section 5.1"}},
	{id: "RCPT-EMPTY", severity: Failure,
		any:     []when{{to: "RCPT", code: "5..", and: emptyRcpt}, {to: "DATA BDAT", code: "5..", text: `no valid recipients|need rcpt|valid rcpt|no recipients`, and: noRcptRefused}, {client: `no recipients|at least one recipient|No recipients defined|must provide at least one`}},
		text:    "there is no recipient: {reply}",
		cause:   "The address is empty, or every one was dropped before it was sent.",
		fix:     Fix{General: "Check that the recipient's variable is filled", PHPMailer: "$mail->addAddress($to); // look at its return value"},
		sources: []string{"RFC 5321 section 3.3"}},
	{id: "RCPTTO-SYNTAX-501", severity: Failure,
		any:     []when{{to: "RCPT", code: "501|555|500|553|550", text: `syntax|bad recipient|malformed|invalid (recipient )?address( format)?|bad address|bad destination`}, {to: "RCPT", code: "501|555"}},
		text:    "RCPT TO is not written as the server wants it: {reply}",
		cause:   "One address in angle brackets belongs there: no name, no list, no missing brackets.",
		fix:     Fix{General: "Write RCPT TO:<user@example.com>, one command for each", PHPMailer: "$mail->addAddress('user@example.com', 'Name'); // one call for each", Smtplib: "sendmail(from, ['a@example.com', 'b@example.com'], …)"},
		sources: []string{"RFC 5321 section 4.1.1.3"}},
	{id: "RELAY-DENIED-554", severity: Failure,
		any:     []when{{to: "RCPT MAIL DATA .", code: "554|553|454", text: `relay(ing)? (access )?(denied|not permitted|prohibited)|relaying denied|allowed rcpthosts|not relay|relay access`}},
		text:    "the server does not pass mail on to {rcpt} for this client: {reply}",
		cause:   "It is neither the recipient's server, nor did the client log in, nor is the client's address allowed to relay.",
		fix:     Fix{General: "Log in with AUTH, or use the submission server of your own provider", PHPMailer: loginFix, Nodemailer: "auth: { user, pass }", Smtplib: "smtp.login(user, password)"},
		sources: []string{"RFC 5321 section 7.9", "postfix.org smtpd_relay_restrictions"}},
	{id: "RELAY-DENIED-550", severity: Failure,
		any:     []when{{enhanced: `5\.7\.54`}, {to: "RCPT MAIL DATA .", code: "5..", text: `relay|not (a )?local (domain|recipient)|no such domain at this location|not our customer|domain not (allowed|hosted)|unable to relay`}},
		text:    "the server does not pass mail on to {rcpt} for this client: {reply}",
		cause:   "It takes mail for its own domains only, unless the client logs in or its address is allowed.",
		fix:     Fix{General: "Log in with AUTH, or use the submission server of your own provider", PHPMailer: loginFix},
		sources: []string{"RFC 5321 section 7.9"}},
	{id: "VRFY-DISABLED", severity: Advice, noise: true,
		any:     []when{{to: "VRFY EXPN", code: "5..|252"}},
		text:    "the server does not verify addresses on request",
		cause:   "VRFY is switched off nearly everywhere, because spammers used it to find addresses.",
		fix:     Fix{General: "Nothing to mend; the only test of an address is to send to it"},
		sources: []string{"RFC 5321 section 7.3"}},
	{id: "RCPT-UNKNOWN-AFTER-DATA", severity: Failure,
		any:     []when{{to: ".", code: "5..", enhanced: `5\.1\.(1|10)`}, {to: ".", code: "550", text: `user unknown|no such user|unknown user|recipient (not found|unknown)|does not exist|mailbox (not found|unavailable)`}},
		text:    "the server finds out only behind the message that a recipient does not exist: {reply}",
		cause:   "A server in front took the address without knowing the mailboxes behind it.",
		fix:     Fix{General: "Check the spelling of the address"},
		sources: []string{"RFC 3463 section 3.2"}},
	{id: "RCPT-UNKNOWN-550", severity: Failure,
		any:     []when{{to: "RCPT", enhanced: `5\.1\.(1|10|0|3|6)|5\.4\.1|5\.2\.1`}, {to: "RCPT", code: "55[0-4]|511", text: `user unknown|unknown (user|recipient)|no such (user|recipient|person|mailbox|address)|user (not found|doesn't exist|does not exist)|(mailbox|account|recipient|address|user).{0,60}(not found|unavailable|does not exist|doesn't exist|disabled|inactive|invalid|unknown|rejected)|RecipientNotFound|invalid (recipient|mailbox)|not a valid mailbox|mailbox not available|no mailbox`}},
		text:    "there is no mailbox {rcpt}: {reply}",
		cause:   "The address is mistyped, or the mailbox was closed or never made.",
		fix:     Fix{General: "Check the spelling of the address; take addresses that stay unknown off the list"},
		sources: []string{"RFC 5321 section 4.2.3", "RFC 3463 section 3.2"}},
	{id: "RCPT-PARTIAL", severity: Warning, test: someRefused,
		text:    "some recipients were refused, the others get the message",
		cause:   "Each RCPT has a reply of its own; the message goes to those that were accepted.",
		fix:     Fix{General: "Look at each refused address", PHPMailer: "the exception names the refused ones, though the mail went out to the others"},
		sources: []string{"RFC 5321 section 3.3"}},
}

func emptyRcpt(v *view, i int) bool {
	c := v.askedCommand(i)
	return c != nil && strings.TrimSpace(c.Path) == "" && !v.t.Lack(decode.LackBrackets)
}

// noRcptRefused reports that no recipient was refused: there was none at all.
func noRcptRefused(v *view, _ int) bool {
	_, refused := v.recipients()
	return refused == 0
}

func someRefused(v *view) []int {
	sent, refused := v.recipients()
	if sent == 0 || refused == 0 {
		return nil
	}
	var at []int
	for _, a := range v.answersTo("RCPT") {
		if !a.reply.Positive() {
			at = append(at, v.proof(a)...)
		}
	}
	return firstFew(at)
}
