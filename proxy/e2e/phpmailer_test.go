package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const phpmailerAutoload = "/usr/share/php/libphp-phpmailer/autoload.php"

// clock is the time stamp at the start of a line of PHPMailer's log.
var clock = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t`)

// The phpmailer export is, line for line, what PHPMailer printed of the same
// session, the clock apart.
func TestPHPMailerExportIsItsOwnLog(t *testing.T) {
	need(t, "php", phpmailerAutoload, "/usr/bin/python3")
	for _, c := range []struct {
		name      string
		server    []string
		settings  []string
		code      int
		outcome   string
		mustPrint string
	}{
		{"success", nil, []string{"to=rcpt@example.net"}, 0, "sent", "250 2.0.0 queued as 4711"},
		{"success with AUTH LOGIN", []string{"--auth"}, []string{"to=rcpt@example.net", "auth=LOGIN", "password=right"}, 0, "sent", "[credentials hidden]"},
		{"success with AUTH PLAIN", []string{"--auth"}, []string{"to=rcpt@example.net", "auth=PLAIN", "password=right"}, 0, "sent", "[credentials hidden]"},
		{"a recipient is refused", []string{"--reject", "bad@example.net"}, []string{"to=bad@example.net", "to=rcpt@example.net"}, 1, "partly", "The following recipients failed"},
		{"all recipients are refused", []string{"--reject", "bad@example.net", "--reject", "worse@example.net"},
			[]string{"to=bad@example.net", "to=worse@example.net"}, 1, "refused", "The following recipients failed"},
		{"AUTH fails", []string{"--auth"}, []string{"to=rcpt@example.net", "auth=LOGIN", "password=wrong"}, 1, "refused", "Could not authenticate"},
		{"the sender is refused", []string{"--auth"}, []string{"to=rcpt@example.net"}, 1, "refused", "The following From address failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, _ := server(t, "/usr/bin/python3", append([]string{"testdata/aiosmtpd_server.py"}, c.server...)...)
			p := start(t, "--to", "smtp://"+addr)
			printed := client(t, c.code, "php", append([]string{"testdata/phpmailer.php", "127.0.0.1", p.port()}, c.settings...)...)
			if !strings.Contains(printed, c.mustPrint) {
				t.Fatalf("PHPMailer did not print %q:\n%s", c.mustPrint, printed)
			}
			if r := p.recorded(t, 1)[0]; r.Outcome != c.outcome {
				t.Errorf("outcome is %q, want %q", r.Outcome, c.outcome)
			}
			got := p.smtptap(t, "export", "-f", "phpmailer")
			if want := clock.ReplaceAllString(printed, "CLOCK\t"); clock.ReplaceAllString(got, "CLOCK\t") != want {
				t.Errorf("exported\n%s\nPHPMailer printed\n%s", got, printed)
			}
		})
	}
}

// What PHPMailer sends arrives, byte for byte, and eml gives it back.
func TestPHPMailerMessageArrives(t *testing.T) {
	need(t, "php", phpmailerAutoload, "/usr/bin/python3")
	addr, said := server(t, "/usr/bin/python3", "testdata/aiosmtpd_server.py")
	p := start(t, "--to", "smtp://"+addr)
	client(t, 0, "php", "testdata/phpmailer.php", "127.0.0.1", p.port(), "to=rcpt@example.net")
	r := p.recorded(t, 1)[0]
	if r.Subject != "易联云验证码" || r.From != "sender@example.com" || r.Rcpt != "rcpt@example.net" {
		t.Errorf("listed as %+v", r)
	}
	eml := filepath.Join(t.TempDir(), "mail.eml")
	p.smtptap(t, "export", "-f", "eml", "-o", eml)
	got, err := os.ReadFile(eml)
	if err != nil {
		t.Fatal(err)
	}
	if want := delivered(t, said)[0].content(t); string(got) != want {
		t.Errorf("eml holds\n%q\nthe server got\n%q", got, want)
	}
	show := p.smtptap(t, "show")
	for _, want := range []string{"易联云验证码", " -> EHLO client.example.com", "<-  220 mx.example.org"} {
		if !strings.Contains(show, want) {
			t.Errorf("show does not hold %q:\n%s", want, show)
		}
	}
}
