package proxy_test

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/who"
	"smtptap/proxy"
)

// With pass the ciphertext is handed through, and the transcript tells what
// the ClientHello says.
func TestPass(t *testing.T) {
	b := setUpTLS(t, proxy.Pass, nil)
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	expect(t, client, "220 2.0.0 go ahead\r\n")
	// The client speaks with the server itself, whose certificate it trusts.
	direct := &tls.Config{ServerName: serverName, RootCAs: b.proxy.TLS.Roots, NextProtos: []string{"smtp"}}
	done := make(chan *tls.Conn, 1)
	go func() {
		c := tls.Client(&slicing{client, 4}, direct)
		if err := c.Handshake(); err != nil {
			t.Error(err)
		}
		done <- c
	}()
	s := b.secureServer(server)
	c := <-done
	if cert := c.ConnectionState().PeerCertificates[0]; !cert.Equal(b.cert.Leaf) {
		t.Error("the client saw another certificate than the server's")
	}
	exchange(t, c, s, "-> EHLO client.example.org", "<- 250 mail.example.com")
	bye(t, c, s)
	tr := b.transcript()
	var hello *facts.Hello
	for _, e := range tr.Entries {
		if f, ok := e.Fact.(*facts.Hello); ok {
			hello = f
		}
	}
	if hello == nil || hello.SNI != serverName || hello.Why != "passed through" || !slices.Equal(hello.ALPN, []string{"smtp"}) {
		t.Errorf("the hello is %+v", hello)
	}
	if handshakes(tr) != nil && len(handshakes(tr)) > 0 {
		t.Error("smtptap shook hands itself")
	}
	var missing int64
	for _, e := range tr.Entries {
		if e.Event != nil && e.Event.Missing != nil && e.Event.Missing.Why == decode.WhyEncrypted {
			missing += e.Event.Missing.Bytes
		}
	}
	if missing == 0 {
		t.Error("the transcript does not tell how much passed")
	}
}

// What is no TLS is passed as well, and told.
func TestPassOfClearText(t *testing.T) {
	b := setUpTLS(t, proxy.Pass, nil)
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	expect(t, client, "220 2.0.0 go ahead\r\n")
	exchange(t, client, server, "-> EHLO client.example.org", "<- 500 no")
	bye(t, client, server)
	if got := notes(b.transcript()); !slices.Contains(got, "starttls-clear-text") {
		t.Errorf("noted %v", got)
	}
}

// With hide the client is not offered STARTTLS, in no reply to EHLO, and all
// else is as the server said it.
func TestHide(t *testing.T) {
	b := setUpTLS(t, proxy.Hide, nil)
	client, server := b.connect()
	exchange(t, client, server, "<- 220 mail.example.com ESMTP", "-> EHLO client.example.org")
	for _, piece := range []string{"250-mail.exam", "ple.com\r\n250-SIZE 1000\r\n2", "50-starttls\r\n250", " 8BITMIME\r\n"} {
		write(t, server, piece)
	}
	expect(t, client, "250-mail.example.com\r\n250-SIZE 1000\r\n250 8BITMIME\r\n")
	// Not an EHLO's, though it looks like one.
	write(t, client, "HELP\r\n")
	expect(t, server, "HELP\r\n")
	const help = "250-mail.example.com\r\n250 STARTTLS\r\n"
	write(t, server, help)
	expect(t, client, help)
	// Several replies in one segment, the last keyword hidden.
	const pipelined = "RSET\r\nEHLO client.example.org\r\nNOOP\r\n"
	write(t, client, pipelined)
	expect(t, server, pipelined)
	write(t, server, "250 reset\r\n250-mail.example.com\r\n250-SIZE\r\n250 STARTTLS\r\n250 noop\r\n")
	expect(t, client, "250 reset\r\n250-mail.example.com\r\n250 SIZE\r\n250 noop\r\n")
	// Nothing to hide.
	exchange(t, client, server, "-> EHLO client.example.org", "<- 250 mail.example.com", "-> HELO client.example.org", "<- 250 mail.example.com", "-> EHLO x", "<- 501 no")
	bye(t, client, server)

	tr := b.transcript()
	got := lines(tr)
	for _, want := range []string{
		"SP 250-mail.example.com|250-SIZE 1000|250-starttls|250 8BITMIME",
		"PC 250-mail.example.com|250-SIZE 1000|250 8BITMIME",
		"SC 250-mail.example.com|250 STARTTLS",
		"SP 250-mail.example.com|250-SIZE|250 STARTTLS",
		"PC 250-mail.example.com|250 SIZE",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in the transcript\n%q", want, got)
		}
	}
	if n := notes(tr); !slices.Equal(n, []string{"starttls-hidden", "starttls-hidden"}) {
		t.Errorf("noted %v", n)
	}
}

