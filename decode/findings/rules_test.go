package findings_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/who"
)

// A ruling is a session, what must be found in it, and what must not.
type ruling struct {
	name    string
	session func(t testing.TB) *decode.Transcript
	verdict string   // id, "" for any
	want    []string // ids
	never   []string // ids
}

// of makes a ruling's session of a script.
func of(parts ...string) func(testing.TB) *decode.Transcript {
	return func(t testing.TB) *decode.Transcript { return play(t, strings.Join(parts, "")) }
}

// with makes it of a script and facts after it.
func with(text string, all ...facts.Fact) func(testing.TB) *decode.Transcript {
	return func(t testing.TB) *decode.Transcript { return add(play(t, text), all...) }
}

// before makes it of facts and a script after them.
func before(text string, all ...facts.Fact) func(testing.TB) *decode.Transcript {
	return func(t testing.TB) *decode.Transcript {
		tr := play(t, text)
		head := add(&decode.Transcript{}, all...).Entries
		tr.Entries = append(head, tr.Entries...)
		return tr
	}
}

func ids(all ...string) []string { return all }

// lmtp is a session up to the replies to its message.
const lmtp = "S: 220 mx.example.org LMTP\nC: LHLO www.example.com\nS: 250-mx.example.org\nS: 250 PIPELINING\nC: MAIL FROM:<a@example.com>\nS: 250 ok\n" +
	"C: RCPT TO:<b@example.org>\nS: 250 ok\nC: RCPT TO:<c@example.org>\nS: 250 ok\nC: DATA\nS: 354 go\nC: Subject: x\nC: \nC: .\n"

var connectRulings = []ruling{
	{"POP3 answers", of("target mail.example.org:110\nS: +OK Dovecot ready.\nclosed C"), "WRONG-SERVICE-PORT", nil, nil},
	{"IMAP answers", of("target mail.example.org:143\nS: * OK [CAPABILITY IMAP4rev1] ready\nclosed C"), "WRONG-SERVICE-PORT", nil, nil},
	{"TLS to a POP3 port", before("dialect phpmailer-6\nerror SMTP connect() failed.", &facts.Dial{Host: "pop.example.org", Addr: "pop.example.org:110"},
		&facts.TLS{Leg: who.ServerLeg, Implicit: true, Class: "not-tls", Err: "wrong version number"}), "WRONG-SERVICE-PORT", nil, ids("TLS-ON-PLAINTEXT-PORT")},
	{"a firewall hides STARTTLS", of("S: 220 mx.example.org\nC: EHLO www.example.com\nS: 250-mx.example.org\nS: 250-XXXXXXXA\nS: 250 SIZE\n", quit), "", ids("SMTP-INSPECTION-ASTERISKS"), nil},
	{"PROXY header, version 1", of("S: 220 mx.example.org\nC: PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\nS: 502 5.5.2 Error: command not recognized\n"), "PROXY-PROTOCOL-HEADER", nil, nil},
	{"PROXY header, version 2", of(`S: 220 mx.example.org`, "\n", `C: \r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\xac\x12\0\x01\xac\x12\0\x08\xdb\xf6\0\x19EHLO www.example.com`, "\nS: 500 5.3.3 Unrecognized command"), "PROXY-PROTOCOL-HEADER", nil, nil},
	{"a mailbox is full in LMTP", of(lmtp, "S: 250 2.1.5 <b@example.org> saved\nS: 452 4.2.2 <c@example.org> Mailbox is full\n", quit), "MAILBOX-FULL-452", nil, nil},
	{"no such user in LMTP", of(lmtp, "S: 550 5.1.1 <b@example.org> User doesn't exist\nS: 250 2.1.5 <c@example.org> saved\n", quit), "RCPT-UNKNOWN-550", nil, nil},
	{"spam in LMTP", of(lmtp, "S: 554 5.7.1 Message rejected as spam\nS: 554 5.7.1 Message rejected as spam\n", quit), "CONTENT-SPAM-550", nil, nil},
	{"sent by LMTP", of(lmtp, "S: 250 2.1.5 <b@example.org> saved\nS: 250 2.1.5 <c@example.org> saved\n", quit), "SENT", nil, ids("UNSOLICITED-REPLY")},
	{"another server than Gmail's", of("target smtp.gmail.com:587\nS: 220-server-9.example.net ESMTP Exim 4.95 #2\nS: 220-We do not authorize the use of this system to transport unsolicited,\nS: 220 and/or bulk e-mail.\nC: EHLO www.example.com\nS: 250-server-9.example.net Hello\nS: 250 AUTH PLAIN LOGIN\n", login, "S: 535 Incorrect authentication data\n", quit),
		"REDIRECTED-SERVER", ids("AUTH-BAD-CREDENTIALS", "BANNER-CPANEL-NOTICE"), nil},
	{"Gmail itself", of("target smtp.gmail.com:587\nS: 220 smtp.gmail.com ESMTP 5b1f17b - gsmtp\nC: EHLO www.example.com\nS: 250-smtp.gmail.com at your service, [192.0.2.1]\nS: 250 AUTH LOGIN\n", login, "S: 535-5.7.8 Username and Password not accepted.\nS: 535 5.7.8 https://support.google.com/mail/?p=BadCredentials x - gsmtp\n", quit),
		"AUTH-GMAIL-535-5.7.8", nil, ids("REDIRECTED-SERVER")},
	{"a hidden banner proves nothing", of("target smtp.gmail.com:587\nS: 220 xxx.xxx ESMTP\n", strings.TrimPrefix(hello, "S: 220 mx.example.org ESMTP\n"), login, "S: 535 no\n"), "", nil, ids("REDIRECTED-SERVER")},
	{"refused, live", with("", &facts.Dial{Addr: "192.0.2.25:25", Err: "connection refused", Class: "refused"}, &facts.End{Cause: facts.CauseUnreachable}), "CONN-REFUSED", nil, nil},
	{"refused, in a log", of("error SMTP ERROR: Failed to connect to server: Connection refused (111)\nerror SMTP connect() failed."), "CONN-REFUSED", nil, ids("CONN-FAILED")},
	{"refused, nodemailer", of("error Error: connect ECONNREFUSED 127.0.0.1:587"), "CONN-REFUSED", nil, nil},
	{"one of two addresses refused", of("error connect ECONNREFUSED\n", sent), "SENT", nil, ids("CONN-REFUSED")},
	{"no answer", with("", &facts.Dial{Addr: "192.0.2.25:25", Err: "i/o timeout", Class: "timeout"}, &facts.End{Cause: facts.CauseUnreachable}), "CONN-TIMEOUT", nil, nil},
	{"no answer, in a log", of("error stream_socket_client(): Unable to connect to smtp.example.com:25 (Connection timed out)"), "CONN-TIMEOUT", nil, nil},
	{"no such name", with("", &facts.Dial{Host: "smtp.example.invalid", Addr: "smtp.example.invalid:587", Err: "no such host", Class: "resolve"}), "CONN-LOCAL-UNAVAILABLE", nil, nil},
	{"no such name, in a log", of("error php_network_getaddresses: getaddrinfo failed: Name or service not known"), "CONN-LOCAL-UNAVAILABLE", nil, nil},
	{"no local address", before("dialect phpmailer-6\nerror SMTP ERROR: Failed to connect to server: Cannot assign requested address (99)", &facts.Dial{Addr: "localhost:587", Err: "Cannot assign requested address", Class: "unreachable"}), "CONN-LOCAL-UNAVAILABLE", nil, nil},
	{"closed without a greeting", of("target mx.example.org:25\nclosed S"), "CONN-CLOSED-NO-GREETING", nil, nil},
	{"no greeting, nodemailer", of("error Greeting never received"), "CONN-CLOSED-NO-GREETING", nil, nil},
	{"no reason at all", of("error SMTP connect() failed. https://github.com/PHPMailer/PHPMailer/wiki/Troubleshooting"), "CONN-FAILED", nil, nil},
	{"a greeting that is late", of("target mx.example.org:25\nwait 8s\n", sent), "SENT", ids("GREETING-SLOW"), nil},
	{"PHPMailer talks on after a refusal", of("S: 554 no\nC: EHLO www.example.com\nS: 503 bad sequence\n"), "BANNER-554", ids("PM-IGNORES-BANNER-CODE"), nil},
}

// daily is renewed by a program every few days.
var daily = facts.Certificate{Subject: "CN=mx.example.org", NotBefore: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)}

var certificate = facts.Certificate{Subject: "CN=mx.example.org", NotAfter: time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)}

