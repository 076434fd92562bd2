package findings

import (
	"strings"

	"smtptap/decode"
)

// recipientRules are about RCPT.
var recipientRules = []rule{
	{
		id: "NULL-MX-556", severity: Failure, title: "the domain takes no mail",
		find:    nullMX,
		when:    []when{{code: "556"}, {text: `null ?mx|does not accept (e?-?mail|any mail)|domain .{0,60}accepts no mail`}, {enhanced: "5.7.27", text: `null|sender`}},
		text:    "the domain says that it takes no mail[: {reply}]",
		cause:   "Its only MX record is a lone dot, which means so. Most often the domain is mistyped, or belongs to a web site only.",
		fix:     Fix{General: "Check the spelling of the address; as a sender use a domain that takes mail"},
		sources: []string{"RFC 7505", "PHPMailer#1668"},
	},
	{
		id: "GREYLIST-45X", severity: Failure, title: "greylisting",
		when: []when{
			{code: "4xx", text: `gr[ae]y.?list|postgrey|try again in \d+|retry in \d+|come back (later|in)|(minutes|seconds) (before|and) (re)?try|first (attempt|time)|unknown sender.{0,30}(later|retry)`},
			{to: "RCPT .", code: "450 451", text: `(please )?(try|retry) (again )?(later|in)|temporarily (rejected|deferred|unavailable)|temporary rejection|deferred`, also: notLocalFault},
		},
		text:    "the server wants the mail to be tried again in some minutes: {reply}",
		cause:   "It turns away the first try of a sender it does not know. Spam programs don't come back; mail servers do.",
		fix:     Fix{General: "Try again after five to thirty minutes with the same sender and recipient; hand mail to a queueing server, which does so by itself", PHPMailer: "$mail->Host = 'localhost'; // a local Postfix queues, PHPMailer does not", Nodemailer: "send through a relay with a queue"},
		sources: []string{"RFC 6647", "RFC 5321 section 4.5.4.1"},
	},
	{
		id: "MAILBOX-FULL-452", severity: Failure, title: "the mailbox is full",
		when:    []when{{enhanced: "x.2.2"}, {text: `over ?quota|quota (is )?exceeded|mailbox (is |was )?(full|quota)|(user|mailbox|account).{0,40}(exceed|over).{0,20}(quota|storage|limit)|insufficient (mail)?box|out of (storage|space).{0,20}(user|mailbox)|inbox is full|not enough (storage|space).{0,30}(mailbox|user)`, also: notSizeLimit}},
		text:    "the recipient's mailbox[ {rcpt}] is full: {reply}",
		cause:   "The recipient has to make room.",
		fix:     Fix{General: "Try again later where the code begins with 4, and give the address up where it begins with 5"},
		sources: []string{"RFC 3463 section 3.3"},
	},
	{
		id: "RELAY-DENIED-554", severity: Failure, title: "no relaying (554)",
		when:    []when{{code: "554 454 451 553", text: `relay(ing)? (access )?(is )?(denied|not permitted|prohibited|not allowed|disallowed)|allowed rcpthosts|access denied.{0,20}relay`}},
		text:    "the server does not pass mail on to[ {rcpt} for] this client: {reply}",
		cause:   "The client did not log in, and the server is not the one of the recipient's domain.",
		fix:     Fix{General: "Log in, or use your provider's submission server; for a domain of your own put it on the server's list", PHPMailer: phpLogin, Nodemailer: nodeLogin, Smtplib: pyLogin, Symfony: symLogin},
		sources: []string{"RFC 5321 section 7.9", "postfix.org: smtpd_relay_restrictions", "PHPMailer#2627"},
	},
	{
		id: "RELAY-DENIED-550", severity: Failure, title: "no relaying (550)",
		when:    []when{{enhanced: "5.7.54 5.7.64"}, {text: `\brelay(ing)?\b|not (a )?local (domain|recipient)|no such domain (at this location|here)|(not|isn't) our customer|domain (is )?not (allowed|hosted|local)|unable to relay|non-accepted domain|tenantattribution|we do not relay`, also: notAdvice}},
		text:    "the server does not pass mail on to[ {rcpt} for] this client: {reply}",
		cause:   "It takes mail for its own domains, and for others only behind a login or from addresses on its list.",
		fix:     Fix{General: "Log in, or use your provider's submission server; on Exchange check the receive connector's permissions", PHPMailer: phpLogin, Nodemailer: nodeLogin, Smtplib: pyLogin, Symfony: symLogin},
		sources: []string{"RFC 5321 section 7.9", "Exim: configure.default", "PHPMailer#353"},
	},
	{
		id: "RCPT-DOMAIN-NOT-FOUND", severity: Failure, title: "the recipient's domain does not exist",
		when:    []when{{enhanced: "x.1.2 x.4.3"}, {code: "512"}, {to: "RCPT .", text: `domain (name )?(not found|does not exist|doesn't exist|is invalid|unknown)|no such domain|host (or domain name )?not found|(domain|host|address).{0,60}(not|can't|cannot) (be )?resolved?|unrouteable|no mx|dns error|name service error`}},
		text:    "the recipient's domain[ ({rcpt})] does not exist in DNS: {reply}",
		cause:   "It has neither MX nor address record: most often it is mistyped. If it exists, the server's resolver is at fault.",
		fix:     Fix{General: "Check the spelling of the domain"},
		sources: []string{"RFC 3463 section 3.2", "RFC 5321 section 5.1"},
	},
	{
		id: "RCPT-EMPTY", severity: Failure, title: "no recipient",
		when: []when{
			{to: "RCPT", also: emptyRecipient},
			{to: "DATA BDAT", text: `no valid recipients|(need|send|no|valid) (a )?(rcpt|recipient)|no recipients|must precede data`, also: noRecipientRefused},
			{said: `no recipients|at least one recipient|provide at least one|eenvelope.{0,40}no recip`},
		},
		text:    "there is no recipient[: {reply}]",
		cause:   "The variable is empty, or every address was dropped as invalid before it was sent.",
		fix:     Fix{General: "Check the address before connecting", PHPMailer: "if (!$mail->addAddress($to)) …", Nodemailer: "to: 'user@example.com'", Smtplib: "the second argument of smtp.sendmail() is a list of addresses"},
		sources: []string{"RFC 5321 section 3.3"},
	},
	{
		id: "RCPTTO-SYNTAX-501", severity: Failure, title: "RCPT is malformed",
		when: []when{
			{text: `bad recipient address|rcpt to:? ?<address>|malformed (recipient|forward)|(invalid|bad) (recipient|destination) (address )?(format|syntax)`},
			{to: "RCPT", text: `syntax|malformed|invalid (recipient )?address( format)?$|bad (address|destination)|missing (<|angle|bracket)`},
			{to: "RCPT", code: "501 555 500", also: notUserText}, {to: "RCPT", enhanced: "5.1.3"},
		},
		lint:    lint{find: malformedPath("RCPT"), severity: Warning, text: "RCPT TO is not of the form RCPT TO:<address>; strict servers refuse it"},
		text:    "RCPT TO is not written as the server wants it: {reply}",
		cause:   "One bare address in angle brackets belongs there: no display name, no list, no invisible character that came along when it was copied.",
		fix:     Fix{General: "Write RCPT TO:<user@example.com>, one command for each address", PHPMailer: "$mail->addAddress('user@example.com', 'Name'); // once for each; a list needs PHPMailer::parseAddresses()", Nodemailer: "to: [{ name, address }]", Smtplib: "smtp.sendmail(from, ['a@example.com', 'b@example.com'], …)"},
		sources: []string{"RFC 5321 section 4.1.1.3", "zone-eu/zone-mta#392"},
	},
	{
		id: "VRFY-DISABLED", severity: Failure, title: "VRFY and EXPN are off", role: aftermath,
		when:    []when{{to: "VRFY EXPN", code: "5xx"}},
		text:    "the server does not verify addresses on request: {reply}",
		cause:   "VRFY is off nearly everywhere, because it was used to collect addresses. A curl without a message to upload sends VRFY in place of MAIL.",
		fix:     Fix{General: "Send the message: that is the only test of an address", Other: "curl: give --mail-from, --mail-rcpt and --upload-file; libcurl: CURLOPT_UPLOAD"},
		sources: []string{"RFC 5321 section 3.5.3", "postfix.org: disable_vrfy_command"},
	},
	{
		id: "RCPT-UNKNOWN-AFTER-DATA", severity: Failure, title: "an unknown recipient, told behind the message",
		when:    []when{{to: ".", code: "55x", enhanced: "5.1.1 5.1.10"}, {to: ".", code: "55x", text: unknownUser, also: notContent}},
		text:    "the server says only behind the message that a recipient does not exist: {reply}",
		cause:   "A server in front takes the address without knowing the mailboxes behind it.",
		fix:     Fix{General: "Check the spelling of the address, and remove it from lists", PHPMailer: "the error reads \"data not accepted\"; $mail->ErrorInfo holds the reply", Smtplib: "catch smtplib.SMTPDataError"},
		sources: []string{"RFC 3463 section 3.2", "RFC 5321 section 4.2.5"},
	},
	{
		id: "RCPT-UNKNOWN-550", severity: Failure, title: "no such mailbox",
		when: []when{
			{to: "RCPT", enhanced: "5.1.1 5.1.10 5.1.6 5.4.1 5.2.1"},
			{to: "RCPT", text: unknownUser}, {to: "RCPT", code: "551 511"},
			{text: `recipientnotfound|user unknown in|email account that you tried to reach does not exist`, loose: true},
		},
		text:    "there is no mailbox {rcpt}: {reply}",
		cause:   "The address is mistyped, or the mailbox was closed; Exchange Online blocks unknown addresses at its edge.",
		fix:     Fix{General: "Check the spelling of the address, and remove it from lists", PHPMailer: "$mail->ErrorInfo names the refused recipients; the others get the mail", Nodemailer: "look at info.rejected", Smtplib: "catch smtplib.SMTPRecipientsRefused"},
		sources: []string{"RFC 5321 section 4.2.3", "RFC 3463 section 3.2", "PHPMailer#3089"},
	},
	{
		id: "RCPT-PARTIAL", severity: Warning, title: "some recipients are refused",
		find:    someRefused,
		text:    "some recipients were refused; the others get the message",
		cause:   "Every RCPT has a reply of its own, and the message goes to those that were accepted.",
		fix:     Fix{General: "Report each refused address, and do not send again to all", PHPMailer: "send() fails although the mail went out to the others", Nodemailer: "compare info.accepted and info.rejected", Smtplib: "sendmail() returns the refused ones"},
		sources: []string{"RFC 5321 section 3.3", "PHPMailer#3089"},
	},
}

