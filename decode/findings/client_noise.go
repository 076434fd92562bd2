package findings

import (
	"strings"

	"smtptap/decode"
)

// clientRules are about what client programs do or say by themselves, and what
// of it is noise behind the real cause.
var clientRules = []rule{
	{
		id: "PM-INVALID-HOST", severity: Failure, title: "PHPMailer refuses the host name",
		when:    []when{{said: `invalid host(entry| entry)?:`}},
		text:    "PHPMailer found no usable host name[: {says}]",
		cause:   "Host holds a URL, a path, an underscore or a space.",
		fix:     Fix{General: "Give the bare host name", PHPMailer: "$mail->Host = 'smtp.example.com';"},
		sources: []string{"PHPMailer: smtpConnect()", "PHPMailer#1488"},
	},
	{
		id: "PM-OPENSSL-MISSING", severity: Failure, title: "PHP lacks OpenSSL",
		when:    []when{{said: `extension missing: openssl|unable to find the socket transport "?(ssl|tls)|openssl extension|ssl support is not available`}},
		text:    "PHP has no OpenSSL, so that there is no encryption",
		cause:   "The extension is not installed, or not enabled in the php.ini that this PHP reads.",
		fix:     Fix{General: "Enable extension=openssl in php.ini and restart PHP", PHPMailer: "php -m | grep openssl, with the PHP of the web server"},
		sources: []string{"PHPMailer wiki: Troubleshooting", "php.net: OpenSSL installation"},
	},
	{
		id: "PM-EMPTY-BODY", severity: Failure, title: "the body is empty",
		when:    []when{{said: `message body empty`}},
		text:    "PHPMailer sends no message with an empty body",
		cause:   "Body is not set, or is \"0\".",
		fix:     Fix{General: "Fill the body", PHPMailer: "$mail->Body = '…'; // or $mail->AllowEmpty = true;"},
		sources: []string{"PHPMailer: preSend()"},
	},
	{
		id: "PM-NOT-SMTP", severity: Failure, title: "no SMTP at all",
		when:    []when{{said: `could not instantiate mail function|could not execute: .*sendmail|mail\(\): `}},
		text:    "PHPMailer does not use SMTP but PHP's mail()",
		cause:   "isSMTP() was not called, or another call undid it.",
		fix:     Fix{General: "Choose SMTP", PHPMailer: "$mail->isSMTP();", WordPress: "use an SMTP plugin, or the phpmailer_init hook with $phpmailer->isSMTP()"},
		sources: []string{"PHPMailer wiki: Troubleshooting", "PHPMailer#349"},
	},
	{
		id: "PM-IDN-DROPPED", severity: Failure, title: "an international address is dropped",
		when:    []when{{said: `invalid address:? .*[^\x00-\x7f]|idn_to_ascii|punycode`}},
		text:    "an address with an international domain was dropped before it was sent[: {says}]",
		cause:   "Without PHP's intl extension PHPMailer can't convert such a domain; addAddress() returns false and throws nothing.",
		fix:     Fix{General: "Install PHP's extensions intl and mbstring, or write the domain in its xn-- form", PHPMailer: "if (!$mail->addAddress($address)) …"},
		sources: []string{"PHPMailer: punyencodeAddress()", "RFC 5891"},
	},
	{
		id: "CLIENT-ADDRESS-INVALID", severity: Failure, title: "the client refuses an address",
		when:    []when{{said: `invalid address:? .{0,20}\((from|to|sender|reply-to|cc|bcc)\)|invalid address:|does not comply with|could not parse .*address|address in mailbox given`}},
		text:    "the client's library refused an address before anything was sent[: {says}]",
		cause:   "The address is empty or malformed; PHPMailer's own default, root@localhost, is one of those.",
		fix:     Fix{General: "Look at what the program puts in as the address", PHPMailer: "$mail->setFrom('user@example.com', 'Name');", Symfony: "new Address('user@example.com', 'Name')"},
		sources: []string{"RFC 5321 section 4.1.2", "PHPMailer: validateAddress()"},
	},
	{
		id: "PM-FORK-SHARED-SOCKET", severity: Failure, title: "two processes share one connection",
		find:    tlsFailed("PM-FORK-SHARED-SOCKET"),
		when:    []when{{said: `bad record mac|decryption failed or bad record`}},
		text:    "encrypted data got mixed up: two processes use one connection[: {says}]",
		cause:   "A process was forked while the connection was open. Parent and child share its TLS state, and the first that leaves ends it for both.",
		fix:     Fix{General: "Connect behind the fork, one object for each process", PHPMailer: "$mail->smtpClose(); // before pcntl_fork(), and a new PHPMailer in the child"},
		sources: []string{"RFC 8446 section 5.2", "php.net: pcntl_fork"},
	},
	{
		id: "PM-STREAM-DISABLED", severity: Warning, title: "stream_socket_client is disabled",
		when:    []when{{said: `stream_socket_client not available|stream_socket_client\(\) has been disabled`}},
		text:    "PHP's stream_socket_client is disabled, so that TLS options have no effect",
		cause:   "The host forbids the function in php.ini.",
		fix:     Fix{General: "Let the host take stream_socket_client out of disable_functions"},
		sources: []string{"PHPMailer: getSMTPConnection()", "php.net: disable_functions"},
	},
	{
		id: "PM-SMTPSECURE-VALUE", severity: Warning, title: "SMTPSecure has an unknown value",
		find:    unknownSecure,
		text:    "SMTPSecure is {value}, which PHPMailer does not know",
		cause:   "Only tls and ssl in lower case count. Anything else means no encryption, unless the server offers STARTTLS.",
		fix:     Fix{General: "Use the constants", PHPMailer: "$mail->SMTPSecure = PHPMailer::ENCRYPTION_STARTTLS; // or ENCRYPTION_SMTPS"},
		sources: []string{"PHPMailer: smtpConnect()", "PHPMailer#783"},
	},
	{
		id: "PM-TIMELIMIT", severity: Advice, title: "Timeout does not shorten the wait",
		when:    []when{{said: `select timed-out in|timelimit reached`}},
		text:    "PHPMailer waited for a silent server longer than Timeout says",
		cause:   "Timeout is for connecting and single reads; the wait for a reply is SMTP::$Timelimit, 300 seconds.",
		fix:     Fix{General: "Set both", PHPMailer: "$mail->Timeout = 15; $mail->getSMTPInstance()->Timelimit = 15;"},
		sources: []string{"PHPMailer: src/SMTP.php, get_lines()"},
	},
	{
		id: "PM-QUIT-AFTER-DEAD", severity: Advice, title: "QUIT into a dead connection", role: aftermath,
		find:    quitAfterDead,
		when:    []when{{said: `quit command failed:?\s*$`}},
		text:    "QUIT was said on a connection that was gone",
		cause:   "PHPMailer says goodbye after every failure.",
		fix:     Fix{General: "Nothing to mend here; the cause stands above"},
		sources: []string{"PHPMailer: src/SMTP.php, quit()"},
	},
	{
		id: "PM-RSET-AFTER-TLS-FAIL", severity: Advice, title: "RSET behind a failed handshake", role: aftermath,
		find:    resetAfterTLS,
		when:    []when{{said: `called reset\(\) without being connected|rset (command )?failed`}},
		text:    "RSET was said on a connection whose handshake had failed",
		cause:   "The clean-up behind the failure fails as well.",
		fix:     Fix{General: "Nothing to mend here; look at the handshake", PHPMailer: "update to 6.6 or later, which tells the reason"},
		sources: []string{"PHPMailer#1027"},
	},
	{
		id: "PM-HELO-AFTER-421", severity: Advice, title: "HELO behind a 421", role: aftermath,
		find:    heloAfter421,
		text:    "the client tried HELO on a connection that the server had ended with 421",
		cause:   "PHPMailer before 6.3 falls back to HELO whatever the reply was.",
		fix:     Fix{General: "The words of the 421 are the cause", PHPMailer: "update to 6.3 or later"},
		sources: []string{"PHPMailer#2189"},
	},
	{
		id: "PM-IGNORES-BANNER-CODE", severity: Advice, title: "EHLO behind a refusing greeting", role: aftermath,
		find:    ignoredGreeting,
		text:    "the client went on although the greeting was a refusal, or none at all",
		cause:   "PHPMailer before 6.3 does not look at the greeting's code.",
		fix:     Fix{General: "The greeting is the cause", PHPMailer: "update to 6.3 or later"},
		sources: []string{"PHPMailer: changelog 6.3.0"},
	},
	{
		id: "PM-ERROR-RESET-BY-QUIT", severity: Advice, title: "the error is gone behind QUIT", role: aftermath,
		find:    refusedThenQuit,
		text:    "the closing QUIT empties PHPMailer's getError(), so that the refusal of the recipient is no longer there",
		cause:   "Every command that succeeds clears the error, QUIT too.",
		fix:     Fix{General: "Take the error from the exception", PHPMailer: "catch (Exception $e), or $mail->ErrorInfo; not getSMTPInstance()->getError()"},
		sources: []string{"PHPMailer#3156"},
	},
	{
		id: "DEBUG-LEFT-ON", severity: Advice, title: "debug output shows credentials",
		find:    debugShows,
		text:    "the debug output shows credentials; base64 hides nothing",
		cause:   "PHPMailer 5 prints them always, 6 and later at level 4, and tokens at every level.",
		fix:     Fix{General: "Change every password that was shown, and switch debug output off in production", PHPMailer: "$mail->SMTPDebug = SMTP::DEBUG_OFF;", Nodemailer: "debug: false, logger: false", Smtplib: "smtp.set_debuglevel(0)"},
		sources: []string{"PHPMailer: src/SMTP.php, client_send()", "PHPMailer#528"},
	},
}

