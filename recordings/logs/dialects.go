package logs

// dialects is every form that is recognised. Of two that fit a text equally
// well the one further up is taken.
var dialects = append([]dialect{
	{id: "wp-mail-smtp", name: "WP Mail SMTP's test report", marks: wpMarks, needs: wpNeeds, joint: phpmailerJoint, parse: parseWPMailSMTP},
	{id: "phpmailer", name: "PHPMailer", marks: phpmailerMarks, needs: phpmailerNeeds, joint: phpmailerJoint, parse: parsePHPMailer, refine: phpmailerVersion},
	{id: "phpmailer-5.1", name: "PHPMailer up to 5.2.7", marks: []mark{m(12, `SMTP -> (?:FROM SERVER|ERROR|NOTICE):`), m(1, `^[2-5]\d\d[ -]\S`)}, needs: compile(`SMTP -> (?:FROM SERVER|ERROR|NOTICE):`), joint: phpmailerJoint, parse: parsePHPMailer, refine: phpmailerVersion},
	{id: "phpmailer-errorinfo", name: "PHPMailer's ErrorInfo", marks: errorInfoMarks, parse: parseErrorInfo, errorOnly: true},
	{id: "nodemailer", name: "nodemailer", marks: nodemailerMarks, joint: jointOf(`(\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?:TRACE|DEBUG|INFO|WARN|ERROR)\s)`), parse: parseNodemailer, escapes: true},
	{id: "nodemailer-1", name: "nodemailer 1", marks: []mark{m(10, `\btype: '(?:server|client)'`), m(3, `^\s*message: ['"](?:\d{3}[ -]|EHLO|AUTH)`)}, joint: jointOf(`(\{ type: '(?:server|client)')`), parse: parseNodemailer1, escapes: true},
	{id: "nodemailer-0.x", name: "nodemailer 0.2 to 0.7", marks: []mark{m(10, `^\s*(?:SERVER|CLIENT) \d+:\s*$`), m(10, `^\s*└──`)}, parse: parseNodemailerTree},
	{id: "nodemailer-0.1", name: "nodemailer 0.1", marks: []mark{m(10, `^(?:SEND|RECEIVE):\s*$`), m(3, `^"(?:\d{3}[ -]|EHLO|HELO|MAIL|RCPT|AUTH|DATA|QUIT)`)}, needs: compile(`^(?:SEND|RECEIVE):\s*$`), parse: parseNodemailer01, escapes: true},
	{id: "smtplib", name: "Python's smtplib", marks: smtplibMarks, joint: jointOf(`(?:^|\s)(send: b?['"]|reply: (?:b?['"]\d{3}|retcode \()|data: \(\d{3}|connect: (?:to )?\()`), parse: parseSmtplib, escapes: true},
	{id: "swaks", name: "swaks", marks: swaksMarks, joint: swaksJoint, parse: parseSwaks},
	{id: "swiftmailer", name: "Swift Mailer", marks: swiftMarks, needs: compile(`^<< \d{3}[ -]|^\+\+ \w|^!! \w|Swift_\w|` + expectedCode + `|Failed to authenticate on SMTP|Connection could not be est`), joint: swiftJoint, parse: parseSwiftMailer, bodyHidden: true},
	{id: "javamail", name: "JavaMail", marks: javamailMarks, needs: compile(`^DEBUG(?: SMTPS?| TLS| SMTP TRANSPORT): |^DEBUG: (?:setDebug|getProvider|Jakarta Mail|JavaMail|Angus)|com\.sun\.mail|(?:javax|jakarta)\.mail|angus|(?:AuthenticationFailed|SMTPSendFailed|SMTPAddressFailed|SMTPSenderFailed|MailConnect|SendFailed|Messaging)Exception`), joint: jointOf(`(DEBUG(?: SMTPS?| TLS)?: )`), parse: parseJavaMail},
	{id: "curl", name: "curl", marks: curlMarks, needs: compile(`^(?:\d\d:\d\d:\d\d\.\d+ )?(?:\* |[{}] \[)|^curl: \(`), joint: curlJoint, parse: parseCurl, bodyHidden: true},
	{id: "symfony", name: "Symfony Mailer", marks: symfonyMarks, needs: compile(`^(?:\[[0-9T:.+Z-]{20,35}\] )?< \d{3}[ -]|Symfony\\+Component|` + expectedCode + `|Connection could not be est|Unable to connect with`), joint: symfonyJoint, parse: parseSymfony, bodyHidden: true},
	{id: "msmtp", name: "msmtp", marks: msmtpMarks, joint: msmtpJoint, parse: parseMsmtp, bodyHidden: true},
	{id: "postfix-smtpd-log", name: "Postfix's log", marks: postfixMarks, parse: parsePostfix, refine: postfixKind, errorOnly: true, bodyHidden: true},
	{id: "exim-bounce", name: "a bounce by Exim", marks: eximBounceMarks, parse: parseBounce, errorOnly: true, needs: compile(`(?i)This message was created automatically|^\s+SMTP error from remote|^\s*\S+@\S+$|^Reporting-MTA`)},
	{id: "exim-mainlog", name: "Exim's main log", marks: eximMarks, parse: parseExim, errorOnly: true},
	{id: "sendmail-bounce", name: "a bounce by sendmail", marks: sendmailBounceMarks, needs: compile(`Transcript of session follows|^\.\.\. while talking to`), parse: parseSendmailBounce, errorOnly: true},
	{id: "postfix-bounce", name: "a bounce by Postfix", marks: postfixBounceMarks, needs: compile(`^\s*said: |\] said: |in reply to|end of DATA command|host \S+\[`), parse: parseBounce, errorOnly: true},
	{id: "bounce", name: "a bounce", marks: plainBounceMarks, needs: compile(`in reply to|Diagnostic-Code|Remote Server returned|remote server responded|response (?:from the remote server )?was`), parse: parseBounce, errorOnly: true},
	{id: "email-oauth2-proxy", name: "email-oauth2-proxy", marks: oauthProxyMarks, parse: parseOAuthProxy, escapes: true},
}, append(simpleTools,
	dialect{id: "raw", name: "the bare protocol, marked", weigh: scoreMarked, parse: parseMarked, fallback: true},
	dialect{id: "raw", name: "the bare protocol", marks: rawMarks, joint: rawJoint, parse: parseRaw, fallback: true},
	dialect{id: "application", name: "an application's log", weigh: scoreApplication, parse: parseApplication, errorOnly: true, escapes: true, fallback: true},
	dialect{id: "error", name: "the text of an error", weigh: scoreStatements, parse: parseStatements, errorOnly: true, fallback: true},
)...)

var phpmailerNeeds = compile(`(?:CLIENT|SERVER) -> |SMTP (?:ERROR|NOTICE|INBOUND): |SMTP -> get_lines|\bConnection: (?:opening|opened|closed|Failed)|Connection failed\. Error`)

// postfixKind tells the log of the client from that of the server.
func postfixKind(rows []row) string {
	for _, r := range rows {
		if clientOfPostfix.MatchString(r.text) {
			return "postfix-smtp-log"
		}
	}
	return "postfix-smtpd-log"
}

var clientOfPostfix = compile(`/(?:smtp|lmtp)\[\d+\]: |\bstatus=(?:sent|bounced|deferred)|\] said: `)
