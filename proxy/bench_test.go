package proxy_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"smtptap/proxy"
	"smtptap/proxy/sink"
	"smtptap/proxy/upstream"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// A way is what stands between client and server in a benchmark.
type way struct {
	name  string
	start func(b *testing.B, server string) (addr string)
}

// ways are the yardsticks and the proxy: with nothing between, with a relay that
// does nothing but copy, and with transcripts that are recorded or not.
var ways = []way{
	{"direct", func(b *testing.B, server string) string { return server }},
	{"copy", startCopy},
	{"proxy", func(b *testing.B, server string) string { return startProxy(b, server, nil) }},
	{"recorded", func(b *testing.B, server string) string {
		folder, err := recordings.OpenFolder(b.TempDir() + "/recordings")
		if err != nil {
			b.Fatal(err)
		}
		return startProxy(b, server, folder)
	}},
}

// startProxy runs a proxy until the benchmark ends.
func startProxy(b *testing.B, server string, folder *recordings.Folder) string {
	at := netip.MustParseAddrPort(server)
	set := transcript.NewSet(transcript.Options{Folder: folder})
	p := &proxy.Proxy{Transcripts: set, Upstream: &upstream.Fixed{Host: at.Addr().String(), Port: at.Port()}}
	l := listenTCP(b)
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- p.Serve(ctx, proxy.Listener{Listener: l}) }()
	b.Cleanup(func() {
		cancel()
		p.Abort()
		if err := <-served; err != nil {
			b.Error(err)
		}
		if err := set.Close(); err != nil {
			b.Error(err)
		}
	})
	return l.Addr().String()
}

// startCopy runs a relay of two io.Copy until the benchmark ends.
func startCopy(b *testing.B, server string) string {
	l := listenTCP(b)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				up, err := net.Dial("tcp", server)
				if err != nil {
					client.Close()
					return
				}
				done := make(chan struct{})
				go func() {
					copyTo(up, client)
					close(done)
				}()
				copyTo(client, up)
				<-done
				client.Close()
				up.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func copyTo(dst, src net.Conn) {
	io.Copy(dst, src)
	dst.(*net.TCPConn).CloseWrite()
}

// startSink runs the embedded server until the benchmark ends.
func startSink(b *testing.B) string {
	l := listenTCP(b)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- new(sink.Server).Serve(ctx, l) }()
	b.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			b.Error(err)
		}
	})
	return l.Addr().String()
}

// A mailer is a client that sends messages and checks the replies' codes.
type mailer struct {
	conn net.Conn
	r    *bufio.Reader
	b    *testing.B
}

func newMailer(b *testing.B, addr string) *mailer {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	m := &mailer{conn, bufio.NewReader(conn), b}
	m.hear("220")
	m.say("EHLO client.example.org\r\n", "250")
	return m
}

func (m *mailer) say(text, code string) {
	if _, err := io.WriteString(m.conn, text); err != nil {
		m.b.Fatal(err)
	}
	m.hear(code)
}

func (m *mailer) hear(code string) {
	for {
		line, err := m.r.ReadSlice('\n')
		if err != nil || string(line[:3]) != code {
			m.b.Fatalf("heard %q, %v; want %s", line, err, code)
		}
		if line[3] != '-' {
			return
		}
	}
}

func (m *mailer) send(message string) {
	m.say("MAIL FROM:<a@example.org>\r\n", "250")
	m.say("RCPT TO:<b@example.net>\r\n", "250")
	m.say("DATA\r\n", "354")
	m.say(message, "250")
}

func (m *mailer) quit() {
	m.say("QUIT\r\n", "221")
	m.conn.Close()
}

// messageOf is a text of about that size.
func messageOf(size int) string {
	const text = "The quick brown fox jumps over the lazy dog, and the dog lets it, mostly.\r\n"
	return "Subject: a benchmark\r\nFrom: a@example.org\r\nTo: b@example.net\r\n\r\n" +
		strings.Repeat(text, size/len(text)) + ".\r\n"
}

// BenchmarkNewSession sends one small message in each session.
func BenchmarkNewSession(b *testing.B) {
	small := messageOf(4 << 10)
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			addr := w.start(b, startSink(b))
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					m := newMailer(b, addr)
					m.send(small)
					m.quit()
				}
			})
		})
	}
}

// BenchmarkKeptSession sends small messages in sessions that stay open.
func BenchmarkKeptSession(b *testing.B) {
	small := messageOf(4 << 10)
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			addr := w.start(b, startSink(b))
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				m := newMailer(b, addr)
				for pb.Next() {
					m.send(small)
				}
				m.quit()
			})
		})
	}
}

// BenchmarkLargeMessage sends messages of 25 MB.
func BenchmarkLargeMessage(b *testing.B) {
	large := messageOf(25 << 20)
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			m := newMailer(b, w.start(b, startSink(b)))
			b.SetBytes(int64(len(large)))
			for b.Loop() {
				m.send(large)
			}
			m.quit()
		})
	}
}

// BenchmarkRoundTrip measures what the proxy adds to a command and its reply.
func BenchmarkRoundTrip(b *testing.B) {
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			m := newMailer(b, w.start(b, startSink(b)))
			for b.Loop() {
				m.say("NOOP\r\n", "250")
			}
			m.quit()
		})
	}
}