// unknownUser are servers' words for a mailbox that does not exist.
const unknownUser = `user unknown|unknown (user|recipient|mailbox|local part|address)|no such (user|recipient|person|mailbox|address|account|local user)|(mailbox|account|recipient|user|email|address|alias|inbox)( address)?( [^ ]+)?.{0,60}(not found|not (be )?found|unavailable|does not exist|doesn't exist|not exist|not (a )?(valid|known)|disabled|inactive|deactivated|suspended|invalid|unknown|no longer)|recipientnotfound|invalid (recipient|mailbox|user)|not a valid mailbox|no mailbox (here|by)|does not have an? .{0,30}account|couldn't be delivered.{0,40}(not found|unknown)`

func emptyRecipient(s *session, r *reply) bool {
	c := s.command(r)
	return c != nil && strings.TrimSpace(c.Path) == "" && !s.lack(decode.LackBrackets)
}

// noRecipientRefused reports that no recipient was refused: there was none at
// all.
func noRecipientRefused(s *session, _ *reply) bool {
	for r := range s.to("RCPT") {
		if !r.positive() {
			return false
		}
	}
	return true
}

// notLocalFault leaves what a server says of its own troubles to TEMP-451-LOCAL.
func notLocalFault(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"local problem", "configuration error", "resources", "storage", "server error", "internal", "lookup", "dns", "domain", "login", "system"}) &&
		!fits(r.enhanced, []string{"4.3.x", "4.1.x", "4.4.x"})
}

