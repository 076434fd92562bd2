package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/handshake/certtest"
)

// legsOf are the handshakes of the only recording of p.
func legsOf(t *testing.T, p *tap) (client, server *facts.TLS, tr *decode.Transcript) {
	t.Helper()
	tr = recordings(t, p)[0]
	for _, e := range tr.Entries {
		switch f, _ := e.Fact.(*facts.TLS); {
		case f == nil:
		case f.Leg == who.ClientLeg:
			client = f
		default:
			server = f
		}
	}
	return client, server, tr
}

// checkOpened looks whether both legs were secured and verified, and whether
// nothing of the session went unread.
func checkOpened(t *testing.T, p *tap) {
	t.Helper()
	cli, srv, tr := legsOf(t, p)
	if srv == nil || srv.Err != "" || !srv.Verified || !srv.Checked || srv.Version == "" {
		t.Errorf("the server's leg: %+v", srv)
	}
	if cli == nil || cli.Err != "" || cli.Hello == nil || len(cli.Chain) == 0 {
		t.Errorf("the client's leg: %+v", cli)
	}
	mailInTLS := false
	for _, e := range tr.Entries {
		if e.Event == nil {
			continue
		}
		if e.Event.Kind == decode.KindOpaque {
			t.Errorf("unread: %q", e.Event.Raw)
		}
		mailInTLS = mailInTLS || e.Event.Command != nil && e.Event.Command.Verb == "MAIL" && e.Event.TLS
	}
	if !mailInTLS {
		t.Error("no MAIL was said inside TLS")
	}
}

// TestPHPMailerTLSFaults: what goes wrong with TLS between PHPMailer and a
// server is told apart, and what to change is said.
func TestPHPMailerTLSFaults(t *testing.T) {
	day := 24 * time.Hour
	for _, c := range []struct {
		name     string
		cert     certtest.Spec
		flags    []string
		settings []string
		trusts   bool   // PHPMailer trusts the authority
		code     int    // of PHPMailer
		outcome  string // as listed
		prints   string // PHPMailer
		shows    []string
	}{
		{name: "distrusts the authority", settings: []string{"secure=tls"}, code: 1, outcome: "failed",
			shows: []string{"$mail->SMTPOptions = ['ssl' => ['cafile' => '"}},
		{name: "SMTPS to a plain port", settings: []string{"secure=ssl"}, trusts: true, code: 1,
			shows: []string{"on a plain port", "STARTTLS"}},
		{name: "plain to a TLS port", flags: []string{"-l", "tls:127.0.0.1:0"}, code: 1, outcome: "failed",
			shows: []string{"On this port TLS begins with the first byte"}},
		{name: "expired", cert: certtest.Spec{NotBefore: time.Now().Add(-9 * day), NotAfter: time.Now().Add(-2 * day)},
			settings: []string{"secure=tls"}, trusts: true, code: 1, outcome: "failed",
			prints: "454 4.7.0 [smtptap] TLS with the server failed: ", shows: []string{"it expired on"}},
		{name: "expired, with -k", cert: certtest.Spec{NotBefore: time.Now().Add(-9 * day), NotAfter: time.Now().Add(-2 * day)}, flags: []string{"-k"},
			settings: []string{"secure=tls"}, trusts: true, outcome: "sent", shows: []string{"it expired on"}},
		{name: "another name", cert: certtest.Spec{Names: []string{"mail.example.org"}},
			settings: []string{"secure=tls"}, trusts: true, code: 1, outcome: "failed",
			prints: "454 4.7.0 [smtptap]", shows: []string{"mail.example.org", "127.0.0.1"}},
		{name: "pass", flags: []string{"--starttls", "pass"}, settings: []string{"secure=tls"}, code: 1, shows: []string{"passed through"}},
		{name: "hide", flags: []string{"--starttls", "hide", "--tls-to-server"}, outcome: "sent", shows: []string{"STARTTLS"}},
		{name: "hide from one that insists", flags: []string{"--starttls", "hide"}, settings: []string{"secure=tls"}, code: 1,
			shows: []string{"--starttls hide"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			need(t, "php", phpmailerAutoload, "/usr/bin/python3")
			s := newSite(t, c.cert)
			addr, _ := s.start(t)
			p := start(t, append([]string{"--to", "smtp://" + addr, "--server-ca", s.roots}, c.flags...)...)
			settings := append([]string{"testdata/phpmailer.php", "127.0.0.1", p.port(), "to=rcpt@example.net", "timeout=2"}, c.settings...)
			if c.trusts {
				settings = append(settings, "cafile="+p.authority(t))
			}
			printed := client(t, c.code, "php", settings...)
			if !strings.Contains(printed, c.prints) {
				t.Errorf("PHPMailer did not print %q:\n%s", c.prints, printed)
			}
			if r := p.recorded(t, 1)[0]; c.outcome != "" && r.Outcome != c.outcome {
				t.Errorf("listed as %+v", r)
			}
			show := p.smtptap(t, "show")
			for _, want := range c.shows {
				if !strings.Contains(show, want) {
					t.Errorf("show does not hold %q:\n%s", want, show)
				}
			}
		})
	}
}

