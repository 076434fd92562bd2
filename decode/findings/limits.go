package findings

// limitRules are about how much and how fast one may send.
var limitRules = []rule{
	{
		id: "RATE-MESSAGES-PER-CONNECTION", severity: Failure, title: "a limit of messages for one connection",
		when:    []when{{code: "4xx", text: `(too many|max(imum)?( number of)?) (messages|message|mails?|transactions).{0,30}(in|per|for|this|one).{0,15}(connection|session)|max message per connection|too many messages sent|message limit.{0,20}(connection|session)`}},
		text:    "the server takes no more messages over this connection: {reply}",
		cause:   "It limits the messages of one connection, and the loop keeps one open for longer.",
		fix:     Fix{General: "Connect anew every so many messages", PHPMailer: "$mail->smtpClose(); // every fifty messages", Nodemailer: "pool: true, maxMessages: 50", Symfony: "MAILER_DSN=…?restart_threshold=50"},
		sources: []string{"Exim: smtp_accept_max_per_connection", "OpenSMTPD: limit session max-mails"},
	},
	{
		id: "RATE-PROVIDER-QUOTA", severity: Failure, title: "the sending quota is used up",
		when: []when{
			{text: `(daily|hourly|monthly|sending|outgoing|message|user|account|plan).{0,30}(quota|limit).{0,40}(exceed|reach|hit|used)|(quota|limit).{0,30}(exceed|reach|hit).{0,40}(per|for) (the )?(day|hour|month|user|account)|throttling failure|maximum sending rate|exceeded (your|the|its).{0,60}(limit|quota|rate|credit)|(messages|mails?|emails) per (hour|day|month)|sending limit|daily message quota|submissionquotaexceeded|sender frequency limited|frequency limited|mi:(cel|sfq|dmc|stc)|rate limit exceeded|credits? (exceeded|exhausted)|out of credit|too many (messages|emails|mails)( today| sent)?\b`, also: notMailbox, loose: true},
			{enhanced: "5.4.5 4.4.5 5.1.90 5.2.254"},
			{to: "RCPT MAIL .", code: "550", text: `requested action not taken: mailbox unavailable.{0,12}(fail|try)|failure sending mail`, by: gmx},
		},
		text:    "the account's sending quota is used up: {reply}",
		cause:   "The provider lets an account send so many messages an hour or day: Gmail 500 (Workspace 2000), Outlook.com about 300, small mailboxes far less.",
		fix:     Fix{General: "Wait until the quota is renewed and send more slowly, or use a service meant for volume", PHPMailer: "sleep() between messages, with $mail->SMTPKeepAlive = true;", Nodemailer: "pool: true, rateDelta: 1000, rateLimit: 1", Symfony: "MAILER_DSN=…?max_per_second=1"},
		sources: []string{"support.google.com/a/answer/166852", "docs.aws.amazon.com/ses: sending quotas", "PHPMailer#1114"},
	},
	{
		id: "RCPT-LIMIT-452", severity: Failure, title: "too many recipients",
		when:    []when{{text: `too many (recipients|rcpts?)|rcpts? over size|recipients? (limit|count)|(maximum|max|number of).{0,20}(recipients|rcpts?)|recipients? (exceed|over)`}, {enhanced: "x.5.3", to: "RCPT"}, {enhanced: "5.5.3 4.5.3", text: `recip|rcpt`}},
		text:    "too many recipients for one message: {reply}",
		cause:   "The server takes so many recipients for a message, or within a time. The standard asks it for a hundred at least.",
		fix:     Fix{General: "Send the rest in a new transaction, in groups", PHPMailer: "$mail->SMTPKeepAlive = true; and in the loop $mail->clearAddresses();", Nodemailer: "split the list into several messages", Smtplib: "one smtp.sendmail() for each group"},
		sources: []string{"RFC 5321 section 4.5.3.1.8", "RFC 5321 section 4.5.3.1.10"},
	},
	{
		id: "RATE-421-REPUTATION", severity: Failure, title: "held back for reputation or volume",
		when: []when{
			{code: "4xx", text: `unusual rate|unexpected volume|rate[- ]limited|user complaints|\[tss?[0-9]+\]|reputation|suspicious|unsolicited|\brp-00[0-9]|deferred due to|temporarily (deferred|blocked|rejected|suspended).{0,60}(volume|rate|reputation|policy|spam|abuse)|not accepted for policy|(sending|mail) rate`},
			{enhanced: "4.7.28 4.7.29 4.7.30 4.7.32 4.7.40 4.7.650 4.7.651 4.7.652 4.7.500"},
			{code: "4xx", text: `server busy.{0,60}(s77|as\(|aka\.ms)|no dmarc alignment`},
		},
		text:    "the server holds this sender back: {reply}",
		cause:   "The address or domain that mail comes from has sent too much, or too much that people complained of, or has no SPF, DKIM and DMARC.",
		fix:     Fix{General: "Slow down and try again with growing gaps, authenticate the domain (SPF, DKIM, DMARC), and take dead addresses off the list; a queueing mail server does the waiting"},
		sources: []string{"support.google.com/mail/answer/81126", "senders.yahooinc.com: error codes", "PHPMailer#787"},
	},
	{
		id: "TOO-MANY-ERRORS-421", severity: Failure, title: "the server stops after too many errors", role: aftermath,
		when:    []when{{code: "4xx 5xx", text: `too many (errors|syntax|unrecogni[sz]ed|nonmail|invalid|bad|unknown|protocol|wrong|failed) ?(commands?|errors?|or)?`, also: notFromAuthCommands}},
		text:    "the server ends the session after too many errors: {reply}",
		cause:   "Several commands before were refused.",
		fix:     Fix{General: "Look at the first refused command of the session"},
		sources: []string{"postfix.org: smtpd_hard_error_limit", "Exim: smtp_max_synprot_errors"},
	},
}

// notMailbox leaves full mailboxes of recipients, and logins, to their own
// rules.
func notMailbox(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"mailbox is full", "over quota", "overquota", "message size", "log in", "login attempts", "recipients"})
}
