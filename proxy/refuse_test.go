package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy"
	"smtptap/proxy/upstream"
)

// expectWords reads all that the client hears, which must be one line, noted
// as smtptap's own.
func (b *bench) expectWords(client net.Conn, want string) {
	b.t.Helper()
	got, err := io.ReadAll(client)
	if err != nil || string(got) != want+"\r\n" {
		b.t.Fatalf("the client heard %q, %v; want %q", got, err, want)
	}
	client.Close()
	for _, e := range b.transcript().Entries {
		if e.Event != nil && e.Event.Reply != nil {
			if e.From != who.Smtptap || e.To != who.Client {
				b.t.Errorf("%q is noted as from %v to %v", e.Event.Raw, e.From, e.To)
			}
			return
		}
	}
	b.t.Error("the reply is not in the transcript")
}

func TestUnreachable(t *testing.T) {
	closed := listenTCP(t)
	closed.Close()
	at := netip.MustParseAddrPort(closed.Addr().String())
	b := setUp(t, func(p *proxy.Proxy) {
		p.Upstream = &upstream.Fixed{Host: "127.0.0.1", Port: at.Port()}
	})
	client := b.dial()
	write(t, client, "EHLO early.example.org\r\n") // unread, it must not turn the end into a reset
	b.expectWords(client, "421 4.4.1 [smtptap] cannot connect to "+at.String()+": connection refused")
	end, _ := b.end()
	if end.Cause != facts.CauseUnreachable || end.ClientBytes == 0 {
		t.Errorf("ended as %+v", end)
	}
	b.expectDial("refused")
}

// expectDial looks for a failed attempt to connect.
func (b *bench) expectDial(class string) {
	b.t.Helper()
	for _, e := range b.transcript().Entries {
		if d, ok := e.Fact.(*facts.Dial); ok {
			if d.Class != class || d.Err == "" {
				b.t.Errorf("noted %+v, want class %q", d, class)
			}
			return
		}
	}
	b.t.Error("no attempt to connect is noted")
}

// noDNS is a resolver that finds nothing.
func noDNS() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no resolver in this test")
	}}
}

func TestNameWithoutAddress(t *testing.T) {
	b := setUp(t, func(p *proxy.Proxy) {
		p.Upstream = &upstream.Fixed{Host: "mail.example.invalid", Port: 587, Resolver: noDNS()}
	})
	client := b.dial()
	got, err := io.ReadAll(client)
	if err != nil || !strings.HasPrefix(string(got), "421 4.4.3 [smtptap] cannot find the address of mail.example.invalid: ") {
		t.Errorf("the client heard %q, %v", got, err)
	}
	client.Close()
	b.expectDial("resolve")
}

func TestLoop(t *testing.T) {
	var turn swappable
	b := setUp(t, func(p *proxy.Proxy) { p.Upstream = &turn })
	at := netip.MustParseAddrPort(b.addr)
	turn.set(&upstream.Fixed{Host: at.Addr().String(), Port: at.Port()})
	b.expectWords(b.dial(), "554 5.4.6 [smtptap] cannot connect to "+b.addr+": the connection would come back to smtptap itself")
	if end, _ := b.end(); end.Cause != facts.CauseRefused {
		t.Errorf("ended as %+v", end)
	}
	b.expectDial("loop")
	if n := b.set.Len(); n != 1 {
		t.Errorf("%d sessions came of it", n)
	}
}

func TestTooManySessions(t *testing.T) {
	b := setUp(t, func(p *proxy.Proxy) { p.MaxSessions = 2 })
	b.connect()
	first, server := b.connect()
	b.expectWords(b.dial(), "421 4.3.2 [smtptap] too many concurrent sessions. Raise --max-sessions or try again later")
	if end, _ := b.end(); end.Cause != facts.CauseRefused {
		t.Errorf("ended as %+v", end)
	}
	first.Close()
	server.Close()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		client := b.dial()
		client.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, _ := client.Read(make([]byte, 1)); n == 0 {
			return // it is served: nothing came from the server yet
		}
		client.Close()
	}
	t.Error("no session is taken when another has ended")
}

func TestAllow(t *testing.T) {
	var log bytes.Buffer
	b := setUp(t, func(p *proxy.Proxy) {
		p.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("127.0.0.5/32")}
		p.Log = zerolog.New(zerolog.SyncWriter(&log))
	})
	client := b.dial()
	if got, _ := io.ReadAll(client); len(got) > 0 {
		t.Errorf("a client that may not connect heard %q", got)
	}
	if n := b.set.Len(); n != 0 {
		t.Errorf("%d sessions began", n)
	}
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 5)}}
	conn, err := from.Dial("tcp", b.addr)
	if err != nil {
		t.Skip("this system has no 127.0.0.5")
	}
	client = b.adopt(conn)
	write(t, b.accept(), "220 ready\r\n")
	expect(t, client, "220 ready\r\n")
	b.stop()
	if !strings.Contains(log.String(), "may not connect") {
		t.Errorf("the log says %q", log.String())
	}
}

