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
	for _, want := range []string{"unknown_ca", "does not trust the certificate that smtptap showed it", "TLS-PROXY-CA-UNTRUSTED", "cafile"} {
		if !strings.Contains(show, want) {
			t.Errorf("%q is not in\n%s", want, show)
		}
	}
}
