package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// makeCertificate makes a self-signed certificate for localhost.
func makeCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	client(t, 0, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
		"-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
	return cert, key
}

// A PHPMailer that does not trust the local authority says so in an alert that
// OpenSSL sends in clear; smtptap tells what it means and what to paste.
func TestPHPMailerDoesNotTrustTheAuthority(t *testing.T) {
	need(t, "php", phpmailerAutoload, "/usr/bin/python3", "openssl")
	cert, key := makeCertificate(t)
	addr, _ := server(t, "/usr/bin/python3", "testdata/aiosmtpd_server.py", "--cert", cert, "--key", key)
	_, port, _ := strings.Cut(addr, ":")
	p := start(t, "--to", "localhost:"+port, "--server-ca", cert)
	client(t, 1, "php", "testdata/phpmailer.php", "localhost", p.port(), "to=rcpt@example.net", "secure=tls")
	if r := p.recorded(t, 1)[0]; r.Outcome != "failed" {
		t.Errorf("listed as %+v", r)
	}
	show := p.smtptap(t, "show")
	for _, want := range []string{"unknown_ca", "does not trust the certificate that smtptap showed it", "TLS-CERT-VERIFY-FAIL", "cafile"} {
		if !strings.Contains(show, want) {
			t.Errorf("%q is not in\n%s", want, show)
		}
	}
}

// With the authority's certificate as its cafile PHPMailer sends, verification
// on, and the dialogue inside TLS is in the recording.
func TestPHPMailerTrustsTheAuthority(t *testing.T) {
	need(t, "php", phpmailerAutoload, "/usr/bin/python3", "openssl")
	cert, key := makeCertificate(t)
	for _, c := range []struct {
		name, secure string
		server       []string
		listen       string
		target       string
	}{
		{"STARTTLS", "tls", nil, "127.0.0.1:0", "localhost:"},
		{"TLS from the first byte", "ssl", []string{"--smtps"}, "tls:127.0.0.1:0", "smtps://localhost:"},
		{"TLS to smtptap, STARTTLS to the server", "ssl", nil, "tls:127.0.0.1:0", "localhost:"},
		{"plain to smtptap, TLS to the server", "", []string{"--smtps"}, "127.0.0.1:0", "smtps://localhost:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, said := server(t, "/usr/bin/python3", append([]string{"testdata/aiosmtpd_server.py", "--auth", "--cert", cert, "--key", key}, c.server...)...)
			_, port, _ := strings.Cut(addr, ":")
			p := start(t, "-l", c.listen, "--to", c.target+port, "--server-ca", cert, "--tls-to-server")
			ca := strings.TrimSpace(p.smtptap(t, "ca", "path"))
			client(t, 0, "php", "testdata/phpmailer.php", "localhost", p.port(), "to=rcpt@example.net", "secure="+c.secure, "cafile="+ca, "auth=LOGIN", "password=right")
			if r := p.recorded(t, 1)[0]; r.Outcome != "sent" || !r.TLS || r.User != "user@example.com" || r.Subject != "易联云验证码" {
				t.Errorf("listed as %+v", r)
			}
			if got, want := p.smtptap(t, "export", "-f", "eml"), delivered(t, said)[0].content(t); got != want {
				t.Errorf("eml holds\n%q\nthe server got\n%q", got, want)
			}
		})
	}
}
