package e2e

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// languages are the mail libraries of other languages, as programs that send
// one message: PORT PASSWORD RECIPIENT...
var languages = []struct {
	name string
	need []string
	run  []string
}{
	{"Go net/smtp", []string{"go"}, []string{"go", "run", "testdata/netsmtp.go"}},
	{"Symfony Mailer", []string{"php", "/usr/share/php/Symfony/Component/Mailer/autoload.php"}, []string{"php", "testdata/symfony.php"}},
	{"JavaMail", []string{"java", "/usr/share/java/javax.mail.jar", "/usr/share/java/javax.activation.jar"},
		[]string{"java", "-cp", "/usr/share/java/javax.mail.jar:/usr/share/java/javax.activation.jar", "testdata/Send.java"}},
	{"Ruby mail", []string{"ruby", "/usr/share/doc/ruby-mail"}, []string{"ruby", "testdata/mail.rb"}},
	{"Perl Email::Sender", []string{"perl", "/usr/share/perl5/Email/Sender/Transport/SMTP.pm"}, []string{"perl", "testdata/email_sender.pl"}},
}

// told is what an export as JSON says of a session.
type told struct {
	Verdict  struct{ ID, Severity string }
	Findings []struct{ ID, Severity, Text string }
}

// tells reads the newest recording. Findings that only advise are left out.
func (p *tap) tells(t *testing.T) (verdict string, findings []string) {
	t.Helper()
	var all told
	if err := json.Unmarshal([]byte(p.smtptap(t, "export", "-f", "json")), &all); err != nil {
		t.Fatal(err)
	}
	for _, f := range all.Findings {
		if f.Severity != "advice" {
			findings = append(findings, f.ID)
		}
	}
	return all.Verdict.ID, findings
}

// Every library's success, wrong password and refused recipient are told as
// what they are, and nothing else is found in them.
func TestLanguages(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			need(t, append(l.need, "/usr/bin/python3")...)
			addr, _ := server(t, "/usr/bin/python3", "testdata/aiosmtpd_server.py", "--auth", "--reject", "bad@example.net")
			for _, c := range []struct {
				password, rcpt   string
				code             int
				outcome, verdict string
				findings         []string
			}{
				{"right", "rcpt@example.net", 0, "sent", "SENT", nil},
				{"wrong", "rcpt@example.net", 1, "refused", "AUTH-BAD-CREDENTIALS", []string{"AUTH-BAD-CREDENTIALS"}},
				{"right", "bad@example.net", 1, "refused", "RCPT-UNKNOWN-550", []string{"RCPT-UNKNOWN-550"}},
			} {
				p := start(t, "--to", "smtp://"+addr)
				args := append(slices.Clone(l.run[1:]), p.port(), c.password, c.rcpt)
				if code := status(t, l.run[0], args...); (code != 0) != (c.code != 0) {
					t.Errorf("%s, %s: exit status %d", c.password, c.rcpt, code)
				}
				if r := p.recorded(t, 1)[0]; r.Outcome != c.outcome || r.User != "user@example.com" {
					t.Errorf("%s, %s: listed as %+v", c.password, c.rcpt, r)
				}
				if verdict, findings := p.tells(t); verdict != c.verdict || !slices.Equal(findings, c.findings) {
					t.Errorf("%s, %s: verdict %s, findings %q", c.password, c.rcpt, verdict, findings)
				}
			}
		})
	}
}

// status runs a program and returns its exit status.
func status(t *testing.T, name string, args ...string) int {
	t.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	t.Logf("%s %s: %s", name, strings.Join(args, " "), out)
	return cmd.ProcessState.ExitCode()
}
