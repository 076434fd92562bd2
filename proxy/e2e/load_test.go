package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A crowd is a proxy and its server, which greets and answers each line by 250.
type crowd struct {
	tap   *tap
	conns []net.Conn
}

func gather(b *testing.B) *crowd {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	return &crowd{tap: start(b, "--to", "smtp://"+l.Addr().String(), "--max-sessions", "9950")}
}

func answer(c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "220 ready\r\n")
	for lines := bufio.NewScanner(c); lines.Scan(); {
		if _, err := fmt.Fprint(c, "250 ok\r\n"); err != nil {
			return
		}
	}
}

// join opens a session and hears its greeting.
func (c *crowd) join(b *testing.B) net.Conn {
	conn, err := net.Dial("tcp", c.tap.Addr)
	if err != nil {
		b.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	hear(b, conn, "220 ready\r\n")
	return conn
}

func hear(b *testing.B, conn net.Conn, want string) {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		b.Fatalf("heard %q, %v", got, err)
	}
}

// leave closes all sessions.
func (c *crowd) leave() {
	for _, conn := range c.conns {
		conn.Close()
	}
}

// process reads what the kernel says of the proxy.
func (c *crowd) process(b *testing.B) (rss, files int) {
	pid := strconv.Itoa(c.tap.cmd.Process.Pid)
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		b.Skip("needs /proc")
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fmt.Sscan(rest, &rss)
	open, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		b.Fatal(err)
	}
	return rss, len(open)
}

// BenchmarkAmongMany is a new session, greeting and one command, while 9,900
// others are open.
func BenchmarkAmongMany(b *testing.B) {
	const sessions = 9900
	c := gather(b)
	defer c.leave()
	for range sessions {
		c.conns = append(c.conns, c.join(b))
	}
	for b.Loop() {
		conn := c.join(b)
		fmt.Fprint(conn, "NOOP\r\n")
		hear(b, conn, "250 ok\r\n")
		conn.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/session")
}

// BenchmarkChurn is 200 sessions a second. What is open and what is in memory
// afterwards is that of the beginning and what a session's summary takes.
func BenchmarkChurn(b *testing.B) {
	c := gather(b)
	for range 200 { // what is set up once is there
		c.join(b).Close()
	}
	rss, files := c.process(b)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
		conn := c.join(b)
		fmt.Fprint(conn, "QUIT\r\n")
		hear(b, conn, "250 ok\r\n")
		conn.Close()
	}
	waitFor(b, func() bool { _, now := c.process(b); return now <= files+5 }, func() string { return "descriptors stay open" })
	after, _ := c.process(b)
	b.ReportMetric(float64(after-rss)*1024/float64(b.N), "B-grown/session")
}