// A reply to EHLO that does not end is given to the client as it is.
func TestHideOfUnfinishedReply(t *testing.T) {
	b := setUpTLS(t, proxy.Hide, nil)
	client, server := b.connect()
	exchange(t, client, server, "<- 220 mail.example.com ESMTP", "-> EHLO client.example.org")
	write(t, server, "250-mail.example.com\r\n250-START")
	server.CloseWrite()
	if got, err := io.ReadAll(client); err != nil || string(got) != "250-mail.example.com\r\n250-START" {
		t.Errorf("the client read %q, %v", got, err)
	}
	client.Close()
}

// A client that asks for what it was not offered is told why it can't have it.
func TestHiddenButAskedFor(t *testing.T) {
	b := setUpTLS(t, proxy.Hide, nil)
	client, server := b.connect()
	exchange(t, client, server, "<- 220 mail.example.com ESMTP", "-> STARTTLS", "<- 454 not now", "-> STARTTLS")
	write(t, server, "220 go\r\n")
	reply, err := io.ReadAll(client)
	if err != nil || !strings.HasPrefix(string(reply), "454 4.7.0 [smtptap] STARTTLS is hidden here (--starttls hide): ") {
		t.Errorf("the client read %q, %v", reply, err)
	}
	client.Close()
	expectEOF(t, server)
}

