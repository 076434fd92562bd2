package tui

import (
	"encoding/base64"
	"strings"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

const greetingLines = `
S: 220 mail.example.com ESMTP Postfix
C: EHLO app.example.net
S: 250-mail.example.com
S: 250-PIPELINING
S: 250-SIZE 10240000
S: 250-STARTTLS
S: 250-AUTH LOGIN PLAIN
S: 250-ENHANCEDSTATUSCODES
S: 250 8BITMIME
`

const startTLSLines = `
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
tls
C: EHLO app.example.net
S: 250-mail.example.com
S: 250-SIZE 10240000
S: 250-AUTH LOGIN PLAIN
S: 250-ENHANCEDSTATUSCODES
S: 250 8BITMIME
`

func loginLines(user, password string) string {
	return strings.Join([]string{"",
		"C: AUTH LOGIN",
		"S: 334 " + b64("Username:"),
		"C: " + b64(user),
		"S: 334 " + b64("Password:"),
		"C: " + b64(password), ""}, "\n")
}

const acceptedLines = `
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<shop@example.com>
S: 250 2.1.0 Ok
C: RCPT TO:<lin@example.net>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
`

const messageLines = `
<<
Date: Fri, 2 Jan 2026 03:04:05 +0000
To: lin@example.net
From: =?utf-8?B?5piT6IGU5LqR?= <shop@example.com>
Subject: =?utf-8?B?5piT6IGU5LqR6aqM6K+B56CB?=
Message-ID: <4d1f@app.example.net>
X-Mailer: PHPMailer 6.9.1 (https://github.com/PHPMailer/PHPMailer)
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

5L2g5aW9IHNtdHA=
.
>>
`

// sentScript is a message in Chinese by PHPMailer, over TLS.
func sentScript() string {
	return greetingLines + startTLSLines + loginLines("shop@example.com", "correct horse") + acceptedLines + messageLines + `
S: 250 2.0.0 Ok: queued as 4F2A81C0
C: QUIT
S: 221 2.0.0 Bye
`
}

// wrongPasswordScript is what a login with an old password comes to.
func wrongPasswordScript() string {
	return greetingLines + startTLSLines + loginLines("shop@example.com", "old secret ") + `
+2400ms
S: 535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6
C: QUIT
S: 221 2.0.0 Bye
`
}

// unknownRecipientScript is a message of which one of three recipients is refused.
func unknownRecipientScript() string {
	return greetingLines + loginLines("shop@example.com", "correct horse") + `
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<shop@example.com> SIZE=1843
S: 250 2.1.0 Ok
C: RCPT TO:<lin@example.net>
S: 250 2.1.5 Ok
C: RCPT TO:<nobody@example.net>
+1700ms
S: 550 5.1.1 <nobody@example.net>: Recipient address rejected: User unknown in virtual mailbox table
C: RCPT TO:<ann@example.org>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
` + messageLines + `
S: 250 2.0.0 Ok: queued as 77B0119D
C: QUIT
S: 221 2.0.0 Bye
`
}

// attachmentScript is a message with text in two forms and an attachment.
func attachmentScript() string {
	return greetingLines + `
C: MAIL FROM:<ann@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<lin@example.net>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
<<
From: Ann Example <ann@example.org>
To: lin@example.net
Subject: =?iso-8859-1?Q?Angebot_f=FCr_M=E4rz?=
Date: Fri, 2 Jan 2026 03:04:05 +0000
Message-ID: <9b2c@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: multipart/alternative; boundary="inner"

--inner
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe aus K=F6ln
--inner
Content-Type: text/html; charset=utf-8

<p>Grüße aus <b>Köln</b></p>
--inner--
--outer
Content-Type: application/pdf; name="=?utf-8?Q?Angebot_M=C3=A4rz.pdf?="
Content-Disposition: attachment; filename*=utf-8''Angebot%20M%C3%A4rz.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjcKJeLjz9MK
--outer--
.
>>
S: 250 2.0.0 Ok: queued as 1C9E44A2
C: QUIT
S: 221 2.0.0 Bye
`
}

// hostileScript is a server and a client that attack the terminal.
func hostileScript() string {
	return `
S: 220 evil\x1b[2J\x1b]0;PWNED\x07\x1b]52;c;cHduZWQ=\x07 ` + "\u202e\u200b\u0085\u009b31m 👍🏽👨\u200d👩\u200d👧 हिन्दी ｶﾞ ❤️" + `
C: EHLO a\x1b[?1049l\x08\x08\x0d\x00\xff
S: 250-ok\x1b[31mred
S: 250 SIZE \x1bP1;1q\x1b\
C: MAIL FROM:<\x1b[5m你好@例子.example>
S: 250 ok
C: RCPT TO:<👍🏽👍🏽👍🏽👍🏽@example.net>
S: 250 ` + strings.Repeat("界", 200) + `
C: DATA
S: 354 go
<<
Subject: ` + "\x1b]2;PWNED\x07 \u202egnp.exe 👩\u200d💻 " + `=?utf-8?B?` + b64("\x1b[2J\x1b[H\u202e\r\nBcc: you 验证码 🇨🇳👍🏽") + `?=

\x1b[2J\x1b[1;1Hfake line\x0d\x0a
.
>>
S: 554 5.7.1 \x9b31m\x1b[?25l no\x0e\x0f
C: QUIT
S: 221 bye
`
}

// runningScript is a session whose server has not answered RCPT yet.
func runningScript() string {
	return greetingLines + `
C: MAIL FROM:<ann@example.org>
S: 250 2.1.0 Ok
C: RCPT TO:<lin@example.net>
half
`
}
