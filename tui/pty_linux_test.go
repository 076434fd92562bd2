package tui

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pty is a terminal that the test reads, or does not.
type pty struct {
	master, slave *os.File
	was           unix.Termios
}

func openPty(t testing.TB, width, height int) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { master.Close() })
	// Its Fd method would make reading from it wait without a deadline.
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if controlErr := raw.Control(func(fd uintptr) {
		size := &unix.Winsize{Row: uint16(height), Col: uint16(width)}
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			return
		}
		if err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size); err != nil {
			return
		}
		n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
	}); controlErr != nil || err != nil {
		t.Fatal(controlErr, err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	was, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return &pty{master, slave, *was}
}

// start runs the program on the terminal, which is one that is asked nothing.
func (p *pty) start(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	return p.startAs(t, "tmux-256color", name, args...)
}

// startAs is start on a terminal of that type.
func (p *pty) startAs(t testing.TB, terminal, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "TERM="+terminal, "XDG_STATE_HOME="+t.TempDir(), "LC_ALL=C.UTF-8", "NO_COLOR=",
		"CI=") // where it is set, no terminal is asked anything
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.slave, p.slave, p.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// read reads what the program writes until it has written want.
func (p *pty) read(t testing.TB, want string) []byte {
	t.Helper()
	var all []byte
	buf := make([]byte, 4<<10)
	p.master.SetReadDeadline(time.Now().Add(patience))
	defer p.master.SetReadDeadline(time.Time{})
	for {
		n, err := p.master.Read(buf)
		all = append(all, buf[:n]...)
		if bytes.Contains(all, []byte(want)) {
			return all
		}
		if err != nil {
			break
		}
	}
	t.Fatalf("the program never wrote %q but, in the end, %q", want, all[max(len(all)-4<<10, 0):])
	return nil
}

// TestOnlyTheScreenAsksTheTerminal runs a command without a screen on a
// terminal that could be asked for its colours, and answers nothing.
func TestOnlyTheScreenAsksTheTerminal(t *testing.T) {
	p := openPty(t, 80, 24)
	p.startAs(t, "xterm-256color", needProgram(t), "--version")
	if said := p.read(t, "\n"); bytes.ContainsRune(said, '\x1b') {
		t.Errorf("the terminal was asked: %q", said)
	}
	light := openPty(t, 120, 40)
	light.startAs(t, "xterm-256color", needProgram(t), "view", "-w", recorded(t))
	light.read(t, "\x1b]11;?")
	if _, err := light.master.WriteString("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[1;1R"); err != nil {
		t.Fatal(err)
	}
	light.read(t, "\x1b[1;34mC:") // the client in the blue for light backgrounds
}

// fill writes to the terminal until it takes not one byte more. The kernel makes
// room again as it moves bytes on from buffer to buffer.
func (p *pty) fill(t *testing.T) {
	t.Helper()
	fd, err := unix.Open(p.slave.Name(), unix.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for full := 0; full < 20; {
		switch _, err := unix.Write(fd, []byte("z")); {
		case err == nil:
			full = 0
		case errors.Is(err, unix.EAGAIN):
			full++
			time.Sleep(5 * time.Millisecond)
		default:
			t.Fatal(err)
		}
	}
}

// TestStuckTerminal reads nothing more of what the screen writes, as a stalled
// line does, and ends the program.
func TestStuckTerminal(t *testing.T) {
	smtptap := needProgram(t)
	p := openPty(t, 200, 60)
	cmd := p.start(t, smtptap, "view", "-w", recorded(t))
	p.read(t, "5 sessions")
	p.fill(t)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err == nil {
			t.Fatal("the program ended as if its terminal had taken all")
		}
	case <-time.After(patience):
		t.Fatal("the program does not end on a terminal that takes nothing")
	}
	now, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if now.Lflag != p.was.Lflag || now.Iflag != p.was.Iflag || now.Oflag != p.was.Oflag {
		t.Errorf("the terminal is left as %+v, it was %+v", now, p.was)
	}
}

// TestSessionsGoOnBehindStuckTerminal sends mail through a proxy whose screen
// nobody reads.
func TestSessionsGoOnBehindStuckTerminal(t *testing.T) {
	p := openPty(t, 200, 60)
	_, addr := p.serve(t)
	for began := time.Now(); time.Since(began) < time.Second; { // some thirty frames: more than a terminal holds
		mailOnce(t, addr) // it fails the test if it has to wait
	}
}

// allowed are the sequences that a run of the screen may write: those of
// frames, and what begins and ends it.
var allowed = regexp.MustCompile(`^\x1b\[(?:[0-9;]*[mHABCDGJK]|\?(?:7|25|1049|2004|1000|1002|1003|1006)[hl])`)

// TestNothingElseIsWritten reads every byte that a run writes to its terminal
// while it shows a hostile session.
func TestNothingElseIsWritten(t *testing.T) {
	smtptap := needProgram(t)
	p := openPty(t, 120, 40)
	p.start(t, smtptap, "view", "-w", recorded(t))
	all := p.read(t, "5 sessions")
	for _, keys := range []string{"gj", "\r", "v", "v", "2", "v", "v", "3", "4", "5", "1", "G", "?"} {
		if _, err := p.master.WriteString(keys); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Millisecond) // so that each is drawn
	}
	all = append(all, p.read(t, "closes the help")...)
	if _, err := p.master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	all = append(all, p.read(t, "\x1b[?7h")...)
	for rest := all; len(rest) > 0; {
		if seq := allowed.Find(rest); seq != nil {
			rest = rest[len(seq):]
			continue
		}
		if c := rest[0]; c < ' ' && c != '\r' && c != '\n' || c == 0x7f {
			t.Fatalf("the terminal was sent %q", rest[:min(len(rest), 60)])
		}
		rest = rest[1:]
	}
}

// TestPlainTerminals: where a terminal can do nothing but print, there are lines
// in place of the screen, and nothing that moves it.
func TestPlainTerminals(t *testing.T) {
	for _, kind := range []string{"dumb", ""} {
		p := openPty(t, 80, 24)
		p.startAs(t, kind, needProgram(t), "-l", "127.0.0.1:0", "--to", "sink", "--record", "none")
		if said := p.read(t, "127.0.0.1:"); bytes.ContainsRune(said, '\x1b') {
			t.Errorf("TERM=%q: the terminal was told %q", kind, said)
		}
	}
}
