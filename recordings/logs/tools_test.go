package logs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtptap/decode/who"
	"smtptap/recordings/logs"
)

// session is one dialogue that every tool of the table tells in its own form.
var session = []struct {
	side who.Party
	text string // lines of a reply separated by \n
}{
	{who.Server, "220 mail.example.org ESMTP"},
	{who.Client, "EHLO app.example.org"},
	{who.Server, "250-mail.example.org\n250-SIZE 52428800\n250 AUTH LOGIN PLAIN"},
	{who.Client, "AUTH LOGIN"},
	{who.Server, "334 VXNlcm5hbWU6"},
	{who.Client, "YWxpY2VAZXhhbXBsZS5vcmc="},
	{who.Server, "334 UGFzc3dvcmQ6"},
	{who.Client, "c2VjcmV0Nzc="},
	{who.Server, "235 2.7.0 Authentication successful"},
	{who.Client, "MAIL FROM:<alice@example.org>"},
	{who.Server, "250 2.1.0 Ok"},
	{who.Client, "RCPT TO:<bob@example.net>"},
	{who.Server, "554 5.7.1 <bob@example.net>: Relay access denied"},
	{who.Client, "QUIT"},
	{who.Server, "221 2.0.0 Bye"},
}

var wantSpine = []string{"S 220 to ", "C EHLO", "S 250 to EHLO", "C AUTH", "S 334 to AUTH", "C auth 3", "S 334 to AUTH", "C auth 4", "S 235 to AUTH",
	"C MAIL", "S 250 to MAIL", "C RCPT", "S 554 to RCPT", "C QUIT", "S 221 to QUIT"}

// A teller writes one turn of the session in a tool's form.
type teller func(server bool, text string) string

// lines tells every line of a reply by itself.
func lines(client, server string) teller {
	return func(isServer bool, text string) string {
		mark := client
		if isServer {
			mark = server
		}
		var b strings.Builder
		for _, l := range strings.Split(text, "\n") {
			fmt.Fprintf(&b, mark+"\n", l)
		}
		return b.String()
	}
}

// entries puts the mark in front of the first line of a reply only.
func entries(client, server, between string) teller {
	return func(isServer bool, text string) string {
		mark := client
		if isServer {
			mark = server
		}
		return fmt.Sprintf(mark+"\n", strings.ReplaceAll(text, "\n", between))
	}
}

