package proxy_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy"
	"smtptap/proxy/upstream"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of the tests. It only matters when one fails.
const patience = 20 * time.Second

// A bench is a proxy that serves on loopback, between a client and a server
// that the test plays.
type bench struct {
	t      *testing.T
	proxy  *proxy.Proxy
	set    *transcript.Set
	addr   string       // where the proxy listens
	tls    string       // where it does for TLS from the first byte
	server net.Listener // where it leads to
	cancel context.CancelFunc
	served chan error

	stopped sync.Once
	loses   bool // the recordings are expected to be incomplete
}

// setUp starts a proxy; change may alter it before it serves.
func setUp(t *testing.T, change func(*proxy.Proxy)) *bench {
	t.Helper()
	return setUpWith(t, proxy.Listener{}, change)
}

// setUpWith is setUp with a listener of that kind.
func setUpWith(t *testing.T, kind proxy.Listener, change func(*proxy.Proxy)) *bench {
	t.Helper()
	leavesNothing(t)
	b := &bench{t: t, served: make(chan error, 1)}
	b.server = listenTCP(t)
	folder, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	at := netip.MustParseAddrPort(b.server.Addr().String())
	b.proxy = &proxy.Proxy{
		Transcripts: transcript.NewSet(transcript.Options{Folder: folder}), Target: "smtp://" + at.String(), Mode: proxy.Pass,
		Upstream: &upstream.Fixed{Host: at.Addr().String(), Port: at.Port()},
	}
	if change != nil {
		change(b.proxy)
	}
	b.set = b.proxy.Transcripts
	l, secured := listenTCP(t), listenTCP(t)
	b.addr, b.tls = l.Addr().String(), secured.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	go func() {
		b.served <- b.proxy.Serve(ctx, proxy.Listener{Listener: l, Header: kind.Header}, proxy.Listener{Listener: secured, TLS: true})
	}()
	t.Cleanup(b.stop)
	return b
}

// stop ends the proxy, waits for it, writes the recordings out, and checks what
// must be true of every session.
func (b *bench) stop() {
	b.stopped.Do(func() {
		b.cancel()
		b.proxy.Abort()
		if err := <-b.served; err != nil {
			b.t.Error(err)
		}
		sessions := b.sessions()
		if err := b.set.Close(); (err != nil) != b.loses {
			b.t.Errorf("closing the transcripts: %v", err)
		}
		if !b.loses {
			b.holds(sessions)
		}
	})
}

func listenTCP(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// dial connects a client.
func (b *bench) dial() *net.TCPConn {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.adopt(conn)
}

// dialTLS connects a client to where TLS begins with the first byte.
func (b *bench) dialTLS() *net.TCPConn {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.tls)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.adopt(conn)
}

// accept takes the proxy's connection to the server.
func (b *bench) accept() *net.TCPConn {
	b.t.Helper()
	b.server.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := b.server.Accept()
	if err != nil {
		b.t.Fatal(err)
	}
	return b.adopt(conn)
}

func (b *bench) adopt(conn net.Conn) *net.TCPConn {
	b.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

// connect plays both ends of one new session.
func (b *bench) connect() (client, server *net.TCPConn) {
	b.t.Helper()
	client = b.dial()
	return client, b.accept()
}

// transcript waits for the newest session to end and returns it.
func (b *bench) transcript() *decode.Transcript {
	b.t.Helper()
	changed, cancel := b.set.Subscribe()
	defer cancel()
	timeout := time.After(patience)
	for {
		if n := b.set.Len(); n > 0 {
			t, err := b.set.Open(b.set.Summary(n - 1).ID)
			if err != nil {
				b.t.Fatal(err)
			}
			if t.Ended {
				return t
			}
		}
		select {
		case <-changed:
		case <-timeout:
			b.t.Fatal("the session does not end")
		}
	}
}

// end waits for the newest session and returns its last fact and how each leg
// closed.
func (b *bench) end() (end facts.End, closed map[who.Leg]string) {
	b.t.Helper()
	closed = map[who.Leg]string{}
	for _, e := range b.transcript().Entries {
		switch f := e.Fact.(type) {
		case *facts.Closed:
			closed[f.Leg] = f.How
		case *facts.End:
			end = *f
		}
	}
	return end, closed
}

// readN reads n bytes.
func readN(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	p := make([]byte, n)
	if _, err := io.ReadFull(r, p); err != nil {
		t.Fatalf("after %q: %v", p, err)
	}
	return string(p)
}

// expect reads exactly that text.
func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	if got := readN(t, r, len(want)); got != want {
		t.Fatalf("read %q, want %q", got, want)
	}
}

// expectEOF reads the end of the stream.
func expectEOF(t *testing.T, r io.Reader) {
	t.Helper()
	if got, err := io.ReadAll(r); err != nil || len(got) > 0 {
		t.Fatalf("read %q, %v; want the end", got, err)
	}
}

// write sends text.
func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}
