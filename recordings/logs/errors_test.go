package logs_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/recordings/logs"
)

// errorTexts are what people paste when they have no dialogue: exceptions,
// lines of server logs, bounces. Each names the dialect and the reply, or the
// failed connection, that must be found in it.
var errorTexts = []struct {
	name    string
	dialect string
	want    string // "550 to RCPT", or the class of a dial or TLS fact
	text    string
}{
	{"PHPMailer 7", "phpmailer-errorinfo", "552 to .", `Mailer Error: SMTP Error: data not accepted. SMTP server error: DATA END command failed Detail: message too big SMTP code: 552 Additional SMTP info: 5.3.4`},
	{"PHPMailer, refused sender", "phpmailer-errorinfo", "530 to MAIL", `The following From address failed: a@example.org : MAIL FROM command failed,Authentication required,530,5.7.0SMTP server error: MAIL FROM command failed Detail: Authentication required SMTP code: 530 Additional SMTP info: 5.7.0`},
	{"PHPMailer, certificate", "phpmailer-errorinfo", "tls certificate", `SMTP Error: Could not connect to SMTP host. Connection failed. stream_socket_enable_crypto(): SSL operation failed with code 1. OpenSSL Error messages: error:1416F086:SSL routines:tls_process_server_certificate:certificate verify failed`},
	{"nodemailer", "nodemailer", "535 to AUTH", "Error: Invalid login: 535-5.7.8 Username and Password not accepted. Try\n535 5.7.8 an app password\n    at SMTPConnection._formatError (/srv/app/node_modules/nodemailer/lib/smtp-connection/index.js:784:19) {\n  code: 'EAUTH',\n  response: '535 5.7.8 an app password',\n  responseCode: 535,\n  command: 'AUTH PLAIN'\n}"},
	{"nodemailer, refused recipients", "nodemailer", "550 to RCPT", "Error: Can't send mail - all recipients were rejected: 550 5.1.1 no such user"},
	{"nodemailer, no server", "nodemailer", "dial refused", "{ Error: connect ECONNREFUSED 127.0.0.1:587\n  errno: 'ECONNREFUSED',\n  code: 'ECONNECTION',\n  syscall: 'connect',\n  address: '127.0.0.1',\n  port: 587,\n  command: 'CONN' }"},
	{"nodemailer, TLS on a plain port", "nodemailer", "tls not-tls", "Error: 140735:error:1408F10B:SSL routines:ssl3_get_record:wrong version number:../deps/openssl/ssl/record/ssl3_record.c:332:\n  code: 'ESOCKET',\n  command: 'CONN'"},
	{"nodemailer, no answer, new Node.js", "nodemailer", "dial timeout", "Error: connect ETIMEDOUT 192.0.2.1:465\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16) {\n  errno: -110,\n  code: \"ESOCKET\",\n  syscall: \"connect\",\n  address: \"192.0.2.1\",\n  port: 465,\n  command: \"CONN\"\n}"},
	{"Node.js, one line", "error", "dial timeout", "Error: connect ETIMEDOUT smtp.example.com:465"},
	{"Node.js, no such name", "error", "dial resolve", "Error: getaddrinfo ENOTFOUND smtp.example.com"},
	{"Node.js, DNS is silent", "error", "dial resolve", "Error: queryA ETIMEOUT smtp.example.com"},
	{"Node.js, certificate", "error", "tls certificate", "Error: self signed certificate in certificate chain"},
	{"Python, refused", "error", "dial refused", "Traceback (most recent call last):\n  File \"/srv/app/send.py\", line 3, in <module>\n    s = smtp(host, 587)\nConnectionRefusedError: [Errno 111] Connection refused"},
	{"Python, no such name", "error", "dial resolve", "socket.gaierror: [Errno -2] Name or service not known"},
	{"Go, refused", "error", "dial refused", "2024/06/03 10:00:00 dial tcp 192.0.2.1:587: connect: connection refused"},
	{"smtplib", "smtplib", "535 to AUTH", `smtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: authentication failed')`},
	{"smtplib, refused recipient", "smtplib", "550 to RCPT", `smtplib.SMTPRecipientsRefused: {'bob@example.net': (550, b'5.1.1 no such user')}`},
	{"Swift Mailer", "swiftmailer", "530 to MAIL", "Swift_TransportException: Expected response code 250 but got code \"530\", with message \"530 5.7.1 Authentication required\r\n\" in /srv/app/AbstractSmtpTransport.php:383\nStack trace:\n#0 AbstractSmtpTransport.php(281): Swift_Transport_AbstractSmtpTransport->_assertResponseCode('530 5.7.1 ...', Array)\n#1 EsmtpTransport.php(270): Swift_Transport_AbstractSmtpTransport->executeCommand('MAIL FROM:<ali...', Array, Array)\n"},
	{"Laravel 9", "symfony", "550 to RCPT", `[2024-06-03 11:20:05] production.ERROR: Expected response code "250/251/252" but got code "550", with message "550 5.7.1 relaying denied". {"exception":"[object] (Symfony\\Component\\Mailer\\Exception\\TransportException(code: 550)"}`},
	{"Symfony, no server", "symfony", "dial refused", `Symfony\Component\Mailer\Exception\TransportException: Connection could not be established with host "mail.example.org:587": stream_socket_client(): Unable to connect to mail.example.org:587 (Connection refused)`},
	{"JavaMail", "javamail", "535 to AUTH", "javax.mail.AuthenticationFailedException: 535 5.7.8 authentication failed\n\n\tat com.sun.mail.smtp.SMTPTransport$Authenticator.authenticate(SMTPTransport.java:965)"},
	{"JavaMail, no server", "javamail", "dial timeout", "com.sun.mail.util.MailConnectException: Couldn't connect to host, port: mail.example.org, 25; timeout -1;\n  nested exception is:\n\tjava.net.ConnectException: Connection timed out"},
	{"Go", "application", "535 to ", `2024/06/03 10:00:00 send mail: 535 5.7.8 Error: authentication failed`},
	{"an application in JSON", "application", "554 to ", `{"level":"error","msg":"mail failed: 554 5.7.1 <bob@example.net>: Relay access denied","time":"2024-06-03T10:00:00Z"}`},
	{"gen_smtp", "application", "451 to ", `{error,send,{temporary_failure,"mail.example.org",<<"451 4.7.1 try again later\r\n">>}}`},
	{"emailjs", "application", "450 to ", `{ code: 2, smtp: '450 4.2.0 greylisted\n' }`},
	{"msmtp's log", "msmtp", "552 to ", `Jun 03 10:00:00 host=mail.example.org tls=on auth=on user=a from=a@example.org recipients=b@example.net smtpstatus=552 smtpmsg='552 5.2.0 too big' errormsg='the server did not accept the mail' exitcode=EX_UNAVAILABLE`},
	{"Postfix, bounced", "postfix-smtp-log", "550 to RCPT", `Jun  3 10:00:00 mx postfix/smtp[812]: 4XyZ: to=<bob@example.net>, relay=mx.example.net[192.0.2.9]:25, delay=1, dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.9] said: 550 5.1.1 no such user (in reply to RCPT TO command))`},
	{"Postfix, sent", "postfix-smtp-log", "250 to .", `Jun  3 10:00:00 mx postfix/smtp[812]: 4XyZ: to=<bob@example.net>, relay=mx.example.net[192.0.2.9]:25, delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 7F1)`},
	{"Postfix, unreachable", "postfix-smtp-log", "dial timeout", `Jun  3 10:00:00 mx postfix/smtp[812]: 4XyZ: to=<bob@example.net>, relay=none, delay=30, status=deferred (connect to mx.example.net[192.0.2.9]:25: Connection timed out)`},
	{"Postfix, refused", "postfix-smtpd-log", "554 to RCPT", `Jun  3 10:00:00 mx postfix/smtpd[812]: NOQUEUE: reject: RCPT from app.example.org[192.0.2.7]: 554 5.7.1 <bob@example.net>: Relay access denied; from=<a@example.org> to=<bob@example.net> proto=ESMTP helo=<app>`},
	{"Postfix, refused address", "postfix-smtpd-log", "554 to ", `Jun  3 10:00:00 mx postfix/smtpd[812]: NOQUEUE: reject: CONNECT from app.example.org[192.0.2.7]: 554 5.7.1 Client host rejected`},
	{"Exim's log", "exim-mainlog", "550 to RCPT", `2024-06-03 10:00:00 1sAbCd-0001Ab-Cd ** bob@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.9]: SMTP error from remote mail server after RCPT TO:<bob@example.net>: 550 no such user`},
	{"Exim's log, login", "exim-mainlog", "535 to AUTH", `2024-06-03 10:00:00 dovecot_login authenticator failed for (app) [192.0.2.7]: 535 Incorrect authentication data (set_id=alice)`},
	{"Exim's log, delivered", "exim-mainlog", "250 to .", `2024-06-03 10:00:00 1sAbCd-0001Ab-Cd => bob@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.9] C="250 2.0.0 Ok: queued as 7F1"`},
	{"a bounce by Exim", "exim-bounce", "550 to RCPT", "This message was created automatically by mail delivery software.\n\n  bob@example.net\n    host mx.example.net [192.0.2.9]\n    SMTP error from remote mail server after RCPT TO:<bob@example.net>:\n    550 no such user\n"},
	{"a bounce by Postfix", "postfix-bounce", "550 to .", "<bob@example.net>: host mx.example.net[192.0.2.9] said: 550-5.7.1 first\n    line 550 5.7.1 second line (in reply to end of DATA\n    command)\n"},
	{"a bounce by sendmail", "sendmail-bounce", "550 to RCPT", "   ----- Transcript of session follows -----\n... while talking to mx.example.net.:\n>>> RCPT To:<bob@example.net>\n<<< 550 5.1.1 no such user\n550 5.1.1 <bob@example.net>... User unknown\n"},
}

