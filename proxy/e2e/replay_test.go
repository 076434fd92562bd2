package e2e

import (
	"bytes"
	"encoding/base64"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"smtptap/proxy/handshake/certtest"
)

// replay runs the command over the recordings of p, with that password.
func (p *tap) replay(t *testing.T, password string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	env := append(os.Environ(), "XDG_STATE_HOME="+p.State, "HOME="+p.State, "SMTPTAP_RECORD="+p.Dir)
	if password != "" {
		env = append(env, "SMTPTAP_PASSWORD="+password)
	}
	return smtptap(t, env, "", append([]string{"replay"}, args...)...)
}

// What PHPMailer sent is sent again, byte for byte, with the password from the
// environment; and the password gets nowhere else.
func TestReplayPHPMailer(t *testing.T) {
	need(t, "php", phpmailerAutoload, "/usr/bin/python3")
	for _, c := range []struct {
		name     string
		security string
		settings []string
		server   []string
	}{
		{"plain, AUTH LOGIN", "", []string{"auth=LOGIN"}, nil},
		{"STARTTLS, AUTH PLAIN", "tls", []string{"auth=PLAIN"}, nil},
		{"TLS from the first byte, AUTH LOGIN", "ssl", []string{"auth=LOGIN"}, []string{"--smtps"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := newSite(t, certtest.Spec{})
			addr, said := site.start(t, append([]string{"--auth"}, c.server...)...)
			target := "smtp://" + addr
			if c.security == "ssl" {
				target = "smtps://" + addr
			}
			args := []string{"--to", target, "--server-ca", site.roots}
			if c.security == "ssl" {
				args = append([]string{"-l", "tls:127.0.0.1:0"}, args...)
			}
			p := start(t, args...)
			settings := append([]string{"to=rcpt@example.net", "password=right"}, c.settings...)
			if c.security != "" {
				settings = append(settings, "secure="+c.security, "cafile="+p.authority(t))
			}
			client(t, 0, "php", append([]string{"testdata/phpmailer.php", "127.0.0.1", p.port()}, settings...)...)
			first := p.recorded(t, 1)[0]

			flags := []string{first.ID, "--to", target, "--server-ca", site.roots}
			if _, stderr, code := p.replay(t, "", flags...); code != 1 || !strings.Contains(stderr, "SMTPTAP_PASSWORD") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("without a password: exit status %d, %q", code, stderr)
			}
			stdout, stderr, code := p.replay(t, "right", flags...)
			if code != 0 || !strings.Contains(stdout, "no meaningful differences") || !strings.Contains(stdout, "the bodies are identical") {
				t.Fatalf("exit status %d\n%s%s", code, stdout, stderr)
			}
			all := delivered(t, said)
			if len(all) != 2 || !reflect.DeepEqual(all[0], all[1]) {
				t.Errorf("delivered %+v", all)
			}
			again := p.recorded(t, 2)[1]
			if again.Outcome != "sent" || again.Subject != first.Subject || again.User != first.User {
				t.Errorf("listed as %+v, want %+v", again, first)
			}
			holdsNo(t, again.Path, "right")

			stdout, _, code = p.replay(t, "wrong", flags...)
			if code != 1 || !strings.Contains(stdout, "first difference:") || !strings.Contains(stdout, "535") {
				t.Errorf("with a wrong password: exit status %d\n%s", code, stdout)
			}
		})
	}
}

// holdsNo fails when a file holds a secret, as it is or in base64.
func holdsNo(t *testing.T, path, secret string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("\x00user@example.com\x00" + secret))} {
		if bytes.Contains(data, []byte(form)) {
			t.Errorf("%s holds the password as %q", path, form)
		}
	}
}

