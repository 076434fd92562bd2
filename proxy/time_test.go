package proxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/proxy"
	"smtptap/proxy/upstream"
	"smtptap/recordings/transcript"
)

// Timeouts are tested in a bubble with a clock of its own, over connections in
// memory.

// A memoryListener hands out connections that connect makes, and errors.
type memoryListener struct {
	conns  chan net.Conn
	errs   chan error
	closed chan struct{}
}

func (l *memoryListener) Addr() net.Addr { return onLoopback(proxyPort) }

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case err := <-l.errs:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

// A memoryConn is one end of a pipe that says it has addresses.
type memoryConn struct {
	net.Conn
	local, remote int // ports
}

func (c memoryConn) LocalAddr() net.Addr  { return onLoopback(c.local) }
func (c memoryConn) RemoteAddr() net.Addr { return onLoopback(c.remote) }

func onLoopback(port int) net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }

// Ports of connections in memory.
const (
	proxyPort  = 2525 // where the proxy listens
	clientPort = 40000
	ownPort    = 50000 // where the proxy's connections to servers come from
	serverPort = 25
)

// A memoryDialer leads to the test.
type memoryDialer struct {
	conns chan net.Conn
	to    int // port that its connections say they lead to
}

func (d *memoryDialer) Dial(ctx context.Context, ses upstream.Session) (*upstream.Server, error) {
	near, far := net.Pipe()
	select {
	case d.conns <- far:
		return &upstream.Server{Conn: memoryConn{near, ownPort, d.to}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A bubble is a proxy between two ends of pipes.
type bubble struct {
	t        *testing.T
	set      *transcript.Set
	proxy    *proxy.Proxy
	listener *memoryListener
	dialer   *memoryDialer
	cancel   context.CancelFunc
	served   chan error
}

// inBubble runs f with a proxy in a bubble, and waits for the proxy to end.
func inBubble(t *testing.T, f func(b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{
			t: t, set: transcript.NewSet(transcript.Options{}), served: make(chan error, 1),
			listener: &memoryListener{make(chan net.Conn), make(chan error), make(chan struct{})},
			dialer:   &memoryDialer{make(chan net.Conn), serverPort},
		}
		b.proxy = &proxy.Proxy{Transcripts: b.set, Upstream: b.dialer}
		ctx, cancel := context.WithCancel(t.Context())
		b.cancel = cancel
		go func() { b.served <- b.proxy.Serve(ctx, proxy.Listener{Listener: b.listener}) }()
		f(b)
		cancel()
		if err := <-b.served; err != nil {
			t.Error(err)
		}
		if err := b.set.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (b *bubble) dial() net.Conn { return b.dialFrom(clientPort) }

func (b *bubble) dialFrom(port int) net.Conn {
	near, far := net.Pipe()
	b.listener.conns <- memoryConn{near, proxyPort, port}
	return far
}

func (b *bubble) connect() (client, server net.Conn) {
	client = b.dial()
	return client, <-b.dialer.conns
}

// only is the only session as it is now.
func (b *bubble) only() *decode.Transcript {
	b.t.Helper()
	synctest.Wait()
	t, err := b.set.Open(b.set.Summary(0).ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

// cause is why the only session has ended; "" while it runs.
func (b *bubble) cause() string {
	t := b.only()
	if !t.Ended {
		return ""
	}
	return t.Entries[len(t.Entries)-1].Fact.(*facts.End).Cause
}

func (b *bubble) expectCause(want string) {
	b.t.Helper()
	if got := b.cause(); got != want {
		b.t.Fatalf("the session's end is %q, want %q", got, want)
	}
}

func TestIdleTimeout(t *testing.T) {
	inBubble(t, func(b *bubble) {
		client, server := b.connect()
		for range 3 {
			// Each direction alone keeps the session alive.
			time.Sleep(proxy.DefaultIdleTimeout - time.Second)
			go io.WriteString(server, "220 wait\r\n")
			expect(t, client, "220 wait\r\n")
			time.Sleep(proxy.DefaultIdleTimeout - time.Second)
			go io.WriteString(client, "NOOP\r\n")
			expect(t, server, "NOOP\r\n")
		}
		time.Sleep(proxy.DefaultIdleTimeout - time.Second)
		b.expectCause("")
		time.Sleep(2 * time.Second)
		b.expectCause(facts.CauseIdle)
		expectEOF(t, client)
		expectEOF(t, server)
	})
}

// The longest wait that RFC 5321 grants is not cut short.
func TestTenMinutesForTheDot(t *testing.T) {
	inBubble(t, func(b *bubble) {
		client, server := b.connect()
		go io.WriteString(client, ".\r\n")
		expect(t, server, ".\r\n")
		time.Sleep(10 * time.Minute)
		go io.WriteString(server, "250 ok\r\n")
		expect(t, client, "250 ok\r\n")
	})
}

func TestConnectTimeout(t *testing.T) {
	inBubble(t, func(b *bubble) {
		client := b.dial() // nobody takes the server's end
		begun := time.Now()
		expect(t, client, "421 4.4.1 [smtptap] cannot reach the server: ")
		if took := time.Since(begun); took != proxy.DefaultConnectTimeout {
			t.Errorf("told after %v", took)
		}
		io.Copy(io.Discard, client)
		b.expectCause(facts.CauseUnreachable)
	})
}

// A session that is cut off while it connects says nothing that nobody hears.
func TestAbortWhileConnecting(t *testing.T) {
	inBubble(t, func(b *bubble) {
		client := b.dial()
		synctest.Wait()
		b.proxy.Abort()
		expectEOF(t, client)
		b.expectCause(facts.CauseShutdown)
		for _, e := range b.only().Entries {
			if e.Event != nil {
				t.Errorf("noted %v from %v to %v", e.Event.Kind, e.From, e.To)
			}
		}
	})
}

func TestDrain(t *testing.T) {
	inBubble(t, func(b *bubble) {
		client, server := b.connect()
		b.cancel()
		synctest.Wait()
		select {
		case <-b.listener.closed:
		default:
			t.Error("clients are still accepted")
		}
		// The session goes on for a while, then it is cut off.
		time.Sleep(proxy.DefaultDrainTimeout - time.Second)
		go io.WriteString(server, "220 ready\r\n")
		expect(t, client, "220 ready\r\n")
		b.expectCause("")
		time.Sleep(2 * time.Second)
		b.expectCause(facts.CauseShutdown)
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the client's connection: %v", err)
		}
	})
}

func TestDrainEndsWithLastSession(t *testing.T) {
	inBubble(t, func(b *bubble) {
		client, server := b.connect()
		go io.WriteString(server, "220 ready\r\n")
		expect(t, client, "220 ready\r\n")
		b.cancel()
		begun := time.Now()
		time.Sleep(time.Second)
		client.Close()
		server.Close()
		if err := <-b.served; err != nil || time.Since(begun) != time.Second {
			t.Errorf("ended after %v: %v", time.Since(begun), err)
		}
		b.served <- nil
		b.expectCause(facts.CauseClosed)
	})
}

// Running out of file descriptors passes: the listener waits, longer each time,
// and goes on.
func TestAcceptErrorsPass(t *testing.T) {
	inBubble(t, func(b *bubble) {
		begun := time.Now()
		for range 12 {
			b.listener.errs <- &net.OpError{Op: "accept", Err: syscall.EMFILE}
		}
		client, server := b.connect()
		// 5 ms, doubled eight times to no more than a second, and then that.
		if waited := time.Since(begun); waited < 4*time.Second || waited > 6*time.Second {
			t.Errorf("waited %v", waited)
		}
		go io.WriteString(server, "220 ready\r\n")
		expect(t, client, "220 ready\r\n")
	})
}

// A listener that is closed from elsewhere ends Serve, with the error.
func TestListenerFails(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.listener.errs <- net.ErrClosed
		if err := <-b.served; !errors.Is(err, net.ErrClosed) {
			t.Errorf("served: %v", err)
		}
		b.served <- nil
	})
}

// A loop that the address did not tell is recognised by its connection.
func TestLoopByConnection(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.dialer.to = proxyPort
		b.connect()
		synctest.Wait()
		again := b.dialFrom(ownPort)
		expect(t, again, "554 5.4.6 [smtptap] this session comes from smtptap itself\r\n")
		again.Close()
		synctest.Wait()
		if n := b.set.Len(); n != 2 {
			t.Errorf("%d sessions", n)
		}
	})
}

// It is recognised as well when it comes before the proxy's own connection is
// known to be one.
func TestLoopThatIsFast(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.dialer.to = proxyPort
		client := b.dial()
		synctest.Wait() // it is waiting for its server
		again := b.dialFrom(ownPort)
		synctest.Wait() // and so is this one
		<-b.dialer.conns
		synctest.Wait()
		<-b.dialer.conns
		expect(t, again, "554 5.4.6 [smtptap] this session comes from smtptap itself\r\n")
		again.Close()
		client.Close()
	})
}

// The system gives one address to connections that lead to different places: a
// client may come from where a connection of the proxy's own comes from.
func TestSameSourceIsNoLoop(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.connect()
		synctest.Wait()
		client := b.dialFrom(ownPort)
		server := <-b.dialer.conns
		go io.WriteString(server, "220 ready\r\n")
		expect(t, client, "220 ready\r\n")
	})
}
