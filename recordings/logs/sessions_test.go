package logs_test

import (
	"fmt"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/recordings/logs"
)

// TestSessions reads logs of several connections.
func TestSessions(t *testing.T) {
	t.Parallel()
	phpmailer := func(lines ...string) string {
		var b strings.Builder
		for _, l := range lines {
			side := "SERVER -> CLIENT"
			if l[0] > '9' {
				side = "CLIENT -> SERVER"
			}
			fmt.Fprintf(&b, "2024-06-03 10:00:00 %s: %s\n", side, l)
		}
		return b.String()
	}
	good := phpmailer("220 one", "EHLO a", "250 one", "MAIL FROM:<a@example.org>", "250 ok", "RCPT TO:<b@example.net>", "250 ok", "DATA", "354 go", "Subject: x", ".", "250 ok queued as 77", "QUIT", "221 bye")
	bad := phpmailer("220 two", "EHLO a", "250 two", "MAIL FROM:<a@example.org>", "550 no", "QUIT", "221 bye")
	for _, test := range []struct {
		name     string
		text     string
		verdicts []string // of each session: "SENT", or anything else for a failure
		decisive int
	}{
		{"one after the other", good + bad, []string{"SENT", ""}, 1},
		{"both good", good + good, []string{"SENT", "SENT"}, 0},
		{"two messages on one connection", phpmailer("220 x", "EHLO a", "250 x", "MAIL FROM:<a@example.org>", "250 ok", "RSET", "250 ok", "MAIL FROM:<a@example.org>", "250 ok"), []string{""}, 0},
		{"STARTTLS is no new connection", phpmailer("220 x", "EHLO a", "250-x", "250 STARTTLS", "STARTTLS", "220 go", "EHLO a", "250 x", "QUIT", "221 bye"), []string{""}, 0},
		{"attempts that failed stay with the one that came about",
			"SMTP ERROR: Failed to connect to server: Connection refused (111)\nSMTP connect() failed.\n" + good, []string{"SENT"}, 0},
		{"interleaved", "[2024-06-03 10:00:00] DEBUG [AAAAAAAAAAA] S: 220 one\n[2024-06-03 10:00:00] DEBUG [BBBBBBBBBBB] S: 220 two\n" +
			"[2024-06-03 10:00:00] DEBUG [AAAAAAAAAAA] C: EHLO a\n[2024-06-03 10:00:00] DEBUG [BBBBBBBBBBB] C: EHLO b\n" +
			"[2024-06-03 10:00:00] DEBUG [BBBBBBBBBBB] S: 250 two\n[2024-06-03 10:00:00] DEBUG [AAAAAAAAAAA] S: 554 no\n", []string{"", ""}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			all, err := logs.ParseAll(strings.NewReader(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if len(all) != len(test.verdicts) {
				t.Fatalf("%d sessions, want %d\n%s", len(all), len(test.verdicts), render(all))
			}
			for i, want := range test.verdicts {
				if got := verdict(all[i]); (got == "SENT") != (want == "SENT") {
					t.Errorf("session %d: verdict %s", i, got)
				}
			}
			if got := logs.Decisive(all); got != test.decisive {
				t.Errorf("session %d is taken for the decisive one, want %d", got, test.decisive)
			}
			one, err := logs.Parse(strings.NewReader(test.text))
			if err != nil || render([]*decode.Transcript{one}) != render(all[test.decisive:test.decisive+1]) {
				t.Errorf("Parse gives another session (%v)", err)
			}
		})
	}
}
