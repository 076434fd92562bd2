package tui

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkIdle is how much of a core the program takes when nothing happens:
// without a session, and with one that waits.
func BenchmarkIdle(b *testing.B) {
	for _, what := range []struct {
		name     string
		sessions int
	}{{"no session", 0}, {"a session that waits", 1}} {
		b.Run(what.name, func(b *testing.B) {
			p := openPty(b, 200, 60)
			cmd, addr := p.serve(b)
			p.drain()
			for range what.sessions {
				c := connect(b, addr)
				defer c.Close()
			}
			time.Sleep(time.Second) // until all is drawn
			var used, lasted time.Duration
			for b.Loop() {
				from, began := processorTime(b, cmd.Process.Pid), time.Now()
				time.Sleep(3 * time.Second)
				used += processorTime(b, cmd.Process.Pid) - from
				lasted += time.Since(began)
			}
			b.ReportMetric(100*used.Seconds()/lasted.Seconds(), "%-of-a-core")
			b.ReportMetric(0, "ns/op") // the time is chosen
		})
	}
}

// connect connects a client and reads the greeting.
func connect(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return c
}

// processorTime is what the threads of a process have used so far: the first
// number of schedstat, in nanoseconds.
func processorTime(t testing.TB, pid int) (sum time.Duration) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatal("no statistics of the process: ", err)
	}
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		used, _, _ := strings.Cut(string(stat), " ")
		n, err := strconv.ParseInt(used, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n)
	}
	return sum
}

var logged = regexp.MustCompile(`"addr":"([^"]+)"`)

// serve runs the proxy in front of the embedded server on the terminal, and
// tells where it listens.
func (p *pty) serve(t testing.TB, more ...string) (*exec.Cmd, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	cmd := p.start(t, needProgram(t), append([]string{"-l", "127.0.0.1:0", "--log-file", path}, more...)...)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		log, err := os.ReadFile(path)
		if err == nil {
			if found := logged.FindSubmatch(log); found != nil {
				return cmd, string(found[1])
			}
		}
	}
	t.Fatal("the program never said where it listens")
	return nil, ""
}
