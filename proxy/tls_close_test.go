package proxy_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy"
)

// eofSeen notices a connection that ends beneath TLS.
type eofSeen struct {
	net.Conn
	seen atomic.Bool
}

func (e *eofSeen) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	if err == io.EOF {
		e.seen.Store(true)
	}
	return n, err
}

// A tlsPair is a session with TLS up on both legs.
type tlsPair struct {
	*tlsBench
	c, s               *tls.Conn
	client, server     *net.TCPConn
	beneathC, beneathS *eofSeen
}

func newTLSPair(t *testing.T) *tlsPair {
	t.Helper()
	p := &tlsPair{tlsBench: setUpTLS(t, proxy.Intercept, nil)}
	p.client, p.server = p.connect()
	upToSTARTTLS(t, p.client, p.server)
	p.beneathC, p.beneathS = &eofSeen{Conn: p.client}, &eofSeen{Conn: p.server}
	p.s = p.secureServer(p.beneathS)
	expect(t, p.client, "220 2.0.0 go ahead\r\n")
	p.c = p.secureClient(p.beneathC)
	return p
}

// readToEnd reads what is left, and tells whether TLS was ended in an orderly
// way, with close_notify.
func readToEnd(t *testing.T, c *tls.Conn, beneath *eofSeen) (text string, orderly bool) {
	t.Helper()
	data, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	return string(data), !beneath.seen.Load()
}

// Half-close goes on as half-close: close_notify, then FIN, and the other
// direction stays open.
func TestHalfCloseOverTLS(t *testing.T) {
	t.Run("client first", func(t *testing.T) {
		p := newTLSPair(t)
		write(t, p.c, "QUIT\r\n")
		p.c.CloseWrite()
		if text, orderly := readToEnd(t, p.s, p.beneathS); text != "QUIT\r\n" || !orderly {
			t.Errorf("the server read %q, orderly %v", text, orderly)
		}
		write(t, p.s, "221 bye\r\n")
		p.s.Close()
		if text, orderly := readToEnd(t, p.c, p.beneathC); text != "221 bye\r\n" || !orderly {
			t.Errorf("the client read %q, orderly %v", text, orderly)
		}
		p.client.Close()
		end, closed := p.end()
		if closed[who.ClientLeg] != "close-notify" || closed[who.ServerLeg] != "close-notify" || end.Cause != facts.CauseClosed {
			t.Errorf("closed as %v, %+v", closed, end)
		}
	})
	t.Run("server first", func(t *testing.T) {
		p := newTLSPair(t)
		write(t, p.s, "421 going down\r\n")
		p.s.CloseWrite()
		if text, orderly := readToEnd(t, p.c, p.beneathC); text != "421 going down\r\n" || !orderly {
			t.Errorf("the client read %q, orderly %v", text, orderly)
		}
		write(t, p.c, "QUIT\r\n")
		p.c.Close()
		if text, orderly := readToEnd(t, p.s, p.beneathS); text != "QUIT\r\n" || !orderly {
			t.Errorf("the server read %q, orderly %v", text, orderly)
		}
		p.server.Close()
		if _, closed := p.end(); closed[who.ServerLeg] != "close-notify" {
			t.Errorf("closed as %v", closed)
		}
	})
}

// An end without close_notify is passed on as one, and told.
func TestTruncationOverTLS(t *testing.T) {
	p := newTLSPair(t)
	write(t, p.c, "MAIL FROM:<a@exa")
	p.client.Close()
	if text, orderly := readToEnd(t, p.s, p.beneathS); text != "MAIL FROM:<a@exa" || orderly {
		t.Errorf("the server read %q, orderly %v", text, orderly)
	}
	p.server.Close()
	if _, closed := p.end(); closed[who.ClientLeg] != "truncated" {
		t.Errorf("closed as %v", closed)
	}
}

// A reset is passed on as a reset.
func TestResetOverTLS(t *testing.T) {
	p := newTLSPair(t)
	exchange(t, p.c, p.s, "-> NOOP", "<- 250 ok")
	p.client.SetLinger(0)
	p.client.Close()
	if _, err := io.ReadAll(p.s); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server read to %v", err)
	}
	p.server.Close()
	end, closed := p.end()
	if closed[who.ClientLeg] != "reset" || end.Cause != facts.CauseClientReset {
		t.Errorf("closed as %v, %+v", closed, end)
	}
}

// What passes inside TLS is exact, both ways at once, whatever the bytes are.
func TestExactOverTLS(t *testing.T) {
	p := newTLSPair(t)
	body := make([]byte, 2<<20)
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(body)
	exchange(t, p.c, p.s, "-> DATA", "<- 354 go")
	sums := make(chan [sha256.Size]byte, 2)
	var wg sync.WaitGroup
	for _, way := range []struct{ from, to *tls.Conn }{{p.c, p.s}, {p.s, p.c}} {
		wg.Go(func() {
			if _, err := io.Copy(way.from, bytes.NewReader(body)); err != nil {
				t.Error(err)
			}
			way.from.CloseWrite()
		})
		wg.Go(func() {
			h := sha256.New()
			if _, err := io.Copy(h, way.to); err != nil {
				t.Error(err)
			}
			sums <- [sha256.Size]byte(h.Sum(nil))
		})
	}
	wg.Wait()
	want := sha256.Sum256(body)
	if a, b := <-sums, <-sums; a != want || b != want {
		t.Error("what was read is not what was sent")
	}
	p.client.Close()
	p.server.Close()
}

// TLS 1.3 lets a server refuse a client without certificate when the handshake
// is done already. The client is let go, and its user told.
func TestServerWantsCertificate(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	config := b.serverConfig()
	config.ClientAuth = tls.RequireAnyClientCert
	shaken := make(chan error, 1)
	go func() { shaken <- tls.Server(server, config).Handshake() }()
	expect(t, client, "220 2.0.0 go ahead\r\n")
	c := b.secureClient(client)
	if err := <-shaken; err == nil {
		t.Fatal("the server did without")
	}
	server.Close()
	expectEOF(t, c)
	client.Close()
	tr := b.transcript()
	if f := handshakes(tr)[who.ServerLeg]; !f.ClientCert {
		t.Errorf("the server's leg: %+v", f)
	}
	var told string
	for _, e := range tr.Entries {
		if f, ok := e.Fact.(*facts.Closed); ok && f.Leg == who.ServerLeg {
			told = f.Err.String()
		}
	}
	if !strings.Contains(told, "certificate_required: it asked for a client certificate. Give one with --client-cert") {
		t.Errorf("the server's end is told as %q", told)
	}
}

// A handshake that stalls is ended with the session.
func TestAbortDuringHandshake(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	readN(t, server, 1) // of the ClientHello
	b.stop()
	if got, _ := io.ReadAll(client); len(got) > 0 {
		t.Errorf("the client read %q", got)
	}
	if end, _ := b.end(); end.Cause != facts.CauseShutdown {
		t.Errorf("ended as %+v", end)
	}
}