// With --tls-to-server the server's leg is inside TLS whatever the client does.
func TestTLSToServer(t *testing.T) {
	toServer := func(p *proxy.Proxy, _ *named) { p.TLSToServer = true }
	upToTLS := func(b *tlsBench, client, server net.Conn) *tls.Conn {
		write(t, server, "220 mail.example.com ESMTP\r\n")
		expect(t, server, "EHLO [127.0.0.1]\r\n")
		write(t, server, "250-mail.example.com\r\n250 STARTTLS\r\n")
		expect(t, server, "STARTTLS\r\n")
		write(t, server, "220 go\r\n250 "+canary+"\r\n")
		s := b.secureServer(server)
		expect(t, client, "220 mail.example.com ESMTP\r\n")
		return s
	}
	t.Run("hide", func(t *testing.T) {
		b := setUpTLS(t, proxy.Hide, toServer)
		client, server := b.connect()
		s := upToTLS(b, client, server)
		exchange(t, client, s, "-> EHLO client.example.org", "<- 250-mail.example.com|250 AUTH PLAIN", "-> MAIL FROM:<a@example.org>", "<- 250 ok")
		bye(t, client, s)
		tr := b.transcript()
		got := lines(tr)
		for _, want := range []string{
			"SP 220 mail.example.com ESMTP", "PS EHLO [127.0.0.1]", "PS STARTTLS", "PC 220 mail.example.com ESMTP",
			"CS EHLO client.example.org", "SC 250-mail.example.com|250 AUTH PLAIN",
		} {
			if !slices.Contains(got, want) {
				t.Errorf("%q is not in the transcript\n%q", want, got)
			}
		}
		if f := handshakes(tr); f[who.ServerLeg] == nil || !f[who.ServerLeg].Verified || f[who.ClientLeg] != nil {
			t.Errorf("handshakes %+v", f)
		}
		if told := swallowed(tr, "starttls-reply-injection"); !strings.Contains(told, canary) {
			t.Errorf("swallowed %q", told)
		}
	})
	t.Run("intercept, plain client", func(t *testing.T) {
		b := setUpTLS(t, proxy.Intercept, toServer)
		client, server := b.connect()
		s := upToTLS(b, client, server)
		write(t, client, "EHLO client.exam")
		write(t, client, "ple.org\r\n")
		expect(t, s, "EHLO client.example.org\r\n")
		write(t, s, "250-mail.example.com\r\n250 SIZE\r\n")
		expect(t, client, "250-mail.example.com\r\n250-SIZE\r\n250 STARTTLS\r\n")
		exchange(t, client, s, "-> MAIL FROM:<a@example.org>", "<- 250 ok", "-> RCPT TO:<b@example.com>", "<- 250 ok", "-> DATA", "<- 354 go")
		exchange(t, client, s, "-> STARTTLS", "-> .", "<- 250 queued")
		// Who has begun without it is not offered it again.
		exchange(t, client, s, "-> EHLO client.example.org", "<- 250-mail.example.com|250 SIZE")
		bye(t, client, s)
		if n := notes(b.transcript()); !slices.Equal(n, []string{"starttls-offered"}) {
			t.Errorf("noted %v", n)
		}
	})
	t.Run("intercept, client asks for STARTTLS", func(t *testing.T) {
		b := setUpTLS(t, proxy.Intercept, toServer)
		client, server := b.connect()
		s := upToTLS(b, client, server)
		// The command comes along with others and is to wait for their replies.
		write(t, client, "EHLO client.example.org\r\nNOOP\r\nSTARTTLS\r\nRSET\r\n")
		expect(t, s, "EHLO client.example.org\r\nNOOP\r\n")
		write(t, s, "250-mail.example.com\r\n250 SIZE\r\n")
		write(t, s, "250 ok\r\n")
		expect(t, client, "250-mail.example.com\r\n250-SIZE\r\n250 STARTTLS\r\n250 ok\r\n220 2.0.0 [smtptap] go ahead\r\n")
		c := b.secureClient(client)
		exchange(t, c, s, "-> EHLO client.example.org", "<- 250-mail.example.com|250 SIZE", "-> STARTTLS", "<- 503 active")
		bye(t, c, s)
		tr := b.transcript()
		if f := handshakes(tr); f[who.ServerLeg] == nil || f[who.ClientLeg] == nil || f[who.ClientLeg].Err != "" {
			t.Errorf("handshakes %+v", f)
		}
		if told := swallowed(tr, "starttls-injection"); told != "RSET\r\n" {
			t.Errorf("swallowed %q", told)
		}
		got := lines(tr)
		for _, want := range []string{"CP STARTTLS", "PC 220 2.0.0 [smtptap] go ahead", "CS~ EHLO client.example.org"} {
			if !slices.Contains(got, want) {
				t.Errorf("%q is not in the transcript\n%q", want, got)
			}
		}
	})
	t.Run("the client leaves in the middle of a line", func(t *testing.T) {
		b := setUpTLS(t, proxy.Intercept, toServer)
		client, server := b.connect()
		s := upToTLS(b, client, server)
		write(t, client, "EHLO cl")
		client.CloseWrite()
		if got, err := io.ReadAll(s); err != nil || string(got) != "EHLO cl" {
			t.Errorf("the server read %q, %v", got, err)
		}
		s.Close()
		expectEOF(t, client)
		client.Close()
	})
	t.Run("not offered", func(t *testing.T) {
		b := setUpTLS(t, proxy.Hide, toServer)
		client, server := b.connect()
		write(t, server, "220 mail.example.com ESMTP\r\n")
		expect(t, server, "EHLO [127.0.0.1]\r\n")
		write(t, server, "250 mail.example.com\r\n")
		reply, err := io.ReadAll(client)
		if err != nil || string(reply) != "421 4.7.0 [smtptap] STARTTLS with the server failed: the server does not offer STARTTLS, which --tls-to-server wants\r\n" {
			t.Errorf("the client read %q, %v", reply, err)
		}
		client.Close()
	})
	t.Run("refused", func(t *testing.T) {
		b := setUpTLS(t, proxy.Hide, toServer)
		client, server := b.connect()
		write(t, server, "220 mail.example.com ESMTP\r\n")
		expect(t, server, "EHLO [127.0.0.1]\r\n")
		write(t, server, "250-mail.example.com\r\n250 STARTTLS\r\n")
		expect(t, server, "STARTTLS\r\n")
		write(t, server, "454 4.7.0 no \u20ac\r\n")
		reply, err := io.ReadAll(client)
		if err != nil || string(reply) != "421 4.7.0 [smtptap] TLS with the server failed: the server refused STARTTLS: 454 4.7.0 no \\u20ac\r\n" {
			t.Errorf("the client read %q, %v", reply, err)
		}
		client.Close()
	})
	t.Run("no 220", func(t *testing.T) {
		b := setUpTLS(t, proxy.Hide, toServer)
		client, server := b.connect()
		write(t, server, "554 go away\r\n")
		expect(t, client, "554 go away\r\n")
		bye(t, client, server)
	})
	t.Run("gone", func(t *testing.T) {
		b := setUpTLS(t, proxy.Hide, toServer)
		client, server := b.connect()
		server.Close()
		reply, err := io.ReadAll(client)
		if err != nil || !strings.HasPrefix(string(reply), "421 4.4.2 [smtptap] no greeting from the server: ") {
			t.Errorf("the client read %q, %v", reply, err)
		}
		client.Close()
	})
	t.Run("with pass", func(t *testing.T) {
		p := &proxy.Proxy{Mode: proxy.Pass, TLSToServer: true, Upstream: &named{}}
		if err := p.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), "handed through") {
			t.Errorf("served with %v", err)
		}
	})
}