// notSizeLimit leaves messages that are too large to SIZE-552, and quotas of
// senders to RATE-PROVIDER-QUOTA.
func notSizeLimit(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"message size", "message file", "sending quota", "daily", "hourly", "sender"})
}

// notAdvice leaves replies that only advise to use a relay to other rules.
func notAdvice(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"smtp relay at your", "use the smtp relay", "relay server is", "from your relay", "relayed through"})
}

func notContent(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"spam", "content", "policy", "header", "dmarc", "spf"})
}

func notUserText(_ *session, r *reply) bool { return !userText.match(r.folded()) }

var userText = newPattern(unknownUser)

func someRefused(s *session) *sighting {
	var proof []int
	taken := false
	for r := range s.to("RCPT") {
		if r.positive() {
			taken = true
		} else if !s.madeGood(r) {
			proof = append(proof, r.proof()...)
		}
	}
	if !taken {
		return nil
	}
	return see(firstFew(proof)...)
}

// nullMX finds an MX record that says that the domain takes no mail.
func nullMX(s *session) *sighting {
	for _, l := range s.lookups {
		if l.fact.Kind != "MX" {
			continue
		}
		for _, record := range l.fact.Answers {
			fields := strings.Fields(record)
			if len(fields) > 1 && fields[len(fields)-1] == "." && fields[len(fields)-2] == "0" && len(l.fact.Answers) == 1 {
				return see(l.entry)
			}
		}
	}
	return nil
}
