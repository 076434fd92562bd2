package decode_test

import (
	"fmt"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/who"
)

// Replies are paired by what they prove where peers leave something unanswered
// or say more than they were asked. Each line tells a reply and what it answers.
func TestPairing(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"an empty line ignored":               {`S: 220 hi|C: |C: EHLO a|S: 250 mx|C: NOOP|S: 250 ok`, "250 EHLO, 250 NOOP"},
		"an empty line answered":              {`S: 220 hi|C: |S: 500 what|C: EHLO a|S: 250 mx`, "500 , 250 EHLO"},
		"empty lines, a refusal for policy":   {`S: 220 hi|C: |C: EHLO a|S: 554 go away`, "554 EHLO"},
		"PROXY header ignored":                {`C: PROXY TCP4 192.0.2.1 192.0.2.2 1 25|S: 220 hi|C: EHLO a|S: 250 mx`, "250 EHLO"},
		"PROXY header answered":               {`C: PROXY TCP4 192.0.2.1 192.0.2.2 1 25|S: 220 hi|S: 500 what|C: EHLO a|S: 250 mx`, "500 PROXY, 250 EHLO"},
		"PROXY header after the greeting":     {`S: 220 hi|C: PROXY UNKNOWN|C: EHLO a|S: 250 mx`, "250 EHLO"},
		"no PROXY header":                     {`S: 220 hi|C: PROXY ME|S: 500 what|C: EHLO a|S: 250 mx`, "500 PROXY, 250 EHLO"},
		"a command unanswered, then 354":      {`S: 220 hi|C: NOOP|C: DATA|S: 354 go|C: .|S: 250 ok`, "354 DATA, 250 ."},
		"a command unanswered, then 235":      {`S: 220 hi|C: NOOP|C: AUTH PLAIN AGEAYg==|S: 235 ok`, "235 AUTH"},
		"a command unanswered, then 535":      {`S: 220 hi|C: NOOP|C: AUTH PLAIN AGEAYg==|S: 535 no|C: RSET|S: 250 ok`, "535 AUTH, 250 RSET"},
		"a command unanswered, then the list": {`S: 220 hi|C: NOOP|C: EHLO a|S: 250-mx|S: 250-SIZE 1|S: 250 STARTTLS|C: RSET|S: 250 ok`, "250 EHLO, 250 RSET"},
		"a command unanswered, then 220":      {`S: 220 hi|C: NOOP|C: STARTTLS|S: 220 go`, "220 STARTTLS"},
		"EHLO answered twice":                 {`S: 220 hi|C: EHLO a|S: 250 mx|S: 250 mx|C: NOOP|S: 250 ok`, "250 EHLO, 250 -, 250 NOOP"},
		"a 250 before the 220 of STARTTLS":    {`S: 220 hi|C: STARTTLS|S: 250 mx|S: 220 go`, "250 -, 220 STARTTLS"},
		"a 250 before the 354 of DATA":        {`S: 220 hi|C: DATA|S: 250 mx|S: 354 go|C: x|C: .|S: 250 ok`, "250 DATA, 354 DATA, 250 ."},
		"a leading blank":                     {`S: 220 hi|C:  data|S: 354 go|C: x|C: .|S: 250 ok`, "354 DATA, 250 ."},
		"a chunk with a sign is none":         {`S: 220 hi|C: BDAT +6 LAST|C: NOOP|S: 501 no|S: 250 ok`, "501 BDAT, 250 NOOP"},
		"an unknown reply within another":     {`S: 220 hi|C: NOOP|S: 250-a|S: foo bar|S: 250 b`, "250 NOOP"},
		"a reply without text":                {`S: 220 hi|C: NOOP|S: 250|C: RSET|S: 2500 x`, "250 NOOP, 0 RSET"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			r := decodeScript(t, strings.ReplaceAll(c.script, "|", "\n"))
			for _, e := range r.events {
				if e.Kind != decode.KindReply {
					continue
				}
				verb := e.Reply.ToVerb
				if e.Reply.To < 0 {
					verb = "-"
				}
				got = append(got, fmt.Sprintf("%d %s", e.Reply.Code, verb))
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("got %s, want %s\n%s", s, c.want, shown(r.events))
			}
		})
	}
}

