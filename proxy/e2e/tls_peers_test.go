package e2e

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/proxy/handshake/certtest"
)

// A site is what a server shows over TLS, in files.
type site struct {
	roots string // the authority that has signed it
	cert  string
	key   string
	chain string // key and certificate in one file, as Postfix wants it
}

// newSite makes a certificate for mail.example.com at 127.0.0.1. spec may make
// it wrong in some way.
func newSite(t *testing.T, spec certtest.Spec) site {
	t.Helper()
	if spec.Names == nil {
		spec.Names = []string{"mail.example.com", "127.0.0.1"}
	}
	root := certtest.NewAuthority(t, "Example Root")
	return writeSite(t, root.PEM(), root.Issue(t, spec))
}

func writeSite(t *testing.T, roots []byte, c tls.Certificate) site {
	t.Helper()
	dir := t.TempDir()
	cert, key := certtest.PEM(c), certtest.KeyPEM(t, c)
	s := site{filepath.Join(dir, "roots.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "chain.pem")}
	for file, data := range map[string][]byte{s.roots: roots, s.cert: cert, s.key: key, s.chain: append(key, cert...)} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// start runs aiosmtpd with that certificate.
func (s site) start(t *testing.T, options ...string) (addr string, said *buffer) {
	t.Helper()
	return server(t, "/usr/bin/python3", append([]string{"testdata/aiosmtpd_server.py", "--cert", s.cert, "--key", s.key}, options...)...)
}

// authority is the file that makes clients trust p.
func (p *tap) authority(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(p.smtptap(t, "ca", "path"))
}

// A way is how the two legs of a session are secured.
type way struct {
	name   string
	client string   // starttls or smtps
	smtps  bool     // the server wants TLS from the first byte
	flags  []string // of smtptap
}

var ways = []way{
	{"STARTTLS", "starttls", false, nil},
	{"implicit", "smtps", true, nil},
	{"implicit to STARTTLS", "smtps", false, []string{"--tls-to-server"}},
	{"STARTTLS to STARTTLS of smtptap's own", "starttls", false, []string{"--tls-to-server"}},
}

// start runs aiosmtpd and smtptap so that the legs are secured like that.
func (w way) start(t *testing.T) (p *tap, said *buffer) {
	t.Helper()
	s := newSite(t, certtest.Spec{})
	options, scheme := []string{"--auth"}, "smtp://"
	if w.smtps {
		options, scheme = append(options, "--smtps"), "smtps://"
	}
	addr, said := s.start(t, options...)
	args := append([]string{"--to", scheme + addr, "--server-ca", s.roots}, w.flags...)
	if w.client == "smtps" {
		args = append([]string{"-l", "tls:127.0.0.1:0"}, args...)
	}
	return start(t, args...), said
}

// tlsClients are the clients that trust smtptap's authority, and send one
// message over TLS, as security says.
var tlsClients = []struct {
	name string
	need []string
	run  func(t *testing.T, port, file, security, ca string)
}{
	{"PHPMailer", []string{"php", phpmailerAutoload}, func(t *testing.T, port, _, security, ca string) {
		secure := map[string]string{"starttls": "tls", "smtps": "ssl"}[security]
		client(t, 0, "php", "testdata/phpmailer.php", "127.0.0.1", port, "to=rcpt@example.net",
			"secure="+secure, "cafile="+ca, "auth=LOGIN", "password=right")
	}},
	{"swaks", []string{"swaks"}, func(t *testing.T, port, file, security, ca string) {
		flag := map[string]string{"starttls": "--tls", "smtps": "--tls-on-connect"}[security]
		client(t, 0, "swaks", "--server", "127.0.0.1", "--port", port, flag, "--tls-verify", "--tls-ca-path", ca,
			"--from", "sender@example.com", "--to", "rcpt@example.net",
			"--auth", "PLAIN", "--auth-user", "user@example.com", "--auth-password", "right", "--data", "@"+file)
	}},
	{"smtplib", nil, func(t *testing.T, port, file, security, ca string) {
		client(t, 0, "/usr/bin/python3", "testdata/smtplib_client.py", port, file, security, ca)
	}},
	{"nodemailer", []string{"node", filepath.Join(nodeModules(), "nodemailer")}, func(t *testing.T, port, file, security, ca string) {
		t.Setenv("NODE_PATH", nodeModules())
		client(t, 0, "node", "testdata/nodemailer.js", port, file, security, ca)
	}},
	{"msmtp", []string{"msmtp"}, func(t *testing.T, port, file, security, ca string) {
		starttls := map[string]string{"starttls": "on", "smtps": "off"}[security]
		client(t, 0, "sh", "-c", "msmtp --host=127.0.0.1 --port="+port+" --tls=on --tls-starttls="+starttls+" --tls-trust-file="+ca+
			" --auth=plain --user=user@example.com --passwordeval='echo right' --from=sender@example.com rcpt@example.net <"+file)
	}},
	{"openssl s_client", []string{"openssl"}, func(t *testing.T, port, file, security, ca string) {
		flag := map[string]string{"starttls": "-starttls smtp", "smtps": ""}[security]
		client(t, 0, "sh", "-c", `{
			printf 'EHLO client.example.com\nAUTH PLAIN AHVzZXJAZXhhbXBsZS5jb20AcmlnaHQ=\n'
			printf 'MAIL FROM:<sender@example.com>\nRCPT TO:<rcpt@example.net>\nDATA\n'
			tr -d '\r' <`+file+`; printf '.\nQUIT\n'
		} | openssl s_client `+flag+` -connect 127.0.0.1:`+port+` -CAfile `+ca+` -verify_ip 127.0.0.1 -verify_return_error -crlf -quiet`)
	}},
}

// TestTLSClients: clients that verify what they are shown send their mail
// through, however the legs are secured; what was said inside TLS is recorded.
func TestTLSClients(t *testing.T) {
	file := filepath.Join(t.TempDir(), "message.eml")
	if err := os.WriteFile(file, []byte("From: sender@example.com\r\nSubject: inside TLS\r\n\r\nhello\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, w := range ways {
		clients := tlsClients
		if w.flags != nil {
			clients = clients[:1] // there the legs are apart, and one client is as good as another
		}
		for _, c := range clients {
			t.Run(w.name+"/"+c.name, func(t *testing.T) {
				need(t, append(c.need, "/usr/bin/python3")...)
				p, said := w.start(t)
				c.run(t, p.port(), file, w.client, p.authority(t))
				r := p.recorded(t, 1)[0]
				if r.Outcome != "sent" || r.User != "user@example.com" || r.Sent != 1 || !r.TLS {
					t.Errorf("listed as %+v", r)
				}
				if got, want := p.smtptap(t, "export", "-f", "eml"), delivered(t, said)[0].content(t); got != want {
					t.Errorf("eml holds\n%q\nthe server got\n%q", got, want)
				}
				checkOpened(t, p)
			})
		}
	}
}
