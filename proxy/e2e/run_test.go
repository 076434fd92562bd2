package e2e

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mailer is a program that sends a mail where its environment says.
const mailer = `
import os, smtplib, sys
with smtplib.SMTP(os.environ["MAIL_HOST"], int(os.environ["MAIL_PORT"])) as s:
    s.sendmail("ann@example.org", ["bob@example.net"], "From: ann@example.org\r\nTo: bob@example.net\r\nSubject: hello\r\n\r\nhello\r\n")
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
`

// run runs a program by smtptap run.
func runs(t *testing.T, args ...string) (stdout, stderr string, code int, recorded int) {
	t.Helper()
	state := t.TempDir()
	stdout, stderr, code = smtptap(t, append(os.Environ(), "XDG_STATE_HOME="+state, "HOME="+state, "MAILER_DSN=smtp://ann:s3cret@mail.example.com:587"), "the input", append([]string{"run"}, args...)...)
	files, err := filepath.Glob(filepath.Join(state, "smtptap", "recordings", "*.smtptap"))
	if err != nil {
		t.Fatal(err)
	}
	return stdout, stderr, code, len(files)
}

// run ends with the status of the command, or with 3 when it succeeded and what
// was expected did not come.
func TestRunStatus(t *testing.T) {
	need(t, "python3")
	script := filepath.Join(t.TempDir(), "send.py")
	if err := os.WriteFile(script, []byte(mailer), 0o600); err != nil {
		t.Fatal(err)
	}
	send := []string{"--", "python3", script}
	for _, c := range []struct {
		args     []string
		code     int
		says     string // on the error stream
		recorded int
	}{
		{send, 0, "", 1},
		{append([]string{"--expect", "sent to:bob@example.net"}, send...), 0, "", 1},
		{append([]string{"--expect", "sent", "--expect", "tls:yes"}, send...), 3, "expected tls:yes, got no", 1},
		{append(send, "7"), 7, "", 1},
		{append([]string{"--expect", "tls:yes"}, append(send, "7")...), 7, "expected tls:yes", 1},
		{append([]string{"--rule", "RCPT=550 5.1.1 no", "--expect", "sent"}, send...), 1, "expected sent, got", 1},
		{append([]string{"-w", "none", "--expect", "sent"}, send...), 0, "", 0},
		{[]string{"--expect", "sent", "true"}, 3, "no session came", 0},
		{[]string{"true"}, 0, "", 0},
		{[]string{"--", "sh", "-c", "exit 42"}, 42, "", 0},
		{[]string{"--", "sh", "-c", "kill -9 $$"}, 137, "", 0},
		{[]string{"no-such-program"}, 127, "smtptap: no-such-program: command not found\n", 0},
		{[]string{"./no-such-program"}, 127, "command not found", 0},
		{[]string{"/etc/passwd"}, 126, "permission denied", 0},
		{[]string{}, 2, "smtptap run [flags]", 0},
		{[]string{"--expect", "tsl:yes", "true"}, 2, "perhaps you mean tls:", 0},
		{[]string{"--env", "rails", "true"}, 2, "laravel, symfony", 0},
		{[]string{"--report", "json", "true"}, 2, "json:FILE", 0},
		{[]string{"--report", "junit", "true"}, 2, "junit:FILE", 0},
		{[]string{"--report", "junit:/nowhere/x", "true"}, 1, "/nowhere/x", 0},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			_, stderr, code, recorded := runs(t, c.args...)
			if code != c.code || !strings.Contains(stderr, c.says) || recorded != c.recorded {
				t.Errorf("exit status %d, %d recordings, %s", code, recorded, stderr)
			}
		})
	}
}