// deliveryRules are about what becomes of mail that was accepted.
var deliveryRules = []rule{
	{
		id: "DELIVERED-THEN-BOUNCED", severity: Advice, title: "accepted here, refused further on", role: beside,
		when:    []when{{said: `smtp error from remote mail server|status=(bounced|deferred)|this message was created automatically by mail delivery|diagnostic-code:`}},
		text:    "a mail server had accepted the message and was refused by the next one",
		cause:   "The first server only queued it; what it could not deliver comes back as a bounce.",
		fix:     Fix{General: "Look in that server's log for the queue id, and read the bounces at the envelope sender", PHPMailer: "$mail->Sender must be a mailbox that you read; $mail->getSMTPInstance()->getLastTransactionID() is the id", Nodemailer: "info.response holds the queue id"},
		sources: []string{"RFC 5321 section 6.1", "PHPMailer#1528"},
	},
	{
		id: "ACCEPTED-NOT-ARRIVED", severity: Advice, title: "accepted does not mean arrived",
		find:    acceptedByCatcher,
		text:    "the server that accepted the message is one that keeps mail for testing",
		cause:   "Mail catchers such as MailHog, Mailpit or Mailtrap deliver nothing. With other servers mail that was accepted may lie in a spam folder or a quarantine.",
		fix:     Fix{General: "Look in the catcher's own page; for real delivery use your provider's server, with SPF, DKIM and DMARC for the From domain"},
		sources: []string{"RFC 5321 section 6.1", "PHPMailer wiki: Troubleshooting"},
	},
}

