package proxy_test

import (
	"crypto/tls"
	"io"
	"strings"
	"testing"

	"smtptap/proxy"
	"smtptap/proxy/handshake/certtest"
)

// Some servers do not even send an alert when they refuse a client's
// certificate, or the lack of one. What their leaving means is told all the
// same, once.
func TestServerLeavesWantingCertificate(t *testing.T) {
	ours := certtest.SelfSigned(t, certtest.Spec{Names: []string{"client.example.org"}})
	for name, tt := range map[string]struct {
		cert   *tls.Certificate
		speaks bool // the server says something before it leaves
		note   string
	}{
		"none":     {nil, false, "got none. Give one with --client-cert"},
		"one":      {&ours, false, "does not accept the one from --client-cert"},
		"accepted": {&ours, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, func(p *proxy.Proxy, _ *named) { p.TLS.Certificate = tt.cert })
			client, server := b.connect()
			upToSTARTTLS(t, client, server)
			config := b.serverConfig()
			config.ClientAuth = tls.RequestClientCert
			s := tls.Server(server, config)
			if err := s.Handshake(); err != nil {
				t.Fatal(err)
			}
			expect(t, client, "220 2.0.0 go ahead\r\n")
			c := b.secureClient(client)
			if tt.speaks {
				write(t, s, "421 bye\r\n")
				expect(t, c, "421 bye\r\n")
			}
			server.CloseWrite()
			io.Copy(io.Discard, c)
			client.Close()
			server.Close()
			text := noteText(b.transcript(), "server-left-after-handshake")
			if (text != "") != (tt.note != "") || !strings.Contains(text, tt.note) {
				t.Errorf("the note is %q, want %q in it", text, tt.note)
			}
		})
	}
}