// A session over STARTTLS is said to the sink too, which takes any password.
func TestReplayToSink(t *testing.T) {
	need(t, "swaks", "/usr/bin/python3")
	site := newSite(t, certtest.Spec{})
	addr, _ := site.start(t, "--auth")
	p := start(t, "--to", "smtp://"+addr, "--server-ca", site.roots)
	client(t, 0, "swaks", "--server", "127.0.0.1", "--port", p.port(), "--tls", "--from", "sender@example.com", "--to", "rcpt@example.net",
		"--auth", "PLAIN", "--auth-user", "user@example.com", "--auth-password", "right", "--body", ".dot")
	first := p.recorded(t, 1)[0]
	stdout, stderr, code := p.replay(t, "whatever", first.ID)
	if code != 1 || !strings.Contains(stdout, "sink.localhost") || !strings.Contains(stdout, "the bodies are identical") {
		t.Errorf("exit status %d\n%s%s", code, stdout, stderr)
	}
	if again := p.recorded(t, 2)[1]; again.Outcome != "sent" || !again.TLS {
		t.Errorf("listed as %+v", again)
	}
	before := len(p.recorded(t, 2))
	if stdout, _, _ := p.replay(t, "whatever", first.Path, "--record", "none"); !strings.Contains(stdout, "first difference:") {
		t.Errorf("--record none printed %q", stdout)
	}
	if after := len(p.recorded(t, 2)); after != before {
		t.Errorf("%d recordings, want %d", after, before)
	}
}

// Nothing leaves this machine unless that is asked for, and no password leaves
// it in clear.
func TestReplayStaysHere(t *testing.T) {
	need(t, "swaks")
	p := start(t)
	client(t, 0, "swaks", "--server", "127.0.0.1", "--port", p.port(), "--from", "sender@example.com", "--to", "rcpt@example.net",
		"--auth", "PLAIN", "--auth-user", "user@example.com", "--auth-password", "right")
	first := p.recorded(t, 1)[0]
	other := otherAddress(t)
	l, err := net.Listen("tcp", net.JoinHostPort(other, "0"))
	if err != nil {
		t.Skipf("nothing can listen on %s: %v", other, err)
	}
	defer l.Close()
	accepted := make(chan struct{}, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- struct{}{}
			go serveSMTP(conn)
		}
	}()
	_, stderr, code := p.replay(t, "right", first.ID, "--to", l.Addr().String())
	if code != 1 || !strings.Contains(stderr, "--really-send") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit status %d, %q", code, stderr)
	}
	select {
	case <-accepted:
		t.Error("it connected all the same")
	default:
	}
	_, stderr, code = p.replay(t, "right", first.ID, "--to", l.Addr().String(), "--really-send")
	if code != 1 || !strings.Contains(stderr, "--clear-password") {
		t.Errorf("a password in clear: exit status %d, %q", code, stderr)
	}
	stdout, _, code := p.replay(t, "right", first.ID, "--to", l.Addr().String(), "--really-send", "--clear-password")
	if code != 1 || !strings.Contains(stdout, "535 heard it") {
		t.Errorf("with all of it allowed: exit status %d, %q", code, stdout)
	}
	list, err := filepath.Glob(filepath.Join(p.Dir, "*.smtptap"))
	if err != nil || len(list) != 2 { // what was refused is not kept: it would be the latest
		t.Errorf("recordings %q, %v", list, err)
	}
}

// otherAddress is an address of this machine that is not a loopback one.
func otherAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	t.Skip("this machine has loopback addresses only")
	return ""
}

// serveSMTP refuses every login and closes.
func serveSMTP(conn net.Conn) {
	defer conn.Close()
	conn.Write([]byte("220 mx.example.org\r\n"))
	buf := make([]byte, 1024)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		reply := "250 ok\r\n"
		switch said := string(buf[:n]); {
		case strings.HasPrefix(said, "EHLO"):
			reply = "250-mx.example.org\r\n250 AUTH PLAIN\r\n"
		case strings.HasPrefix(said, "AUTH"):
			reply = "535 heard it\r\n"
		case strings.HasPrefix(said, "QUIT"):
			reply = "221 bye\r\n"
		}
		conn.Write([]byte(reply))
	}
}
