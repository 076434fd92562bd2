package proxy_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/proxy"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
	"smtptap/proxy/handshake/certtest"
)

var withSTARTTLS = answers("EHLO", "250-mx\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 STARTTLS\r\n", "STARTTLS", "220 go\r\n")

// tlsFacts lists the handshakes of a transcript as "leg verdict", "leg failed".
func tlsFacts(tr *decode.Transcript) []string {
	var list []string
	for _, e := range tr.Entries {
		if f, ok := e.Fact.(*facts.TLS); ok {
			word := f.Verdict
			if f.Err != "" {
				word = "failed"
			}
			list = append(list, strings.TrimSpace(f.Leg.String()+" "+word))
		}
	}
	return list
}

// TestMXOpportunisticTLS: TLS with an MX is used when it is offered, whatever
// its certificate, and done without when it does not come about.
func TestMXOpportunisticTLS(t *testing.T) {
	good := certtest.NewAuthority(t, "Test Authority")
	trusted := good.Issue(t, certtest.Spec{Names: []string{"mx.example.org"}})
	unknown := certtest.SelfSigned(t, certtest.Spec{Names: []string{"other.example"}})
	rest := []string{"MAIL FROM:<>", "RCPT TO:<b@example.org>", "DATA", "QUIT"}
	clear := []string{"connect", "EHLO client.example"}
	for _, tt := range []struct {
		name   string
		cert   *tls.Certificate
		change []string // of the server's answers
		server []string // what it heard before MAIL
		facts  []string
	}{
		{"trusted", &trusted, nil, append(slices.Clone(clear), "STARTTLS", "TLS", "EHLO client.example"), []string{"server ok"}},
		{"self-signed", &unknown, nil, append(slices.Clone(clear), "STARTTLS", "TLS", "EHLO client.example"), []string{"server self-signed"}},
		{"refused", nil, []string{"STARTTLS", "454 4.7.0 not now\r\n"}, append(slices.Clone(clear), "STARTTLS"), nil},
		{"broken", nil, nil, slices.Concat(clear, []string{"STARTTLS"}, clear), []string{"server failed"}},
		{"replies injected", &trusted, []string{"STARTTLS", "220 go\r\n250 evil\r\n"}, append(slices.Clone(clear), "STARTTLS", "TLS", "EHLO client.example"), []string{"server ok"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mx := org()
			mx.cert, mx.replies = tt.cert, map[string]string{}
			for k, v := range withSTARTTLS {
				mx.replies[k] = v
			}
			for i := 0; i < len(tt.change); i += 2 {
				mx.replies[tt.change[i]] = tt.change[i+1]
			}
			b := setUpMXWith(t, func(p *proxy.Proxy) { p.TLS.Roots = good.Pool() }, mx)
			c := b.dial()
			heard := dialogue(t, c, "EHLO client.example\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<b@example.org>\r\n", "DATA\r\n", message, "QUIT\r\n")
			c.Close()
			if got := codes(heard); got != "220 250 250 250 354 250 221" {
				t.Errorf("the client heard %q", heard)
			}
			if got, want := mx.heard(), slices.Concat(tt.server, rest); !slices.Equal(got, want) {
				t.Errorf("the server heard %q, want %q", got, want)
			}
			tr := b.transcript()
			if got := tlsFacts(tr); !slices.Equal(got, tt.facts) {
				t.Errorf("handshakes %q, want %q", got, tt.facts)
			}
			for _, e := range tr.Entries {
				if e.Event != nil && e.Event.Command != nil && e.Event.Command.Verb == "RCPT" && e.Event.TLS {
					t.Error("RCPT counts as said inside TLS by the client")
				}
			}
		})
	}
}

// intercepting lets a proxy show certificates of that authority.
func intercepting(authority *ca.Authority) func(*proxy.Proxy) {
	return func(p *proxy.Proxy) {
		p.Mode = proxy.Intercept
		p.TLS = handshake.Settings{Authority: func() (*ca.Authority, error) { return authority, nil }}
	}
}

// TestMXClientTLS: the responder takes the client's STARTTLS, and the server's leg
// stays as it is.
func TestMXClientTLS(t *testing.T) {
	authority, err := ca.Open(t.TempDir() + "/ca")
	if err != nil {
		t.Fatal(err)
	}
	mx := org()
	b := setUpMXWith(t, intercepting(authority), mx)
	pool := authority.Pool()

	c := b.dial()
	clear := dialogue(t, c, "EHLO client.example\r\n", "STARTTLS\r\n")
	if got := codes(clear); got != "220 250 220" {
		t.Fatalf("in clear the client heard %q", clear)
	}
	secured := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
	if err := secured.Handshake(); err != nil {
		t.Fatal(err)
	}
	write(t, secured, "EHLO inside.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"+message+"QUIT\r\n")
	all, err := io.ReadAll(secured)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(all), "STARTTLS") || !strings.Contains(string(all), "354 go") || !strings.HasSuffix(string(all), "bye\r\n") {
		t.Errorf("inside TLS the client heard %q", all)
	}
	c.Close()
	if got, want := mx.heard(), []string{"connect", "EHLO inside.example", "MAIL FROM:<>", "RCPT TO:<b@example.org>", "DATA", "QUIT"}; !slices.Equal(got, want) {
		t.Errorf("the server heard %q, want %q", got, want)
	}
	if got := tlsFacts(b.transcript()); !slices.Equal(got, []string{"client"}) {
		t.Errorf("handshakes %q", got)
	}
}

// TestMXClientTLSInjection: what a client says in clear after STARTTLS goes
// nowhere, and TLS comes about all the same.
func TestMXClientTLSInjection(t *testing.T) {
	authority, err := ca.Open(t.TempDir() + "/ca")
	if err != nil {
		t.Fatal(err)
	}
	mx := org()
	b := setUpMXWith(t, intercepting(authority), mx)
	c := b.dial()
	r := bufio.NewReader(c)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	write(t, c, "EHLO client.example\r\nSTARTTLS\r\nMAIL FROM:<evil@example.net>\r\nRCPT TO:<b@example.org>\r\n")
	for line := ""; !strings.HasPrefix(line, "220 "); {
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	c.SetDeadline(time.Now().Add(patience))
	secured := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	if err := secured.Handshake(); err != nil {
		t.Fatal(err)
	}
	write(t, secured, "RCPT TO:<b@example.org>\r\nQUIT\r\n")
	all, err := io.ReadAll(secured)
	if err != nil || !strings.HasPrefix(string(all), "503 5.5.1") {
		t.Errorf("inside TLS the client heard %q, %v", all, err)
	}
	c.Close()
	if got := mx.heard(); len(got) != 0 {
		t.Errorf("the server heard %q", got)
	}
	found := false
	for _, e := range b.transcript().Entries {
		if e.Event != nil {
			found = found || slices.ContainsFunc(e.Event.Notes, func(n decode.Note) bool { return n.ID == "starttls-injection" })
		}
	}
	if !found {
		t.Error("the transcript does not tell of the injection")
	}
}
