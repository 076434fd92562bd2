package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"smtptap/proxy"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
	"smtptap/proxy/handshake/certtest"
	"smtptap/proxy/upstream"
	"smtptap/recordings/transcript"
)

// startTLSServer runs a server that takes STARTTLS, or TLS from the first byte,
// until the benchmark ends. Inside it answers one QUIT.
func startTLSServer(b *testing.B, config *tls.Config, implicit bool) string {
	l := listenTCP(b)
	var sessions sync.WaitGroup
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() {
				defer conn.Close()
				serveTLS(conn, config, implicit)
			})
		}
	}()
	b.Cleanup(func() {
		l.Close()
		<-accepting
		sessions.Wait()
	})
	return l.Addr().String()
}

func serveTLS(conn net.Conn, config *tls.Config, implicit bool) {
	r := bufio.NewReader(conn)
	if !implicit {
		io.WriteString(conn, "220 mail.example.com\r\n")
		if _, err := r.ReadString('\n'); err != nil {
			return
		}
		io.WriteString(conn, "220 go\r\n")
	}
	secured := tls.Server(conn, config)
	if implicit {
		io.WriteString(secured, "220 mail.example.com\r\n")
	}
	if _, err := bufio.NewReader(secured).ReadString('\n'); err == nil {
		io.WriteString(secured, "221 bye\r\n")
	}
	secured.CloseWrite()
	io.Copy(io.Discard, secured)
}

// visitTLS is one session of a client that comes for the handshake alone.
func visitTLS(b *testing.B, addr string, config *tls.Config, implicit bool) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	if !implicit {
		r := bufio.NewReader(conn)
		hears(b, r, "220")
		io.WriteString(conn, "STARTTLS\r\n")
		hears(b, r, "220")
	}
	secured := tls.Client(conn, config)
	r := bufio.NewReader(secured)
	if implicit {
		hears(b, r, "220")
	}
	io.WriteString(secured, "QUIT\r\n")
	hears(b, r, "221")
	secured.CloseWrite()
	io.Copy(io.Discard, r)
}

func hears(b *testing.B, r *bufio.Reader, code string) {
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, code) {
		b.Errorf("heard %q, %v; want %s", line, err, code)
	}
}

// BenchmarkHandshake counts sessions with a full handshake: of a client with the
// server, and of both with the proxy between them.
func BenchmarkHandshake(b *testing.B) {
	for _, implicit := range []bool{false, true} {
		name := "STARTTLS"
		if implicit {
			name = "implicit"
		}
		root := certtest.NewAuthority(b, "Example Root")
		server := &tls.Config{Certificates: []tls.Certificate{root.Issue(b, certtest.Spec{Names: []string{"127.0.0.1"}})}}
		b.Run(name+"/direct", func(b *testing.B) {
			addr := startTLSServer(b, server, implicit)
			benchmarkVisits(b, addr, &tls.Config{ServerName: "127.0.0.1", RootCAs: root.Pool()}, implicit)
		})
		b.Run(name+"/proxy", func(b *testing.B) {
			addr, authority := startTLSProxy(b, startTLSServer(b, server, implicit), root, implicit)
			benchmarkVisits(b, addr, &tls.Config{ServerName: "127.0.0.1", RootCAs: trusting(authority)}, implicit)
		})
	}
}

func benchmarkVisits(b *testing.B, addr string, config *tls.Config, implicit bool) {
	visitTLS(b, addr, config, implicit) // mints the leaf
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			visitTLS(b, addr, config, implicit)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handshakes/s")
}

// BenchmarkLeaf compares sessions of a client that asks for a name which no
// client has asked for before with those of one that asks for a known name.
func BenchmarkLeaf(b *testing.B) {
	root := certtest.NewAuthority(b, "Example Root")
	server := &tls.Config{Certificates: []tls.Certificate{root.Issue(b, certtest.Spec{Names: []string{"127.0.0.1"}})}}
	for _, known := range []bool{false, true} {
		name := "first"
		if known {
			name = "second"
		}
		b.Run(name, func(b *testing.B) {
			addr, authority := startTLSProxy(b, startTLSServer(b, server, true), root, true)
			pool := trusting(authority)
			host, n := "mail.example.com", 0
			visitTLS(b, addr, &tls.Config{ServerName: host, RootCAs: pool}, true)
			for b.Loop() {
				if !known {
					n++
					host = fmt.Sprintf("mail%d.example.com", n)
				}
				visitTLS(b, addr, &tls.Config{ServerName: host, RootCAs: pool}, true)
			}
		})
	}
}

// startTLSProxy runs a proxy that opens TLS until the benchmark ends. It
// verifies the server.
func startTLSProxy(b *testing.B, server string, root *certtest.Authority, implicit bool) (addr string, authority *ca.Authority) {
	authority, err := ca.Open(b.TempDir() + "/ca")
	if err != nil {
		b.Fatal(err)
	}
	at := netip.MustParseAddrPort(server)
	set := transcript.NewSet(transcript.Options{})
	p := &proxy.Proxy{
		Transcripts: set, Mode: proxy.Intercept,
		Upstream: &upstream.Fixed{Host: at.Addr().String(), Port: at.Port(), Implicit: implicit},
		TLS:      handshake.Settings{Authority: func() (*ca.Authority, error) { return authority, nil }, Roots: root.Pool()},
	}
	l := listenTCP(b)
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- p.Serve(ctx, proxy.Listener{Listener: l, TLS: implicit}) }()
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
	return l.Addr().String(), authority
}

func trusting(a *ca.Authority) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate())
	return pool
}