// TestPassLeavesTLSAlone: handed through, the client sees the server's own
// certificate, and the recording holds no word of what was said.
func TestPassLeavesTLSAlone(t *testing.T) {
	need(t, "swaks", "/usr/bin/python3")
	s := newSite(t, certtest.Spec{})
	addr, said := s.start(t)
	p := start(t, "--to", "smtp://"+addr, "--starttls", "pass")
	client(t, 0, "swaks", "--server", "127.0.0.1", "--port", p.port(), "--tls", "--tls-verify", "--tls-ca-path", s.roots,
		"--from", "sender@example.com", "--to", "rcpt@example.net")
	delivered(t, said)
	p.recorded(t, 1)
	_, _, tr := legsOf(t, p)
	var hello *facts.Hello
	for _, e := range tr.Entries {
		if f, ok := e.Fact.(*facts.Hello); ok {
			hello = f
		}
		if e.Event != nil && strings.Contains(string(e.Event.Raw), "MAIL FROM") {
			t.Errorf("recorded %q", e.Event.Raw)
		}
	}
	if hello == nil || len(hello.Versions) == 0 || len(hello.Ciphers) == 0 {
		t.Errorf("the ClientHello: %+v", hello)
	}
}

// TestPostfixTLSServer: smtptap verifies a Postfix, by STARTTLS and from the
// first byte, and the mail goes on from there.
func TestPostfixTLSServer(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		t.Run(fmt.Sprintf("implicit=%v", implicit), func(t *testing.T) {
			need(t, "postfix", "swaks", "/usr/bin/python3")
			s := newSite(t, certtest.Spec{})
			final, said := server(t, "/usr/bin/python3", "testdata/aiosmtpd_server.py")
			settings := []string{"smtpd_tls_security_level = encrypt", "smtpd_tls_chain_files = " + s.chain}
			listen, scheme, flag := "127.0.0.1:0", "smtp://", "--tls"
			if implicit {
				settings = append(settings, "smtpd_tls_wrappermode = yes")
				listen, scheme, flag = "tls:127.0.0.1:0", "smtps://", "--tls-on-connect"
			}
			mta := startPostfix(t, final, settings...)
			p := start(t, "-l", listen, "--to", scheme+mta.Addr, "--server-ca", s.roots)
			client(t, 0, "swaks", "--server", "127.0.0.1", "--port", p.port(), flag, "--tls-verify", "--tls-ca-path", p.authority(t),
				"--from", "sender@example.com", "--to", "rcpt@example.net", "--body", "by way of Postfix")
			if got := delivered(t, said)[0].content(t); !strings.Contains(got, "by way of Postfix") {
				t.Errorf("arrived: %q", got)
			}
			if r := p.recorded(t, 1)[0]; r.Outcome != "sent" || !r.TLS {
				t.Errorf("listed as %+v", r)
			}
			checkOpened(t, p)
		})
	}
}

// TestPostfixTLSClient: a Postfix that verifies the name of its relay host takes
// the certificate that smtptap shows it, because that has the server's names.
func TestPostfixTLSClient(t *testing.T) {
	need(t, "postfix", "swaks", "/usr/bin/python3")
	s := newSite(t, certtest.Spec{})
	addr, said := s.start(t)
	p := start(t, "--to", "smtp://"+addr, "--server-ca", s.roots)
	mta := startPostfix(t, p.Addr, "smtp_tls_security_level = secure", "smtp_tls_secure_cert_match = mail.example.com",
		"smtp_tls_CAfile = "+strings.TrimSpace(p.smtptap(t, "ca", "path", "--for", "mail.example.com")))
	host, port, _ := strings.Cut(mta.Addr, ":")
	client(t, 0, "swaks", "--server", host, "--port", port, "--from", "sender@example.com", "--to", "rcpt@example.net")
	waitFor(t, func() bool { return strings.Contains(said.String(), "rcpt@example.net") }, mta.String)
	if r := p.recorded(t, 1)[0]; r.Outcome != "sent" || !r.TLS {
		t.Errorf("listed as %+v", r)
	}
	checkOpened(t, p)
}
