// Package e2e drives the real program with real clients and servers.
//
// Peers that are not installed skip their tests, unless SMTPTAP_E2E=require is
// set, as .ci/run does after installing them.
package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the path of the smtptap that was built for this run.
var program string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "smtptap-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// At its end a program with the race detector sleeps for a second, and the tests
	// run it hundreds of times.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	program = filepath.Join(dir, "smtptap")
	build := exec.Command("go", "build", "-race", "-o", program, "smtptap")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building smtptap: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// need skips a test of real peers in short mode and where one is missing, or
// fails it when peers are required.
func need(t *testing.T, files ...string) {
	t.Helper()
	required := os.Getenv("SMTPTAP_E2E") == "require"
	if testing.Short() && !required {
		t.Skip("real peers take their time; not with -short")
	}
	for _, f := range files {
		_, err := exec.LookPath(f)
		if filepath.IsAbs(f) {
			_, err = os.Stat(f)
		}
		if err == nil {
			continue
		}
		if required {
			t.Fatalf("%s is missing: .ci/run installs it", f)
		}
		t.Skipf("%s is not installed", f)
	}
}

// deadline bounds every wait in these tests: what takes longer is broken.
const deadline = 60 * time.Second

// A tap is a running smtptap.
type tap struct {
	Addr  string   // where it listens, the first of Addrs
	Addrs []string // in the order of -l
	Dir   string   // its recordings
	State string   // its XDG_STATE_HOME

	cmd    *exec.Cmd
	stdout *buffer
	stderr *buffer
	exited chan error
}

// start runs smtptap on free ports, with its state in a folder of the test.
// Without -l among args it listens on one port of 127.0.0.1.
func start(t testing.TB, args ...string) *tap {
	t.Helper()
	return startIn(t, t.TempDir(), args...)
}

func startIn(t testing.TB, state string, args ...string) *tap {
	t.Helper()
	p := &tap{Dir: filepath.Join(state, "recordings"), State: state, stdout: &buffer{}, stderr: &buffer{}, exited: make(chan error, 1)}
	listeners := 0
	for _, a := range args {
		if a == "-l" {
			listeners++
		}
	}
	if listeners == 0 {
		args = append([]string{"-l", "127.0.0.1:0"}, args...)
		listeners = 1
	}
	args = append([]string{"--ui", "none", "--record", p.Dir}, args...)
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state, "HOME="+state)
	p.cmd.Stdout = p.stdout
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() { p.stop(t) })
	waitFor(t, func() bool { return len(p.listening()) == listeners }, func() string { return "smtptap does not listen:\n" + p.stderr.String() })
	p.Addrs = p.listening()
	p.Addr = p.Addrs[0]
	return p
}

// listening reads the addresses from the log.
func (p *tap) listening() []string {
	var addrs []string
	for _, line := range strings.Split(p.stderr.String(), "\n") {
		var entry struct{ Message, Addr string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "listening" {
			addrs = append(addrs, entry.Addr)
		}
	}
	return addrs
}

func (p *tap) port() string {
	_, port, _ := net.SplitHostPort(p.Addr)
	return port
}

// stop ends the program in an orderly way and fails the test if that does not
// work, or if the race detector spoke.
func (p *tap) stop(t testing.TB) {
	t.Helper()
	if p.cmd.ProcessState != nil {
		return
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.exited:
		if err != nil {
			t.Errorf("smtptap: %v\n%s", err, p.stderr)
		}
	case <-time.After(deadline):
		p.cmd.Process.Kill()
		t.Errorf("smtptap does not stop\n%s", p.stderr)
	}
	if strings.Contains(p.stderr.String(), "DATA RACE") {
		t.Errorf("smtptap has a race\n%s", p.stderr)
	}
}

// smtptap runs a subcommand to its end and returns what it printed.
func (p *tap) smtptap(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, code := p.try(t, args...)
	if code != 0 {
		t.Fatalf("smtptap %s: exit status %d\n%s%s", strings.Join(args, " "), code, out, stderr)
	}
	return out
}

// try runs a subcommand over the recordings of p.
func (p *tap) try(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return smtptap(t, append(os.Environ(), "XDG_STATE_HOME="+p.State, "SMTPTAP_RECORD="+p.Dir), "", args...)
}

func smtptap(t *testing.T, env []string, input string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = env
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// recorded waits until n sessions have ended and their recordings are whole,
// and returns them, oldest first.
func (p *tap) recorded(t *testing.T, n int) []listedRecording {
	t.Helper()
	var list []listedRecording
	waitFor(t, func() bool {
		out, _, code := p.try(t, "list", "--json")
		list = nil
		if code != 0 || json.Unmarshal([]byte(out), &list) != nil || len(list) < n {
			return false
		}
		for _, r := range list {
			if r.Outcome == "running" || r.Outcome == "unknown" && !p.whole(t, r.ID) {
				return false
			}
		}
		return true
	}, func() string { return fmt.Sprintf("want %d recordings, have %+v\n%s", n, list, p.stderr) })
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// whole reports whether the recording has its end.
func (p *tap) whole(t *testing.T, id string) bool {
	_, stderr, code := p.try(t, "show", id)
	return code == 0 && stderr == ""
}

type listedRecording struct {
	ID, Path, Outcome, Verdict, Client, Server, User, From, Rcpt, Subject string
	Code, Rcpts, Accepted, Messages, Sent                                 int
	TLS                                                                   bool
}

// waitFor polls until done, and fails with what has to say when it never is.
func waitFor(t testing.TB, done func() bool, what func() string) {
	t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatal(what())
}

// client runs a real client and returns what it printed, on both streams.
func client(t *testing.T, wantCode int, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != wantCode {
		t.Fatalf("%s %s: exit status %d, want %d\n%s", name, strings.Join(args, " "), code, wantCode, out)
	}
	return string(out)
}

// A buffer may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// server starts a real server that prints its port on a line of its own, and
// stops it with the test. It returns the address and what the server prints.
func server(t *testing.T, name string, args ...string) (addr string, said *buffer) {
	t.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said = &buffer{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
		cmd.Wait()
	})
	lines := bufio.NewReader(out)
	first := make(chan string, 1)
	go func() {
		defer close(done)
		line, _ := lines.ReadString('\n')
		first <- strings.TrimSpace(line)
		io.Copy(said, lines)
	}()
	select {
	case port := <-first:
		if port == "" {
			t.Fatalf("%s does not start:\n%s", name, said)
		}
		return "127.0.0.1:" + port, said
	case <-time.After(deadline):
		t.Fatalf("%s does not start:\n%s", name, said)
	}
	return "", nil
}
