package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"testing"

	"smtptap/decode/who"
	"smtptap/proxy"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
	"smtptap/proxy/handshake/certtest"
	"smtptap/proxy/sink"
	"smtptap/recordings/transcript"
)

// The second session for a name gets the certificate that the first one was
// minted, and so does not wait for it.
func TestLeafIsMintedOnce(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	var seen []string
	for range 2 {
		client, server := b.connect()
		upToSTARTTLS(t, client, server)
		c, s := b.secureBoth(client, server)
		bye(t, c, s)
		seen = append(seen, handshakes(b.transcript())[who.ClientLeg].Chain[0].SHA256)
	}
	if seen[0] != seen[1] {
		t.Error("the second session was shown another certificate")
	}
}

// BenchmarkTLSSession measures whole sessions over TLS from the first byte:
// connect, handshake, greeting, QUIT. Through the proxy that is a handshake on
// each leg; "new name" has a certificate minted for each session.
func BenchmarkTLSSession(b *testing.B) {
	root := certtest.NewAuthority(b, "Example Root")
	cert := root.Issue(b, certtest.Spec{Names: []string{serverName}})
	server := startTLSSink(b, &tls.Config{Certificates: []tls.Certificate{cert}})
	addr, pool := startTLSProxy(b, server, root.Pool())
	b.Run("direct", func(b *testing.B) { sessions(b, server, root.Pool(), func(int) string { return serverName }) })
	b.Run("proxy", func(b *testing.B) { sessions(b, addr, pool, func(int) string { return serverName }) })
	b.Run("proxy, new name", func(b *testing.B) {
		sessions(b, addr, pool, func(i int) string { return fmt.Sprintf("h%d.example.com", i) })
	})
}

// sessions runs one session after the other, for the name that name says.
func sessions(b *testing.B, addr string, roots *x509.CertPool, name func(i int) string) {
	for i := 0; b.Loop(); i++ {
		conn, err := tls.Dial("tcp", addr, &tls.Config{ServerName: name(i), RootCAs: roots})
		if err != nil {
			b.Fatal(err)
		}
		in := bufio.NewReader(conn)
		if _, err := in.ReadString('\n'); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Write([]byte("QUIT\r\n")); err != nil {
			b.Fatal(err)
		}
		if _, err := in.ReadString('\n'); err != nil {
			b.Fatal(err)
		}
		conn.Close()
	}
}

func startTLSSink(b *testing.B, config *tls.Config) string {
	l := listenTCP(b)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- (&sink.Server{TLS: config, Implicit: true}).Serve(ctx, l) }()
	b.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			b.Error(err)
		}
	})
	return l.Addr().String()
}

// startTLSProxy runs a proxy with TLS from the first byte on both legs.
func startTLSProxy(b *testing.B, server string, roots *x509.CertPool) (addr string, pool *x509.CertPool) {
	authority, err := ca.Open(b.TempDir() + "/ca")
	if err != nil {
		b.Fatal(err)
	}
	if err := authority.Prepare(serverName); err != nil {
		b.Fatal(err)
	}
	pool = authority.Pool()
	set := transcript.NewSet(transcript.Options{})
	p := &proxy.Proxy{
		Transcripts: set, Upstream: &named{addr: netip.MustParseAddrPort(server), implicit: true},
		TLS: handshake.Settings{Roots: roots, Authority: func() (*ca.Authority, error) { return authority, nil }},
	}
	l := listenTCP(b)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx, proxy.Listener{Listener: l, TLS: true}) }()
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
	return l.Addr().String(), pool
}
