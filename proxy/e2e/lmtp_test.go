package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
)

// serveLMTP is a server that has no room for full@one.example. It hears LHLO
// alone, as RFC 2033 wants.
func serveLMTP(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go speakLMTP(conn)
		}
	}()
	return l
}

func speakLMTP(conn net.Conn) {
	defer conn.Close()
	io.WriteString(conn, "220 store.example LMTP\r\n")
	var rcpts []string
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch verb := strings.ToUpper(lines.Text() + "    ")[:4]; verb {
		case "LHLO":
			io.WriteString(conn, "250-store.example\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n")
		case "EHLO", "HELO":
			io.WriteString(conn, "500 5.5.1 LHLO, please\r\n")
		case "RCPT":
			rcpts = append(rcpts, lines.Text())
			io.WriteString(conn, "250 2.1.5 Ok\r\n")
		case "DATA":
			io.WriteString(conn, "354 go\r\n")
			for lines.Scan() && lines.Text() != "." {
			}
			for _, to := range rcpts {
				if strings.Contains(to, "<full@") {
					io.WriteString(conn, "552 5.2.2 Mailbox is full\r\n")
				} else {
					io.WriteString(conn, "250 2.1.5 Saved\r\n")
				}
			}
			rcpts = nil
		case "QUIT":
			io.WriteString(conn, "221 2.0.0 Bye\r\n")
			return
		default:
			io.WriteString(conn, "250 2.0.0 Ok\r\n")
		}
	}
}

// checkLMTP looks at the one session that was recorded.
func checkLMTP(t *testing.T, p *tap) {
	t.Helper()
	all := recordings(t, p)
	if len(all) != 1 {
		t.Fatalf("%d recordings", len(all))
	}
	if got := outcome.Of(all[0]).Outcome; got != outcome.Partly {
		t.Errorf("the session is %q", got)
	}
	var replies []string
	for _, e := range all[0].Entries {
		if e.Event != nil && e.Event.Kind == decode.KindReply && e.From == who.Server && e.Event.Reply.For != "" {
			replies = append(replies, fmt.Sprintf("%d %s", e.Event.Reply.Code, e.Event.Reply.For))
		}
	}
	slices.Sort(replies) // Postfix has an order of its own
	if got := strings.Join(replies, ", "); got != "250 b@one.example, 250 c@one.example, 552 full@one.example" {
		t.Errorf("the replies to the message are %s", got)
	}
	out := p.run(t, "show", "--color", "never")
	if !strings.Contains(out, "552 for full@one.example") || !strings.Contains(out, "Partly sent, 2 of 3: recipient's mailbox is full") {
		t.Errorf("it is shown as\n%s", out)
	}
	again := p.run(t, "replay", "--to", "sink", "latest")
	if !strings.Contains(again, "Saved") && !strings.Contains(again, "552") {
		t.Errorf("it is replayed as\n%s", again)
	}
}

// run runs another command of smtptap on the recordings, whatever its status.
func (p *tap) run(t *testing.T, args ...string) string {
	t.Helper()
	args = append(args[:1:1], append([]string{"-w", p.Dir}, args[1:]...)...)
	cmd := exec.Command(program, args...)
	cmd.Env = append(cmd.Environ(), "XDG_STATE_HOME="+p.State, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(out)
}

var threeRecipients = []string{"b@one.example", "full@one.example", "c@one.example"}

// TestPostfixLMTP has Postfix deliver by LMTP over unix sockets on both sides.
func TestPostfixLMTP(t *testing.T) {
	need(t, "postfix")
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // Postfix's client is another user
		t.Fatal(err)
	}
	server, in := filepath.Join(dir, "store"), filepath.Join(dir, "lmtp")
	serveLMTP(t, "unix", server)
	p := start(t, "-l", "unix:"+in, "--socket-mode", "0666", "--to", "lmtp:unix:"+server)
	mta := startPostfix(t, "127.0.0.1:1", "relayhost =", "default_transport = lmtp:unix:"+in)
	if err := smtp.SendMail(mta.Addr, nil, "", threeRecipients, []byte("Subject: x\r\nFrom: a@client.example\r\n\r\nx\r\n")); err != nil {
		t.Fatal(err)
	}
	checkLMTP(t, p)
}

// TestPythonLMTP has Python's client do so over TCP. It reads the first of the
// replies alone.
func TestPythonLMTP(t *testing.T) {
	need(t, "/usr/bin/python3")
	p := start(t, "--to", "lmtp:"+serveLMTP(t, "tcp", "127.0.0.1:0").Addr().String())
	host, port, _ := net.SplitHostPort(p.Addr)
	code := fmt.Sprintf("import smtplib\nc = smtplib.LMTP(%q, %s)\nc.sendmail('a@client.example', %s, 'Subject: x\\n\\nx')\nc.quit()\n", host, port, "['"+strings.Join(threeRecipients, "','")+"']")
	if out, err := exec.Command("/usr/bin/python3", "-c", code).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	checkLMTP(t, p)
}
