package findings_test

import (
	"slices"
	"strings"
	"testing"

	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/outcome"
)

// banners greet as these servers do.
var banners = map[string]string{
	"":          "mx.example.org ESMTP",
	"postfix":   "mail.example.org ESMTP Postfix (Debian/GNU)",
	"exim":      "host.example.org ESMTP Exim 4.96 Tue, 03 Mar 2026 10:00:00 +0000",
	"gmail":     "smtp.gmail.com ESMTP 5b1f17b1804b1-43bd4316b44sm1s.17 - gsmtp",
	"microsoft": "FR3P281CA0057.outlook.office365.com Microsoft ESMTP MAIL Service ready at Mon, 13 Jan 2025 13:42:45 +0000",
	"exchange":  "ex01.corp.example Microsoft ESMTP MAIL Service ready",
	"yahoo":     "smtp.mail.yahoo.com ESMTP ready",
	"yandex":    "mail-nwsmtp-smtp-production-main-59.vla.yp-c.yandex.net (Want to use Yandex.Mail for your domain?)",
	"ses":       "email-smtp.amazonaws.com ESMTP SimpleEmailService-d-ABC",
	"sendgrid":  "SG ESMTP service ready at geopod-ismtpd-6",
	"mailgun":   "Mailgun Influx ready",
	"zoho":      "mx.zohomail.com SMTP Server ready March 3, 2026 8:18:44 AM PDT",
	"qq":        "newxmesmtplogicsvrszc5-1.qq.com XMail Esmtp QQ Mail Server.",
	"netease":   "163.com Anti-spam GT for Coremail System (163com[20141201])",
	"sina":      "irxd5-171.sinamail.sina.com.cn SinaESMTP ready",
	"aliyun":    "smtp.aliyun-inc.com MX AliMail Server(10.147.40.44)",
	"gmx":       "gmx.net (mrgmx105) Nemesis ESMTP Service ready",
	"proton":    "mailsub006.protonmail.ch ESMTP Postfix",
	"icloud":    "iCloud SMTP - p00-smtp (2026B34)",
}

// untilReply is a session up to what the reply answers. Before a step begins
// with "no ", the client does not log in.
func untilReply(step, banner string) string {
	hello := "S: 220 " + banners[banner] + "\nC: EHLO www.example.com\nS: 250-mx.example.org\nS: 250-AUTH LOGIN PLAIN CRAM-MD5 XOAUTH2\nS: 250-STARTTLS\nS: 250-SIZE 100000\nS: 250 8BITMIME\n"
	logged := hello + login + "S: 235 ok\n"
	if bare, found := strings.CutPrefix(step, "bare "); found {
		// A server that offers no login.
		step = bare
		logged = strings.Replace(hello, "S: 250-AUTH LOGIN PLAIN CRAM-MD5 XOAUTH2\n", "", 1)
	}
	if without, found := strings.CutPrefix(step, "no "); found {
		step, logged = without, hello
	}
	switch step {
	case "greeting":
		return ""
	case "EHLO":
		return "S: 220 " + banners[banner] + "\nC: EHLO my_host\n"
	case "STARTTLS":
		return hello + "C: STARTTLS\n"
	case "AUTH":
		return hello + "C: AUTH LOGIN\n"
	case "PLAIN":
		return hello + "C: AUTH PLAIN AHVzZXJAZXhhbXBsZS5jb20AaHVudGVyMjI=\n"
	case "PASS":
		return hello + login
	case "CRAM":
		return hello + "C: AUTH CRAM-MD5\nS: 334 PDE4OTYuNjk3MTcwOTUyQG14LmV4YW1wbGUub3JnPg==\nC: dXNlckBleGFtcGxlLmNvbSBiOTEzYTYwMmM3ZWRhN2E0OTViNGU2ZTczMzRkMzg5MA==\n"
	case "TOKEN":
		return hello + "C: AUTH XOAUTH2 dXNlcj11c2VyQGV4YW1wbGUuY29tAWF1dGg9QmVhcmVyIHlhMjkuYWJjZGVmZ2gBAQ==\n"
	case "MAIL":
		return logged + "C: MAIL FROM:<user@example.com>\n"
	case "RCPT":
		return logged + mail + "C: RCPT TO:<to@example.net>\n"
	case "DATA":
		return logged + mail + rcpt + "C: DATA\n"
	case ".":
		return logged + mail + rcpt + content
	case "RSET":
		return logged + mail + rcpt + content + "S: 250 ok\nC: RSET\n"
	case "VRFY":
		return logged + "C: VRFY user\n"
	case "NOOP":
		return logged + "C: XFROB now\n"
	}
	panic(step)
}

