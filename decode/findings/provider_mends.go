package findings

// A mend is what a provider changes about a rule: parts that are empty stay as
// the rule has them.
type mend struct {
	cause string
	fix   Fix
}

// mends are the mends of rules at certain providers.
var mends = map[string]map[provider]mend{
	"AUTH-BAD-CREDENTIALS": {
		yandex: {
			cause: "Yandex wants an app password, and access by mail programs switched on in the mailbox.",
			fix:   Fix{General: "Switch on access for mail programs in the mailbox's settings and create an app password for mail", PHPMailer: "$mail->Host = 'smtp.yandex.ru'; $mail->Password = 'app password'; " + phpSMTPS},
		},
		zoho: {
			cause: "With two-factor login Zoho wants an app password; every account belongs to one data centre, whose host takes its login only.",
			fix:   Fix{General: "Use an app password, and the host of the account's data centre (smtp.zoho.com, .eu, .in; smtppro for domains of your own)", PHPMailer: "$mail->Host = 'smtp.zoho.eu'; $mail->Password = 'app password'; " + phpSMTPS},
		},
		sendgrid: {
			cause: "At SendGrid the user name is the word apikey, and the password an API key that may send.",
			fix:   Fix{General: "Log in as apikey with an API key that has the Mail Send permission", PHPMailer: "$mail->Username = 'apikey'; $mail->Password = 'SG.…';", Nodemailer: "auth: { user: 'apikey', pass: 'SG.…' }", Smtplib: "smtp.login('apikey', 'SG.…')", Symfony: "MAILER_DSN=smtp://apikey:SG.…@smtp.sendgrid.net:587"},
		},
		mailgun: {
			cause: "Mailgun has SMTP credentials for each domain, apart from the account and the API key; accounts in the EU have a host of their own.",
			fix:   Fix{General: "Use the SMTP credentials of the sending domain, in the EU with smtp.eu.mailgun.org", PHPMailer: "$mail->Host = 'smtp.mailgun.org'; $mail->Username = 'postmaster@mg.example.com'; $mail->Password = 'SMTP password';"},
		},
		brevo: {
			cause: "Brevo wants an SMTP key, which is not the API key, and the login that its SMTP page shows.",
			fix:   Fix{General: "Create an SMTP key and use it as the password", PHPMailer: "$mail->Host = 'smtp-relay.brevo.com'; $mail->Password = 'xsmtpsib-…'; " + phpStartTLS},
		},
		mailjet:   {fix: Fix{General: "Log in with the API key as user name and the secret key as password", PHPMailer: "$mail->Host = 'in-v3.mailjet.com'; $mail->Username = 'API key'; $mail->Password = 'secret key';"}},
		postmark:  {fix: Fix{General: "Log in with the server token as user name and as password", PHPMailer: "$mail->Host = 'smtp.postmarkapp.com'; $mail->Username = $mail->Password = 'server token';"}},
		sparkpost: {fix: Fix{General: "Log in as SMTP_Injection with an API key that may send over SMTP", PHPMailer: "$mail->Host = 'smtp.sparkpostmail.com'; $mail->Username = 'SMTP_Injection'; $mail->Password = 'API key';"}},
		ovh: {
			cause: "OVH wants the full address as the user name, and the mailbox's own password, not that of the customer account.",
			fix:   Fix{General: "Log in with the full address and the mailbox's password; set a new one in the OVH manager if in doubt", PHPMailer: "$mail->Host = 'ssl0.ovh.net'; $mail->Username = 'user@example.com'; " + phpSMTPS},
		},
		ionos: {fix: Fix{General: "Log in with the full address and the mailbox's own password, not that of the customer account", PHPMailer: "$mail->Host = 'smtp.ionos.com'; $mail->Username = 'user@example.com'; " + phpStartTLS}},
		icloud: {
			cause: "iCloud takes app-specific passwords only.",
			fix:   Fix{General: "Create an app-specific password at appleid.apple.com, and log in with the full iCloud address", PHPMailer: "$mail->Host = 'smtp.mail.me.com'; $mail->Password = 'app-specific password'; " + phpStartTLS},
		},
		fastmail:   {fix: Fix{General: "Create an app password with access to SMTP, and log in with the full address", PHPMailer: "$mail->Host = 'smtp.fastmail.com'; $mail->Password = 'app password'; " + phpSMTPS}},
		mailru:     {fix: Fix{General: "Create a password for external applications, and log in with the full address", PHPMailer: "$mail->Host = 'smtp.mail.ru'; $mail->Password = 'app password'; " + phpSMTPS}},
		gmx:        {fix: Fix{General: "Switch on POP3, IMAP and SMTP access in the mailbox's settings; with two-factor login create an app password", PHPMailer: "$mail->Host = 'mail.gmx.net'; $mail->Username = 'user@gmx.net'; " + phpStartTLS}},
		proton:     {fix: Fix{General: "Create an SMTP token for the address and use it as the password, with AUTH PLAIN", PHPMailer: "$mail->Host = 'smtp.protonmail.ch'; $mail->AuthType = 'PLAIN'; " + phpStartTLS}},
		mailtrap:   {fix: Fix{General: "Copy user name and password from the SMTP settings of the very inbox or sending domain", PHPMailer: "$mail->Host = 'sandbox.smtp.mailtrap.io'; $mail->Port = 2525;"}},
		secureserv: {fix: Fix{General: "From GoDaddy's own hosting send through localhost without a login; elsewhere use smtpout.secureserver.net with the mailbox's password", PHPMailer: "$mail->Host = 'localhost'; $mail->Port = 25; $mail->SMTPAuth = false; " + phpNoTLS}},
	},
	"AUTH-O365-5.7.139-BASIC": {
		outlook: {
			cause: "Outlook.com and Hotmail take no passwords over SMTP since September 2024.",
			fix:   Fix{General: "Use OAuth (XOAUTH2), or send through another service"},
		},
	},
	"AUTH-O365-535-5.7.3": {
		outlook: {
			cause: "Outlook.com and Hotmail take no passwords over SMTP since September 2024.",
			fix:   Fix{General: "Use OAuth (XOAUTH2), or send through another service", PHPMailer: phpOAuth},
		},
	},
	"AUTH-QQ-535-NEW": {
		exmail: {fix: Fix{General: "Use the client password of the Exmail account (客户端专用密码) with smtp.exmail.qq.com, and check that SMTP is on", PHPMailer: "$mail->Host = 'smtp.exmail.qq.com'; $mail->Password = '客户端专用密码'; " + phpSMTPS}},
	},
	"AUTH-QQ-AUTHCODE": {
		exmail: {fix: Fix{General: "Use the client password of the Exmail account (客户端专用密码) with smtp.exmail.qq.com", PHPMailer: "$mail->Host = 'smtp.exmail.qq.com'; $mail->Password = '客户端专用密码'; " + phpSMTPS}},
	},
	"AUTH-TEMP-FAIL-4XX": {
		sendgrid: {
			cause: "SendGrid answers so when the account's list of allowed addresses lacks this one.",
			fix:   Fix{General: "Add the sending machine's address under IP Access Management"},
		},
	},
	"AUTH-NOT-ATTEMPTED": {
		gmail:     {fix: Fix{PHPMailer: "$mail->Host = 'smtp.gmail.com'; " + phpStartTLS + " " + phpLogin}},
		microsoft: {fix: Fix{PHPMailer: "$mail->Host = 'smtp.office365.com'; " + phpStartTLS + " " + phpLogin}},
	},
	"SENDER-NOT-OWNED-553": {
		zoho:   {fix: Fix{General: "Send from the login's address or an alias that is set up in Zoho Mail, in From too: Zoho looks behind the message"}},
		yandex: {fix: Fix{General: "Send from the login's own address, in From too"}},
		gmx:    {fix: Fix{General: "Send from the login's address or an alias of the same mailbox"}},
		icloud: {fix: Fix{General: "Send from the account's iCloud address or an alias set up there"}},
		aliyun: {fix: Fix{General: "Send from the address of the login; with DirectMail from a sender address that is set up in its console"}},
	},
	"SIZE-552": {
		gmail:     {cause: "Gmail takes 25 MB in all, and attachments grow by more than a third in base64."},
		microsoft: {cause: "Microsoft 365 takes 35 MB by default, in all, and attachments grow by more than a third in base64."},
		ses:       {cause: "Amazon SES takes 40 MB over SMTP, and attachments grow by more than a third in base64."},
	},
	"RATE-PROVIDER-QUOTA": {
		ses:       {fix: Fix{General: "Send more slowly than the rate in the SES console, or ask there for a higher quota and to leave the sandbox"}},
		gmail:     {fix: Fix{General: "Wait a day, or use a service meant for volume: Gmail takes 500 messages a day, Workspace 2000"}},
		microsoft: {fix: Fix{General: "Send more slowly: Microsoft 365 takes 30 messages a minute and 10000 recipients a day for a mailbox"}},
	},
}

// mend is a rule's cause and fix as this session's server wants it.
func (s *session) mend(r *rule) (Fix, string) {
	m, found := mends[r.id][s.provider]
	if !found {
		return r.fix, r.cause
	}
	fix, cause := r.fix, r.cause
	if m.cause != "" {
		cause = m.cause
	}
	for _, part := range []struct{ to, from *string }{
		{&fix.General, &m.fix.General}, {&fix.PHPMailer, &m.fix.PHPMailer}, {&fix.Nodemailer, &m.fix.Nodemailer},
		{&fix.Smtplib, &m.fix.Smtplib}, {&fix.Symfony, &m.fix.Symfony}, {&fix.WordPress, &m.fix.WordPress}, {&fix.Other, &m.fix.Other},
	} {
		if *part.from != "" {
			*part.to = *part.from
		}
	}
	return fix, cause
}
