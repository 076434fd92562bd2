package findings

// rateRules are about limits of number and speed.
var rateRules = []rule{
	{id: "RATE-PROVIDER-QUOTA", severity: Failure,
		any:     []when{{enhanced: `5\.4\.5`}, {code: "4..|5..", text: `(daily|hourly|monthly|sending|message|user).{0,20}(quota|limit).{0,30}(exceed|reached)|throttling failure|maximum sending rate|exceeded (your|the).{0,30}(limit|quota)|limit (exceeded|reached)|too many (messages|emails|mails) (sent|per|in)|mail(s)? per (hour|day)|sending limit`}},
		text:    "the account's sending quota is used up: {reply}",
		cause:   "Providers let an account send only so many messages an hour or day.",
		fix:     Fix{General: "Wait until the quota is renewed, send slower, or use a service meant for bulk mail"},
		sources: []string{"support.google.com/a/answer/166852", "docs.aws.amazon.com/ses: sending quotas"}},
	{id: "RATE-421-REPUTATION", severity: Failure,
		any:     []when{{code: "421|45.|4..", text: `unusual rate|unexpected volume|rate limited|user complaints|\[TS\d\d\]|\[TSS\d\d\]|reputation|temporarily deferred|suspicious|unsolicited mail originating|temporar(y|ily).{0,20}(blocked|rate)`}, {enhanced: `4\.7\.(28|650|651|500)`}},
		text:    "the server holds this sender back: {reply}",
		cause:   "The sending address or domain has sent too much, or too much that people complained of.",
		fix:     Fix{General: "Send slowly and regularly, take unknown addresses off the list, set up SPF, DKIM and DMARC"},
		sources: []string{"support.google.com/mail/answer/81126", "senders.yahooinc.com"}},
	{id: "TOO-MANY-ERRORS-421", severity: Failure, noise: true,
		any:     []when{{code: "4..|5..", text: `too many (errors|syntax|unrecognized|nonmail|invalid|bad|unknown|protocol)`}},
		text:    "the server ends the session because of too many errors: {reply}",
		cause:   "Several commands before were refused.",
		fix:     Fix{General: "Look at the first refused command"},
		sources: []string{"postfix.org smtpd_hard_error_limit"}},
	{id: "RATE-MESSAGES-PER-CONNECTION", severity: Advice, noise: true,
		any:     []when{{code: "4..", text: `(too many|max(imum)?) messages? (in|per|sent).{0,20}(connection|session)|too many messages sent`}},
		text:    "the server takes no more messages over this connection: {reply}",
		cause:   "It limits the messages of one connection.",
		fix:     Fix{General: "Open a new connection now and then", PHPMailer: "$mail->smtpClose(); // every hundred messages", Nodemailer: "pool: true, maxMessages: 50"},
		sources: []string{"exim.org smtp_accept_max_per_connection"}},
}