// TestCodeIgniter reads a log of replies that name their steps.
func TestCodeIgniter(t *testing.T) {
	const text = "220 mail.example.org ESMTP\n<br /><pre>hello: 250-mail.example.org\n250-SIZE 1000\n250 AUTH LOGIN\n</pre>" +
		"Failed to authenticate password. Error: 535 5.7.8 no<br />" +
		"<pre>from: 530 5.7.1 Authentication required</pre>The following SMTP error was encountered: 530 5.7.1 Authentication required<br />" +
		"Unable to send email using PHP SMTP. Your server might not be configured to send mail using this method.<br />"
	tr, err := logs.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if tr.Dialect != "codeigniter" {
		t.Errorf("dialect %s", tr.Dialect)
	}
	want := []string{"220 to ", "250 to EHLO", "535 to AUTH", "530 to MAIL"}
	if got := outcomes(tr); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestErrors reads texts without a dialogue.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, e := range errorTexts {
		t.Run(e.name, func(t *testing.T) {
			tr, err := logs.Parse(strings.NewReader(e.text))
			if err != nil {
				t.Fatal(err)
			}
			if tr.Dialect != e.dialect {
				t.Errorf("dialect %s, want %s", tr.Dialect, e.dialect)
			}
			if !strings.Contains(strings.Join(outcomes(tr), ", ")+",", e.want+",") {
				t.Errorf("found %v, want %s", outcomes(tr), e.want)
			}
			if !tr.Lack(decode.LackDialogue) {
				t.Errorf("lacks %v: it is not said that there is no dialogue", tr.Lacks)
			}
		})
	}
}