func TestListeningToTheWorldNeedsAllow(t *testing.T) {
	l, err := listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy.Proxy{Upstream: &upstream.Fixed{Host: "127.0.0.1", Port: 1}}
	err = p.Serve(t.Context(), l)
	if err == nil || !strings.Contains(err.Error(), "--allow") {
		t.Errorf("served: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener was left open: %v", err)
	}
}

// listen opens one listener.
func listen(addr string) (proxy.Listener, error) {
	at, err := proxy.ParseAddress(addr)
	if err != nil {
		return proxy.Listener{}, err
	}
	all, err := at.Listen(0o600)
	if err != nil {
		return proxy.Listener{}, err
	}
	return all[0], nil
}

func TestListen(t *testing.T) {
	taken := listenTCP(t).Addr().String()
	for _, c := range []struct{ addr, want string }{
		{taken, "address already in use"},
		{"nonsense:port:x", "use PORT, :PORT, HOST:PORT, unix:PATH or systemd"},
		{"127.0.0.1:", "use PORT, :PORT, HOST:PORT, unix:PATH or systemd"},
		{"99999", "\"99999\" is not a port"},
		{"-1", "is not a port"},
		{"", "use PORT"},
		{"tls:", "use PORT"},
		{"unix:", "a path must follow"},
		{"tls:unix:" + strings.Repeat("x", 200), "at most 103 bytes"},
		{"systemd", "systemd passes no socket"},
		{"192.0.2.1:0", "no such address"},
		{"127.0.0.1:99999", "is not a port"},
		{"evil\x1b[2J:x:1", `evil\x1b[2J`},
	} {
		l, err := listen(c.addr)
		if err == nil {
			l.Close()
			t.Errorf("listens on %q", c.addr)
		} else if !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%q: %v; want %q", c.addr, err, c.want)
		}
	}
	for addr, tls := range map[string]bool{"0": false, "127.0.0.1:0": false, "tls:0": true, "tls:localhost:0": true} {
		l, err := listen(addr)
		if err != nil {
			t.Errorf("%q: %v", addr, err)
			continue
		}
		if at := netip.MustParseAddrPort(l.Addr().String()); !at.Addr().IsLoopback() || l.TLS != tls {
			t.Errorf("%q: listens on %v, TLS %v", addr, at, l.TLS)
		}
		l.Close()
	}
}

func TestCount(t *testing.T) {
	b := setUp(t, func(p *proxy.Proxy) { p.Count = 2 })
	for range 2 {
		client, server := b.connect()
		write(t, server, "220 ready\r\n")
		expect(t, client, "220 ready\r\n")
		defer client.Close()
		defer server.Close()
	}
	if _, err := net.DialTimeout("tcp", b.addr, time.Second); err == nil {
		// The system may have taken it before the listener was closed.
		t.Log("a third connection was made")
	}
	if n := b.set.Len(); n != 2 {
		t.Errorf("%d sessions", n)
	}
}

func TestSessionLimit(t *testing.T) {
	if n, why := proxy.SessionLimit(5, 0); n != 5 || why != "" {
		t.Errorf("5 sessions: %d, %q", n, why)
	}
	n, why := proxy.SessionLimit(1<<30, 0)
	more, _ := proxy.SessionLimit(1<<30, 2)
	if n >= 1<<30 || !strings.Contains(why, "ulimit") || more >= n {
		t.Errorf("a million sessions: %d, %q; with more files each: %d", n, why, more)
	}
}

// A dialer that panics stands for any fault in a session.
type panicking struct{}

func (panicking) Dial(context.Context, upstream.Session) (*upstream.Server, error) {
	panic("fault\x1b[2J")
}

// A panickingConn panics in the pump that reads from it.
type panickingConn struct{ net.Conn }

func (panickingConn) Read([]byte) (int, error) { panic("fault") }

func (p panickingConn) Dial(context.Context, upstream.Session) (*upstream.Server, error) {
	return &upstream.Server{Conn: p}, nil
}

func TestPanicEndsOnlyItsSession(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	for name, dialer := range map[string]upstream.Dialer{
		"owner": panicking{}, "pump": panickingConn{memoryConn{near, ownPort, serverPort}},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			turn := &swappable{}
			b := setUp(t, func(p *proxy.Proxy) {
				turn.set(p.Upstream)
				p.Upstream = turn
				p.Log = zerolog.New(zerolog.SyncWriter(&log))
			})
			client, server := b.connect()
			turn.set(dialer)
			broken := b.dial()
			io.ReadAll(broken)
			if end, _ := b.end(); end.Cause != facts.CauseInternal {
				t.Errorf("ended as %+v", end)
			}
			write(t, server, "220 ready\r\n")
			expect(t, client, "220 ready\r\n")
			b.stop()
			if s := log.String(); !strings.Contains(s, "fault") || strings.Contains(s, "\x1b") {
				t.Errorf("the log says %q", s)
			}
		})
	}
}

// A swappable dialer is another one from one session to the next.
type swappable struct {
	now atomic.Pointer[upstream.Dialer]
}

func (s *swappable) set(d upstream.Dialer) { s.now.Store(&d) }

func (s *swappable) Dial(ctx context.Context, ses upstream.Session) (*upstream.Server, error) {
	return (*s.now.Load()).Dial(ctx, ses)
}
