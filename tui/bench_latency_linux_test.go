package tui

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkSessionBehindScreen is how long a session takes that goes through
// the real program: without a screen, with one on a terminal that is read, and
// with one on a terminal that nobody reads.
func BenchmarkSessionBehindScreen(b *testing.B) {
	for _, screen := range []struct {
		name  string
		args  []string
		stuck bool
	}{
		{"closed", []string{"--ui", "none"}, false},
		{"open", nil, false},
		{"stuck", nil, true},
	} {
		b.Run(screen.name, func(b *testing.B) {
			p := openPty(b, 200, 60)
			_, addr := p.serve(b, screen.args...)
			if !screen.stuck {
				p.drain()
			}
			for range 200 { // what nobody reads fills the terminal meanwhile
				mailOnce(b, addr)
			}
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				mailOnce(b, addr)
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(millis(took[len(took)/2]), "ms-session-p50")
			b.ReportMetric(millis(took[len(took)*99/100]), "ms-session-p99")
		})
	}
}

// mailOnce sends a message in a session of its own.
func mailOnce(t testing.TB, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(c)
	last := ""
	for _, say := range []string{
		"", "EHLO bench.example.com\r\n", "MAIL FROM:<a@example.com>\r\n", "RCPT TO:<b@example.net>\r\n", "DATA\r\n",
		"Subject: bench\r\n\r\n" + strings.Repeat("text\r\n", 50) + ".\r\n", "QUIT\r\n",
	} {
		io.WriteString(c, say)
		for last = "250-"; len(last) > 3 && last[3] == '-'; {
			if last, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !strings.HasPrefix(last, "221") {
		t.Fatalf("the session ended with %q", last)
	}
}