// The command has its streams, and its settings by the names that it knows.
func TestRunEnvironment(t *testing.T) {
	stdout, stderr, code, _ := runs(t, "--env", "symfony", "--env", "laravel", "--env", "X=mail://{host}/{port}", "--", "sh", "-c",
		`cat; echo; echo problem >&2; echo "$SMTPTAP_HOST:$SMTPTAP_PORT|$MAIL_HOST:$MAIL_PORT|$MAILER_DSN|$MAIL_MAILER|$X"`)
	said, settings, _ := strings.Cut(stdout, "\n")
	all := strings.Split(strings.TrimSpace(settings), "|")
	if said != "the input" || stderr != "problem\n" || code != 0 || len(all) != 5 {
		t.Fatalf("status %d, %q, %q", code, stdout, stderr)
	}
	host, port, _ := strings.Cut(all[0], ":")
	if host != "127.0.0.1" || port == "" || all[1] != all[0] || all[2] != "smtp://ann:s3cret@"+all[0] || all[3] != "smtp" || all[4] != "mail://127.0.0.1/"+port {
		t.Errorf("%q", all)
	}
}

// Reports go where they are wanted, without addresses.
func TestRunReports(t *testing.T) {
	need(t, "python3")
	dir := t.TempDir()
	script, junit, summary := filepath.Join(dir, "send.py"), filepath.Join(dir, "junit.xml"), filepath.Join(dir, "summary.md")
	if err := os.WriteFile(script, []byte(mailer), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(summary, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GITHUB_STEP_SUMMARY", summary)
	_, stderr, code, _ := runs(t, "--rule", "RCPT=550 5.1.1 <bob@example.net> is unknown", "--expect", "sent", "--report", "junit:"+junit, "--report", "github", "--", "python3", script)
	if code != 1 || !strings.Contains(stderr, "\n::error title=smtptap::session ") {
		t.Errorf("status %d: %s", code, stderr)
	}
	page, err := os.ReadFile(summary)
	if err != nil || !strings.HasPrefix(string(page), "before\n### smtptap: 1 sessions, 1 missed") || strings.Contains(string(page), "bob") {
		t.Errorf("%v: %s", err, page)
	}
	doc, err := os.ReadFile(junit)
	var suites struct {
		Suite struct {
			Failures int `xml:"failures,attr"`
		} `xml:"testsuite"`
	}
	if err != nil || xml.Unmarshal(doc, &suites) != nil || suites.Suite.Failures != 1 || strings.Contains(string(doc), "bob@") {
		t.Errorf("%v: %s", err, doc)
	}
}

// Signals reach the command, and its last words reach their server.
func TestRunSignals(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGTERM: 9, syscall.SIGINT: 8, syscall.SIGUSR1: 7} {
		state := t.TempDir()
		cmd := exec.Command(program, "run", "--", "sh", "-c", `trap 'exit 9' TERM; trap 'exit 8' INT; trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done`)
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state, "HOME="+state)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out := &buffer{}
		cmd.Stdout = out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return strings.Contains(out.String(), "ready") }, func() string { return "the command does not start" })
		cmd.Process.Signal(sig)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-ended:
		case <-time.After(deadline):
			cmd.Process.Kill()
			t.Fatal("it goes on")
		}
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("%v: exit status %d, want %d", sig, code, want)
		}
	}
}

// --for ends after a time, and says that nobody came.
func TestFor(t *testing.T) {
	state := t.TempDir()
	env := append(os.Environ(), "XDG_STATE_HOME="+state, "HOME="+state)
	stdout, stderr, code := smtptap(t, env, "", "-l", "127.0.0.1:0", "-q", "--for", "200ms", "--expect", "sent", "--report", "json")
	if code != 3 || stderr != "smtptap: no session came within 200 ms\n" || !strings.Contains(stdout, `"passed": false`) {
		t.Errorf("status %d, %q, %q", code, stdout, stderr)
	}
	if _, stderr, code := smtptap(t, env, "", "--for", "1s", "--ui", "text", "--report", "json"); code != 2 || !strings.Contains(stderr, "json:FILE") {
		t.Errorf("status %d, %q", code, stderr)
	}
}
