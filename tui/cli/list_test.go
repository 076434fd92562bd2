package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/visible"
	"smtptap/recordings/transcript"
)

// The table fits the terminal, and says why mail was not sent.
func TestListTable(t *testing.T) {
	rows := []transcript.Summary{
		{ID: "20260102-030405-006-abcde", Started: time.Now(), Outcome: outcome.Sent, Code: 250, Server: "mail.example.com:587", From: "ann@example.org", Rcpt: "bob@example.net", Rcpts: 3, Size: 1500, Took: 2 * time.Second, Subject: "易联云验证码 " + strings.Repeat("long ", 60)},
		{ID: "20260102-030405-007-abcdf", Started: time.Now(), Outcome: outcome.Refused, Code: 550, From: strings.Repeat("a", 100) + "@example.org", Rcpt: "bob@example.net", Rcpts: 1, Subject: "hello", Verdict: "550 5.1.1 no such\x1b[2J user"},
		{ID: "20260102-030405-008-abcdg", Started: time.Now(), Outcome: outcome.Nothing, SecretsKept: true},
	}
	for _, c := range []struct {
		room        int
		has, hasNot string
	}{
		{0, "SERVER  FROM SIZE  TOOK SUBJECT / REASON", ""},
		{200, "SERVER FROM TO SIZE TOOK", ""},
		{100, "OUTCOME TO REASON", "SERVER TOOK SIZE"},
		{60, "OUTCOME REASON", "SERVER FROM CODE"},
		{40, "ID OUTCOME", "FROM TO"},
	} {
		var b bytes.Buffer
		(&Program{lang: lang.English}).listTable(&b, rows, c.room)
		head, _, _ := strings.Cut(b.String(), "\n")
		for _, name := range strings.Fields(c.has) {
			if !strings.Contains(head, name) {
				t.Errorf("%d columns: %s is not in %q", c.room, name, head)
			}
		}
		for _, name := range strings.Fields(c.hasNot) {
			if strings.Contains(head, name+" ") {
				t.Errorf("%d columns: %s is in %q", c.room, name, head)
			}
		}
		for line := range strings.Lines(b.String()) {
			if n := visible.Width(strings.TrimSuffix(line, "\n")); c.room > 0 && n > max(c.room, 42) {
				t.Errorf("%d columns: %d in %q", c.room, n, line)
			}
		}
		if c.room >= 60 || c.room == 0 {
			for _, text := range []string{"550 5.1.1 no such", "(holds passwords)", "易联云"} {
				if !strings.Contains(b.String(), text) {
					t.Errorf("%d columns: %q is not in\n%s", c.room, text, b.String())
				}
			}
		}
	}
}