// TLS from the first byte on one leg or both.
func TestImplicitTLS(t *testing.T) {
	for name, tt := range map[string]struct{ client, server bool }{
		"both": {true, true}, "client": {true, false}, "server": {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, func(_ *proxy.Proxy, n *named) { n.implicit = tt.server })
			dial := b.dial
			if tt.client {
				dial = b.dialTLS
			}
			conn := dial()
			server := b.accept()
			var c, s net.Conn = conn, server
			if tt.server {
				s = b.secureServer(server)
			}
			if tt.client {
				c = b.secureClient(conn)
			}
			exchange(t, c, s, "<- 220 mail.example.com ESMTP", "-> EHLO client.example.org", "<- 250 mail.example.com")
			bye(t, c, s)
			tr := b.transcript()
			f := handshakes(tr)
			if (f[who.ClientLeg] != nil) != tt.client || (f[who.ServerLeg] != nil) != tt.server {
				t.Errorf("handshakes %+v", f)
			}
			for leg, h := range f {
				if !h.Implicit || h.Err != "" {
					t.Errorf("%s: %+v", leg, h)
				}
			}
			if got := lines(tr); got[0] != "SC~ 220 mail.example.com ESMTP" {
				t.Errorf("the transcript begins with %q", got[0])
			}
			if tt.client && tt.server && len(f[who.ClientLeg].Chain) == 1 && !slices.Contains(f[who.ClientLeg].Chain[0].Names, serverName) {
				t.Errorf("the client saw a certificate for %v", f[who.ClientLeg].Chain[0].Names)
			}
		})
	}
}