// In LMTP every recipient that was accepted has a reply after the message (RFC
// 2033 section 4.2).
func TestLMTP(t *testing.T) {
	const two = `S: 220 hi|C: LHLO a|S: 250-mx|S: 250 PIPELINING|C: MAIL FROM:<a@x.example>|S: 250 ok|C: RCPT TO:<b@x.example>|S: 250 ok|C: RCPT TO:<c@x.example>|S: 550 no|C: RCPT TO:<d@x.example>|S: 250 ok|`
	const before = "250 LHLO, 250 MAIL, 250 RCPT, 550 RCPT, 250 RCPT, "
	for name, c := range map[string]struct{ script, want string }{
		"both taken":             {two + `C: DATA|S: 354 go|C: .|S: 250 ok|S: 250 ok|C: QUIT|S: 221 bye`, before + "354 DATA, 250 . b@x.example, 250 . d@x.example, 221 QUIT"},
		"the second refused":     {two + `C: DATA|S: 354 go|C: .|S: 250 ok|S: 452 full|C: NOOP|S: 250 ok`, before + "354 DATA, 250 . b@x.example, 452 . d@x.example, 250 NOOP"},
		"DATA refused":           {two + `C: DATA|S: 451 later|C: RSET|S: 250 ok`, before + "451 DATA, 250 RSET"},
		"the next message":       {two + `C: DATA|S: 354 go|C: .|S: 250 ok|S: 250 ok|C: MAIL FROM:<>|S: 250 ok|C: RCPT TO:<e@x.example>|S: 250 ok|C: DATA|S: 354 go|C: .|S: 250 ok|C: QUIT|S: 221 bye`, before + "354 DATA, 250 . b@x.example, 250 . d@x.example, 250 MAIL, 250 RCPT, 354 DATA, 250 . e@x.example, 221 QUIT"},
		"chunks":                 {two + `C: BDAT 1|C: x\|S: 250 ok|C: BDAT 1 LAST|C: x\|S: 250 ok|S: 550 no|C: QUIT|S: 221 bye`, before + "250 BDAT, 250 BDAT b@x.example, 550 BDAT d@x.example, 221 QUIT"},
		"all at once":            {`S: 220 hi|C: LHLO a|S: 250-mx|S: 250 CHUNKING|C: MAIL FROM:<>|C: RCPT TO:<b@x.example>|C: RCPT TO:<c@x.example>|C: BDAT 1 LAST|C: xQUIT|S: 250 ok|S: 250 ok|S: 250 ok|S: 550 no|S: 250 ok|S: 221 bye`, "250 LHLO, 250 MAIL, 250 RCPT, 250 RCPT, 550 BDAT b@x.example, 250 BDAT c@x.example, 221 QUIT"},
		"RSET forgets":           {two + `C: RSET|S: 250 ok|C: MAIL FROM:<>|S: 250 ok|C: RCPT TO:<e@x.example>|S: 250 ok|C: DATA|S: 354 go|C: .|S: 250 ok|C: NOOP|S: 250 ok`, before + "250 RSET, 250 MAIL, 250 RCPT, 354 DATA, 250 . e@x.example, 250 NOOP"},
		"a server that says one": {two + `C: DATA|S: 354 go|C: .|S: 250 ok|C: QUIT|S: 221 bye`, before + "354 DATA, 250 . b@x.example, 221 QUIT"},
		"LHLO refused":           {`S: 220 hi|C: LHLO a|S: 500 what|C: EHLO a|S: 250 mx|C: MAIL FROM:<>|S: 250 ok|C: RCPT TO:<b>|S: 250 ok|C: RCPT TO:<c>|S: 250 ok|C: DATA|S: 354 go|C: .|S: 250 ok|C: NOOP|S: 250 ok`, "500 LHLO, 250 EHLO, 250 MAIL, 250 RCPT, 250 RCPT, 354 DATA, 250 ., 250 NOOP"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range decodeScript(t, strings.ReplaceAll(c.script, "|", "\n")).events {
				if e.Kind == decode.KindReply {
					got = append(got, strings.TrimSpace(fmt.Sprintf("%d %s %s", e.Reply.Code, e.Reply.ToVerb, e.Reply.For)))
				}
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
}

// A PROXY header is an event of its own, cut anywhere, and no command.
func TestProxyHeader(t *testing.T) {
	for _, header := range []string{"PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n", proxyV2} {
		for size := 1; size <= len(header)+4; size++ {
			r := run([]turn{{who.Client, header + "EHLO a.example\r\n"}, {who.Server, "220 hi\r\n250 mx\r\n"}}, func(n int) int { return min(n, size) })
			want := "C opaque !proxy-protocol\nC command EHLO \"a.example\" !early-talker\nS greeting 220 to \"\"\nS reply 250 to \"EHLO\""
			if got := strings.TrimSpace(shown(r.events)); got != want {
				t.Fatalf("in pieces of %d:\n%s\nwant\n%s", size, got, want)
			}
			if string(r.events[0].Raw) != header {
				t.Fatalf("raw %q", r.events[0].Raw)
			}
		}
	}
}

// TLS after STARTTLS and a 220 is TLS, whatever the 220 was taken for.
func TestTLSByEvidence(t *testing.T) {
	d := decode.Dialogue{Gate: true}
	for _, s := range []turn{{who.Server, "220 hi\r\n"}, {who.Client, "STARTTLS\r\n"}, {who.Server, "454 no\r\n"}, {who.Server, "220 go\r\n"}} {
		if out := d.Feed(0, s.side, []byte(s.text)); out.Accepted {
			t.Fatalf("accepted at %q", s.text)
		}
	}
	if out := d.Feed(0, who.Client, []byte("\x16\x03\x01")); !out.Accepted || out.N != 0 {
		t.Errorf("took %d, accepted %v", out.N, out.Accepted)
	}
	d = decode.Dialogue{}
	d.Feed(0, who.Server, []byte("220 hi\r\n"))
	if out := d.Feed(0, who.Client, []byte("NOOP\r\n\x16\x03\x01")); out.Accepted {
		t.Error("nobody has asked for TLS")
	}
}