func unknownSecure(s *session) *sighting {
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

func quitAfterDead(s *session) *sighting {
	if !s.isPHPMailer() || s.lossFault == nil {
		return nil
	}
	quit := s.last("QUIT", len(s.t.Entries))
	if quit < 0 || s.answer(quit) != nil || quit < s.lossFault.entries[0] {
		return nil
	}
	return see(quit)
}

func resetAfterTLS(s *session) *sighting {
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

func heloAfter421(s *session) *sighting {
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

func ignoredGreeting(s *session) *sighting {
	if !s.said("EHLO") || s.greeting < 0 {
		return nil
	}
	ehlo := s.byName["EHLO"][0]
	if r := s.answer(s.greeting); r.code >= 400 && ehlo > r.entry && s.fromClient(ehlo) {
		return see(r.entry, ehlo)
	}
	return nil
}

func refusedThenQuit(s *session) *sighting {
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
func debugShows(s *session) *sighting {
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

func acceptedByCatcher(s *session) *sighting {
	if s.greeting < 0 || !s.accepted(s.greeting, toMessage) {
		return nil
	}
	if containsAny(s.answer(s.greeting).folded(), catchers) || containsAny(strings.ToLower(s.t.Target), catchers) {
		return see(s.greeting)
	}
	return nil
}