// With TLS from the first byte on both legs and STARTTLS on top of neither, a
// client inside TLS is told inside TLS that the server's failed.
func TestImplicitServerFails(t *testing.T) {
	for name, inTLS := range map[string]bool{"plain client": false, "TLS client": true} {
		t.Run(name, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, func(_ *proxy.Proxy, n *named) { n.implicit = true })
			dial := b.dial
			if inTLS {
				dial = b.dialTLS
			}
			conn := dial()
			server := b.accept()
			write(t, server, "220 mail.example.com ESMTP\r\n") // a port for STARTTLS
			var c net.Conn = conn
			if inTLS {
				c = b.secureClient(conn)
			}
			reply, err := io.ReadAll(c)
			if err != nil || !strings.HasPrefix(string(reply), "421 4.7.0 [smtptap] TLS with the server failed: the server did not speak TLS, but \"220 mail.example.com ESMTP\"") {
				t.Errorf("the client read %q, %v", reply, err)
			}
			c.Close()
			tr := b.transcript()
			if f := handshakes(tr)[who.ServerLeg]; f == nil || f.Class != "not-tls" || !f.Implicit {
				t.Errorf("the server's leg: %+v", f)
			}
			checkVerdict(t, tr, "SMTPS-TO-PLAIN-PORT")
		})
	}
}

// A client that waits for a greeting, or talks, where TLS begins with the first
// byte is told so in the words that it understands.
func TestPlainClientOnTLSPort(t *testing.T) {
	for name, said := range map[string]string{"silent": "", "early": "EHLO client.example.org\r\n"} {
		t.Run(name, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, func(p *proxy.Proxy, _ *named) { p.TLS.Timeout = 100 * time.Millisecond })
			conn := b.dialTLS()
			b.accept()
			write(t, conn, said)
			reply, err := io.ReadAll(conn)
			if err != nil || string(reply) != "554 5.7.0 [smtptap] TLS begins with the first byte on this port\r\n" {
				t.Errorf("the client read %q, %v", reply, err)
			}
			conn.Close()
			tr := b.transcript()
			f := handshakes(tr)[who.ClientLeg]
			want := "timeout"
			if said != "" {
				want = "not-tls"
				if got := lines(tr); got[0] != "CP "+strings.TrimSpace(said) {
					t.Errorf("the transcript begins with %q", got)
				}
			}
			if f == nil || f.Class != want || !f.Implicit {
				t.Errorf("the client's leg: %+v", f)
			}
			checkVerdict(t, tr, "PLAIN-ON-IMPLICIT-TLS-PORT")
		})
	}
}

// Whoever only looks whether the port is open is nothing to tell of.
func TestLookAtTLSPort(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	conn := b.dialTLS()
	b.accept()
	conn.Close()
	checkVerdict(t, b.transcript(), findings.VerdictNothing)
}

// A client that begins TLS on a plain port is relayed as it is, and explained.
func TestTLSClientOnPlainPort(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	write(t, server, "220 mail.example.com ESMTP\r\n")
	err := tls.Client(client, b.clientConfig()).Handshake()
	if err == nil || !strings.Contains(err.Error(), "does not look like a TLS handshake") {
		t.Errorf("the client's handshake: %v", err)
	}
	if first := readN(t, server, 1); first != "\x16" {
		t.Errorf("the server read %q", first)
	}
	client.Close()
	io.Copy(io.Discard, server)
	server.Close()
	tr := b.transcript()
	var hello *facts.Hello
	for _, e := range tr.Entries {
		if f, ok := e.Fact.(*facts.Hello); ok {
			hello = f
		}
	}
	if hello == nil || hello.Why != "on a plain port" || hello.SNI != serverName || len(hello.Versions) == 0 {
		t.Errorf("the hello is %+v", hello)
	}
	if n := notes(tr); !slices.Contains(n, "tls-on-plain-port") {
		t.Errorf("noted %v", n)
	}
}

// A server that says nothing may be waiting for TLS itself.
func TestSilentServer(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	client.Close()
	expectEOF(t, server)
	server.Close()
	if text := noteText(b.transcript(), "server-silent"); !strings.Contains(text, "smtps://") {
		t.Errorf("the note is %q", text)
	}
}
