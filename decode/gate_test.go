package decode_test

import (
	"testing"

	"smtptap/decode"
	"smtptap/decode/who"
)

// A caller with a gate learns from every Feed whether it must be shut, also
// when a STARTTLS comes to light only as the DATA before it is refused, and
// bytes after it have been sent on.
func TestGate(t *testing.T) {
	type step struct {
		side who.Party
		text string
		n    int
		hold bool
	}
	const client, server = who.Client, who.Server
	for name, steps := range map[string][]step{
		"refused": {
			{client, "STARTTLS\r\nNOOP\r\n", 10, true},
			{client, "NOOP\r\n", 0, true},
			{server, "454 ", 4, true},
			{server, "no\r\n", 4, false},
			{client, "NOOP\r\n", 6, false},
		},
		"accepted": {
			{client, "STARTTLS\r\n", 10, true},
			{server, "220 go\r\nmore", 8, false},
		},
		"found late": {
			{client, "DATA\r\nSTARTTLS\r\nNOOP\r\n", 22, false},
			{server, "554 no\r\n", 8, true},
			{client, "RSET\r\n", 0, true},
			{server, "454 no\r\n", 8, false},
			{client, "RSET\r\n", 6, false},
		},
		"found late and refused at once": {
			{client, "DATA\r\nSTARTTLS\r\nNOOP\r\n", 22, false},
			{server, "554 no\r\n454 no\r\n", 16, false},
		},
		"found late, twice": {
			{client, "DATA\r\nSTARTTLS\r\nSTARTTLS\r\nNOOP\r\n", 32, false},
			{server, "554 no\r\n454 no\r\n", 16, true},
			{server, "454 no\r\n", 8, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := decode.Dialogue{Gate: true}
			d.Feed(0, server, []byte("220 ready\r\n"))
			for _, s := range steps {
				out := d.Feed(0, s.side, []byte(s.text))
				if out.N != s.n || out.HoldClient != s.hold {
					t.Fatalf("%v %q: took %d, hold %v; want %d, %v", s.side, s.text, out.N, out.HoldClient, s.n, s.hold)
				}
			}
		})
	}
}

// A caller learns what the next reply will answer, before it comes.
func TestDue(t *testing.T) {
	type step struct {
		side who.Party
		text string
		due  string
	}
	const client, server = who.Client, who.Server
	var d decode.Dialogue
	for _, s := range []step{
		{client, "EHLO a.example\r\n", ""}, // the greeting comes first
		{server, "220 ready\r\n", "EHLO"},
		{server, "250-mx.exa", "EHLO"},
		{server, "mple\r\n", "EHLO"},
		{server, "250 SIZE\r\n", ""},
		{client, "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nEHLO a.ex", "MAIL"},
		{server, "250 ok\r\n", "RCPT"},
		{client, "ample\r\nDATA\r\n", "RCPT"},
		{server, "250 ok\r\n", "EHLO"},
		{server, "250 mx.example\r\n", "DATA"},
		{server, "354 go\r\n", ""},
		{client, "Subject: x\r\n\r\nEHLO a.example\r\n", ""},
		{client, ".\r\n", "."},
		{server, "250 queued\r\n", ""},
	} {
		if out := d.Feed(0, s.side, []byte(s.text)); out.Due != s.due {
			t.Fatalf("%v %q: %q is due, want %q", s.side, s.text, out.Due, s.due)
		}
	}
}

// When the server sends no more, nothing is held that nobody would let go.
func TestGateWithoutServer(t *testing.T) {
	d := decode.Dialogue{Gate: true}
	d.Feed(0, who.Server, []byte("220 ready\r\n"))
	d.Closed(0, who.Server)
	const text = "STARTTLS\r\nNOOP\r\n"
	if out := d.Feed(0, who.Client, []byte(text)); out.N != len(text) || out.HoldClient {
		t.Errorf("took %d of %d bytes, hold %v", out.N, len(text), out.HoldClient)
	}
}
