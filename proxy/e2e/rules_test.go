package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Real clients hear what rules say, and the recording tells that a rule said it.
// Each client runs against one smtptap, whose rules take its sessions in turn.
func TestRules(t *testing.T) {
	file := filepath.Join(t.TempDir(), "message.eml")
	if err := os.WriteFile(file, []byte("From: sender@example.com\r\nTo: rcpt@example.net\r\nSubject: x\r\n\r\nhello\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NODE_PATH", nodeModules())
	turns := []struct{ rule, outcome, finding string }{
		{"RCPT@1/run=550 5.1.1 nobody here", "failed", "RULE-ANSWERED"},
		{"DATA.end@1/run=drop", "failed", "RULE-ENDED"},
		{"DATA.end@2/run=451 4.3.0 later", "failed", "RULE-ANSWERED"},
		{"DATA.end@3/run=delay 200ms", "sent", "RULE-SLOWED"},
		{"MAIL@5/run=edit s/sender@/somebody@/", "sent", "RULE-CHANGED"},
	}
	for _, c := range []struct {
		name string
		need []string
		run  func(t *testing.T, port string, code int) string
		says string // at the first turn
	}{
		{"PHPMailer", []string{"php", phpmailerAutoload}, func(t *testing.T, port string, code int) string {
			return client(t, code, "php", "testdata/phpmailer.php", "127.0.0.1", port, "to=rcpt@example.net")
		}, "nobody here"},
		{"nodemailer", []string{"node", filepath.Join(nodeModules(), "nodemailer")}, func(t *testing.T, port string, code int) string {
			return client(t, code, "node", "testdata/nodemailer.js", port, file)
		}, "550 5.1.1 [smtptap] nobody here"},
		{"smtplib", []string{"/usr/bin/python3"}, func(t *testing.T, port string, code int) string {
			return client(t, code, "/usr/bin/python3", "testdata/smtplib_client.py", port, file)
		}, "SMTPRecipientsRefused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			need(t, c.need...)
			args := []string{}
			for _, turn := range turns {
				args = append(args, "--rule", turn.rule)
			}
			p := start(t, args...)
			for i, turn := range turns {
				code := 0
				if turn.outcome != "sent" {
					code = 1
				}
				if said := c.run(t, p.port(), code); i == 0 && !strings.Contains(said, c.says) {
					t.Errorf("the client did not say %q:\n%s", c.says, said)
				}
			}
			for i, r := range p.recorded(t, len(turns)) {
				turn := turns[i]
				if show := p.smtptap(t, "show", r.ID); r.Outcome != turn.outcome || !strings.Contains(show, turn.finding) {
					t.Errorf("%s: outcome %s, want %s with %s:\n%s", turn.rule, r.Outcome, turn.outcome, turn.finding, show)
				}
			}
		})
	}
}
