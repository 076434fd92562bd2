package findings_test

import (
	"strings"
	"testing"

	"smtptap/decode/findings"
	"smtptap/decode/lang"
)

// Scripts that rulings about blame begin with.
const (
	digests    = "S: 220 mx.example.org ESMTP\nC: EHLO www.example.com\nS: 250-mx.example.org\nS: 250-PIPELINING\nS: 250 AUTH PLAIN LOGIN CRAM-MD5\n"
	cramBad    = "C: AUTH CRAM-MD5\nS: 334 PDEuMkBteD4=\nC: dXNlckBleGFtcGxlLmNvbSAwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==\nS: 535 5.7.8 Error: authentication failed\n"
	plainBad   = "C: AUTH PLAIN AHVzZXJAZXhhbXBsZS5jb20AaHVudGVyMg==\nS: 535 5.7.8 Error: authentication failed\n"
	plainGood  = "C: AUTH PLAIN AHVzZXJAZXhhbXBsZS5jb20AaHVudGVyMg==\nS: 235 ok\n"
	strangeBad = "C: AUTH PLAIN AG90aGVyQGV4YW1wbGUuY29tAGh1bnRlcjI=\nS: 535 5.7.8 Error: authentication failed\n"
	unknown    = "C: RCPT TO:<nobody@example.net>\nS: 550 5.1.1 User unknown in local recipient table\n"
	rset       = "C: RSET\nS: 250 ok\n"
)

