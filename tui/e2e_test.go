package tui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtptap/recordings"
)

func TestDemoOnTheScreen(t *testing.T) {
	m := run(t, 120, 40, nil, needTmux(t)+" demo")
	m.until("✓ sent", "✗ refused", "◐ partly", "✗ Not sent: white space around the credentials", "REC", "Next, with your own server: smtptap --to")
	if m.ask("#{alternate_on}") != "1" {
		t.Error("the screen is not on the alternate screen")
	}
	m.keys("Escape")
	m.keys("k", "2")
	m.until("你好 smtp", "=?utf-8?B?")
	m.keys("q", "q")
	text := m.givenBack()
	for _, want := range []string{"3 sessions: 1 sent, 1 partly, 1 refused", "recorded in ", ".smtptap", "ended with 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("the normal screen does not show %q:\n%s", want, text)
		}
	}
}

func TestTerminalIsGivenBack(t *testing.T) {
	smtptap := needTmux(t)
	for name, end := range map[string]func(*tmux){
		"q":       func(m *tmux) { m.keys("q") },
		"ctrl+c":  func(m *tmux) { m.keys("C-c") },
		"SIGINT":  func(m *tmux) { syscall.Kill(m.pid(), syscall.SIGINT) },
		"SIGTERM": func(m *tmux) { syscall.Kill(m.pid(), syscall.SIGTERM) },
		"SIGHUP":  func(m *tmux) { syscall.Kill(m.pid(), syscall.SIGHUP) },
		"SIGQUIT": func(m *tmux) { syscall.Kill(m.pid(), syscall.SIGQUIT) },
	} {
		t.Run(name, func(t *testing.T) {
			m := run(t, 100, 30, nil, "env "+smtptap+" -l 127.0.0.1:0 --mouse")
			m.until("Waiting for the first session", "mouse")
			end(m)
			if text := m.givenBack(); !strings.Contains(text, "ended with 0") {
				t.Errorf("it ended otherwise:\n%s", text)
			}
		})
	}
}

// TestTerminalGoes takes the terminal away from the program.
func TestTerminalGoes(t *testing.T) {
	m := run(t, 100, 30, nil, needTmux(t)+" -l 127.0.0.1:0")
	m.until("Waiting for the first session")
	pid := m.pid()
	m.tmux("kill-server")
	for deadline := time.Now().Add(patience); !gone(pid); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the program goes on without its terminal")
		}
	}
}

// Names of what the test binary does when it is run as a program; see TestMain.
const (
	roleVariable  = "SMTPTAP_TEST_ROLE"
	panicInView   = "panic-in-view"
	panicInUpdate = "panic-in-update"
	panicBeside   = "panic-in-command"
)

// broken is a set that panics in one of its methods once its time has come.
type broken struct {
	Sessions
	role string
	now  chan struct{} // closed when its time has come
}

func (b broken) due(role string) bool {
	select {
	case <-b.now:
		return b.role == role
	default:
		return false
	}
}

// play shows a screen that fails in the way that the role says.
func play(role string) int {
	sim := newSimulation(time.Now(), nil, false)
	sim.Play("smtp://mail.example.com:587", sentScript())
	b := broken{sim.Set, role, make(chan struct{})}
	time.AfterFunc(300*time.Millisecond, func() {
		close(b.now)
		sim.Play("smtp://mail.example.com:587", sentScript())
	})
	err := Run(context.Background(), Options{Set: b, Listen: []string{"127.0.0.1:2525"}, Target: "sink"})
	fmt.Println("the screen ended:", err)
	return 1
}

// serveHostile answers one session with what attacks terminals.
func serveHostile(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerHostile(c)
		}
	}()
	return l.Addr().String()
}

const attack = "\x1b[2J\x1b[H\x1b]0;PWNED\x07\x1b]52;c;cHduZWQ=\x07\x9b31m\u202e👍🏽👩\u200d💻 हिन्दी 界\x08\x08\x1b[?1049l"

func answerHostile(c net.Conn) {
	defer c.Close()
	io.WriteString(c, "220 "+attack+"\r\n")
	in := bufio.NewReader(c)
	data := false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch {
		case data && line == ".\r\n":
			data = false
			io.WriteString(c, "554 5.7.1 "+attack+" refused\r\n")
		case data:
		case strings.HasPrefix(line, "DATA"):
			data = true
			io.WriteString(c, "354 go\r\n")
		case strings.HasPrefix(line, "QUIT"):
			io.WriteString(c, "221 bye\r\n")
			return
		default:
			io.WriteString(c, "250 "+attack+"\r\n")
		}
	}
}

// sendHostile is a client that attacks too.
func sendHostile(t *testing.T, addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(c)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"EHLO " + attack, "MAIL FROM:<" + attack + "你好@例子.example>", "RCPT TO:<👍🏽👍🏽@example.net>", "DATA",
		"Subject: " + attack + "验证码\r\n\r\n" + attack + "\r\n.", "QUIT",
	} {
		io.WriteString(c, line+"\r\n")
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
}

