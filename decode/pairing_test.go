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