// blameRulings are sessions in which words or manners point to the wrong one.
var blameRulings = []ruling{
	// An asterisk after a refused login.
	{"a lone asterisk after a 535", of(digests, plainBad, "C: *\nS: 500 5.5.1 unknown command\n", quit), "AUTH-BAD-CREDENTIALS", nil, ids("AUTH-BASE64-WRAPPED", "CREDENTIALS-AS-COMMANDS", "UNKNOWN-COMMAND-500")},
	{"a lone asterisk, 502", of(digests, plainBad, "C: *\nS: 502 5.5.2 Error: command not recognized\n", quit), "AUTH-BAD-CREDENTIALS", nil, ids("CREDENTIALS-AS-COMMANDS", "UNKNOWN-COMMAND-500")},
	{"a lone asterisk, 501", of(digests, cramBad, "C: *\nS: 501 5.5.4 syntax\n", quit), "", ids("AUTH-CRAMMD5-FALSE-OFFER"), ids("CREDENTIALS-AS-COMMANDS", "UNKNOWN-COMMAND-500", "AUTH-ABORTED")},
	{"a password on a line of its own", of(digests, plainBad, "C: aHVudGVyMg==\nS: 500 5.5.1 unknown command\n", quit), "AUTH-BAD-CREDENTIALS", ids("CREDENTIALS-AS-COMMANDS"), nil},

	// Digests of passwords.
	{"CRAM-MD5 and PLAIN refused", of(digests, cramBad, plainBad, quit), "AUTH-BAD-CREDENTIALS", nil, ids("AUTH-CRAMMD5-FALSE-OFFER")},
	{"PLAIN and CRAM-MD5 refused", of(digests, plainBad, cramBad, quit), "AUTH-BAD-CREDENTIALS", nil, ids("AUTH-CRAMMD5-FALSE-OFFER")},
	{"CRAM-MD5 refused, PLAIN accepted", of(digests, cramBad, plainGood, mail, rcpt, content, "S: 250 ok\n", quit), "SENT", ids("AUTH-CRAMMD5-FALSE-OFFER"), nil},
	{"CRAM-MD5 refused, and nothing else tried", of(digests, cramBad, quit), "AUTH-CRAMMD5-FALSE-OFFER", nil, nil},
	{"CRAM-MD5 refused, PLAIN for somebody else", of(digests, cramBad, strangeBad, quit), "", ids("AUTH-CRAMMD5-FALSE-OFFER"), nil},
	{"CRAM-MD5 refused where nothing else is on offer", of(strings.Replace(digests, "PLAIN LOGIN CRAM-MD5", "CRAM-MD5", 1), cramBad, quit), "AUTH-BAD-CREDENTIALS", nil, ids("AUTH-CRAMMD5-FALSE-OFFER")},

	// Mechanisms.
	{"two spaces after AUTH", of(digests, "C: AUTH  CRAM-MD5\nS: 504 5.5.4 mechanism not supported\n", quit), "AUTH-EXTRA-SPACE", nil, ids("AUTH-MECH-NOT-OFFERED")},
	{"a tab after AUTH", of(digests, `C: AUTH\tPLAIN AHVzZXIAcGFzcw==`, "\nS: 501 5.5.4 Syntax\n", quit), "AUTH-EXTRA-SPACE", nil, ids("AUTH-BAD-CREDENTIALS")},
	{"two spaces after the mechanism", of(digests, "C: AUTH PLAIN  AHVzZXIAcGFzcw==\nS: 501 5.5.2 Cannot decode response\n", quit), "AUTH-EXTRA-SPACE", nil, ids("AUTH-BASE64-INVALID")},
	{"a space at the end of AUTH", of(digests, "C: AUTH LOGIN \nS: 501 5.5.4 Syntax\n", quit), "AUTH-EXTRA-SPACE", nil, nil},
	{"two spaces that nobody minds", of(digests, "C: AUTH  PLAIN AHVzZXJAZXhhbXBsZS5jb20AaHVudGVyMg==\nS: 235 ok\n", quit), "", nil, ids("AUTH-EXTRA-SPACE")},
	{"534 to a mechanism that is not on offer", of(hello, "C: AUTH CRAM-MD5\nS: 534 5.7.9 no such thing\n", quit), "AUTH-MECH-NOT-OFFERED", nil, ids("AUTH-BAD-CREDENTIALS")},
	{"550 to a mechanism that is not on offer", of(hello, "C: AUTH XOAUTH2\nS: 550 no\n", quit), "AUTH-MECH-NOT-OFFERED", nil, ids("AUTH-BAD-CREDENTIALS")},
	{"535 5.7.3 to a mechanism that is not on offer", of(hello, "C: AUTH XOAUTH2\nS: 535 5.7.3 Authentication unsuccessful\n", quit), "AUTH-MECH-NOT-OFFERED", nil, ids("AUTH-O365-535-5.7.3")},
	{"534 before credentials", of(hello, "C: AUTH LOGIN\nS: 534 5.7.9 no\n", quit), "AUTH-REFUSED", nil, ids("AUTH-BAD-CREDENTIALS", "AUTH-MECH-NOT-OFFERED")},

	{"another mechanism is tried", of(hello, "C: AUTH NTLM\nS: 504 5.7.4 Unrecognized authentication type\n", plainBad, quit), "AUTH-BAD-CREDENTIALS", nil, nil},

	// Logins that the client cancels.
	{"cancelled, 501 5.5.2", of(hello, "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: *\nS: 501 5.5.2 Syntax error (unable to decode)\n", quit), "AUTH-ABORTED", nil, ids("AUTH-BASE64-INVALID")},
	{"cancelled, 535", of(hello, "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: *\nS: 535 5.7.8 authentication failed\n", quit), "AUTH-ABORTED", nil, ids("AUTH-BAD-CREDENTIALS")},
	{"cancelled, 454", of(hello, "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: *\nS: 454 4.7.0 aborted\n", quit), "AUTH-ABORTED", nil, ids("AUTH-TEMP-FAIL-4XX")},

	// Recipients.
	{"one refused, and the client gives up", of(loggedIn, mail, rcpt, unknown, rset, quit), "RCPT-UNKNOWN-550", nil, ids("RCPT-PARTIAL")},
	{"one refused, and the client leaves", of(loggedIn, mail, rcpt, unknown, "closed C"), "RCPT-UNKNOWN-550", nil, ids("RCPT-PARTIAL")},
	{"one refused, and the message too", of(loggedIn, mail, rcpt, unknown, content, "S: 554 5.7.1 spam\n", quit), "", nil, ids("RCPT-PARTIAL")},
	{"one refused in a transaction, all taken in another", of(loggedIn, mail, rcpt, unknown, rset, strings.ReplaceAll(mail, "user@", "other@"), rcpt, content, "S: 250 ok\n", quit), "", nil, ids("RCPT-PARTIAL")},
	{"one refused, the others get it", of(loggedIn, mail, rcpt, unknown, content, "S: 250 ok\n", quit), "RCPT-UNKNOWN-550", ids("RCPT-PARTIAL"), nil},

	// What follows from a refusal.
	{"all refused, 554 to DATA", of(digests, "C: MAIL FROM:<user@example.com>\nC: RCPT TO:<nobody@example.net>\nC: DATA\nS: 250 ok\nS: 550 5.1.1 User unknown\nS: 554 5.5.1 Error: no valid recipients\n", quit), "RCPT-UNKNOWN-550", nil, ids("MESSAGE-REFUSED", "DATA-NOT-354")},
	{"all refused, 503 to DATA", of(loggedIn, mail, unknown, "C: DATA\nS: 503 5.5.1 RCPT first\n", quit), "RCPT-UNKNOWN-550", nil, ids("BAD-SEQUENCE-503", "DATA-NOT-354", "RCPT-EMPTY")},
	{"all refused, 503 to BDAT", of(strings.Replace(loggedIn, "8BITMIME", "CHUNKING", 1), mail, unknown, `C: BDAT 3 LAST\r\nabc\`, "\nS: 503 5.5.1 no\n", quit), "RCPT-UNKNOWN-550", nil, ids("BDAT-MISUSE", "BAD-SEQUENCE-503")},
	{"sender refused, 503 to all that follows", of(loggedIn, "C: MAIL FROM:<user@example.com>\nS: 553 5.7.1 not owned by user\nC: RCPT TO:<to@example.net>\nS: 503 5.5.1 need MAIL command\nC: DATA\nS: 503 5.5.1 need RCPT\n", quit), "", nil, ids("BAD-SEQUENCE-503", "DATA-NOT-354")},
	{"no MAIL at all", of(loggedIn, "C: RCPT TO:<to@example.net>\nS: 503 5.5.1 need MAIL command\n", quit), "BAD-SEQUENCE-503", nil, nil},
	{"all taken, and DATA refused", of(loggedIn, mail, rcpt, "C: DATA\nS: 554 5.7.1 no\n", quit), "", nil, ids("RCPT-UNKNOWN-550")},

	// Commands that nobody knows, and text where commands belong.
	{"an unknown command after a message", of(hello, mail, rcpt, content, "S: 250 ok\nC: BOGUS\nS: 500 unrecognized command\n", quit), "SENT", ids("UNKNOWN-COMMAND-500"), ids("DOT-STUFFING-MISSING", "DATA-AS-COMMANDS")},
	{"an unknown command with an argument", of(hello, mail, rcpt, content, "S: 250 ok\nC: XSTATS all\nS: 502 not implemented\n", quit), "SENT", nil, ids("DOT-STUFFING-MISSING", "DATA-AS-COMMANDS")},
	{"an unknown command after a login and a message", of(loggedIn, mail, rcpt, content, "S: 250 ok\nC: BOGUS\nS: 500 unrecognized command\n", quit), "SENT", nil, ids("DOT-STUFFING-MISSING", "DATA-AS-COMMANDS")},
	{"the rest of a message", of(hello, mail, rcpt, content, "S: 250 ok\nC: and so on, as the text said\nS: 500 unrecognized command\nC: .\nS: 500 unrecognized command\n", quit), "", ids("DOT-STUFFING-MISSING", "DATA-AS-COMMANDS"), ids("UNKNOWN-COMMAND-500")},

	// Who left first, and where.
	{"the client resets in the message", of(hello, mail, rcpt, data, header, `C: \r\nhalf a line\`, "\nreset C"), "CONN-CLOSED-AFTER-DATA", nil, ids("FINAL-DOT-MISSING", "DATA-READ-421")},
	{"the client closes in the message", of(hello, mail, rcpt, data, header, `C: \r\nhalf a line\`, "\nclosed C"), "CONN-CLOSED-AFTER-DATA", nil, ids("FINAL-DOT-MISSING")},
	{"and the server says so", of(hello, mail, rcpt, data, header, `C: \r\nhalf a line\`, "\nclosed C\nS: 421 4.4.2 Lost incoming connection\n"), "CONN-CLOSED-AFTER-DATA", nil, ids("FINAL-DOT-MISSING", "DATA-READ-421", "SERVICE-CLOSING-421")},
	{"the client leaves in a chunk", of(strings.Replace(hello, "8BITMIME", "CHUNKING", 1), mail, rcpt, `C: BDAT 5000 LAST\r\nFrom: <a@example.com>\`, "\nreset C"), "CONN-CLOSED-AFTER-DATA", nil, ids("FINAL-DOT-MISSING")},
	{"the dot without its line end", of(hello, mail, rcpt, data, header, `C: \r\ntext\r\n.\`, "\nwait 60s\nclosed C"), "FINAL-DOT-MISSING", nil, ids("CONN-CLOSED-AFTER-DATA")},
	{"a dot with LF", of(hello, mail, rcpt, data, header, `C: \r\ntext\n.\n\`, "\nwait 60s\nclosed C"), "FINAL-DOT-MISSING", nil, ids("CONN-CLOSED-AFTER-DATA")},
	{"the server times out for want of a dot", of(hello, mail, rcpt, data, header, "C: \nC: text\nwait 300s\nS: 421 4.4.2 timeout\nclosed S\n"), "", nil, ids("CONN-CLOSED-AFTER-DATA")},

	{"the server leaves, and the client speaks all the same", of("tls\n", "S: 220 mx.example.org ESMTP\nclosed S\nC: EHLO www.example.com\nclosed C"), "CONN-CLOSED-MID-SESSION", nil, ids("CONN-CLOSED-AFTER-EHLO")},
	{"the server leaves after a message, and the client speaks all the same", of(loggedIn, mail, rcpt, content, "S: 250 ok\nclosed S\nC: MAIL FROM:<user@example.com>\nclosed C"), "KEEPALIVE-STALE", nil, nil},

	// TLS where lines belong.
	{"TLS after a refused STARTTLS", of(strings.Replace(hello, "8BITMIME", "STARTTLS", 1), "C: STARTTLS\nS: 454 4.7.0 TLS not available\n", `C: \x16\x03\x01\x00\x05he\nl\rlo`, "\nclosed C"), "TLS-454-UNAVAILABLE", nil, ids("BARE-LF", "BARE-CR", "UNKNOWN-COMMAND-500")},

	// A load balancer's header.
	{"PROXY v2 refused line by line", of("S: 220 mx.example.org ESMTP\n", `C: \r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x9c\x40\0\x19EHLO www.example.com`, "\nS: 500 5.5.1 unrecognized command\nS: 500 5.5.1 unrecognized command\nS: 500 5.5.1 unrecognized command\nS: 221 bye\n"), "PROXY-PROTOCOL-HEADER", nil, ids("UNKNOWN-COMMAND-500", "BARE-LF", "PIPELINING-MISUSE")},
	{"PROXY v2, the server leaves at its QUIT", of("S: 220 mx.example.org ESMTP\n", `C: \r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x9c\x40\0\x19EHLO www.example.com`, "\nS: 500 5.5.1 unrecognized command\nS: 500 5.5.1 unrecognized command\nS: 500 5.5.1 unrecognized command\nclosed S\nC: EHLO www.example.com\nclosed C"), "PROXY-PROTOCOL-HEADER", nil, ids("CONN-CLOSED-MID-SESSION", "CONN-CLOSED-AFTER-EHLO", "PIPELINING-MISUSE")},
	{"PROXY v1 refused, and EHLO after it", of("C: PROXY TCP4 192.0.2.7 192.0.2.8 40000 25\nC: EHLO www.example.com\nS: 220 mx.example.org ESMTP\nS: 500 5.5.1 unrecognized command\nS: 250 mx.example.org\n", quit), "PROXY-PROTOCOL-HEADER", nil, ids("UNKNOWN-COMMAND-500", "PIPELINING-MISUSE")},
}

// The sentence that claims an offer looks at the offer.
func TestMechanismSentences(t *testing.T) {
	for _, c := range []struct{ script, says, never string }{
		{hello + "C: AUTH CRAM-MD5\nS: 504 5.5.4 mechanism not supported\n", "login mechanism not offered", ""},
		{hello + "C: AUTH LOGIN\nS: 504 5.5.4 mechanism not supported\n", "login mechanism rejected", "not offered"},
		{"S: 220 mx\nC: AUTH LOGIN\nS: 504 5.5.4 mechanism not supported\n", "login mechanism rejected", "not offered"},
	} {
		r := findings.Analyze(play(t, c.script), lang.English)
		if !strings.Contains(r.Verdict.Text, c.says) || c.never != "" && strings.Contains(r.Verdict.Text, c.never) {
			t.Errorf("%s\nsays %q, want %q", c.script, r.Verdict.Text, c.says)
		}
	}
}
