package tui

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// program builds smtptap once for all tests that run it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "smtptap-screen")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "smtptap")
	out, err := exec.Command("go", "build", "-o", path, "smtptap").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
})

// needTmux returns the program, or skips the test where there is no tmux to
// run it in.
func needTmux(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("SMTPTAP_E2E") == "require" {
			t.Fatal("tmux is not installed")
		}
		t.Skip("tmux is not installed")
	}
	return needProgram(t)
}

// needProgram returns the program.
func needProgram(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the real program")
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A tmux is a terminal with a program in it, on a server of its own.
type tmux struct {
	t      *testing.T
	socket string
}

// patience is how long a test waits for the screen.
const patience = 20 * time.Second

// run starts a shell command in a terminal of that size. When the command has
// ended, its exit status and the state of the terminal are on the screen.
func run(t *testing.T, width, height int, env []string, command string) *tmux {
	t.Helper()
	m := &tmux{t, filepath.Join(t.TempDir(), "tmux")}
	t.Cleanup(func() { exec.Command("tmux", "-S", m.socket, "kill-server").Run() })
	script := "env XDG_STATE_HOME=" + t.TempDir() + " LC_ALL=C.UTF-8 " + strings.Join(env, " ") + " " + command +
		`; echo "ended with $?"; stty -a; sleep 1000`
	m.tmux("-f", "/dev/null", "-u", "new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), script)
	return m
}

func (m *tmux) tmux(args ...string) string {
	m.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", m.socket}, args...)...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

// keys sends keys by tmux's names for them.
func (m *tmux) keys(keys ...string) { m.t.Helper(); m.tmux(append([]string{"send-keys"}, keys...)...) }

// text is what the terminal shows.
func (m *tmux) text() string { m.t.Helper(); return m.tmux("capture-pane", "-p") }

// ask asks tmux for a format such as #{alternate_on}.
func (m *tmux) ask(format string) string {
	m.t.Helper()
	return strings.TrimSpace(m.tmux("display-message", "-p", format))
}

// until waits until the terminal shows all of these, and returns its text.
func (m *tmux) until(wants ...string) string {
	m.t.Helper()
	text := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text = m.text()
		found := 0
		for _, w := range wants {
			if strings.Contains(text, w) {
				found++
			}
		}
		if found == len(wants) {
			return text
		}
	}
	m.t.Fatalf("the terminal never showed %q:\n%s", wants, text)
	return ""
}

// untilAsked waits until tmux answers so.
func (m *tmux) untilAsked(format, want string) {
	m.t.Helper()
	got := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = m.ask(format); got == want {
			return
		}
	}
	m.t.Fatalf("%s is %s, want %s", format, got, want)
}

// pid is the process that runs in the terminal's shell.
func (m *tmux) pid() int {
	m.t.Helper()
	shell := m.ask("#{pane_pid}")
	children, err := os.ReadFile("/proc/" + shell + "/task/" + shell + "/children")
	if err != nil {
		m.t.Fatal(err)
	}
	for _, child := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(child)
		if err == nil {
			return pid
		}
	}
	m.t.Fatal("nothing runs in the terminal")
	return 0
}

// givenBack waits for the program's end and checks that the terminal is as it
// was before.
func (m *tmux) givenBack() string {
	m.t.Helper()
	text := m.until("ended with ", "lnext =")
	for _, c := range []struct{ format, want string }{{"#{alternate_on}", "0"}, {"#{cursor_flag}", "1"}, {"#{wrap_flag}", "1"}, {"#{mouse_any_flag}", "0"}} {
		if got := m.ask(c.format); got != c.want {
			m.t.Errorf("%s is %s after the program has ended, want %s", c.format, got, c.want)
		}
	}
	for _, flag := range []string{"-icanon", "-echo ", "-isig", "-opost"} {
		if strings.Contains(text, flag) {
			m.t.Errorf("the terminal is left with %s:\n%s", flag, text)
		}
	}
	return text
}

// gone reports whether the process has ended.
func gone(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return errors.Is(err, os.ErrNotExist)
}