// outcomes are the replies and failed connections of a transcript.
func outcomes(tr *decode.Transcript) []string {
	var all []string
	for _, e := range tr.Entries {
		switch f := e.Fact.(type) {
		case *facts.Dial:
			if f.Err != "" {
				all = append(all, "dial "+f.Class)
			}
		case *facts.TLS:
			if f.Err != "" {
				all = append(all, "tls "+f.Class)
			}
		}
		if e.Event != nil && e.Event.Reply != nil {
			all = append(all, fmt.Sprintf("%d to %s", e.Event.Reply.Code, e.Event.Reply.ToVerb))
		}
	}
	return all
}

// TestNoLog hands over what is no log.
func TestNoLog(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n\n", "Dear all,\nthe meeting is at three.\n", "\x00\x01\x02", "function f() { return 1; }", "No error so far, and no timeouts.\n"} {
		if tr, err := logs.Parse(strings.NewReader(text)); !errors.Is(err, logs.ErrNoLog) {
			t.Errorf("%q: %v, %v; want ErrNoLog", text, tr, err)
		}
	}
	if _, err := logs.Parse(failing{}); err == nil || errors.Is(err, logs.ErrNoLog) {
		t.Errorf("a reader that fails: %v", err)
	}
	if _, err := logs.Parse(&endless{}); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a log without end: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no more paper") }

type endless struct{}

func (*endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