// Each row: what the reply answers, whose server, the reply, the verdict.
const replyTable = `
greeting||554 5.7.1 You are not allowed to connect.|CLIENT-IP-REFUSED-554
greeting||554 No SMTP service here|BANNER-554
greeting||521 mx.example.org does not accept mail|NULL-MX-556,BANNER-554
greeting||554 mx.example.org ESMTP not accepting messages|BANNER-554
greeting||554-gmx.net (mxgmx015) Nemesis ESMTP Service not available\n554-No SMTP service\n554-Bad DNS PTR resource record.\n554 For explanation visit https://postmaster.gmx.net/en/error-messages?ip=192.0.2.1&c=rdns|PTR-MISSING
greeting||421 4.7.0 mx.example.org Error: too many connections from 192.0.2.1|RATE-421-CONNECTIONS
greeting||421 Too many concurrent SMTP connections; please try again later.|RATE-421-CONNECTIONS
greeting||421 4.3.2 The maximum number of concurrent server connections has exceeded a limit, closing transmission channel|RATE-421-CONNECTIONS
greeting||421 Service not available|GREETING-421
greeting||554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1|RBL-BLOCKED-554
greeting||550 SC-001 (BAY004-MC1F25) Unfortunately, messages from 192.0.2.1 weren't sent.|RBL-BLOCKED-554
greeting||554 SMTP synchronization error|PIPELINING-MISUSE
greeting||220 ****************************|SMTP-INSPECTION-ASTERISKS
EHLO||504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname|HELO-NOT-FQDN-504
EHLO||550 HELO argument must be a FQDN|HELO-NOT-FQDN-504
EHLO||450 4.7.1 <host.invalid>: Helo command rejected: Host not found|HELO-UNRESOLVABLE-450
EHLO||501 5.5.4 Invalid domain name|HELO-SYNTAX-501
EHLO||501 Syntactically invalid EHLO argument(s)|HELO-SYNTAX-501
EHLO||501 5.5.2 <_>: Helo command rejected: Invalid name|HELO-SYNTAX-501
EHLO||500 Error: bad syntax|HELO-SYNTAX-501
EHLO|gmail|501-5.5.4 HELO/EHLO argument "my_host" invalid, closing connection.\n501 5.5.4  https://support.google.com/mail/?p=helo x - gsmtp|HELO-SYNTAX-501
EHLO||501 5.5.4 Syntax: EHLO hostname|HELO-EMPTY-501
EHLO||501 EHLO requires domain/address - see RFC-2821 4.1.1.1|HELO-EMPTY-501
EHLO||421 EHLO MXIN201 Your HELO/EHLO x is not matching your DNS configuration|HELO-DNS-MISMATCH
EHLO||550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)|HELO-REJECTED-POLICY,HELO-SYNTAX-501
EHLO||554 5.7.1 <mx.example.org>: Helo command rejected: You are not me|HELO-REJECTED-POLICY
EHLO||550 5.7.1 Helo domain is listed in Spamhaus|HELO-REJECTED-POLICY
EHLO||503 5.5.1 mx.example.org Duplicate HELO/EHLO|EHLO-AGAIN-503
EHLO||500 Command unrecognized|EHLO-UNSUPPORTED
EHLO||502 Command not implemented|EHLO-UNSUPPORTED
EHLO||421 4.7.0 Try again later, closing connection. (EHLO)|TEMP-451-LOCAL
STARTTLS||454 4.7.0 TLS not available due to local problem|TLS-454-UNAVAILABLE
STARTTLS||454 TLS currently unavailable|TLS-454-UNAVAILABLE
STARTTLS||502 5.5.1 Error: command not implemented|STARTTLS-NOT-OFFERED
STARTTLS||500 5.3.3 Unrecognized command|STARTTLS-NOT-OFFERED
STARTTLS||503 STARTTLS command used when not advertised|STARTTLS-NOT-OFFERED
STARTTLS||554 5.5.1 Error: TLS already active|STARTTLS-INSIDE-TLS
AUTH||530 5.7.0 Must issue a STARTTLS command first|AUTH-BEFORE-STARTTLS-530
AUTH||538 5.7.11 Encryption required for requested authentication mechanism|AUTH-BEFORE-STARTTLS-530
AUTH||504 5.5.4 Encryption required for requested authentication type|AUTH-BEFORE-STARTTLS-530
AUTH||554 5.7.3 Unable to initialize security subsystem|AUTH-BEFORE-STARTTLS-530
AUTH||503 5.5.1 Error: authentication not enabled|AUTH-NOT-ADVERTISED-503
AUTH||503 AUTH command used when not advertised|AUTH-NOT-ADVERTISED-503
AUTH||502 5.5.1 Unrecognized command|AUTH-NOT-ADVERTISED-503
AUTH||500 AUTH not recognized|AUTH-NOT-ADVERTISED-503
AUTH||504 5.7.4 Unrecognized authentication type|AUTH-MECH-NOT-OFFERED
AUTH||504 AUTH mechanism not supported|AUTH-MECH-NOT-OFFERED
AUTH||535 5.7.8 Error: authentication failed: Invalid authentication mechanism|AUTH-MECH-NOT-OFFERED
AUTH||503 5.5.1 Error: MAIL transaction in progress|AUTH-IN-WRONG-PLACE
AUTH||503 already authenticated|AUTH-IN-WRONG-PLACE
AUTH||503 5.5.1 Error: send HELO/EHLO first|AUTH-IN-WRONG-PLACE
AUTH||450 4.7.1 Error: too many AUTH commands from 192.0.2.1|AUTH-TOO-MANY-COMMANDS
PASS||535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6|AUTH-BAD-CREDENTIALS
PASS||535 Incorrect authentication data|AUTH-BAD-CREDENTIALS
PASS|zoho|535 Authentication Failed|AUTH-BAD-CREDENTIALS
PASS||535 5.7.0 Invalid login or password|AUTH-BAD-CREDENTIALS
PASS||535 5.7.8 Authentication credentials invalid|AUTH-BAD-CREDENTIALS
PASS|yandex|535 5.7.8 Error: authentication failed: Invalid user or password!|AUTH-BAD-CREDENTIALS
PASS|sendgrid|535 Authentication failed: Bad username / password|AUTH-BAD-CREDENTIALS
PASS|mailgun|535 5.7.1 Invalid login or password|AUTH-BAD-CREDENTIALS
PASS||535 Authentication failed: The provided authorization grant is invalid, expired, or revoked|AUTH-BAD-CREDENTIALS
PLAIN||535 5.7.8 Error: authentication failed|AUTH-BAD-CREDENTIALS
PLAIN||501 5.5.2 Can't split auth value|AUTH-PLAIN-BAD-FORMAT
PASS|gmail|501 5.5.2 Cannot Decode response x - gsmtp|AUTH-BASE64-INVALID
PASS||501 Invalid base64 data|AUTH-BASE64-INVALID
PASS||501 5.5.2 Can't decode base64|AUTH-BASE64-INVALID
PASS|aliyun|523 cipher text is invalid base64 format|AUTH-BASE64-INVALID
PASS|aliyun|524 username or passwd is NULL|AUTH-EMPTY-CREDENTIALS
PASS|aliyun|526 Authentication failure[0]|AUTH-ALIYUN-526
PASS|aliyun|535 Authentication failure|AUTH-ALIYUN-526
PASS||535 5.7.1 authentication requires API key|AUTH-CREDENTIALS-TYPE
PASS||535 5.7.8 Use an application-specific password|AUTH-GMAIL-534-5.7.9,AUTH-CREDENTIALS-TYPE
CRAM||535 5.7.8 Error: authentication failed: authentication failure|AUTH-CRAMMD5-FALSE-OFFER
PASS||454 4.7.0 Temporary authentication failure: Connection lost to authentication server|AUTH-TEMP-FAIL-4XX
PASS|sendgrid|451 Authentication failed: Could not authenticate|AUTH-TEMP-FAIL-4XX
PASS||435 Unable to authenticate at present|AUTH-TEMP-FAIL-4XX
PASS|gmail|454 4.7.0 Too many login attempts, please try again later. x - gsmtp|RATE-454-LOGIN
PASS||535 auth failed (this user authenticate too many times)|RATE-454-LOGIN
PASS|netease|451 too much fail authentication from 192.0.2.1|RATE-454-LOGIN
PASS|gmail|535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp|AUTH-GMAIL-535-5.7.8
PASS|gmail|534-5.7.9 Application-specific password required. Learn more at\n534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor x - gsmtp|AUTH-GMAIL-534-5.7.9
PASS|gmail|534-5.7.14 <https://accounts.google.com/signin/continue?sarp=1&scc=1&plt=AKgnsbt\n534-5.7.14 Please log in via your web browser and then try again.\n534 5.7.14  Learn more at https://support.google.com/mail/answer/78754 x - gsmtp|AUTH-GMAIL-534-5.7.9
PASS|microsoft|535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [FR3P281CA0057.DEUP281.PROD.OUTLOOK.COM]|AUTH-O365-5.7.139-TENANT
PASS|microsoft|535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled|AUTH-O365-5.7.139-TENANT
PASS|microsoft|535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [X.PROD.OUTLOOK.COM]|AUTH-O365-5.7.139-BASIC
PASS|microsoft|535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [X.PROD.OUTLOOK.COM]|AUTH-O365-5.7.139-BASIC
PASS|microsoft|535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator.|AUTH-O365-5.7.139-BASIC
PASS|microsoft|535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.|AUTH-O365-5.7.139-BASIC
PASS|microsoft|535 5.7.3 Authentication unsuccessful [FR3P281CA0057.DEUP281.PROD.OUTLOOK.COM 2025-01-13T13:42:51.691Z 08DD]|AUTH-O365-535-5.7.3
PASS|exchange|535 5.7.3 Authentication unsuccessful|AUTH-O365-535-5.7.3
MAIL|microsoft|550 5.7.30 Basic authentication is not supported for Client Submission.|AUTH-O365-550-5.7.30
PASS|microsoft|550 5.7.30 Basic authentication is not supported for Client Submission.|AUTH-O365-550-5.7.30
no MAIL|microsoft|530 5.7.57 Client not authenticated to send mail. [X.PROD.OUTLOOK.COM]|AUTH-REQUIRED-530-5.7.57
no MAIL|microsoft|530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM|AUTH-REQUIRED-530-5.7.57
PASS|qq|535 Login Fail. Please enter your authorization code to login. More information in http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256|AUTH-QQ-AUTHCODE
PASS|qq|535 Error: \xc7\xeb\xca\xb9\xd3\xc3\xca\xda\xc8\xa8\xc2\xeb\xb5\xc7\xc2\xbc\xa1\xa3\xcf\xea\xc7\xe9\xc7\xeb\xbf\xb4: http://service.mail.qq.com/|AUTH-QQ-AUTHCODE
PASS|qq|535 Error: 请使用授权码登录。详情请看: http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256|AUTH-QQ-AUTHCODE
PASS|qq|535 Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or system is busy. More information at https://help.mail.qq.com/detail/108/1023|AUTH-QQ-535-NEW
PASS|netease|535 Error: authentication failed|AUTH-NETEASE-535
PASS|netease|550 User has no permission|AUTH-NETEASE-535
PASS|sina|535 Authentication failed|AUTH-SINA-535
PASS|sina|535 the email account of smtp is invalid|AUTH-SINA-535
PASS|yahoo|535 5.7.0 (#AUTH005) Too many bad auth attempts.|RATE-454-LOGIN,AUTH-YAHOO-APP-PASSWORD
PASS|ses|535 Authentication Credentials Invalid|AUTH-SES-535
TOKEN|gmail|535-5.7.8 Username and Password not accepted. Learn more at\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp|AUTH-XOAUTH2-REJECTED
TOKEN|microsoft|535 5.7.3 Authentication unsuccessful [X.PROD.OUTLOOK.COM]|AUTH-XOAUTH2-REJECTED
TOKEN|microsoft|535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.|AUTH-O365-5.7.139-TENANT
TOKEN||500 5.5.2 Line too long|AUTH-XOAUTH2-LINE-TOO-LONG
no MAIL||530 5.7.0 Must issue a STARTTLS command first|TLS-REQUIRED-530
no MAIL|gmail|530-5.7.0 Must issue a STARTTLS command first. For more information, go to\n530 5.7.0  https://support.google.com/a/answer/3221692 x - gsmtp|TLS-REQUIRED-530
no MAIL||530 5.7.1 Authentication required|AUTH-NOT-ATTEMPTED
no MAIL|gmail|530-5.7.0 Authentication Required. For more information, go to\n530 5.7.0  https://support.google.com/mail/?p=WantAuthError x - gsmtp|AUTH-NOT-ATTEMPTED
no MAIL|qq|503 Error: need EHLO and AUTH first !|AUTH-NOT-ATTEMPTED
no MAIL|sendgrid|550 Unauthenticated senders not allowed|AUTH-NOT-ATTEMPTED
no RCPT||550 authentication required|AUTH-NOT-ATTEMPTED
no RCPT||553 authentication is required|AUTH-NOT-ATTEMPTED
no RCPT||554 5.7.1 <to@example.net>: Relay access denied|AUTH-NOT-ATTEMPTED
no RCPT||550 5.7.1 Relaying denied|AUTH-NOT-ATTEMPTED
no RCPT||550 relay not permitted|AUTH-NOT-ATTEMPTED
no MAIL|netease|553 authentication is required,smtp5,D9GowADHz1|AUTH-NOT-ATTEMPTED
bare RCPT||554 5.7.1 <to@example.net>: Relay access denied|RELAY-DENIED-554
RCPT||554 5.7.1 <to@example.net>: Relay access denied|RELAY-DENIED-554
RCPT||454 4.7.1 <to@example.net>: Relay access denied|RELAY-DENIED-554
RCPT||553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)|RELAY-DENIED-554
RCPT||550 5.7.1 Unable to relay|RELAY-DENIED-550
RCPT||550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain|RELAY-DENIED-550
RCPT||550 relay not permitted|RELAY-DENIED-550
RCPT||550 5.7.64 TenantAttribution; Relay Access Denied|RELAY-DENIED-550
RCPT||550 No such domain at this location|RELAY-DENIED-550
RCPT||554 5.7.1 <host[192.0.2.1]>: Client host rejected: Access denied|CLIENT-IP-REFUSED-554
no RCPT||554 5.7.1 <host[192.0.2.1]>: Client host rejected: Access denied|CLIENT-IP-REFUSED-554
RCPT||450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]|PTR-MISSING
RCPT||450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]|PTR-MISSING
.|gmail|550-5.7.25 [192.0.2.1] The IP address sending this message does not have a\n550 5.7.25 PTR record setup|PTR-MISSING
RCPT||550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus. To request removal from this list see https://www.spamhaus.org/query/ip/192.0.2.1|RBL-BLOCKED-554
MAIL|microsoft|550 5.7.606 Access denied, banned sending IP [192.0.2.1]|RBL-BLOCKED-554
RCPT||550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150).|RBL-BLOCKED-554
RCPT||554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; Error: open resolver; https://www.spamhaus.org/returnc/pub/|RBL-BLOCKED-554
RCPT||504 5.5.2 <web1>: Helo command rejected: need fully-qualified hostname|HELO-NOT-FQDN-504
RCPT||450 4.7.1 <localhost.localdomain>: Helo command rejected: Host not found|HELO-UNRESOLVABLE-450
MAIL||501 5.1.7 Bad sender address syntax|MAILFROM-SYNTAX-501
MAIL||501 Error: Bad sender address syntax|MAILFROM-SYNTAX-501
MAIL|gmail|555 5.5.2 Syntax error. x - gsmtp|MAILFROM-SYNTAX-501
MAIL|exim|501 MAIL must have an address operand|MAILFROM-SYNTAX-501
MAIL||501 5.5.4 Syntax: MAIL FROM:<address>|MAILFROM-SYNTAX-501
MAIL||553 5.1.3 malformed address|MAILFROM-SYNTAX-501
MAIL||450 4.1.8 <user@example.com>: Sender address rejected: Domain not found|MAILFROM-DOMAIN-NOT-FOUND
RCPT||450 4.1.8 <user@example.com>: Sender address rejected: Domain not found|MAILFROM-DOMAIN-NOT-FOUND
MAIL||550 5.1.8 Domain of sender address user@example.com does not exist|MAILFROM-DOMAIN-NOT-FOUND
MAIL||553 5.1.8 <user@example.com>... Domain of sender address user@example.com does not exist|MAILFROM-DOMAIN-NOT-FOUND
RCPT||504 5.5.2 <root>: Sender address rejected: need fully-qualified address|MAILFROM-NOT-ADDRESS
MAIL||553 5.6.7 Must declare SMTPUTF8 to send unicode address|MAILFROM-UTF8
RCPT||553 5.7.1 <user@example.com>: Sender address rejected: not owned by user other@example.com|SENDER-NOT-OWNED-553
MAIL|yandex|553 5.7.1 Sender address rejected: not owned by auth user.|SENDER-NOT-OWNED-553
.|zoho|553 Relaying disallowed as user@example.com|SENDER-NOT-OWNED-553
MAIL|gmx|550-Requested action not taken\n550 Sender address is not allowed.|SENDER-NOT-OWNED-553
MAIL|icloud|550 5.7.0 From address is not one of your addresses|SENDER-NOT-OWNED-553
MAIL|aliyun|440 mail from account doesn't conform with authentication (Auth Account:a Mail Account:b)|SENDER-NOT-OWNED-553
MAIL||501 "MAIL FROM" is non-local account|SENDER-NOT-OWNED-553
MAIL|netease|553 Mail from must equal authorized user|SENDER-NETEASE-553
MAIL|qq|501 mail from address must be same as authorization user.|SENDER-QQ-501
.|qq|550 The "From" header is missing or invalid. Please follow RFC5322, RFC2047, RFC822 standard protocol.|SENDER-QQ-501
MAIL|microsoft|550 5.7.60 SMTP; Client does not have permissions to send as this sender|O365-SENDAS-DENIED
.|microsoft|554 5.2.252 SendAsDenied; user@tenant.example not allowed to send as other@example.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied|O365-SENDAS-DENIED
.|ses|554 Message rejected: Email address is not verified. The following identities failed the check in region US-EAST-1: user@example.com|SES-554-NOT-VERIFIED
.|sendgrid|550 The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.|SENDGRID-550-SENDER-IDENTITY
.||550 that sending domain is not verified|PROVIDER-550-FROM-UNVERIFIED
.||550 5.7.1 Unconfigured Sending Domain <example.com>|PROVIDER-550-FROM-UNVERIFIED
.||550 From header sender domain not verified (example.com)|PROVIDER-550-FROM-UNVERIFIED
RCPT||525 5.7.1 Unauthorized IP address|RELAY-IP-NOT-ALLOWED
MAIL||550 that IP address is not allowed to send|RELAY-IP-NOT-ALLOWED
MAIL|gmail|550-5.7.1 Invalid credentials for relay [192.0.2.1]. The IP address you've\n550-5.7.1 registered in your Workspace SMTP Relay service doesn't match the domain of\n550 5.7.1 the account this email is being sent from. x - gsmtp|RELAY-IP-NOT-ALLOWED
RCPT||550 5.1.1 <to@example.net>: Recipient address rejected: User unknown in local recipient table|RCPT-UNKNOWN-550
RCPT|gmail|550-5.1.1 The email account that you tried to reach does not exist. Please try\n550 5.1.1 double-checking the recipient's email address|RCPT-UNKNOWN-550
RCPT|microsoft|550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient to@example.net not found by SMTP address lookup|RCPT-UNKNOWN-550
RCPT|microsoft|550 5.4.1 Recipient address rejected: Access denied. AS(201806281)|RCPT-UNKNOWN-550
RCPT||550 Mailbox not found|RCPT-UNKNOWN-550
RCPT||550 No Such User Here|RCPT-UNKNOWN-550
RCPT||550 5.1.1 No such user|RCPT-UNKNOWN-550
RCPT||551 User not local; please try <other@example.net>|RCPT-UNKNOWN-550,RELAY-DENIED-550
.||550 5.1.1 User unknown|RCPT-UNKNOWN-AFTER-DATA
.||550 mailbox not found|RCPT-UNKNOWN-AFTER-DATA
RCPT||501 5.1.3 Bad recipient address syntax|RCPTTO-SYNTAX-501
RCPT||501 Error: Bad recipient address syntax|RCPTTO-SYNTAX-501
RCPT|gmail|555 5.5.2 Syntax error, cannot decode response. x - gsmtp|RCPTTO-SYNTAX-501
RCPT||553 5.1.3 <to@example.net>... Invalid route address|RCPTTO-SYNTAX-501
RCPT||452 4.5.3 Error: too many recipients|RCPT-LIMIT-452
RCPT||452 too many recipients|RCPT-LIMIT-452
RCPT|gmail|452-4.5.3 Your message has too many recipients. For more information regarding\n452 4.5.3 Google's sending limits go to https://support.google.com/mail/answer/22839|RCPT-LIMIT-452
RCPT|aliyun|556 RCPTs over size|RCPT-LIMIT-452
RCPT|gmail|452-4.2.2 The email account that you tried to reach is over quota.\n452 4.2.2 Please direct the recipient to https://support.google.com/mail/?p=OverQuotaTemp|MAILBOX-FULL-452
RCPT||552 5.2.2 Mailbox full|MAILBOX-FULL-452
RCPT||554 5.2.2 Quota exceeded|MAILBOX-FULL-452
RCPT||450 4.1.2 <to@nowhere.example>: Recipient address rejected: Domain not found|RCPT-DOMAIN-NOT-FOUND
RCPT||550 5.1.2 Host unknown|RCPT-DOMAIN-NOT-FOUND
RCPT||556 5.1.10 <to@example.net>: Recipient address rejected: Domain example.net does not accept mail (nullMX)|NULL-MX-556
MAIL||550 5.7.27 <user@example.com>: Sender address rejected: Domain example.com does not accept mail (nullMX)|NULL-MX-556
RCPT||450 4.2.0 <to@example.net>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/example.net.html|GREYLIST-45X
RCPT||451 4.7.1 Greylisting in action, please come back later|GREYLIST-45X
RCPT||451 4.7.1 Try again later|GREYLIST-45X
RCPT||450 4.7.1 <to@example.net>: Recipient address rejected: Greylisted for 5 minutes|GREYLIST-45X
MAIL|exim|451 Temporary local problem - please try later|TEMP-451-LOCAL
RCPT||452 4.5.3 [smtptap] the mail of this domain goes to another server; send it in a transaction of its own|OTHER-DOMAIN-PUT-OFF
RCPT|exim|451 Temporary local problem - please try later|TEMP-451-LOCAL
RCPT||451 4.3.0 <to@example.net>: Temporary lookup failure|TEMP-451-LOCAL
RCPT||451 4.3.5 Server configuration error|TEMP-451-LOCAL
MAIL||452 4.3.1 Insufficient system storage|SIZE-DISK-452
MAIL|exim|452 Space shortage, please try later|SIZE-DISK-452
VRFY||502 5.5.1 VRFY command is disabled|VRFY-DISABLED
.||521 5.5.2 mx.example.org Error: bare <LF> received|BARE-LF
.||550 5.5.2 mx.example.org Error: bare <LF> received|BARE-LF
.||451 See http://pobox.com/~djb/docs/smtplf.html.|BARE-LF
.|microsoft|550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds, which cannot be sent via DATA|BARE-LF
.||554 Rejected - Message containing bare LF's.|BARE-LF
.||552 5.2.0 Message contains bare CR and is violating 822.bis section 2.3|BARE-CR
.||500 5.5.2 Line too long|LINE-TOO-LONG
.||500 Line too long (see RFC5321 4.5.3.1.6)|LINE-TOO-LONG
.|exim|550 maximum allowed line length is 998 octets, got 1234|LINE-TOO-LONG
.|gmx|501 Syntax error - line too long|LINE-TOO-LONG
.||552 message line is too long|LINE-TOO-LONG
MAIL||500 5.5.2 Line too long|COMMAND-LINE-TOO-LONG
MAIL||521 Command line too long|COMMAND-LINE-TOO-LONG
.|gmail|550-5.7.1 [192.0.2.1] Messages missing a valid messageId header are not\n550 5.7.1 accepted.|MISSING-MESSAGE-ID
.|gmail|550-5.7.1 [192.0.2.1] Messages missing a valid address in From: header, or having no From: header, are not accepted.\n550 5.7.1 x - gsmtp|FROM-HEADER-MISSING
.|gmail|550-5.7.1 [192.0.2.1] Our system has detected that this message is not RFC 5322 compliant: duplicate headers. To reduce the amount of spam sent to Gmail, this message has been blocked.|DUPLICATE-HEADERS
.|gmail|550-5.7.1 [192.0.2.1] This message is not RFC 5322 compliant. There are multiple 'From' headers found|DUPLICATE-HEADERS
.|exim|550 header syntax|HEADER-SYNTAX-REJECTED
.|yahoo|554 Message not allowed - Headers are not RFC compliant[291]|HEADER-SYNTAX-REJECTED
.||554 Transaction failed: Non-ASCII header|EIGHTBIT-IN-HEADERS
.||554 Transaction failed due to too many MIME parts|MIME-BROKEN
.||552 5.3.4 Error: message file too big|SIZE-552
MAIL||552 5.3.4 Message size exceeds fixed limit|SIZE-552
.|gmail|552-5.2.3 Your message exceeded Google's message size limits. Please visit\n552 5.2.3  https://support.google.com/mail/?p=MaxSizeError to view our size guidelines. x - gsmtp|SIZE-552
MAIL|exim|552 Message size exceeds maximum permitted|SIZE-552
.||550 Message too big!|SIZE-552
.||554 Transaction failed, message too big|SIZE-552
.|gmail|552-5.7.0 This message was blocked because its content presents a potential\n552-5.7.0 security issue. Please visit\n552 5.7.0  https://support.google.com/mail/?p=BlockedMessage x - gsmtp|ATTACHMENT-TYPE-BLOCKED
.||554 5.7.1 Rejected: banned content|ATTACHMENT-TYPE-BLOCKED
.||550 virus detected|ATTACHMENT-TYPE-BLOCKED
.|gmail|550-5.7.1 [192.0.2.1] Our system has detected that this message is likely unsolicited mail. To reduce the amount of spam sent to Gmail, this message has been blocked.|CONTENT-SPAM-550
.||554 5.7.1 Spam message rejected|CONTENT-SPAM-550
.|gmx|554-Transaction failed\n554-Reject due to policy restrictions.\n554 For explanation visit https://postmaster.gmx.net/en/case?c=r0735|CONTENT-SPAM-550
.||550 5.7.1 message content rejected|CONTENT-SPAM-550
.|qq|550 Mail content denied. http://service.mail.qq.com/|CONTENT-SPAM-550
.|yahoo|554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes|CONTENT-SPAM-550
.||550 This message was classified as SPAM and may not be delivered|CONTENT-SPAM-550
.|netease|554 DT:SPM 163 smtp10,DsCowADHz1,please see http://mail.163.com/help/help_spam_16.htm?ip=192.0.2.1|NETEASE-554-DTSPM
.|netease|451 DT:SPM 163 smtp10|NETEASE-554-DTSPM
MAIL||550 5.7.23 The message was rejected because of Sender Policy Framework violation|SPF-FAIL-550
RCPT||550 5.7.1 <user@example.com>: Recipient address rejected: Message rejected due to: SPF fail - not authorized. Please see http://www.openspf.net/|SPF-FAIL-550
.||550 5.7.1 [BFD] Sender prohibited by SPF|SPF-FAIL-550
.||550 5.7.20 No passing DKIM signature found|DKIM-FAIL-550
.||550 5.7.22 no|DKIM-FAIL-550
.||550 5.7.7 Email not accepted, message integrity check failed|DKIM-FAIL-550
.||554 Message rejected: DKIM verification failed|DKIM-FAIL-550
RCPT||550 5.1.0 192.0.2.1 is not allowed to send from <example.com> per it's SPF Record|SPF-FAIL-550
.|gmail|550-5.7.26 This mail has been blocked because the sender is unauthenticated.\n550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.\n550 5.7.26 DKIM = did not pass|GMAIL-550-5.7.26-UNAUTH
.|gmail|550-5.7.26 Unauthenticated email from example.com is not accepted due to domain's\n550 5.7.26 DMARC policy.|GMAIL-550-5.7.26-DMARC
.|microsoft|550 5.7.509 Access denied, sending domain example.com does not pass DMARC verification and has a DMARC policy of reject.|GMAIL-550-5.7.26-DMARC
.|qq|550 DMARC check failed|GMAIL-550-5.7.26-DMARC
.||550 5.7.1 rejected by DMARC policy for example.com|GMAIL-550-5.7.26-DMARC
.|gmail|550-5.7.1 [192.0.2.1] The IP you're using to send mail is not authorized to\n550-5.7.1 send email directly to our servers. Please use the SMTP relay at your\n550 5.7.1 service provider instead. https://support.google.com/mail/?p=NotAuthorizedError|GMAIL-550-NOTAUTHORIZED
.||554 rejected due to spam URL in content|URIBL-BLOCKED
.||550 5.7.1 Service unavailable, MailFrom domain is listed in Spamhaus. To request removal from this list see https://www.spamhaus.org/query/lookup/|URIBL-BLOCKED
MAIL|yahoo|421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1|RATE-421-REPUTATION
.|gmail|421-4.7.28 [192.0.2.1] Our system has detected an unusual rate of unsolicited mail originating from your IP address.|RATE-421-REPUTATION
RCPT|microsoft|451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.|RATE-421-REPUTATION
RCPT|microsoft|451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719) [AM0]|RATE-421-REPUTATION
.|gmail|550 5.4.5 Daily user sending limit exceeded. x - gsmtp|RATE-PROVIDER-QUOTA
MAIL|gmail|550-5.4.5 Daily SMTP relay limit exceeded for user. For more information on SMTP relay|RATE-PROVIDER-QUOTA
.|ses|454 Throttling failure: Maximum sending rate exceeded.|RATE-PROVIDER-QUOTA
.|ses|454 Throttling failure: Daily message quota exceeded.|RATE-PROVIDER-QUOTA
.|microsoft|554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException|RATE-PROVIDER-QUOTA
.|qq|550 Sender frequency limited|RATE-PROVIDER-QUOTA
MAIL|netease|450 MI:CEL 163 smtp5|RATE-PROVIDER-QUOTA
MAIL|netease|451 MI:SFQ 163 smtp5|RATE-PROVIDER-QUOTA
RCPT|gmx|550-Requested action not taken: mailbox unavailable\n550 Failure sending mail. Try again later|RATE-PROVIDER-QUOTA
MAIL||421 too many messages in this connection|RATE-MESSAGES-PER-CONNECTION
RSET||421 Max message per connection reached|SENT
NOOP||421 4.7.0 mx.example.org Error: too many errors|TOO-MANY-ERRORS-421
NOOP||421 4.3.2 Service shutting down|SERVICE-CLOSING-421
NOOP|exim|500 unrecognized command|UNKNOWN-COMMAND-500
NOOP||502 5.5.2 Error: command not recognized|UNKNOWN-COMMAND-500
NOOP||221 2.7.0 Error: I can break rules, too. Goodbye.|UNKNOWN-COMMAND-500
MAIL||503 5.5.1 Error: nested MAIL command|TRANSACTION-NOT-RESET
MAIL|exim|503 sender already given|TRANSACTION-NOT-RESET
RCPT||503 5.5.1 Error: need MAIL command|BAD-SEQUENCE-503
DATA||503 5.5.2 Need rcpt command|BAD-SEQUENCE-503,RCPT-EMPTY
MAIL||503 5.5.1 Error: send HELO/EHLO first|BAD-SEQUENCE-503
MAIL||501 please say HELO/EHLO first|BAD-SEQUENCE-503,MAILFROM-SYNTAX-501
DATA||554 5.5.1 Error: no valid recipients|RCPT-EMPTY
DATA||503 Valid RCPT command must precede DATA|RCPT-EMPTY
DATA||550 Message denied|CONTENT-SPAM-550,DATA-NOT-354
DATA||554 5.0.0 not today|DATA-NOT-354
.||421 Read data from client error|DATA-READ-421
.|exim|421 mx.example.org: SMTP incoming data timeout - closing connection|DATA-READ-421,TIMEOUT-COMMAND
RCPT||421 4.4.2 mx.example.org Error: timeout exceeded|TIMEOUT-COMMAND
RCPT|exim|421 mx.example.org: SMTP command timeout - closing connection|TIMEOUT-COMMAND
RCPT||554 5.5.0 Error: SMTP protocol synchronization|PIPELINING-MISUSE
RCPT||503 5.5.0 <to@example.net>: Data command rejected: Improper use of SMTP command pipelining|PIPELINING-MISUSE
.||554 5.4.0 Error: too many hops|LOOP-DETECTED
.|exim|550 Too many "Received" headers - suspected mail loop|LOOP-DETECTED
.||554 5.4.14 Hop count exceeded - possible mail loop|LOOP-DETECTED
MAIL||550 no thank you|MAIL-REFUSED
RCPT||550 no thank you|RCPT-REFUSED
.||550 no thank you|MESSAGE-REFUSED
`

