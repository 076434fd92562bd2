package findings

// authenticityRules are about senders whom a server does not believe.
var authenticityRules = []rule{
	{
		id: "NETEASE-554-DTSPM", severity: Failure, title: "NetEase takes it for spam",
		when:    []when{{text: `dt:spm|help_spam|dt:spf`, loose: true}},
		text:    "NetEase takes the message for spam: {reply}",
		cause:   "Its filter dislikes short test subjects and texts, From fields without an address or with another than the login's, missing To fields, and many messages alike.",
		fix:     Fix{General: "Write an ordinary subject and text with complete header fields, let From be the login's address, add yourself as Cc, and wait before the next try", PHPMailer: "$mail->setFrom('name@163.com', '名字'); $mail->CharSet = 'UTF-8'; $mail->AltBody = '…';", Smtplib: "set msg['From'], msg['To'] and msg['Subject']", Nodemailer: "from: auth.user, cc: auth.user, with text and html"},
		sources: []string{"help.mail.163.com: SMTP error codes", "Vincedream/NodeMail#20"},
	},
	{
		id: "GMAIL-550-NOTAUTHORIZED", severity: Failure, title: "Gmail takes no mail directly from this address",
		when:    []when{{text: `notauthorizederror|not authorized to send email directly`, loose: true}},
		text:    "Gmail takes no mail directly from this address: {reply}",
		cause:   "The address belongs to a home line, a dynamic or an unknown range, without a reverse name.",
		fix:     Fix{General: "Send through your provider's submission server", PHPMailer: "$mail->isSMTP(); $mail->Host = 'smtp.provider.example'; " + phpLogin, Nodemailer: "give a host; direct delivery to MX hosts does not work from there", Other: "Postfix: relayhost"},
		sources: []string{"support.google.com/mail/?p=NotAuthorizedError", "Mailu/Mailu#2599"},
	},
	{
		id: "GMAIL-550-5.7.26-UNAUTH", severity: Failure, title: "neither SPF nor DKIM passes",
		when:    []when{{text: `sender is unauthenticated|either spf or dkim|requires all senders to authenticate|(spf|dkim).{0,60}did not pass`, loose: true}, {enhanced: "x.7.27 x.7.30", by: gmail}},
		text:    "neither SPF nor DKIM passes for the sender's domain[: {reply}]",
		cause:   "The sending server is not in the domain's SPF record, and no valid DKIM signature was made.",
		fix:     Fix{General: "Add the sending server to the domain's SPF record and sign with DKIM, or send through the domain's own provider", PHPMailer: "$mail->DKIM_domain, $mail->DKIM_selector, $mail->DKIM_private; or the provider's SMTP", Nodemailer: "dkim: { domainName, keySelector, privateKey }"},
		sources: []string{"support.google.com/mail/answer/81126", "PHPMailer#2843"},
	},
	{
		id: "GMAIL-550-5.7.26-DMARC", severity: Failure, title: "the From domain's DMARC policy refuses it",
		when:    []when{{text: `\bdmarc\b|unauthenticated email from`, also: notDMARCAdvice, loose: true}, {enhanced: "x.7.26 5.7.509 5.7.515"}},
		text:    "the From domain's DMARC policy forbids this mail: {reply}",
		cause:   "Neither SPF nor DKIM passes for the domain in From. It is typical of a From at gmail.com or yahoo.com sent by another server.",
		fix:     Fix{General: "Put an address of your own domain into From, and send through a server that its SPF or DKIM covers", PHPMailer: "$mail->setFrom('you@your-domain.example'); $mail->addReplyTo('other@gmail.com');", Nodemailer: nodeFrom, Symfony: symFrom, WordPress: wpFrom},
		sources: []string{"RFC 7489 section 6.6", "docker-mailserver/docker-mailserver#2953"},
	},
	{
		id: "SPF-FAIL-550", severity: Failure, title: "SPF forbids it",
		when:    []when{{text: `\bspf\b|sender policy framework|openspf|not allowed to send from <|not designated as|sender is not permitted by`, loose: true}, {enhanced: "x.7.23 x.7.24"}},
		text:    "the sender's domain does not let this server send for it (SPF): {reply}",
		cause:   "The sending address is not in the SPF record of the envelope sender's domain, or the mail was forwarded.",
		fix:     Fix{General: "Add the server to that domain's SPF record, or use an envelope sender whose domain covers it", PHPMailer: "$mail->Sender = 'bounces@your-domain.example'; // or send through the domain's own provider", Nodemailer: "envelope: { from: 'bounces@your-domain.example', to }"},
		sources: []string{"RFC 7208 section 8.4", "justingit/dada-mail#717"},
	},
}

