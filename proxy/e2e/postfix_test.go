package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// receivingPostfix is a Postfix that takes mail for everybody but one and
// throws it away.
func receivingPostfix(t *testing.T, settings ...string) *postfix {
	t.Helper()
	return startPostfix(t, "127.0.0.1:9", append([]string{
		"relayhost =",
		"default_transport = discard",
		"mynetworks = 127.0.0.1/32",
		"smtpd_recipient_restrictions = check_recipient_access inline:{bad@example.net=REJECT}, permit_mynetworks, reject",
	}, settings...)...)
}

// queued is Postfix's queue id in the verdict.
var queued = regexp.MustCompile(`accepted.*; queue id [0-9A-Z]+`)

// tlsClients are real clients that verify a certificate. port is smtptap's,
// implicit says whether it speaks TLS from the first byte, ca is the file with
// the local authority.
var tlsClients = []struct {
	name string
	need []string
	run  func(t *testing.T, port string, implicit bool, ca, message string)
}{
	{"PHPMailer", []string{"php", phpmailerAutoload}, func(t *testing.T, port string, implicit bool, ca, _ string) {
		secure := "tls"
		if implicit {
			secure = "ssl"
		}
		client(t, 0, "php", "testdata/phpmailer.php", "localhost", port, "to=rcpt@example.net", "secure="+secure, "cafile="+ca)
	}},
	{"swaks", []string{"swaks"}, func(t *testing.T, port string, implicit bool, ca, message string) {
		how := "--tls"
		if implicit {
			how = "--tls-on-connect"
		}
		client(t, 0, "swaks", "--server", "localhost", "--port", port, "--from", "sender@example.com", "--to", "rcpt@example.net",
			"--data", "@"+message, how, "--tls-verify", "--tls-ca-path", ca, "--tls-sni", "localhost")
	}},
	{"smtplib", []string{"/usr/bin/python3"}, func(t *testing.T, port string, implicit bool, ca, message string) {
		how := "starttls"
		if implicit {
			how = "implicit"
		}
		client(t, 0, "/usr/bin/python3", "testdata/smtplib_tls.py", port, how, ca, message)
	}},
	{"nodemailer", []string{"node", filepath.Join(nodeModules(), "nodemailer")}, func(t *testing.T, port string, implicit bool, ca, message string) {
		how := "starttls"
		if implicit {
			how = "implicit"
		}
		client(t, 0, "node", "testdata/nodemailer_tls.js", port, how, ca, message)
	}},
	{"msmtp", []string{"msmtp"}, func(t *testing.T, port string, implicit bool, ca, message string) {
		how := "on"
		if implicit {
			how = "off"
		}
		client(t, 0, "sh", "-c", "msmtp --host=localhost --port="+port+" --from=sender@example.com --auth=off --tls=on --tls-starttls="+how+
			" --tls-trust-file="+ca+" rcpt@example.net <"+message)
	}},
	{"openssl s_client", []string{"openssl"}, func(t *testing.T, port string, implicit bool, ca, _ string) {
		args := []string{"s_client", "-connect", "localhost:" + port, "-servername", "localhost", "-verify_return_error", "-verify_hostname", "localhost", "-CAfile", ca, "-quiet", "-crlf"}
		if !implicit {
			args = append(args, "-starttls", "smtp")
		}
		cmd := exec.Command("openssl", args...)
		cmd.Stdin = strings.NewReader("EHLO client.example.com\nMAIL FROM:<sender@example.com>\nRCPT TO:<rcpt@example.net>\nDATA\nSubject: x\n\nhello\n.\nQUIT\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}},
}

// Every client reaches a Postfix by STARTTLS and by TLS from the first byte,
// its verification on, and what it said is in the recording.
func TestPostfixOverTLS(t *testing.T) {
	need(t, "postfix", "openssl")
	t.Setenv("NODE_PATH", nodeModules())
	cert, key := makeCertificate(t)
	tls := []string{"smtpd_tls_cert_file = " + readable(t, cert), "smtpd_tls_key_file = " + readable(t, key), "smtpd_tls_security_level = may"}
	submission := receivingPostfix(t, tls...)
	smtps := receivingPostfix(t, append(tls, "smtpd_tls_wrappermode = yes")...)
	message := filepath.Join(t.TempDir(), "message.eml")
	if err := os.WriteFile(message, []byte("From: sender@example.com\r\nTo: rcpt@example.net\r\nSubject: x\r\n\r\nhello\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []struct {
		name, listen, target string
		implicit             bool
	}{
		{"STARTTLS", "127.0.0.1:0", "smtp://localhost:" + portOf(submission.Addr), false},
		{"implicit TLS", "tls:127.0.0.1:0", "smtps://localhost:" + portOf(smtps.Addr), true},
	} {
		for _, c := range tlsClients {
			t.Run(c.name+" by "+mode.name, func(t *testing.T) {
				need(t, c.need...)
				p := start(t, "-l", mode.listen, "--to", mode.target, "--server-ca", cert)
				c.run(t, p.port(), mode.implicit, strings.TrimSpace(p.smtptap(t, "ca", "path")), message)
				if r := p.recorded(t, 1)[0]; r.Outcome != "sent" || !r.TLS || r.Rcpt != "rcpt@example.net" {
					t.Errorf("listed as %+v", r)
				}
				show := p.smtptap(t, "show")
				if !queued.MatchString(show) || !strings.Contains(strings.ToUpper(show), "~> MAIL FROM:<SENDER@EXAMPLE.COM>") || !strings.Contains(show, "TLS 1.3 with the server") {
					t.Errorf("shown as\n%s", show)
				}
			})
		}
	}
}

// Without TLS, too: Postfix gets the message, or refuses a recipient, and the
// export is what PHPMailer printed.
func TestPostfixPlain(t *testing.T) {
	need(t, "postfix", "php", phpmailerAutoload)
	mta := receivingPostfix(t)
	for _, c := range []struct {
		rcpt    []string
		code    int
		outcome string
	}{
		{[]string{"to=rcpt@example.net"}, 0, "sent"},
		{[]string{"to=bad@example.net", "to=rcpt@example.net"}, 1, "partly"},
		{[]string{"to=bad@example.net"}, 1, "refused"},
	} {
		p := start(t, "--to", "smtp://"+mta.Addr)
		printed := client(t, c.code, "php", append([]string{"testdata/phpmailer.php", "127.0.0.1", p.port()}, c.rcpt...)...)
		if r := p.recorded(t, 1)[0]; r.Outcome != c.outcome {
			t.Errorf("%v: listed as %+v", c.rcpt, r)
		}
		if got := p.smtptap(t, "export", "-f", "phpmailer"); clock.ReplaceAllString(got, "CLOCK\t") != clock.ReplaceAllString(printed, "CLOCK\t") {
			t.Errorf("%v: exported\n%s\nPHPMailer printed\n%s", c.rcpt, got, printed)
		}
	}
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// readable copies a file to where Postfix's daemons can read it.
func readable(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "smtptap-tls-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(copied, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return copied
}
