package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtptap/recordings/transcript"
)

// outputs is smtptap with pipes that the test reads, or doesn't.
type outputs struct {
	cmd    *exec.Cmd
	dir    string // its recordings
	addr   string
	out    *os.File // where its output can be read
	log    *bufio.Reader
	exited chan struct{}
}

var listenLine = regexp.MustCompile(`"addr":"([^"]+)"`)

func startPiped(t *testing.T, args ...string) *outputs {
	t.Helper()
	out, stdout := pipe(t)
	errors, stderr := pipe(t)
	o := &outputs{dir: filepath.Join(t.TempDir(), "recordings"), out: out, log: bufio.NewReader(errors), exited: make(chan struct{})}
	o.cmd = exec.Command(program, append([]string{"-l", "127.0.0.1:0", "--record", o.dir}, args...)...)
	o.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Dir(o.dir))
	o.cmd.Stdout, o.cmd.Stderr = stdout, stderr
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	stderr.Close()
	go func() { o.cmd.Wait(); close(o.exited) }()
	t.Cleanup(func() { o.cmd.Process.Kill(); <-o.exited })
	line, err := o.log.ReadString('\n')
	found := listenLine.FindStringSubmatch(line)
	if err != nil || found == nil {
		t.Fatalf("it does not listen: %q, %v", line, err)
	}
	o.addr = found[1]
	return o
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, w
}

// session says n NOOPs and QUIT, each with its reply.
func (o *outputs) session(t *testing.T, n int) {
	t.Helper()
	c, err := net.Dial("tcp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(c)
	for i := range n + 2 {
		switch {
		case i == n+1:
			fmt.Fprint(c, "QUIT\r\n")
		case i > 0:
			fmt.Fprintf(c, "NOOP %s\r\n", strings.Repeat("x", 300))
		}
		if line, err := r.ReadString('\n'); err != nil || line[0] != '2' {
			t.Fatalf("reply %d: %q, %v", i, line, err)
		}
	}
}

// ends signals smtptap, sees it end, and finds n recordings with their end.
func (o *outputs) ends(t *testing.T, sig os.Signal, n int) {
	t.Helper()
	o.cmd.Process.Signal(sig)
	select {
	case <-o.exited:
	case <-time.After(20 * time.Second):
		t.Fatalf("it did not end at %v", sig)
	}
	paths, err := filepath.Glob(filepath.Join(o.dir, "*.smtptap"))
	if err != nil || len(paths) != n {
		t.Errorf("%d recordings, want %d; %v", len(paths), n, err)
	}
	for _, path := range paths {
		if tr, damage, err := transcript.Load(path); err != nil || damage != nil || !tr.Ended {
			t.Errorf("%s is not whole: %v, %v", path, err, damage)
		}
	}
}

// Output that nobody reads holds up neither sessions nor the end.
func TestNobodyReadsTheOutput(t *testing.T) {
	for _, ui := range []string{"text", "json"} {
		t.Run(ui, func(t *testing.T) {
			o := startPiped(t, "--ui", ui)
			for range 30 {
				o.session(t, 10)
			}
			o.ends(t, syscall.SIGTERM, 30)
		})
	}
}

// A reader who goes away ends no session.
func TestReaderGoesAway(t *testing.T) {
	for _, ui := range []string{"text", "json"} {
		t.Run(ui, func(t *testing.T) {
			o := startPiped(t, "--ui", ui)
			o.session(t, 1)
			if _, err := o.out.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			o.out.Close()
			o.session(t, 3)
			o.session(t, 3)
			o.ends(t, syscall.SIGTERM, 3)
			if code := o.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit status %d", code)
			}
		})
	}
}

// A log that nobody reads holds up neither sessions nor the end.
func TestNobodyReadsTheLog(t *testing.T) {
	o := startPiped(t, "--ui", "none", "-v")
	for range 200 {
		o.session(t, 1)
	}
	o.ends(t, syscall.SIGTERM, 200)
}

// SIGQUIT ends smtptap in an orderly way, as SIGTERM does.
func TestQuitSignal(t *testing.T) {
	o := startPiped(t, "--ui", "none", "--drain-timeout", "10ms")
	c, err := net.Dial("tcp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	o.ends(t, syscall.SIGQUIT, 1)
}