// A replyRow is a row of the table: a session that ends in the reply, and the
// verdicts that are right.
type replyRow struct {
	row, text string
	want      []string
}

func replyRows(t testing.TB) []replyRow {
	t.Helper()
	var all []replyRow
	for _, row := range strings.Split(strings.TrimSpace(replyTable), "\n") {
		cells := strings.Split(row, "|")
		if len(cells) != 4 || cells[1] != "" && banners[cells[1]] == "" {
			t.Fatalf("row %q", row)
		}
		text := untilReply(cells[0], cells[1])
		for _, line := range strings.Split(cells[2], `\n`) {
			text += "S: " + line + "\n"
		}
		all = append(all, replyRow{row, text, strings.Split(cells[3], ",")})
	}
	return all
}

func TestReplies(t *testing.T) {
	for _, row := range replyRows(t) {
		tr := play(t, row.text)
		r := findings.Analyze(tr, lang.English)
		found := func(f findings.Finding) bool { return slices.Contains(row.want, f.ID) }
		switch {
		case slices.Contains(row.want, r.Verdict.ID):
		case r.Outcome.Outcome == outcome.Nothing && slices.ContainsFunc(r.Findings, found):
		default:
			t.Errorf("%s\nverdict %s, want %v\n%s", row.row, r.Verdict.ID, row.want, list(r))
		}
		if strings.Contains(r.Verdict.Text, "?:") || strings.Contains(r.Verdict.Text, "  ") || strings.ContainsAny(r.Verdict.Text, "{}") {
			t.Errorf("%s: a gap in %q", row.row, r.Verdict.Text)
		}
		agrees(t, r)
		proofsExist(t, tr, r)
	}
}

// agrees checks that the verdict weighs what the outcome does.
func agrees(t testing.TB, r findings.Report) {
	t.Helper()
	want := findings.Unknown
	switch o := r.Outcome.Outcome; {
	case o.Good():
		want = findings.Success
	case o.Bad():
		want = findings.Failure
	}
	if r.Verdict.Severity != want {
		t.Errorf("the session is %s, and its verdict %s is a %s", r.Outcome.Outcome, r.Verdict.ID, r.Verdict.Severity)
	}
}
