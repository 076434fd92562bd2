package e2e

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/proxy/handshake/certtest"
)

// swaksTLS sends one message through p over STARTTLS and returns what swaks
// printed. swaks verifies smtptap.
func swaksTLS(t *testing.T, wantCode int, p *tap) string {
	t.Helper()
	return client(t, wantCode, "swaks", "--server", "127.0.0.1", "--port", p.port(), "--tls", "--tls-verify", "--tls-ca-path", p.authority(t),
		"--from", "sender@example.com", "--to", "rcpt@example.net")
}

// shows looks for text in what `show` prints of the newest recording.
func (p *tap) shows(t *testing.T, want ...string) {
	t.Helper()
	show := p.smtptap(t, "show")
	for _, w := range want {
		if !strings.Contains(show, w) {
			t.Errorf("show does not hold %q:\n%s", w, show)
		}
	}
}

// TestClientCertificate: a server that demands a certificate of the client gets
// smtptap's; without one the recording names the flag.
func TestClientCertificate(t *testing.T) {
	need(t, "swaks", "/usr/bin/python3")
	s := newSite(t, certtest.Spec{})
	staff := certtest.NewAuthority(t, "Staff")
	ours := writeSite(t, staff.PEM(), staff.Issue(t, certtest.Spec{Names: []string{"client.example.com"}, Usage: x509.ExtKeyUsageClientAuth}))
	for _, c := range []struct {
		name  string
		flags []string
		sent  bool
	}{
		{"none", nil, false},
		{"certificate and key", []string{"--client-cert", ours.cert, "--client-key", ours.key}, true},
		{"both in one file", []string{"--client-cert", ours.chain}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, _ := s.start(t, "--client-ca", ours.roots)
			p := start(t, append([]string{"--to", "smtp://" + addr, "--server-ca", s.roots}, c.flags...)...)
			if c.sent {
				swaksTLS(t, 0, p)
				if r := p.recorded(t, 1)[0]; r.Outcome != "sent" {
					t.Errorf("listed as %+v", r)
				}
				return
			}
			swaksFails(t, p)
			if r := p.recorded(t, 1)[0]; r.Outcome == "sent" {
				t.Errorf("listed as %+v", r)
			}
			p.shows(t, "--client-cert")
		})
	}
}

// swaksFails sends as swaksTLS does, and wants swaks to fail in whatever way.
func swaksFails(t *testing.T, p *tap) {
	t.Helper()
	out := client(t, 0, "sh", "-c", "swaks --server 127.0.0.1 --port "+p.port()+" --tls --from sender@example.com --to rcpt@example.net || echo FAILED")
	if !strings.HasSuffix(out, "FAILED\n") {
		t.Errorf("swaks sent its message:\n%s", out)
	}
}

// TestOldServer: a server that speaks nothing newer than TLS 1.1 is told of as
// one, and is spoken to with --tls-min.
func TestOldServer(t *testing.T) {
	need(t, "swaks", "/usr/bin/python3")
	s := newSite(t, certtest.Spec{RSA: 2048})
	addr, _ := s.start(t, "--tls-old")
	p := start(t, "--to", "smtp://"+addr, "--server-ca", s.roots)
	swaksFails(t, p)
	p.recorded(t, 1)
	p.shows(t, "454 4.7.0 [smtptap] TLS with the server failed: ", "TLS 1.2 or 1.3")

	p = start(t, "--to", "smtp://"+addr, "--server-ca", s.roots, "--tls-min", "1.0")
	swaksTLS(t, 0, p)
	if r := p.recorded(t, 1)[0]; r.Outcome != "sent" {
		t.Errorf("listed as %+v", r)
	}
	p.shows(t, "TLS 1.1")
}

// TestKeyLogFile: SSLKEYLOGFILE takes the keys of both legs, for nobody else to
// read.
func TestKeyLogFile(t *testing.T) {
	need(t, "swaks", "/usr/bin/python3")
	s := newSite(t, certtest.Spec{})
	addr, _ := s.start(t)
	file := filepath.Join(t.TempDir(), "keys")
	t.Setenv("SSLKEYLOGFILE", file)
	p := start(t, "--to", "smtp://"+addr, "--server-ca", s.roots)
	os.Unsetenv("SSLKEYLOGFILE") // swaks is to write none
	swaksTLS(t, 0, p)
	p.recorded(t, 1)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(data, []byte("CLIENT_HANDSHAKE_TRAFFIC_SECRET ")); n != 2 {
		t.Errorf("the keys of %d legs:\n%s", n, data)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

// TestAuthorityThatOthersCanRead: a key that has become open to others is not
// used, and the client is told so.
func TestAuthorityThatOthersCanRead(t *testing.T) {
	need(t, "swaks", "/usr/bin/python3")
	s := newSite(t, certtest.Spec{})
	addr, _ := s.start(t)
	state := t.TempDir()
	dir := filepath.Join(state, "smtptap", "ca")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	p := startIn(t, state, "--to", "smtp://"+addr, "--server-ca", s.roots)
	_, stderr, code := p.try(t, "ca", "path")
	if code == 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "certificate authority") {
		t.Errorf("ca path: exit status %d, %q", code, stderr)
	}
	swaksFails(t, p)
	p.recorded(t, 1)
	p.shows(t, "454 4.7.0 [smtptap] TLS can't be opened here: ")
}
