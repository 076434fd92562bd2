package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What can't be done is told in one line that says what and what to do, without
// a stack, and with the exit status that the documentation names.
func TestBadInput(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.smtptap")
	if err := os.WriteFile(garbage, []byte("hello\x1b[2J"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-l", busy.Addr().String()}, 1, "address already in use"},
		{[]string{"-l", "0.0.0.0:0"}, 1, "--allow"},
		{[]string{"--record", file}, 1, file},
		{[]string{"--record", open}, 1, open},
		{[]string{"--record", "/proc/nothing"}, 1, "/proc/nothing"},
		{[]string{"show", "no-such-recording"}, 1, "no-such-recording"},
		{[]string{"show", garbage}, 1, "not a recording"},
		{[]string{"replay", "no-such-recording"}, 1, "no-such-recording"},
		{[]string{"replay", garbage}, 1, "not a recording"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			state := t.TempDir()
			env := append(os.Environ(), "XDG_STATE_HOME="+state, "HOME="+state)
			stdout, stderr, code := smtptap(t, env, "", c.args...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("exit status %d, want %d; said %q, want %q in it", code, c.code, stderr, c.says)
			}
			if stdout != "" || strings.Contains(stderr, "goroutine") || strings.ContainsRune(stderr, 0x1b) {
				t.Errorf("printed %q and %q", stdout, stderr)
			}
			lines := strings.Count(stderr, "\n")
			if usage := strings.Contains(stderr, "--help"); lines > 2 || lines == 2 && !usage {
				t.Errorf("more than one line: %q", stderr)
			}
		})
	}
}

// A server that can't be reached is told to the client in smtptap's own words,
// and is in the recording.
func TestUnreachableServer(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := gone.Addr().String()
	gone.Close()
	p := start(t, "--to", "smtp://"+addr)
	conn, err := net.DialTimeout("tcp", p.Addr, deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(deadline))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if !strings.HasPrefix(line, "421 4.4.1 [smtptap]") || !strings.Contains(line, "connection refused") {
		t.Errorf("the client hears %q, %v", line, err)
	}
	conn.Close()
	if r := p.recorded(t, 1)[0]; r.Outcome != "failed" {
		t.Errorf("listed as %+v", r)
	}
	show := p.smtptap(t, "show")
	if !strings.Contains(show, "<= ") || !strings.Contains(show, "CONN-REFUSED") {
		t.Errorf("shown as\n%s", show)
	}
}

// --once ends after one session, and says by its exit status how that went.
func TestOnce(t *testing.T) {
	for said, want := range map[string]int{"QUIT\r\n": 0, "HELO c\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nQUIT\r\n": 3} {
		p := start(t, "--once", "--to", "sink")
		conn, err := net.DialTimeout("tcp", p.Addr, deadline)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, said)
		io.Copy(io.Discard, conn)
		conn.Close()
		select {
		case <-p.exited:
		case <-time.After(deadline):
			t.Fatal("smtptap goes on")
		}
		if code := p.cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("%q: exit status %d, want %d\n%s", said, code, want, p.stderr)
		}
	}
}

// The text and JSON forms of demo show the message in its own script, and where
// the recording is.
func TestDemo(t *testing.T) {
	state := t.TempDir()
	env := append(os.Environ(), "XDG_STATE_HOME="+state, "HOME="+state)
	stdout, stderr, code := smtptap(t, env, "", "demo")
	for _, want := range []string{"易联云验证码", "你好 smtp", "username: demo@example.com", "=== Sent: queue ID",
		"the password ends with a space", "=== Not sent: white space around the credentials", "550 5.1.1 <nobody@example.net>", "=== Partly sent"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
	if code != 0 || !strings.Contains(stderr, filepath.Join(state, "smtptap", "recordings")) || !strings.Contains(stderr, "smtptap --to smtp.example.com:587") {
		t.Errorf("exit status %d, %q", code, stderr)
	}
	stdout, _, _ = smtptap(t, env, "", "demo", "--ui", "json")
	if lines := strings.Split(strings.TrimSpace(stdout), "\n"); len(lines) < 20 || !strings.HasPrefix(lines[0], `{"session":"`) {
		t.Errorf("%d lines: %.300s", len(lines), stdout)
	}
}

// Flags can be set by variables; a flag given wins.
func TestEnvironment(t *testing.T) {
	state := t.TempDir()
	env := append(os.Environ(), "XDG_STATE_HOME="+state, "HOME="+state, "SMTPTAP_UI=nonsense")
	if _, stderr, code := smtptap(t, env, "", "demo"); code != 2 || !strings.Contains(stderr, "SMTPTAP_UI") {
		t.Errorf("exit status %d: %s", code, stderr)
	}
	if _, stderr, code := smtptap(t, env, "", "demo", "--ui", "none"); code != 0 {
		t.Errorf("exit status %d: %s", code, stderr)
	}
}

// A recording with passwords says so wherever it is shown, and shows none.
func TestKeptSecretsAreAnnounced(t *testing.T) {
	p := start(t, "--keep-secrets")
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, line := range []string{"", "HELO client.example.com", "AUTH PLAIN AHVzZXIAY2FuYXJ5LTQ3MTE=", "QUIT"} {
		if line != "" {
			fmt.Fprintf(conn, "%s\r\n", line)
		}
		if reply, err := r.ReadString('\n'); err != nil || reply[0] != '2' {
			t.Fatalf("%q was answered %q, %v", line, reply, err)
		}
	}
	conn.Close()
	file := p.recorded(t, 1)[0].Path
	if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), "AHVzZXIAY2FuYXJ5LTQ3MTE=") {
		t.Fatalf("the password is not in the recording: %v", err)
	}
	for _, args := range [][]string{{"list"}, {"show"}, {"export", "-f", "text"}, {"export", "-f", "markdown"}, {"export", "-f", "html"}} {
		out := p.smtptap(t, args...)
		if !strings.Contains(out, "holds passwords") && !strings.Contains(out, "contains passwords") {
			t.Errorf("%s does not say that it holds passwords:\n%s", strings.Join(args, " "), out)
		}
		if strings.Contains(out, "canary-4711") || strings.Contains(out, "Y2FuYXJ5") {
			t.Errorf("%s shows the password:\n%s", strings.Join(args, " "), out)
		}
	}
}
