package proxy_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy"
)

const v2TCP4 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x30\x39\x00\x19"

// setUpHeader starts a proxy whose clients begin with a PROXY header.
func setUpHeader(t *testing.T, change func(*proxy.Proxy)) *bench {
	return setUpWith(t, proxy.Listener{Header: true}, change)
}

// opening is how the newest session's client is noted.
func (b *bench) opening() *facts.Open {
	b.t.Helper()
	for _, e := range b.transcript().Entries {
		if f, ok := e.Fact.(*facts.Open); ok {
			return f
		}
	}
	b.t.Fatal("no client is noted")
	return nil
}

// A PROXY header names the client, cut anywhere, and no byte of it or after it
// is lost or relayed.
func TestProxyProtocol(t *testing.T) {
	for name, c := range map[string]struct{ header, client, destination string }{
		"version 1":       {"PROXY TCP4 192.0.2.1 192.0.2.2 12345 25\r\n", "192.0.2.1:12345", "192.0.2.2:25"},
		"version 1, IPv6": {"PROXY TCP6 2001:db8::1 2001:db8::2 12345 25\r\n", "[2001:db8::1]:12345", "[2001:db8::2]:25"},
		"version 1, own":  {"PROXY UNKNOWN\r\n", "", ""},
		"version 2":       {v2TCP4, "192.0.2.1:12345", "192.0.2.2:25"},
		"version 2, TLV":  {strings.Replace(v2TCP4, "\x00\x0c", "\x00\x10", 1) + "\x04\x00\x01x", "192.0.2.1:12345", "192.0.2.2:25"},
		"version 2, own":  {"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "", ""},
	} {
		for _, cut := range []int{1, len(c.header)} {
			t.Run(fmt.Sprint(name, cut), func(t *testing.T) {
				b := setUpHeader(t, nil)
				client := b.dial()
				write(t, client, c.header[:cut])
				write(t, client, c.header[cut:]+"EHLO early\r\n")
				server := b.accept()
				expect(t, server, "EHLO early\r\n")
				write(t, server, "220 hi\r\n250 mx\r\n")
				expect(t, client, "220 hi\r\n250 mx\r\n")
				server.Close()
				expectEOF(t, client)
				client.Close()
				f := b.opening()
				peer := client.LocalAddr().String()
				want := facts.Open{Client: c.client, Peer: peer, Listen: b.addr, Destination: c.destination, Header: int(name[len("version ")] - '0')}
				if c.client == "" {
					want.Client, want.Peer = peer, ""
				}
				if *f != want {
					t.Errorf("noted %+v, want %+v", *f, want)
				}
				if end, _ := b.end(); end.ClientBytes != int64(len("EHLO early\r\n")) {
					t.Errorf("%d bytes of the client", end.ClientBytes)
				}
			})
		}
	}
}

// A client without a good header is closed, told of in the log, and no session.
func TestNoProxyHeader(t *testing.T) {
	for name, c := range map[string]struct{ said, want string }{
		"SMTP":        {"EHLO a\r\n", "begins with something else"},
		"nothing":     {"", "none came in"},
		"half":        {"PROXY TCP4 192.0", "none came in"},
		"bad address": {"PROXY TCP4 x y 1 2\r\n", "proxyproto: "},
		"endless":     {"PROXY TCP4 " + strings.Repeat("1", 200), "begins with something else"},
		"bad version": {"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x00", "begins with something else"},
		"bad length":  {"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x01x", "proxyproto: "},
		"TLS":         {"\x16\x03\x01", "begins with something else"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			b := setUpHeader(t, func(p *proxy.Proxy) {
				p.SetHeaderTimeout(200 * time.Millisecond)
				p.Log = zerolog.New(zerolog.SyncWriter(&log))
			})
			client := b.dial()
			write(t, client, c.said)
			client.Read(make([]byte, 1)) // the end, or a reset for what was not read
			b.stop()
			if got := log.String(); !strings.Contains(got, c.want) || !strings.Contains(got, "--proxy-protocol") || !strings.Contains(got, client.LocalAddr().String()) {
				t.Errorf("the log says %q, want %q", got, c.want)
			}
			if n := b.set.Len(); n != 0 {
				t.Errorf("%d sessions began", n)
			}
		})
	}
}

// --allow is about who connects, and a waiting client holds up neither others nor
// the end.
func TestProxyProtocolAllow(t *testing.T) {
	b := setUpHeader(t, func(p *proxy.Proxy) {
		p.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		p.Count = 1
	})
	b.dial() // and says nothing
	client := b.dial()
	write(t, client, "PROXY TCP4 192.0.2.1 192.0.2.2 12345 25\r\n")
	b.accept().Close()
	expectEOF(t, client)
	client.Close()
	select {
	case err := <-b.served: // after the one session
		b.served <- err
	case <-time.After(patience):
		t.Fatal("it goes on serving")
	}
}

// The server is told of the client first of all, and what was said is noted.
func TestSendProxyHeader(t *testing.T) {
	for version, want := range map[byte]string{
		1: "PROXY TCP4 192.0.2.1 192.0.2.2 12345 25\r\n",
		2: v2TCP4,
	} {
		b := setUpHeader(t, func(p *proxy.Proxy) { p.SendHeader = version })
		client := b.dial()
		write(t, client, "PROXY TCP4 192.0.2.1 192.0.2.2 12345 25\r\nEHLO a\r\n")
		server := b.accept()
		expect(t, server, want+"EHLO a\r\n")
		server.Close()
		client.Close()
		noted := false
		for _, e := range b.transcript().Entries {
			if n, ok := e.Fact.(*facts.Note); ok && n.ID == "proxy-header-sent" {
				noted = strings.Contains(n.Text.String(), "192.0.2.1:12345")
			}
			if e.Event != nil && e.From == who.Client && bytes.Contains(e.Event.Raw, []byte("PROXY")) {
				t.Errorf("noted as the client's: %q", e.Event.Raw)
			}
		}
		if !noted {
			t.Error("the header is not noted")
		}
		b.stop()
	}
	b := setUp(t, func(p *proxy.Proxy) { p.SendHeader = 1 })
	client, server := b.connect()
	at := client.LocalAddr().(*net.TCPAddr)
	expect(t, server, fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %s\r\n", at.Port, b.addr[len("127.0.0.1:"):]))
}