// tellers are the forms of tools, with the dialect that each must be read as.
var tellers = []struct {
	dialect string
	name    string
	head    string
	tell    teller
}{
	{"mailkit", "MailKit", "Connected to smtp://mail.example.org:587/?starttls=when-available\n", lines("C: %s", "S: %s")},
	{"mailkit", "MailKit with stamps", "2024-06-03T10:00:00Z Connected to smtps://mail.example.org:465/\n", lines("2024-06-03T10:00:00Z C: %s", "2024-06-03T10:00:01Z S: %s")},
	{"raw", "marked C and S", "", lines("C: %s", "S: %s")},
	{"raw", "telnet", "$ telnet mail.example.org 25\nTrying 192.0.2.1...\nConnected to mail.example.org.\nEscape character is '^]'.\n", lines("%s", "%s")},
	{"raw", "openssl s_client", "CONNECTED(00000003)\ndepth=0 CN = mail.example.org\n---\nCertificate chain\n-----BEGIN CERTIFICATE-----\nMIIB\n250 nonsense\n-----END CERTIFICATE-----\n---\n", lines("%s", "%s")},
	{"raw", "some tool's words", "", lines("worker 4 > sent to mail: %s", "worker 4 < got from mail: %s")},
	{"raw", "some tool's brackets", "", lines("[12:00:01] [out] %s", "[12:00:02] [in] %s")},
	{"exim-debug", "Exim -v", "Connecting to mail.example.org [192.0.2.1]:25 ... connected\n", func(isServer bool, text string) string {
		if isServer {
			return "  SMTP<< " + strings.ReplaceAll(text, "\n", "\n         ") + "\n"
		}
		return "  SMTP>> " + text + "\n"
	}},
	{"exim-debug", "Exim -d", "", lines("12345   SMTP>> %s", "12345   SMTP<< %s")},
	{"exim-debug", "Exim that buffers commands", "", lines("  SMTP|> %s", "  SMTP<< %s")},
	{"opensmtpd", "OpenSMTPD's trace", "", lines("smtp: 0x1f2e3d4c: <<< %s", "smtp: 0x1f2e3d4c: >>> %s")},
	{"opensmtpd", "OpenSMTPD's relay", "", lines("mta: 0x1f2e3d4c: -> %s", "mta: 0x1f2e3d4c: <- %s")},
	{"haraka", "Haraka", "", lines("2024-06-03T10:00:00.000Z [PROTOCOL] [6D6F0E2D-1F2A.1] [core] C: %s state=1", "2024-06-03T10:00:00.000Z [PROTOCOL] [6D6F0E2D-1F2A.1] [core] S: %s")},
	{"postal", "Postal", "", lines("[smtp.1:83] [2024-06-03T10:00:00.067] DEBUG -- : [VMX1SS] <= %s", "[smtp.1:83] [2024-06-03T10:00:00.068] DEBUG -- : [VMX1SS] => %s")},
	{"stalwart", "Stalwart", "", entries(
		`2024-06-03T10:00:00.602821Z TRACE session{instance="smtp" protocol=Smtp}: smtp::inbound::session: event="read" data="%s\r\n" size=6`,
		`2024-06-03T10:00:00.602821Z TRACE session{instance="smtp" protocol=Smtp}: smtp::inbound::session: event="write" data="%s\r\n" size=6`, `\r\n`)},
	{"hmailserver", "hMailServer receiving", "", entries(
		"\"SMTPD\"\t2100\t7\t\"2024-06-03 10:00:00.100\"\t\"192.0.2.7\"\t\"RECEIVED: %s\"",
		"\"SMTPD\"\t2100\t7\t\"2024-06-03 10:00:00.200\"\t\"192.0.2.7\"\t\"SENT: %s\"", "[nl]")},
	{"hmailserver", "hMailServer delivering", "", entries(
		"\"SMTPC\"\t2100\t7\t\"2024-06-03 10:00:00.100\"\t\"192.0.2.7\"\t\"SENT: %s\"",
		"\"SMTPC\"\t2100\t7\t\"2024-06-03 10:00:00.200\"\t\"192.0.2.7\"\t\"RECEIVED: %s\"", "[nl]")},
	{"roundcube", "Roundcube", "", lines("[03-Jun-2024 10:00:00 +0200]: <j2slr4va> Send: %s", "[03-Jun-2024 10:00:00 +0200]: <j2slr4va> Recv: %s")},
	{"net-smtp", "PEAR Net_SMTP", "", lines("DEBUG: Send: %s", "DEBUG: Recv: %s")},
	{"snappymail", "RainLoop", "", lines(`[12:29:47.567][70f77b35] SMTP[DATA]: > %s\r\n`, `[12:29:47.567][70f77b35] SMTP[DATA]: < %s\r\n`)},
	{"snappymail", "SnappyMail", "", lines(`[2024-06-03 12:57:29.694][f6d1dfb6] SMTP[INFO]: > %s\r\n`, `[2024-06-03 12:57:29.694][f6d1dfb6] SMTP[INFO]: < %s\r\n`)},
	{"dokuwiki-smtp", "DokuWiki", "Set: the server\nConnecting to mail.example.org at 587\n", lines("Sent: %s", "Got: %s")},
	{"wiremailsmtp", "WireMailSmtp", "Connecting to SMTP server \"mail.example.org\" port 587...\n", lines("C %s", "S %s")},
	{"skpsmtpmessage", "skpsmtpmessage", "", func(isServer bool, text string) string {
		var b strings.Builder
		for _, l := range strings.Split(text, "\n") {
			if isServer {
				fmt.Fprintf(&b, "2024-06-03 15:58:21.252830+0800 Demo[10183:3119213] ~~~~\n\n%s\n2024-06-03 15:58:21.252830+0800 Demo[10183:3119213] S: %s\n", l, l)
			} else {
				fmt.Fprintf(&b, "2024-06-03 15:58:21.252830+0800 Demo[10183:3119213] C: %s\n", l)
			}
		}
		return b.String()
	}},
	{"vmime", "VMime", "", lines("smtps:1->(Client)%s", "smtps:1->%s")},
	{"email-oauth2-proxy", "email-oauth2-proxy", "", func(isServer bool, text string) string {
		arrow := "-->"
		if isServer {
			arrow = "<--"
		}
		var b strings.Builder
		for _, gap := range []string{" ", "     "} {
			fmt.Fprintf(&b, "2024-06-03 19:48:19: SMTP (127.0.0.1:38533-{0.0.0.0:25}-mail.example.org:587)%s%s b'%s\\r\\n'\n", gap, arrow, strings.ReplaceAll(text, "\n", `\r\n`))
		}
		return b.String()
	}},
	{"fakesmtp", "FakeSMTP", "09:41:07 AM - SMTP server *:2500 started\n", entries("09:41:12 AM - Client: %s", "09:41:12 AM - Server: %s", "\n")},
	{"nim-smtp", "Nim", "", lines("C:%s", "S:%s")},
	{"crystal-email", "Crystal", "2024/06/03 12:35:48 [Mail/7918] INFO Start TCP session to mail.example.org:587\n", func(isServer bool, text string) string {
		if !isServer {
			return "2024/06/03 12:35:48 [Mail/7918] DEBUG --> " + text + "\n"
		}
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\n250-", " / "), "\n250 ", " / ")
		return "2024/06/03 12:35:48 [Mail/7918] DEBUG <-- MAIL " + strings.Replace(text, "250-", "250 ", 1) + "\n"
	}},
	{"smtp-cli", "smtp-cli", "", func(isServer bool, text string) string {
		if !isServer {
			return "> " + text + "\n"
		}
		return fmt.Sprintf("[%s] '%s'\n", text[:3], strings.NewReplacer("\n250-", `\n`, "\n250 ", `\n`).Replace(text[4:]))
	}},
	{"net-smtp-perl", "Perl's Net::SMTP", "Net::SMTP>>> Net::SMTP(3.11)\n", lines("Net::SMTP=GLOB(0x55d0c8)>>> %s", "Net::SMTP=GLOB(0x55d0c8)<<< %s")},
	{"claws-mail", "Claws Mail", "", lines("[10:00:00] ESMTP> %s", "[10:00:00] ESMTP< %s")},
	{"ruby-net-smtp", "Ruby's Net::SMTP", "", entries(`<- "%s\r\n"`, `-> "%s\r\n"`, `\r\n`)},
	{"mdaemon", "MDaemon", "Sat 2024-06-01 12:58:47: 05: [514116] Accepting SMTP connection from [192.0.2.7:63750] to [192.0.2.1:25]\n", lines("Sat 2024-06-01 12:58:47: 02: [514116] <-- %s", "Sat 2024-06-01 12:58:47: 03: [514116] --> %s")},
	{"raw", "a mail app of a phone", "", lines("V  SMTP >>> %s", "V  SMTP <<< %s")},
	{"ssmtp", "sSMTP", "", lines("[->] %s", "[<-] %s")},
	{"mutt", "Mutt", "", lines("4> %s", "4< %s")},
	{"sendmail-verbose", "sendmail -v", "bob@example.net... Connecting to mail.example.org via relay...\n", lines(">>> %s", "%s")},
	{"go-mail", "go-mail", "", lines("2024/06/03 10:00:00 DEBUG: C --> S: %s", "2024/06/03 10:00:00 DEBUG: C <-- S: %s")},
	{"msmtp", "msmtp", "loaded system configuration file /etc/msmtprc\n", lines("--> %s", "<-- %s")},
	{"curl", "curl", "*   Trying 192.0.2.1:587...\n* Connected to mail.example.org (192.0.2.1) port 587 (#0)\n", lines("> %s", "< %s")},
	{"symfony", "Symfony", "", lines("> %s", "< %s")},
	{"symfony", "Symfony with stamps", "", lines("[2024-06-03T10:00:00.123456+00:00] > %s", "[2024-06-03T10:00:00.123456+00:00] < %s")},
	{"swiftmailer", "Swift Mailer", "++ Starting Swift_SmtpTransport\n", entries(">> %s\n", "<< %s\n", "\n")},
	{"javamail", "JavaMail", "DEBUG: setDebug: Jakarta Mail version 2.1\nDEBUG SMTP: useEhlo true, useAuth true\nDEBUG SMTP: trying to connect to host \"mail.example.org\", port 587, isSSL false\n", lines("%s", "%s")},
	{"nodemailer", "nodemailer with a pool", "", lines("[2024-06-03 10:00:00] DEBUG [#1] [Ag2UbG33gjQ] C: %s", "[2024-06-03 10:00:00] DEBUG [#1] [Ag2UbG33gjQ] S: %s")},
	{"nodemailer", "nodemailer into bunyan", "", func(isServer bool, text string) string {
		tnx := "client"
		if isServer {
			tnx = "server"
		}
		return fmt.Sprintf(`{"name":"app","level":20,"component":"smtp-connection","sid":"Ag2UbG33gjQ","tnx":%q,"msg":%q,"time":"2024-06-03T10:00:00.000Z"}`+"\n", tnx, text)
	}},
	{"nodemailer-0.x", "nodemailer 0.5", "", func(isServer bool, text string) string {
		who := "CLIENT"
		if isServer {
			who = "SERVER"
		}
		return who + " 1:\n└──" + strings.ReplaceAll(text, "\n", "\n   ") + "\n"
	}},
	{"nodemailer-0.1", "nodemailer 0.1", "", func(isServer bool, text string) string {
		what := "SEND:"
		if isServer {
			what = "RECEIVE:"
		}
		return fmt.Sprintf("%s\n%q\n", what, text+"\r\n")
	}},
	{"nodemailer-1", "nodemailer 1", "", func(isServer bool, text string) string {
		who := "client"
		if isServer {
			who = "server"
		}
		return fmt.Sprintf("{ type: '%s',\n  message: '%s' }\n", who, strings.ReplaceAll(text, "\n", `\n`))
	}},
	{"phpmailer-5.2", "PHPMailer 5.2.6", "", func(isServer bool, text string) string {
		if isServer {
			return "SMTP -> FROM SERVER:" + text + "\n<br />"
		}
		return "CLIENT -> SMTP: " + text + "\n<br />"
	}},
	{"testssl", "testssl.sh", "", func(isServer bool, text string) string {
		if isServer {
			return "... received result:\n" + text + "\n"
		}
		return fmt.Sprintf("\n=== sending \"%s\" ...\n", text)
	}},
}

// TestTools has every tool tell the same session, and reads it back.
func TestTools(t *testing.T) {
	t.Parallel()
	for _, tool := range tellers {
		t.Run(tool.name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(tool.head)
			for _, turn := range session {
				b.WriteString(tool.tell(turn.side == who.Server, turn.text))
			}
			all, err := logs.ParseAll(strings.NewReader(b.String()))
			if err != nil {
				t.Fatal(err)
			}
			if len(all) != 1 {
				t.Fatalf("%d sessions, want 1\n%s", len(all), render(all))
			}
			if all[0].Dialect != tool.dialect {
				t.Errorf("dialect %s, want %s", all[0].Dialect, tool.dialect)
			}
			if got := spine(all[0]); !slices.Equal(got, wantSpine) {
				t.Errorf("dialogue\n%s\nof\n%s", strings.Join(got, "\n"), b.String())
			}
		})
	}
}