var tlsRulings = []ruling{
	{"TLS on a plain port, seen", of("S: 220 mx.example.org\n", `C: \x16\x03\x01\x00\x05hello\`, "\nclosed C"), "TLS-ON-PLAINTEXT-PORT", nil, nil},
	{"TLS on a plain port, in a log", of("error stream_socket_client(): SSL operation failed with code 1. OpenSSL Error messages: error:1408F10B:SSL routines:ssl3_get_record:wrong version number"), "TLS-ON-PLAINTEXT-PORT", nil, nil},
	{"clear text on a TLS port", before("closed C", &facts.TLS{Leg: who.ClientLeg, Implicit: true, Class: "not-tls", Err: "first record does not look like a TLS handshake"}), "PLAIN-ON-IMPLICIT-TLS-PORT", nil, nil},
	{"silence on 465", of("target smtp.example.org:465\nwait 30s\nclosed C"), "PLAIN-ON-IMPLICIT-TLS-PORT", nil, nil},
	{"a TLS alert in place of the greeting", of("wait 5s\nclosed C\n", `S: \x15\x03\x03\0\x02\x022`, "\nclosed S"), "PLAIN-ON-IMPLICIT-TLS-PORT", nil, ids("REPLY-MALFORMED", "GREETING-SLOW", "CONN-CLOSED-NO-GREETING")},
	{"silence on 465, in a log", before("dialect nodemailer\nerror Greeting never received", &facts.Dial{Host: "smtp.example.org", Addr: "192.0.2.25:465"}), "PLAIN-ON-IMPLICIT-TLS-PORT", nil, nil},
	{"STARTTLS inside TLS", of("tls\n", hello, "C: STARTTLS\nS: 503 5.5.1 no\n", quit), "STARTTLS-INSIDE-TLS", nil, nil},
	{"STARTTLS inside TLS fails", of("tls\n", hello, "C: STARTTLS\nS: 220 go\nerror could not start TLS connection encryption protocol"), "", nil, ids("TLS-CERT-VERIFY-FAIL")},
	{"wrong name", with(hello+"C: STARTTLS\nS: 220 go\n", &facts.TLS{Leg: who.ServerLeg, Err: "certificate is valid for other.example.org", Class: "certificate", Verdict: "wrong-name", Checked: true}, &facts.End{Cause: facts.CauseTLS}), "TLS-NAME-MISMATCH", nil, ids("TLS-CERT-VERIFY-FAIL", "TLS-HANDSHAKE-FAIL")},
	{"wrong name, in a log", of("error stream_socket_enable_crypto(): Peer certificate CN=`srv.example.org' did not match expected CN=`smtp.gmail.com'"), "TLS-NAME-MISMATCH", nil, nil},
	{"wrong name, not checked", before(sent, &facts.TLS{Leg: who.ServerLeg, Verdict: "wrong-name", Reason: "valid for other.example.org"}), "SENT", ids("TLS-NAME-MISMATCH"), nil},
	{"wrong name at Gmail's", before("dialect phpmailer-6\nerror SMTP connect() failed.", &facts.Dial{Host: "smtp.gmail.com", Addr: "smtp.gmail.com:465"}, &facts.TLS{Leg: who.ServerLeg, Implicit: true, Err: "did not match expected CN", Class: "certificate", Verdict: "wrong-name"}), "TLS-NAME-MISMATCH", ids("REDIRECTED-SERVER"), nil},
	{"the client distrusts smtptap", with(hello+"C: STARTTLS\nS: 220 go\n", &facts.TLS{Leg: who.ClientLeg, Err: "remote error: tls: unknown certificate authority", Class: "alert", Alert: "unknown_ca", By: who.Client}, &facts.End{Cause: facts.CauseTLS}), "TLS-PROXY-CA-UNTRUSTED", nil, ids("TLS-CERT-VERIFY-FAIL")},
	{"the client leaves after the handshake", with(strings.Replace(hello+"C: STARTTLS\nS: 220 go\n", "8BITMIME", "STARTTLS", 1)+"tls\nclosed C", &facts.Note{ID: "client-left-after-handshake", Text: "the client left"}), "TLS-PROXY-CA-UNTRUSTED", nil, nil},
	{"a client certificate is wanted", with(hello+"C: STARTTLS\nS: 220 go\ntls\nC: EHLO www.example.com\nclosed S", &facts.Note{ID: "server-left-after-handshake", Text: "the server left"}), "TLS-CLIENT-CERT-WANTED", nil, ids("CONN-CLOSED-AFTER-EHLO")},
	{"a client certificate is required", with(hello+"C: STARTTLS\nS: 220 go\n", &facts.TLS{Leg: who.ServerLeg, Err: "remote error: tls: certificate required", Class: "alert", Alert: "certificate_required", By: who.Server}, &facts.End{Cause: facts.CauseTLS}), "TLS-CLIENT-CERT-WANTED", nil, ids("TLS-HANDSHAKE-FAIL")},
	{"TLS handed through", with(hello+"C: STARTTLS\nS: 220 go\nclosed C", &facts.Hello{Leg: who.ClientLeg, Why: "passed through"}), "UNKNOWN", nil, nil},
	{"self-signed, refused by smtptap", with(hello+"C: STARTTLS\nS: 220 go\n", &facts.TLS{Leg: who.ServerLeg, Err: "self-signed", Class: "certificate", Verdict: "self-signed", Checked: true}, &facts.End{Cause: facts.CauseTLS}), "TLS-SERVER-CERT-REFUSED", nil, nil},
	{"expired, not checked", before(sent, &facts.TLS{Leg: who.ServerLeg, Verdict: "expired", Reason: "it expired yesterday"}), "SENT", ids("TLS-CERT-VERIFY-FAIL"), nil},
	{"STARTTLS and QUIT, old PHPMailer", of("dialect phpmailer-5.2\n", hello, "C: STARTTLS\nS: 220 go\nC: QUIT\nS: 500 x\n"), "TLS-CERT-VERIFY-FAIL", nil, nil},
	{"STARTTLS and QUIT, but swiftmailer", of("dialect swiftmailer\n", hello, "C: STARTTLS\nS: 220 go\nerror Unable to connect with TLS encryption\n"), "TLS-HANDSHAKE-FAIL", nil, nil},
	{"no common version", with(hello+"C: STARTTLS\nS: 220 go\n", &facts.TLS{Leg: who.ClientLeg, Err: "no common version", Class: "no-common-version"}, &facts.End{Cause: facts.CauseTLS}), "TLS-VERSION-MISMATCH", nil, nil},
	{"no common version, in a log", of("error SSL_accept error from unknown[192.0.2.1]: unsupported protocol"), "TLS-VERSION-MISMATCH", nil, nil},
	{"the automatic upgrade", before("dialect wp-mail-smtp\nset SMTPSecure: string(0) \"\"\nset SMTPAutoTLS: bool(true)\n" + hello + "C: STARTTLS\nS: 220 go\nC: QUIT"), "TLS-CERT-VERIFY-FAIL", nil, nil},
	{"the automatic upgrade, with its error", with("dialect wp-mail-smtp\nset SMTPSecure: string(0) \"\"\nset SMTPAutoTLS: bool(true)\n"+hello+"C: STARTTLS\nS: 220 go\n", &facts.TLS{Leg: who.ServerLeg, Err: "SMTP Error: Could not connect to SMTP host.", Class: "other"}), "TLS-OPPORTUNISTIC-FAIL", nil, nil},
	{"reset in the handshake", with(hello+"C: STARTTLS\nS: 220 go\n", &facts.TLS{Leg: who.ServerLeg, Err: "connection reset by peer", Class: "reset"}, &facts.End{Cause: facts.CauseTLS}), "TLS-HANDSHAKE-RESET", nil, nil},
	{"an alert that says nothing", with(hello+"C: STARTTLS\nS: 220 go\n", &facts.TLS{Leg: who.ServerLeg, Err: "remote error: internal error", Class: "alert", Alert: "internal_error", By: who.Server}, &facts.End{Cause: facts.CauseTLS}), "TLS-HANDSHAKE-FAIL", nil, nil},
	{"EHLO forgotten after STARTTLS", of("S: 220 x\nC: EHLO www.example.com\nS: 250-x\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\ntls\nC: MAIL FROM:<user@example.com>\nS: 503 5.5.1 Error: send HELO/EHLO first\n"), "", ids("EHLO-MISSING-AFTER-STARTTLS"), nil},
	{"clear text after STARTTLS", func(t testing.TB) *decode.Transcript {
		tr := play(t, sent)
		tr.Entries[1].Event.Notes = append(tr.Entries[1].Event.Notes, decode.Note{ID: "starttls-injection"}, decode.Note{ID: "starttls-reply-injection"})
		return tr
	}, "SENT", ids("STARTTLS-INJECTION-PIPELINED", "STARTTLS-REPLY-INJECTION"), nil},
	{"QUIT gets TLS bytes", of("dialect phpmailer-6\n", hello, "C: STARTTLS\nS: 220 go\nC: QUIT\n", `S: \x15\x03\x01\x00\x02\x02\x28`), "TLS-CERT-VERIFY-FAIL", ids("PLAINTEXT-IN-TLS"), ids("REPLY-MALFORMED")},
	{"checks are off", of("set SMTPOptions verify_peer: false\nset SMTPOptions allow_self_signed: true\n", sent), "SENT", ids("TLS-VERIFY-DISABLED"), nil},
	{"TLS 1.0", before(sent, &facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.0", Verified: true}), "SENT", ids("TLS-VERSION-OLD"), nil},
	{"a certificate made for days", before(sent, &facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3", Verified: true, Chain: []facts.Certificate{daily}}), "SENT", nil, ids("TLS-CERT-EXPIRES-SOON")},
	{"a certificate about to expire", before(sent, &facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3", Verified: true, Chain: []facts.Certificate{certificate}}), "SENT", ids("TLS-CERT-EXPIRES-SOON"), ids("TLS-VERSION-OLD")},
	{"a login on port 25", of("target mx.example.org:25\n", sent), "SENT", ids("SUBMIT-ON-25"), nil},
	{"mail between servers on port 25", of("target mx.example.org:25\n", hello, mail, rcpt, content, "S: 250 ok\n", quit), "SENT", nil, ids("SUBMIT-ON-25")},
}

var heloRulings = []ruling{
	{"no name", of("S: 220 x\nC: EHLO\nS: 501 5.5.4 no\n"), "HELO-EMPTY-501", nil, nil},
	{"HELO and no login", of("S: 220 x\nC: HELO localhost\nS: 250 x\n", mail, "C: RCPT TO:<to@example.net>\nS: 550 5.7.1 Relaying denied\n", quit), "AUTH-NOT-ATTEMPTED", ids("HELO-INSTEAD-OF-EHLO"), nil},
	{"EHLO after the login", of(loggedIn, "C: EHLO www.example.com\nS: 250 x\nC: MAIL FROM:<user@example.com>\nS: 530 5.7.0 no\n", quit), "", ids("EHLO-AFTER-AUTH"), nil},
	{"the last line is missed", of("S: 220 x\nC: EHLO www.example.com\nS: 250-x\nS: 250 STARTTLS\nerror STARTTLS is not supported by the server\nC: QUIT\nS: 221 x\n"), "", ids("EHLO-LAST-LINE-MISPARSED"), nil},
	{"AUTH= only", of("S: 220 x\nC: EHLO www.example.com\nS: 250-x\nS: 250 AUTH=LOGIN\n", mail, rcpt, content, "S: 250 ok\n"), "SENT", ids("AUTH-OLD-EQUALS-FORM"), nil},
	{"a name of the machine", of(strings.Replace(sent, "www.example.com", "DESKTOP-4F2", 1)), "SENT", ids("HELO-ODD-NAME"), nil},
	{"a proper name", of(sent), "SENT", nil, ids("HELO-ODD-NAME")},
	{"a public address literal", of(strings.Replace(sent, "www.example.com", "[192.0.2.7]", 1)), "SENT", nil, ids("HELO-ODD-NAME")},
	{"EHLO refused, HELO taken", of("S: 220 x\nC: EHLO www.example.com\nS: 500 what\nC: HELO www.example.com\nS: 250 x\n", mail, rcpt, content, "S: 250 ok\n"), "SENT", ids("EHLO-UNSUPPORTED"), nil},
	{"HELO after 421", of("S: 220 x\nC: EHLO www.example.com\nS: 421 Your HELO/EHLO is not matching your DNS\nC: HELO www.example.com\nclosed S"), "HELO-DNS-MISMATCH", ids("PM-HELO-AFTER-421"), nil},
}

const (
	authStart = "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\n"
	refused   = "S: 535 5.7.8 Error: authentication failed\n"
)

var loginRulings = []ruling{
	{"undefined", of(hello, "C: AUTH PLAIN AHVuZGVmaW5lZAB1bmRlZmluZWQ=\n", refused), "AUTH-LITERAL-UNDEFINED", nil, nil},
	{"a placeholder", of(hello, authStart, "C: dXNlckBleGFtcGxlLmNvbQ==\nS: 334 UGFzc3dvcmQ6\nC: eW91cl9wYXNzd29yZA==\n", refused), "AUTH-LITERAL-UNDEFINED", nil, nil},
	{"no password", of(hello, authStart, "C: dXNlckBleGFtcGxlLmNvbQ==\nS: 334 UGFzc3dvcmQ6\nC: \n", refused), "AUTH-EMPTY-CREDENTIALS", nil, nil},
	{"two NULs", of(hello, "C: AUTH PLAIN AAA=\n", refused), "AUTH-EMPTY-CREDENTIALS", nil, nil},
	{"an empty password that is taken", of(hello, authStart, "C: dXNlckBleGFtcGxlLmNvbQ==\nS: 334 UGFzc3dvcmQ6\nC: \nS: 235 ok\n", mail, rcpt, content, "S: 250 ok\n"), "SENT", nil, ids("AUTH-EMPTY-CREDENTIALS")},
	{"hidden credentials", of("lack credentials\n", hello, authStart, "C: \nS: 334 UGFzc3dvcmQ6\nC: \n", refused), "AUTH-BAD-CREDENTIALS", nil, ids("AUTH-EMPTY-CREDENTIALS")},
	{"folded base64", of(hello, "C: AUTH PLAIN AHVzZXItd2l0aC1hLXZlcnktbG9uZy1uYW1lQGV4YW1wbGUuY29tAHBhc3N3b3Jk\nC: LXRoYXQtaXMtbG9uZy10b28=\n", refused, "S: 502 5.5.2 Error: command not recognized\n"), "", ids("AUTH-BASE64-WRAPPED"), nil},
	{"credentials as commands", of("S: 220 x\nC: EHLO www.example.com\nS: 250 STARTTLS\nC: AUTH LOGIN\nS: 530 5.7.0 Must issue a STARTTLS command first\nC: dXNlckBleGFtcGxlLmNvbQ==\nS: 502 5.5.1 Unrecognized command\nC: aHVudGVyMjI=\nS: 502 5.5.1 Unrecognized command\n"), "AUTH-BEFORE-STARTTLS-530", ids("CREDENTIALS-AS-COMMANDS"), nil},
	{"LOGIN with its user name at once", of(hello, "C: AUTH LOGIN dXNlckBleGFtcGxlLmNvbQ==\nS: 502 Invalid/unsupported command\n"), "AUTH-LOGIN-INITIAL-RESPONSE", nil, nil},
	{"PLAIN alone", of(hello, "C: AUTH PLAIN\nS: 535 Incorrect authentication data\n"), "AUTH-PLAIN-TWO-STEP-REJECTED", nil, nil},
	{"PLAIN alone, where there is no PLAIN", of("S: 220 x\nC: EHLO www.example.com\nS: 250-x\nS: 250 AUTH NTLM\nC: AUTH PLAIN\nS: 504 5.7.4 Unrecognized authentication type\n"), "AUTH-MECH-NOT-OFFERED", nil, ids("AUTH-PLAIN-TWO-STEP-REJECTED")},
	{"PLAIN without NULs", of(hello, "C: AUTH PLAIN dXNlcjpwYXNzd29yZA==\n", refused), "AUTH-PLAIN-BAD-FORMAT", nil, nil},
	{"XOAUTH2 with separators in characters", of(hello, "C: AUTH XOAUTH2 dXNlcj11c2VyQGV4YW1wbGUuY29tXDFhdXRoPUJlYXJlciB0b2tlbi00NzExXDFcMQ==\n", refused), "AUTH-TOKEN-SEPARATORS", nil, ids("AUTH-XOAUTH2-EMPTY-TOKEN")},
	{"XOAUTH2 with spaces between its parts", of(hello, "C: AUTH XOAUTH2 dXNlcj11c2VyQGV4YW1wbGUuY29tIGF1dGg9QmVhcmVyIHRva2VuLTQ3MTEgIA==\n", refused), "AUTH-TOKEN-SEPARATORS", nil, ids("AUTH-XOAUTH2-EMPTY-TOKEN")},
	{"the password alone in CRAM-MD5", of(hello, "C: AUTH CRAM-MD5\nS: 334 PDE4OTYuNjk3MTcwOTUyQG14LmV4YW1wbGUub3JnPg==\nC: aHVudGVyMjIgMjI=\n", refused), "AUTH-RESPONSE-FORM", nil, nil},
	{"no base64", of(hello, "C: AUTH PLAIN user:password\n", refused), "AUTH-BASE64-INVALID", nil, nil},
	{"no base64, where there is no login", of(hello, "C: AUTH PLAIN user:password\nS: 503 AUTH command used when not advertised\n"), "AUTH-NOT-ADVERTISED-503", nil, nil},
	{"a line break after the password", of(hello, authStart, "C: dXNlckBleGFtcGxlLmNvbQ==\nS: 334 UGFzc3dvcmQ6\nC: aHVudGVyMjIK\n", refused), "AUTH-CREDENTIAL-WHITESPACE", nil, nil},
	{"a space before the user name", of(hello, authStart, "C: IHVzZXJAZXhhbXBsZS5jb20=\nS: 334 UGFzc3dvcmQ6\nC: aHVudGVyMjI=\n", refused), "AUTH-CREDENTIAL-WHITESPACE", nil, nil},
	{"a URL-encoded password", of(hello, authStart, "C: dXNlckBleGFtcGxlLmNvbQ==\nS: 334 UGFzc3dvcmQ6\nC: cCU0MHNzdyUyQnJk\n", refused), "AUTH-CREDENTIAL-URLENCODED", nil, nil},
	{"a password beyond ASCII", of(hello, authStart, "C: dXNlckBleGFtcGxlLmNvbQ==\nS: 334 UGFzc3dvcmQ6\nC: cMOkc3N3b3Jk\n", refused), "AUTH-CREDENTIAL-NONASCII", nil, nil},
	{"a user name without domain", of(hello, authStart, "C: dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: aHVudGVyMjI=\n", refused), "AUTH-BAD-CREDENTIALS", ids("AUTH-USER-WITHOUT-DOMAIN"), nil},
	{"the password is the user name", of(hello, authStart, "C: dXNlckBleGFtcGxlLmNvbQ==\nS: 334 UGFzc3dvcmQ6\nC: dXNlckBleGFtcGxlLmNvbQ==\n", refused), "AUTH-BAD-CREDENTIALS", ids("AUTH-PASSWORD-EQUALS-USER"), nil},
	{"base64 of base64", of(hello, authStart, "C: ZFhObGNrQmxlR0Z0Y0d4bExtTnZiUT09\nS: 334 UGFzc3dvcmQ6\nC: YUhWdWRHVnlNakk9\n", refused), "AUTH-BASE64-TWICE", nil, nil},
	{"channel binding", of("S: 220 x\nC: EHLO www.example.com\nS: 250-x\nS: 250 AUTH SCRAM-SHA-256-PLUS\nC: AUTH SCRAM-SHA-256-PLUS cD10bHMtc2VydmVyLWVuZC1wb2ludCwsbj11c2VyLHI9YWJj\n", refused), "", ids("AUTH-CHANNEL-BINDING"), nil},
	{"CRAM-MD5 refused, LOGIN taken", of(strings.Replace(hello, "LOGIN PLAIN", "CRAM-MD5 LOGIN", 1), "C: AUTH CRAM-MD5\nS: 334 PDE4OTYuNjk3MTcwOTUyQG14LmV4YW1wbGUub3JnPg==\nC: dXNlckBleGFtcGxlLmNvbSBiOTEzYTYwMmM3ZWRhN2E0OTViNGU2ZTczMzRkMzg5MA==\n", refused, login, "S: 235 ok\n", mail, rcpt, content, "S: 250 ok\n"), "SENT", ids("AUTH-CRAMMD5-FALSE-OFFER"), nil},
	{"cancelled", of(hello, "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: *\nS: 501 5.7.0 Authentication aborted\n", quit), "AUTH-ABORTED", nil, nil},
	{"Proton and LOGIN", of("S: 220 mailsub006.protonmail.ch ESMTP Postfix\nC: EHLO www.example.com\nS: 250-mailsub006.protonmail.ch\nS: 250 AUTH PLAIN\nC: AUTH LOGIN\nS: 535 5.7.8 Error: authentication failed: Invalid authentication mechanism\n"), "AUTH-MECH-NOT-OFFERED", ids("AUTH-PROTON-PLAIN"), nil},
	{"Gmail without a login", of("S: 220 smtp.gmail.com ESMTP x - gsmtp\nC: EHLO www.example.com\nS: 250-smtp.gmail.com\nS: 250 AUTH LOGIN\nC: MAIL FROM:<user@example.com>\nS: 530 5.7.0 Authentication Required x - gsmtp\n"), "AUTH-NOT-ATTEMPTED", ids("GMAIL-530-WANTAUTH"), nil},
	{"quits after EHLO", of(hello, quit), "NOTHING-SENT", ids("CLIENT-QUIT-BEFORE-AUTH"), nil},
	{"quits after EHLO, in a log", of("dialect phpmailer-6\n", hello, quit), "CLIENT-QUIT-BEFORE-AUTH", nil, nil},
	{"asks for something else and quits", of(hello, "C: NOOP\nS: 250 ok\nC: HELP\nS: 214 x\n", quit), "NOTHING-SENT", nil, ids("CLIENT-QUIT-BEFORE-AUTH")},
	{"password in clear", of(sent), "SENT", ids("AUTH-WITHOUT-TLS"), nil},
	{"password inside TLS", of("tls\n", sent), "SENT", nil, ids("AUTH-WITHOUT-TLS")},
	{"password to localhost", before(sent, &facts.Dial{Host: "localhost", Addr: "127.0.0.1:25"}), "SENT", nil, ids("AUTH-WITHOUT-TLS")},
	{"several AUTH lines", of("dialect phpmailer-6\n", strings.Replace(sent, "S: 250-AUTH LOGIN PLAIN", "S: 250-AUTH LOGIN\nS: 250-AUTH PLAIN", 1)), "SENT", ids("PM-AUTH-LAST-LINE-WINS"), nil},
	{"no token", of(strings.Replace(hello, "LOGIN PLAIN", "XOAUTH2", 1), "C: AUTH XOAUTH2 =\nS: 501 5.5.4 Invalid argument\n"), "AUTH-XOAUTH2-EMPTY-TOKEN", nil, nil},
	{"no token, and QUIT", of(strings.Replace(hello, "LOGIN PLAIN", "XOAUTH2", 1), "C: AUTH XOAUTH2\nS: 334 \nC: QUIT\nS: 501 5.5.2 Cannot Decode response\n"), "AUTH-XOAUTH2-EMPTY-TOKEN", nil, nil},
	{"a token is refused with its reason", of(strings.Replace(hello, "LOGIN PLAIN", "XOAUTH2", 1), "C: AUTH XOAUTH2 dXNlcj11c2VyQGV4YW1wbGUuY29tAWF1dGg9QmVhcmVyIHlhMjkuYWJjZGVmZ2gBAQ==\nS: 334 eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==\nC: \nS: 535 5.7.8 Username and Password not accepted\n"), "AUTH-XOAUTH2-REJECTED", nil, nil},
	{"PHPMailer goes on", of("dialect phpmailer-7\n", strings.Replace(hello, "LOGIN PLAIN", "XOAUTH2", 1), "C: AUTH XOAUTH2 dXNlcj11c2VyQGV4YW1wbGUuY29tAWF1dGg9QmVhcmVyIHlhMjkuYWJjZGVmZ2gBAQ==\nS: 334 eyJzdGF0dXMiOiI0MDAifQ==\nC: \nS: 535 5.7.8 no\nC: MAIL FROM:<user@example.com>\nS: 530 5.7.0 Authentication required\n"), "", ids("PM-XOAUTH2-IGNORES-535", "AUTH-XOAUTH2-REJECTED"), nil},
	{"OAuth set up, LOGIN used", of("dialect phpmailer-6\nset OAuth provider: Google\n", hello, login, refused), "AUTH-BAD-CREDENTIALS", ids("PM-AUTHTYPE-UNSET"), nil},
	{"a log with a password", of("dialect phpmailer-5.2\n", sent), "SENT", ids("DEBUG-LEFT-ON"), nil},
	{"a log that hides it", of("dialect phpmailer-6\nlack credentials\n", sent), "SENT", nil, ids("DEBUG-LEFT-ON")},
	{"closed in the login", of(hello, "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlckBleGFtcGxlLmNvbQ==\nclosed S"), "CONN-CLOSED-DURING-AUTH", nil, nil},
	{"closed after a refusal", of(hello, login, refused, "closed S"), "AUTH-BAD-CREDENTIALS", nil, ids("CONN-CLOSED-DURING-AUTH")},
}

var envelopeRulings = []ruling{
	{"an empty sender is refused", of(loggedIn, "C: MAIL FROM:<>\nS: 501 no\n"), "MAILFROM-NULL-AUTHED", nil, nil},
	{"an empty sender is taken", of(loggedIn, "C: MAIL FROM:<>\nS: 250 ok\n", rcpt, content, "S: 250 ok\n"), "SENT", ids("MAILFROM-NULL-AUTHED"), nil},
	{"a bounce between servers", of(hello, "C: MAIL FROM:<>\nS: 250 ok\n", rcpt, content, "S: 250 ok\n"), "SENT", nil, ids("MAILFROM-NULL-AUTHED")},
	{"a display name as sender", of(loggedIn, "C: MAIL FROM:<=?utf-8?B?eA==?= <a@example.com>>\nS: 501 no\n"), "MAILFROM-NOT-ADDRESS", nil, nil},
	{"a local sender", of(loggedIn, "C: MAIL FROM:<www-data>\nS: 553 no\n"), "MAILFROM-NOT-ADDRESS", nil, nil},
	{"no brackets, refused", of(hello, "C: MAIL FROM: a@example.com\nS: 501 Error: Bad sender address syntax\n"), "MAILFROM-SYNTAX-501", nil, nil},
	{"no brackets, taken", of(hello, "C: MAIL FROM: a@example.com\nS: 250 ok\nC: RCPT TO: to@example.net\nS: 250 ok\n", content, "S: 250 ok\n"), "SENT", ids("MAILFROM-SYNTAX-501", "RCPTTO-SYNTAX-501"), nil},
	{"UTF-8 without SMTPUTF8", of(loggedIn, "C: MAIL FROM:<üser@example.com>\nS: 501 no\n"), "MAILFROM-UTF8", nil, nil},
	{"UTF-8 taken all the same", of(loggedIn, "C: MAIL FROM:<user@example.com>\nS: 250 ok\nC: RCPT TO:<tö@example.net>\nS: 250 ok\n", content, "S: 250 ok\n"), "SENT", ids("MAILFROM-UTF8"), nil},
	{"an unlisted parameter", of(loggedIn, "C: MAIL FROM:<user@example.com> RET=HDRS\nS: 555 5.5.4 Unsupported option: RET=HDRS\n"), "UNSUPPORTED-PARAM-555", nil, nil},
	{"SMTPUTF8 for nothing", of(loggedIn, "C: MAIL FROM:<user@example.com> SMTPUTF8\nS: 250 ok\n", rcpt, content, "S: 250 ok\n"), "SENT", ids("SMTPUTF8-UNNEEDED"), nil},
	{"SMTPUTF8 for a subject", of(loggedIn, "C: MAIL FROM:<user@example.com> SMTPUTF8\nS: 250 ok\n", rcpt, data, "C: From: a@example.com\nC: Subject: ü\nC: \nC: .\nS: 250 ok\n"), "SENT", nil, ids("SMTPUTF8-UNNEEDED", "EIGHTBIT-IN-HEADERS")},
	{"SMTPUTF8 that sticks", of("dialect phpmailer-7\n", loggedIn, "C: MAIL FROM:<user@example.com> SMTPUTF8\nS: 250 ok\nC: RCPT TO:<tö@example.net>\nS: 250 ok\n", content, "S: 250 ok\nC: MAIL FROM:<user@example.com> SMTPUTF8\nS: 250 ok\n", rcpt, content, "S: 250 ok\n"), "SENT", ids("PM-SMTPUTF8-STICKY"), nil},
	{"a visitor as sender", of(strings.Replace(sent, "FROM:<user@example.com>", "FROM:<visitor@gmail.com>", 1)), "SENT", ids("FROM-VISITOR-ADDRESS", "FROM-LOGIN-MISMATCH", "ENVELOPE-HEADER-FROM-MISMATCH"), nil},
	{"a visitor is refused", of("dialect swiftmailer\nlack dialogue\nC: DATA\nS: 354 go\nC: .\nS: 553 Relaying disallowed as visitor@gmail.com"), "FROM-VISITOR-ADDRESS", nil, nil},
	{"the login's own address", of(sent), "SENT", nil, ids("FROM-VISITOR-ADDRESS", "FROM-LOGIN-MISMATCH", "ENVELOPE-HEADER-FROM-MISMATCH")},
	{"a host below the domain", of(strings.Replace(sent, "FROM:<user@example.com>", "FROM:<bounce@mail.example.com>", 1)), "SENT", nil, ids("FROM-LOGIN-MISMATCH", "ENVELOPE-HEADER-FROM-MISMATCH")},
	{"no recipient", of(loggedIn, mail, "C: RCPT TO:<>\nS: 501 5.1.3 Bad recipient address syntax\n"), "RCPT-EMPTY", nil, nil},
	{"one of two recipients", of(loggedIn, mail, rcpt, "C: RCPT TO:<nobody@example.net>\nS: 550 5.1.1 User unknown\n", content, "S: 250 2.0.0 Ok: queued as 4XYZ12\n", quit), "RCPT-UNKNOWN-550", ids("RCPT-PARTIAL"), nil},
	{"refused and then taken", of(loggedIn, mail, "C: RCPT TO:<to@example.net>\nS: 450 4.2.0 Greylisted\n", rcpt, content, "S: 250 ok\n"), "SENT", ids("GREYLIST-45X"), ids("RCPT-PARTIAL")},
	{"PHPMailer's error is gone", of("dialect phpmailer-6\n", loggedIn, mail, "C: RCPT TO:<nobody@example.net>\nS: 550 5.1.1 User unknown\n", quit), "RCPT-UNKNOWN-550", ids("PM-ERROR-RESET-BY-QUIT"), nil},
	{"an international address is dropped", of("error Invalid address:  (to): u@bücher.example"), "PM-IDN-DROPPED", nil, nil},
	{"null MX in DNS", with("", &facts.DNS{Name: "example.org", Kind: "MX", Rcode: "NOERROR", Answers: []string{"example.org. 300 IN MX 0 ."}}, &facts.End{Cause: facts.CauseUnreachable}), "NULL-MX-556", nil, ids("DNS-NO-SERVER")},
	{"no such domain in DNS", with("", &facts.DNS{Name: "example.invalid", Kind: "MX", Rcode: "NXDOMAIN"}, &facts.End{Cause: facts.CauseUnreachable}), "DNS-NO-SERVER", nil, nil},
}

// message is a session that sends these lines.
func message(lines ...string) func(testing.TB) *decode.Transcript {
	text := loggedIn + mail + rcpt + data
	for _, l := range lines {
		text += "C: " + l + "\n"
	}
	return of(text, "C: .\nS: 250 ok\n", quit)
}

const (
	date = "Date: Wed, 04 Mar 2026 05:06:07 +0000"
	from = "From: user@example.com"
	to   = "To: to@example.net"
	id   = "Message-ID: <1@example.com>"
)

var messageRulings = []ruling{
	{"nothing to say", message(date, from, to, id, "Subject: x", "", "text"), "SENT", nil, ids("BARE-LF", "MISSING-DATE", "BAD-DATE", "MISSING-MESSAGE-ID", "HEADER-TO-MISSING", "DUPLICATE-HEADERS", "FROM-HEADER-MISSING", "MIME-BROKEN", "ENCWORD-NOT-ENCODED-CHARSET", "DOT-STUFFING-MISSING", "QUIT-MISSING")},
	{"bare LF", message(date, from, to, id, `Subject: x\nX-A: b`, "", "text"), "SENT", ids("BARE-LF"), nil},
	{"bare CR", message(date, from, to, id, "Subject: x", "", `text\rmore`), "SENT", ids("BARE-CR"), nil},
	{"a long line", message(date, from, to, id, "Subject: x", "", strings.Repeat("x", 1200)), "SENT", ids("LINE-TOO-LONG"), nil},
	{"a long command", of(loggedIn, "C: MAIL FROM:<"+strings.Repeat("a", 600)+"@example.com>\nS: 250 ok\n", rcpt, content, "S: 250 ok\n"), "SENT", ids("COMMAND-LINE-TOO-LONG"), nil},
	{"a look-alike that the server takes, in one go", of(hello + mail + rcpt + `C: DATA` + "\nS: 354 go\nC: Subject: x\nC: \n" + `C: text\n.\n\` + "\nC: MAIL FROM:<x@example.com>\nC: RCPT TO:<y@example.net>\nC: DATA\nC: hidden\nC: .\nS: 250 2.0.0 ok queued as 4XYZ12\nS: 250 ok\nS: 250 ok\nS: 354 go\nS: 250 2.0.0 ok queued as 4XYZ13\n"), "SENT", ids("SMUGGLING-EOD", "SMUGGLING-TAKEN"), ids("EARLY-REPLY")},
	{"a look-alike of the end", message(date, from, to, id, "Subject: x", "", `text\n.\nMAIL FROM:<x@example.com>`), "SENT", ids("SMUGGLING-EOD", "BARE-LF"), nil},
	{"a dot not doubled", message(date, from, to, id, "Subject: x", "", ".css"), "SENT", ids("DOT-STUFFING-MISSING"), ids("DOT-STUFFING-DOUBLE")},
	{"a lone dot in the text", of(loggedIn, mail, rcpt, data, header, "C: \nC: text\nC: .\nS: 250 ok\nC: more text, which is read as commands\nS: 500 5.5.2 Error: bad syntax\nC: .\nS: 500 what\n"), "", ids("DOT-STUFFING-MISSING", "DATA-AS-COMMANDS"), nil},
	{"dots doubled twice", message(date, from, to, id, "Subject: x", "", "...css"), "SENT", ids("DOT-STUFFING-DOUBLE"), ids("DOT-STUFFING-MISSING")},
	{"an ellipsis", message(date, from, to, id, "Subject: x", "", "... and so on", "..css"), "SENT", nil, ids("DOT-STUFFING-DOUBLE", "DOT-STUFFING-MISSING")},
	{"text as commands", of(loggedIn, mail, "C: RCPT TO:<to@example.net>\nS: 550 5.1.1 no such user\nC: DATA\nS: 503 no recipients\nC: Subject: x\nS: 500 what\nC: From: a@example.com\nS: 500 what\n"), "RCPT-UNKNOWN-550", ids("DATA-AS-COMMANDS"), nil},
	{"no end", of(loggedIn, mail, rcpt, data, header, "C: \nC: text\nwait 60s\nclosed C"), "FINAL-DOT-MISSING", nil, ids("CONN-CLOSED-AFTER-DATA")},
	{"larger than SIZE", message(date, from, to, id, "Subject: x", "", strings.Repeat(strings.Repeat("x", 900)+`\r\n`, 120)), "SENT", ids("SIZE-552"), nil},
	{"a bad chunk", of(strings.Replace(loggedIn, "8BITMIME", "CHUNKING", 1), mail, rcpt, "C: BDAT many LAST\nS: 501 5.5.4 Syntax: BDAT count [LAST]\n"), "BDAT-MISUSE", nil, nil},
	{"an early reply", of(loggedIn, mail, rcpt, data, header, "C: \nC: text\nS: 250 ok\nC: more\nC: .\nS: 250 ok\n"), "", ids("EARLY-REPLY"), nil},
	{"two subjects", message(date, from, to, id, "Subject: x", "Subject: y", "", "text"), "SENT", ids("DUPLICATE-HEADERS"), nil},
	{"two Received fields", message("Received: a", "Received: b", date, from, to, id, "Subject: x", "", "text"), "SENT", nil, ids("DUPLICATE-HEADERS")},
	{"a Message-ID without brackets", message(date, from, to, "Message-ID: 1@example.com", "Subject: x", "", "text"), "SENT", ids("MISSING-MESSAGE-ID"), nil},
	{"no From", message(date, to, id, "Subject: x", "", "text"), "SENT", ids("FROM-HEADER-MISSING"), nil},
	{"raw UTF-8 in the subject", message(date, from, to, id, "Subject: grün", "", "text"), "SENT", ids("EIGHTBIT-IN-HEADERS"), nil},
	{"no empty line", message(date, from, to, id, "Subject: x", "this is no field at all", "text"), "SENT", ids("NO-HEADER-BODY-SEPARATOR"), nil},
	{"a boundary that is not there", message(date, from, to, id, "Subject: x", `Content-Type: multipart/mixed; boundary="b"`, "", "text"), "SENT", ids("MIME-BROKEN"), nil},
	{"a Bcc after the subject", message(date, from, to, id, "Subject: x", "Bcc: victim@example.net", "X-Mailer: PHPMailer 5.2.4", "", "text"), "SENT", ids("HEADER-INJECTION"), nil},
	{"8-bit without 8BITMIME", of(strings.Replace(strings.Replace(sent, "S: 250-SIZE 100000\nS: 250 8BITMIME", "S: 250 SIZE 100000", 1), "C: text", "C: grün", 1)), "SENT", ids("EIGHTBIT-BODY-NO-8BITMIME"), nil},
	{"UTF-8 declared as Latin-1", message(date, from, to, id, "Subject: =?iso-8859-1?Q?h=C3=A4llo?=", "", "text"), "SENT", ids("ENCWORD-NOT-ENCODED-CHARSET"), nil},
	{"a body declared as ASCII", message(date, from, to, id, "Subject: x", "Content-Type: text/plain; charset=us-ascii", "Content-Transfer-Encoding: 8bit", "", "grün"), "SENT", ids("ENCWORD-NOT-ENCODED-CHARSET"), nil},
	{"a split character", message(date, from, to, id, "Subject: =?utf-8?B?S2/F?= =?utf-8?B?gm8=?=", "", "text"), "SENT", ids("ENCWORD-SPLIT-CHAR"), nil},
	{"a malformed encoded-word", message(date, from, to, id, "Subject: =?UTF-8?Q?a b?=", "", "text"), "SENT", ids("ENCWORD-BAD-SYNTAX"), nil},
	{"encoded twice", message(date, from, to, id, "Subject: =?utf-8?B?PT91dGYtOD9CP2VBPT0/PQ==?=", "", "text"), "SENT", ids("ENCWORD-DOUBLE"), nil},
	{"a long encoded-word", message(date, from, to, id, "Subject: =?utf-8?B?"+strings.Repeat("YWFh", 20)+"?=", "", "text"), "SENT", ids("ENCWORD-TOO-LONG"), nil},
	{"folding lost", message(date, from, to, id, "Subject: =?utf-8?Q?a?=  =?utf-8?Q?b?=", "", "text"), "SENT", ids("HEADER-FOLD-LOST"), nil},
	{"no date", message(from, to, id, "Subject: x", "", "text"), "SENT", ids("MISSING-DATE"), nil},
	{"a date from long ago", message("Date: Wed, 04 Mar 2020 05:06:07 +0000", from, to, id, "Subject: x", "", "text"), "SENT", ids("BAD-DATE"), nil},
	{"a date in German", message("Date: Mi, 04 Mär 2026 05:06:07 +0000", from, to, id, "Subject: x", "", "text"), "SENT", ids("BAD-DATE"), nil},
	{"no To", message(date, from, id, "Subject: x", "", "text"), "SENT", ids("HEADER-TO-MISSING"), nil},
	{"line breaks in a command", of("error SMTP ERROR: Command 'MAIL FROM' contained line breaks"), "HEADER-INJECTION", nil, nil},
}

var sequenceRulings = []ruling{
	{"talks before the greeting", of("C: EHLO www.example.com\nS: 554 SMTP synchronization error\n"), "PIPELINING-MISUSE", nil, ids("BANNER-554")},
	{"pipelines without PIPELINING", of(loggedIn, "C: MAIL FROM:<user@example.com>\nC: RCPT TO:<to@example.net>\nS: 250 ok\nS: 250 ok\n", content, "S: 250 ok\n"), "SENT", ids("PIPELINING-MISUSE"), nil},
	{"pipelines with PIPELINING", of(strings.Replace(loggedIn, "8BITMIME", "PIPELINING", 1), "C: MAIL FROM:<user@example.com>\nC: RCPT TO:<to@example.net>\nS: 250 ok\nS: 250 ok\n", content, "S: 250 ok\n"), "SENT", nil, ids("PIPELINING-MISUSE")},
	{"speaks into a reply", of("S: 220 x\nC: EHLO www.example.com\nS: 250-x\nC: AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=\nS: 250 AUTH LOGIN PLAIN\nC: MAIL FROM:<user@example.com>\nS: 535 Authentication Failed\n"), "REPLY-DESYNC", nil, nil},
	{"a reply to something else", of(loggedIn, mail, rcpt, "C: DATA\nS: 250 ok\n", quit), "REPLY-DESYNC", nil, nil},
	{"no code", of(hello, "C: NOOP\nS: hello there\n", mail, rcpt, content, "S: 250 ok\n"), "", ids("REPLY-MALFORMED"), nil},
	{"Latin-1", of(strings.Replace(hello, "S: 220 mx.example.org ESMTP", `S: 220 mx.example.org d\xe9sol\xe9`, 1), mail, rcpt, content, "S: 250 ok\n"), "SENT", ids("REPLY-NON-UTF8"), ids("REPLY-MALFORMED")},
}

var closingRulings = []ruling{
	{"a kept connection is dead", of(loggedIn, mail, rcpt, content, "S: 250 ok\nC: RSET\nS: 421 4.4.2 timeout\nclosed S"), "SENT", ids("KEEPALIVE-STALE"), nil},
	{"a kept connection is closed", of(loggedIn, mail, rcpt, content, "S: 250 ok\nC: MAIL FROM:<user@example.com>\nclosed S"), "KEEPALIVE-STALE", nil, nil},
	{"gives up after the dot", of(loggedIn, mail, rcpt, content, "wait 30s\nclosed C"), "TIMEOUT-FINAL-DOT", nil, nil},
	{"gives up after a command", of(loggedIn, "C: MAIL FROM:<user@example.com>\nwait 60s\nclosed C"), "TIMEOUT-COMMAND", nil, nil},
	{"may still be answered", of(loggedIn, "C: MAIL FROM:<user@example.com>\nwait 60s\nclosed C\nrunning"), "RUNNING", nil, ids("TIMEOUT-COMMAND")},
	{"a recording that is cut off in a message", func(t testing.TB) *decode.Transcript {
		tr := play(t, loggedIn+mail+rcpt+data+header+"C: \nC: text")
		tr.Lacks = []string{decode.LackEnd}
		return tr
	}, "UNKNOWN", nil, ids("FINAL-DOT-MISSING")},
	{"changes its mind", of(loggedIn, "C: MAIL FROM:<user@example.com>\nclosed C"), "NOT-SENT", nil, ids("TIMEOUT-COMMAND")},
	{"silence after EHLO", of("S: 220 x\nC: EHLO www.example.com\nclosed S"), "CONN-CLOSED-AFTER-EHLO", nil, nil},
	{"closed in the message", of(loggedIn, mail, rcpt, data, header, "C: \nC: text\nreset S"), "CONN-CLOSED-AFTER-DATA", nil, ids("FINAL-DOT-MISSING")},
	{"closed after the dot", of("dialect swaks\n", loggedIn, mail, rcpt, content, "error *** Remote host closed connection unexpectedly."), "CONN-CLOSED-AFTER-DATA", nil, nil},
	{"closed in the middle", of(loggedIn, "C: MAIL FROM:<user@example.com>\nreset S"), "CONN-CLOSED-MID-SESSION", nil, nil},
	{"closed in the middle, smtplib", of("error smtplib.SMTPServerDisconnected: Connection unexpectedly closed"), "CONN-CLOSED-MID-SESSION", nil, nil},
	{"the end of a paste", of("dialect swaks\nlack end\n", loggedIn, "C: MAIL FROM:<user@example.com>"), "UNKNOWN", nil, ids("CONN-CLOSED-MID-SESSION", "TIMEOUT-COMMAND")},
	{"PHPMailer says QUIT to the dead", of("dialect phpmailer-6\n", loggedIn, "C: MAIL FROM:<user@example.com>\nerror SMTP NOTICE: EOF caught while checking if connected\nC: QUIT"), "CONN-CLOSED-MID-SESSION", ids("PM-QUIT-AFTER-DEAD"), nil},
	{"RSET after a failed handshake", with("dialect phpmailer-5.1\n"+hello+"C: STARTTLS\nS: 220 go\n", &facts.TLS{Leg: who.ServerLeg, Err: "certificate verify failed", Class: "certificate"}, &facts.Note{ID: "client-error", Text: "SMTP ERROR: RSET failed:"}), "TLS-CERT-VERIFY-FAIL", ids("PM-RSET-AFTER-TLS-FAIL"), nil},
	{"no QUIT", of(loggedIn, mail, rcpt, content, "S: 250 ok\nclosed C"), "SENT", ids("QUIT-MISSING"), nil},
	{"Timeout and Timelimit", of("dialect phpmailer-6\n", loggedIn, "C: MAIL FROM:<user@example.com>\nerror PHPMailer waited for a reply: get_lines(): select timed-out in (300 sec)"), "TIMEOUT-COMMAND", ids("PM-TIMELIMIT"), nil},
	{"idle", with(loggedIn, &facts.End{Cause: facts.CauseIdle}), "IDLE-TIMEOUT", nil, nil},
	{"a loop", with("", &facts.Dial{Addr: "127.0.0.1:2525", Err: "loop", Class: "loop"}), "LOOP-TO-SELF", nil, nil},
	{"a rule ends it", with(loggedIn, &facts.Note{ID: facts.NoteRuleEnded}, &facts.End{Cause: facts.CauseRule}), "RULE-ENDED", nil, nil},
	{"a rule answers", with(loggedIn+"C: MAIL FROM:<user@example.com>\nS: 450 4.2.1 [smtptap] no\n", &facts.Note{ID: facts.NoteRuleRefused}), "RULE-ANSWERED", nil, ids("SMTPTAP-REFUSED")},
	{"the client parts from a recording", with(loggedIn+"C: MAIL FROM:<user@example.com>\nS: 503 5.5.1 [smtptap] no\n", &facts.Note{ID: facts.NoteParted}), "STANDIN-PARTED", nil, ids("SMTPTAP-REFUSED")},
	{"the client parts from a recording, and sends", with(loggedIn+mail+rcpt+content+"S: 250 queued\n", &facts.Note{ID: facts.NoteParted}), "", []string{"STANDIN-PARTED"}, nil},
	{"a rule takes the message", with(loggedIn+mail+rcpt+content+"S: 250 [smtptap] queued\n", &facts.Note{ID: facts.NoteRuleAccepted}), "RULE-ANSWERED", nil, nil},
	{"the server answers all the same", with(loggedIn+"C: MAIL FROM:<user@example.com>\nS: 550 5.7.1 Unable to relay\n", &facts.Note{ID: facts.NoteRuleDelayed}), "RELAY-DENIED-550", ids("RULE-SLOWED"), nil},
	{"a rule's certificate", with(hello+"C: STARTTLS\nS: 220 go\n", &facts.Note{ID: facts.NoteRuleCertificate}, &facts.TLS{Leg: who.ClientLeg, Err: "alert", Class: "alert", Alert: "certificate_expired", By: who.Client}, &facts.End{Cause: facts.CauseTLS}), "RULE-CERTIFICATE", nil, ids("TLS-PROXY-CA-UNTRUSTED")},
	{"a rule hides", with(loggedIn+"C: MAIL FROM:<user@example.com>\n", &facts.Note{ID: facts.NoteRuleHidden}, &facts.End{Cause: facts.CauseClientGone}), "RULE-CHANGED", nil, nil},
	{"a private MX", with("", &facts.Dial{Addr: "10.0.0.1:25", Err: "private", Class: "not-allowed"}), "MX-NOT-ALLOWED", nil, nil},
}

var timeRulings = []ruling{
	{"slow DNS", before(sent, &facts.DNS{Name: "example.org", Kind: "MX", Rcode: "NOERROR", Took: 3 * time.Second}), "SENT", ids("DNS-SLOW"), nil},
	{"slow to connect", before(sent, &facts.Dial{Addr: "[2001:db8::1]:25", Err: "i/o timeout", Class: "timeout", Took: 6 * time.Second}, &facts.Dial{Addr: "192.0.2.25:25", Took: time.Second}), "SENT", ids("CONNECT-SLOW"), ids("CONN-TIMEOUT")},
	{"slow TLS", before(sent, &facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3", Verified: true, Took: 4 * time.Second}), "SENT", ids("TLS-SLOW"), nil},
	{"slow login", of(hello, strings.TrimSuffix(login, "\n"), "\nwait 6s\nS: 235 ok\n", mail, rcpt, content, "S: 250 ok\n"), "SENT", ids("AUTH-SLOW"), nil},
	{"slow reply", of(loggedIn, "C: MAIL FROM:<user@example.com>\nwait 12s\nS: 250 ok\n", rcpt, content, "S: 250 ok\n"), "SENT", ids("REPLY-SLOW"), nil},
	{"slow client", of(loggedIn, "wait 40s\n", mail, rcpt, content, "S: 250 ok\n"), "SENT", ids("CLIENT-STALLED"), nil},
	{"quick", of(sent), "SENT", nil, ids("GREETING-SLOW", "AUTH-SLOW", "REPLY-SLOW", "CLIENT-STALLED")},
	{"a log without times", of("lack times\n", loggedIn, "wait 40s\n", mail, rcpt, content, "wait 40s\nS: 250 ok\n"), "SENT", nil, ids("CLIENT-STALLED", "REPLY-SLOW")},
}

var clientRulings = []ruling{
	{"R to s_client", of("S: 220 x\nC: HELO www.example.com\nS: 250 x\n", mail, "error RENEGOTIATING\n"), "S-CLIENT-RENEGOTIATES", nil, nil},
	{"Go keeps the password back", of("error 535 unencrypted connection\nerror smtp: plainauth: unencrypted connection"), "CLIENT-AUTH-NEEDS-TLS", nil, nil},
	{"an error that nobody knows", of("error Uncaught Exception: frobnicator failed"), "CLIENT-ERROR", nil, nil},
	{"a reply that nobody knows", of("S: 220 x\nC: FROB\nS: 599 5.9.9 frobnicated\n"), "REFUSED-5XX", nil, nil},
	{"a reply for now that nobody knows", of("S: 220 x\nC: FROB\nS: 470 4.9.9 frobnicated\n"), "REFUSED-4XX", nil, nil},
	{"a URL as host", of("error Invalid host: https://smtp.example.com"), "PM-INVALID-HOST", nil, nil},
	{"no OpenSSL", of("error Extension missing: openssl"), "PM-OPENSSL-MISSING", nil, nil},
	{"no body", of("error Message body empty"), "PM-EMPTY-BODY", nil, nil},
	{"no SMTP", of("error Could not instantiate mail function."), "PM-NOT-SMTP", nil, nil},
	{"an invalid address", of("error Invalid address:  (From): root@localhost"), "CLIENT-ADDRESS-INVALID", nil, nil},
	{"a reply in the client's words", of("error Error sending email: Login Fail. Please enter your authorization code to login."), "AUTH-QQ-AUTHCODE", nil, nil},
	{"a fork", of("error SSL3_GET_RECORD: decryption failed or bad record mac"), "PM-FORK-SHARED-SOCKET", nil, nil},
	{"no stream_socket_client", of("error Connection: stream_socket_client not available, falling back to fsockopen\n", sent), "SENT", ids("PM-STREAM-DISABLED"), nil},
	{"SMTPSecure in capitals", of("set SMTPSecure: TLS\n", sent), "SENT", ids("PM-SMTPSECURE-VALUE"), nil},
	{"SMTPSecure as it should be", of("set SMTPSecure: tls\n", sent), "SENT", nil, ids("PM-SMTPSECURE-VALUE")},
	{"a bounce", of("dialect exim-bounce\nerror SMTP error from remote mail server after RCPT TO:<to@example.net>\nS: 550 5.1.1 User unknown\n"), "", ids("DELIVERED-THEN-BOUNCED"), nil},
	{"a mail catcher", of(strings.Replace(sent, "mx.example.org ESMTP", "mailhog.example ESMTP MailHog", 1)), "SENT", ids("ACCEPTED-NOT-ARRIVED"), nil},
}

var allRulings = slices.Concat(connectRulings, tlsRulings, heloRulings, loginRulings, envelopeRulings, messageRulings, sequenceRulings, closingRulings, timeRulings, clientRulings, blameRulings)

func TestRules(t *testing.T) {
	for _, c := range allRulings {
		t.Run(c.name, func(t *testing.T) {
			tr := c.session(t)
			r := findings.Analyze(tr, lang.English)
			if c.verdict != "" && r.Verdict.ID != c.verdict {
				t.Errorf("verdict %s (%s), want %s\n%s", r.Verdict.ID, r.Verdict.Text, c.verdict, list(r))
			}
			agrees(t, r)
			for _, id := range c.want {
				if !has(r, id) {
					t.Errorf("%s was not found\n%s", id, list(r))
				}
			}
			for _, id := range c.never {
				if has(r, id) {
					t.Errorf("%s was found\n%s", id, list(r))
				}
			}
			proofsExist(t, tr, r)
		})
	}
}

func has(r findings.Report, id string) bool {
	return slices.ContainsFunc(r.Findings, func(f findings.Finding) bool { return f.ID == id })
}

// proofsExist checks what holds for every report.
func proofsExist(t *testing.T, tr *decode.Transcript, r findings.Report) {
	t.Helper()
	if r.Verdict.Text == "" || r.Verdict.ID == "" || r.Verdict.Severity == "" {
		t.Errorf("no verdict: %+v", r.Verdict)
	}
	for _, f := range r.Findings {
		if f.Text == "" || strings.ContainsAny(f.Text, "{}") {
			t.Errorf("%s says %q", f.ID, f.Text)
		}
		if len(f.Entries) == 0 || !slices.IsSorted(f.Entries) {
			t.Errorf("%s is proved by %v", f.ID, f.Entries)
		}
		for _, i := range f.Entries {
			if i < 0 || i >= len(tr.Entries) {
				t.Errorf("%s is proved by entry %d of %d", f.ID, i, len(tr.Entries))
			}
		}
	}
}

// Every rule of the catalogue is seen in some session of these tests.
func TestEveryRuleIsSeen(t *testing.T) {
	seen := map[string]bool{}
	note := func(r findings.Report) {
		for _, f := range r.Findings {
			seen[f.ID] = true
		}
	}
	for _, c := range allRulings {
		note(findings.Analyze(c.session(t), lang.English))
	}
	for i := range cells {
		note(findings.Analyze(cells[i].session(t), lang.English))
	}
	for _, w := range ownWords {
		note(findings.Analyze(play(t, w.script+"S: "+w.reply+"\n"), lang.English))
	}
	for _, row := range replyRows(t) {
		note(findings.Analyze(play(t, row.text), lang.English))
	}
	for _, e := range findings.Catalogue(lang.English) {
		if !seen[e.ID] {
			t.Errorf("no test finds %s", e.ID)
		}
	}
}

// TestSmuggling: whether a server that ends a message early answers before the
// rest of it is sent or all at once after it, each queue id is a message with its
// own envelope, and the finding names the octets and the ids, as a failure.
func TestSmuggling(t *testing.T) {
	const lax = "S: 250 2.0.0 ok queued as 4XYZ12\n"
	const more = "S: 250 ok\nS: 250 ok\nS: 354 go\nS: 250 2.0.0 ok queued as 4XYZ13\n"
	hidden := "C: MAIL FROM:<x@example.com>\nC: RCPT TO:<y@example.net>\nC: DATA\nC: hidden\nC: .\n"
	taken := func(f findings.Finding) bool { return f.ID == "SMUGGLING-TAKEN" }
	for octets, name := range map[string]string{
		`\n.\n`: "LF . LF", `\r.\r`: "CR . CR", `\r.\n`: "CR . LF", `\n.\r`: "LF . CR", `\n.\r\n`: "LF . CR LF", `\r\n.\n`: "CR LF . LF", `\r.\r\n`: "CR . CR LF",
		`\r\n.\r`: "CR LF . CR", `\r\n\x00.\r\n`: "CR LF NUL . CR LF", `\r\n.\x00\r\n`: "CR LF . NUL CR LF", `\r\n.\r\r\n`: "CR LF . CR CR LF", `\r\r\n.\r\r\n`: "CR CR LF . CR CR LF",
	} {
		head := hello + mail + rcpt + "C: DATA\nS: 354 go\nC: Subject: x\nC: \n" + `C: text` + octets + `\` + "\n"
		for way, text := range map[string]string{"after it": head + hidden + lax + more, "before its end": head + lax + hidden + more} {
			r := findings.Analyze(play(t, text+quit), lang.English)
			i := slices.IndexFunc(r.Findings, taken)
			if i < 0 || r.Findings[i].Severity != findings.Failure || !strings.Contains(r.Findings[i].Why, name) || !strings.Contains(r.Findings[i].Why, "4XYZ12, 4XYZ13") {
				t.Errorf("%s, %s: %+v", name, way, r.Findings)
			}
			if last := r.Outcome.Transactions[len(r.Outcome.Transactions)-1]; last.Sender != "x@example.com" || len(last.Recipients) != 1 || last.Recipients[0].Path != "y@example.net" {
				t.Errorf("%s, %s: %+v", name, way, last)
			}
			if r.Outcome.Messages != 2 || !slices.Equal(r.Outcome.QueueIDs, []string{"4XYZ12", "4XYZ13"}) {
				t.Errorf("%s, %s: %d messages, %q", name, way, r.Outcome.Messages, r.Outcome.QueueIDs)
			}
		}
		strict := findings.Analyze(play(t, head+hidden+lax+quit), lang.English)
		if strict.Outcome.Messages != 1 || slices.ContainsFunc(strict.Findings, taken) {
			t.Errorf("%s, a strict server: %d messages, %+v", name, strict.Outcome.Messages, strict.Findings)
		}
	}
}
