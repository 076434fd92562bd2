package findings

import "strings"

// providerSenderRules are refused senders in the words of one provider.
var providerSenderRules = []rule{
	{
		id: "SES-554-NOT-VERIFIED", severity: Failure, title: "Amazon SES has not verified the address",
		when:    []when{{text: `email address is not verified|identities failed the check`, loose: true}},
		text:    "Amazon SES has not verified an address of this message: {reply}",
		cause:   "SES sends from verified addresses and domains only, in the sandbox also to such only, and each counts for one region.",
		fix:     Fix{General: "Verify the domain or address in the SES console of that region, leave the sandbox, or use the endpoint of the region where it is verified", PHPMailer: "$mail->setFrom('user@verified-domain.example');", Nodemailer: "from: 'user@verified-domain.example'"},
		sources: []string{"docs.aws.amazon.com/ses: verified identities", "anonaddy/anonaddy#647"},
	},
	{
		id: "SENDGRID-550-SENDER-IDENTITY", severity: Failure, title: "SendGrid: no verified sender",
		when:    []when{{text: `verified sender identity`, loose: true}},
		text:    "SendGrid has not verified the address in From",
		cause:   "Every From address must be a verified single sender or belong to an authenticated domain.",
		fix:     Fix{General: "Verify the sender or authenticate the domain at SendGrid, or send from an address that is", PHPMailer: "$mail->setFrom('user@verified-domain.example');", Nodemailer: "from: 'user@verified-domain.example'", Other: "JavaMail: mail.smtp.from and the From header"},
		sources: []string{"docs.sendgrid.com: sender identity"},
	},
	{
		id: "PROVIDER-550-FROM-UNVERIFIED", severity: Failure, title: "the provider has not verified the sender's domain",
		when:    []when{{text: `sender domain (is )?not verified|not allowed to send from|unconfigured sending domain|sender signature|domain .{0,60}(must be|is not|not|isn't|needs to be) (verified|validated|authenticated)|(sender|from)( address| email)?.{0,40}(not|un)[- ]?(verified|validated|confirmed)|is not a verified (sender|domain)|free accounts are for test purposes|sandbox (domain|subdomains)`, also: notSPF, loose: true}},
		text:    "the provider has not verified the sender's domain: {reply}",
		cause:   "Sending services send for domains only whose DNS shows that they are the customer's.",
		fix:     Fix{General: "Add the domain with its SPF and DKIM records at the provider, and send from it", PHPMailer: "$mail->setFrom('user@verified-domain.example');", Nodemailer: "from: 'user@verified-domain.example'"},
		sources: []string{"documentation of Mailgun, Postmark, SparkPost, SMTP2GO and MailerSend: sending domains", "PHPMailer#2683"},
	},
	{
		id: "SENDER-NETEASE-553", severity: Failure, title: "NetEase: the sender must be the login",
		when:    []when{{text: `mail from must equal authori[sz]ed user`, loose: true}},
		text:    "NetEase wants the envelope sender[, here {from},] to be the account that logged in[ ({user})]",
		cause:   "163, 126 and yeah.net send from the login's own address only; an empty sender or a name in its place counts as another.",
		fix:     Fix{General: "Send from the address of the login, on the envelope and in From", PHPMailer: "$mail->setFrom('name@163.com', '显示名'); // the same as $mail->Username", Nodemailer: "from: auth.user", Smtplib: "smtp.sendmail('name@163.com', …)"},
		sources: []string{"help.mail.163.com: SMTP error codes", "splitbrain/dokuwiki-plugin-smtp#1"},
	},
	{
		id: "SENDER-QQ-501", severity: Failure, title: "QQ: the sender must be the login",
		when:    []when{{text: `mail from address must be same as authorization user|must be same as auth`, loose: true}, {text: `"?from"? header is missing or invalid`, also: at(qq, exmail)}},
		text:    "Tencent wants the sender[, here {from},] to be the account that logged in[ ({user})]: {reply}",
		cause:   "QQ Mail and Exmail send from the login's own address only, on the envelope and in a well-formed From field.",
		fix:     Fix{General: "Use the address of the login in both places, and let the library encode the display name", PHPMailer: "$mail->CharSet = 'UTF-8'; $mail->setFrom('12345@qq.com', '名字');", Nodemailer: "from: { name, address: auth.user }"},
		sources: []string{"service.mail.qq.com: 501 mail from address", "gshang2017/docker#18"},
	},
	{
		id: "O365-SENDAS-DENIED", severity: Failure, title: "Microsoft: no right to send as this address",
		when:    []when{{text: `sendasdenied|not allowed to send as|permissions? to send as`, loose: true}, {enhanced: "5.7.60 5.2.252"}},
		text:    "Microsoft 365 does not let the login[ {user}] send as another address[ ({from})]: {reply}",
		cause:   "The From address is another mailbox, for which the login has no Send As right.",
		fix:     Fix{General: "Send from the login's own address, or let the administrator grant Send As on the other mailbox", PHPMailer: phpFrom, Nodemailer: nodeFrom, Symfony: symFrom, WordPress: wpFrom},
		sources: []string{"learn.microsoft.com: NDR 5.7.60", "swiftmailer/swiftmailer#1030", "pkp/pkp-lib#7412"},
	},
}

func notSPF(_ *session, r *reply) bool { return !strings.Contains(r.folded(), "spf") }