var listening = regexp.MustCompile(`127\.0\.0\.1:(\d+) →`)

// listens is the address that the screen says clients can connect to.
func (m *tmux) listens() string {
	m.t.Helper()
	found := listening.FindStringSubmatch(m.until(" → "))
	if found == nil {
		m.t.Fatal("the screen does not say where smtptap listens")
	}
	return "127.0.0.1:" + found[1]
}

// TestHostileSessionOnTheScreen relays a session in which both sides attack the
// terminal, and looks at it in every way, at many sizes.
func TestHostileSessionOnTheScreen(t *testing.T) {
	m := run(t, 120, 40, nil, needTmux(t)+" -l 127.0.0.1:0 --to smtp://"+serveHostile(t))
	title := m.ask("#{pane_title}")
	sendHostile(t, m.listens())
	m.until("✗ refused", `\x1b[2J`, "Not sent")
	for _, keys := range [][]string{{"Enter"}, {"v"}, {"v"}, {"2"}, {"3"}, {"4"}, {"5"}, {"1"}, {"g"}, {"G"}, {"e"}, {"Escape"}} {
		m.keys(keys...)
		for _, size := range [][2]string{{"55", "17"}, {"120", "40"}} {
			m.tmux("resize-window", "-x", size[0], "-y", size[1])
		}
	}
	for i := range 30 {
		m.tmux("resize-window", "-x", fmt.Sprint(1+i*7%160), "-y", fmt.Sprint(1+i*5%50))
	}
	m.tmux("resize-window", "-x", "1", "-y", "1")
	m.tmux("resize-window", "-x", "120", "-y", "40")
	m.until("STATE", "✗ refused", "? help")
	if got := m.ask("#{pane_title}"); got != title {
		t.Errorf("the terminal's title became %q", got)
	}
	if buffers := m.tmux("list-buffers"); buffers != "" {
		t.Errorf("the clipboard was written: %s", buffers)
	}
	if m.ask("#{alternate_on}") != "1" {
		t.Error("the alternate screen was left")
	}
	m.keys("C-c")
	m.givenBack()
}

// TestNothingIsLeftOver compares the screen after a storm of sizes with one
// drawn afresh at the same size.
func TestNothingIsLeftOver(t *testing.T) {
	m := run(t, 100, 36, nil, needTmux(t)+" -l 127.0.0.1:0 --to smtp://"+serveHostile(t))
	sendHostile(t, m.listens())
	m.until("✗ refused", "Not sent")
	m.keys("Enter")
	for _, keys := range []string{"2", "v", "v", "1", "G", "g", "v", "v", "v"} {
		m.keys(keys)
	}
	m.until("[1 Dialogue]", "decoded, 1 of")
	before := m.text()
	m.tmux("resize-window", "-x", "99", "-y", "35")
	m.until("[1 Dialogue]")
	m.tmux("resize-window", "-x", "100", "-y", "36")
	for deadline := time.Now().Add(patience); m.text() != before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("drawn afresh it looks otherwise:\n%s\nbefore:\n%s", m.text(), before)
		}
	}
}

// recorded is a folder with some recordings.
func recorded(t *testing.T) string {
	folder, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	sim := newSimulation(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), folder, false)
	for _, script := range []string{sentScript(), hostileScript(), unknownRecipientScript(), wrongPasswordScript(), attachmentScript()} {
		sim.Play("smtp://mail.example.com:587", script)
		sim.Wait(time.Minute)
	}
	if err := sim.Set.Close(); err != nil {
		t.Fatal(err)
	}
	return folder.Dir()
}

// TestKeysInOneRead sends several keys in one write, as slow lines do.
func TestKeysInOneRead(t *testing.T) {
	m := run(t, 80, 24, nil, needTmux(t)+" view -w "+recorded(t))
	m.until("5 sessions")
	m.keys("-l", "gjjj")
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		lines := strings.Split(m.text(), "\n")
		if len(lines) > 4 && strings.HasPrefix(lines[4], "▌") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("gjjj did not select the fourth row:\n%s", m.text())
		}
	}
	m.keys("-l", "q")
	m.givenBack()
}

// TestOtherLocalesDrawTheSame runs the screen under locales in which width
// tables count our signs as two columns.
func TestOtherLocalesDrawTheSame(t *testing.T) {
	smtptap, dir := needTmux(t), recorded(t)
	first := ""
	for _, locale := range []string{"C.UTF-8", "zh_CN.UTF-8", "ja_JP.UTF-8"} {
		m := run(t, 120, 40, []string{"LC_ALL=" + locale, "LANG=" + locale, "SMTPTAP_LANG=en"}, smtptap+" view -w "+dir)
		text := m.until("5 sessions", "✓ Sent", "? help")
		if first == "" {
			first = text
		}
		if text != first {
			t.Errorf("%s draws\n%s\nC.UTF-8 draws\n%s", locale, text, first)
		}
		m.keys("q")
		m.givenBack()
	}
}