// contentRules are about what a server thinks of a message.
var contentRules = []rule{
	{
		id: "URIBL-BLOCKED", severity: Failure, title: "a link or domain is on a block list",
		when:    []when{{text: `spam(my)? url|\buribl\b|\bsurbl\b|\bdbl\b|domain .{0,60}(listed|spamhaus|black ?list|block ?list)|(url|link)s?.{0,40}(blocked|listed|black ?list)|mailfrom domain is listed`}},
		text:    "a link or domain in the message is on a block list: {reply}",
		cause:   "A domain in a link, in From or in EHLO has a bad name.",
		fix:     Fix{General: "Remove the link, or have the domain taken off the list"},
		sources: []string{"spamhaus.org/dbl", "uribl.com"},
	},
	{
		id: "ATTACHMENT-TYPE-BLOCKED", severity: Failure, title: "a forbidden attachment",
		when:    []when{{text: `potential security issue|illegal attachment|banned (content|file|attachment)|(attachment|file).{0,60}(not (allowed|permitted)|blocked|type|rejected|forbidden|prohibited|disallowed)|\bvirus|malware|infected|executable|content blocked`, also: notVirusProduct}},
		text:    "the server refuses an attachment: {reply}",
		cause:   "Programs, scripts, macros and encrypted archives are refused by most servers; a scanner may be mistaken too.",
		fix:     Fix{General: "Send a link to the file, or another format"},
		sources: []string{"support.google.com/mail/answer/6590", "RFC 3463 section 3.8"},
	},
	{
		id: "CONTENT-SPAM-550", severity: Failure, title: "taken for spam",
		when:    []when{{to: ". DATA BDAT RCPT MAIL", code: "5xx", text: spamWords}, {text: spamWords, also: answersNothing}, {code: "541"}, {to: ". DATA", code: "5xx", enhanced: "5.7.1 5.7.9 5.7.0", text: `messag|mail|content|transaction`}},
		text:    "the server takes the message for spam, or against its rules: {reply}",
		cause:   "The filter dislikes the text, a link, a young domain, the lack of SPF and DKIM, or many messages alike. Test messages with a word or two are often hit.",
		fix:     Fix{General: "Set up SPF, DKIM and DMARC for the From domain, write a proper subject and text, and follow the link in the reply", PHPMailer: "$mail->DKIM_domain, $mail->DKIM_selector, $mail->DKIM_private; $mail->AltBody", Nodemailer: "dkim: { domainName, keySelector, privateKey }, with text beside html"},
		sources: []string{"RFC 5321 section 7.9", "support.google.com/mail/answer/81126", "PHPMailer#1370"},
	},
}

// spamWords are servers' words for mail that their filters refuse.
const spamWords = `\bspam|unsolicited|(message|mail|content|e-?mail)( content| has been| was| is)* (rejected|blocked|refused|denied|not accepted|classified|identified|considered)|content (rejected|denied|filter)|policy|suspicious|high probability|junk|reject(ed)? (due to|for|by)|blocked (for|by|due|because)|administrative(ly)? (prohibit|denied)|bulk mail|phish|bayes|rejected as|poor reputation|security reasons`

func answersNothing(_ *session, r *reply) bool { return r.verb == "" }

// notDMARCAdvice leaves deferrals for lack of DMARC to RATE-421-REPUTATION, and
// mail that fails SPF and DKIM as such to GMAIL-550-5.7.26-UNAUTH.
func notDMARCAdvice(_ *session, r *reply) bool {
	return r.code >= 500 || r.enhanced == "4.7.26"
}

func notVirusProduct(_ *session, r *reply) bool { return r.verb != toGreeting && r.verb != "EHLO" }
