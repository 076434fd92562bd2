package proxy_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/proxy"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
	"smtptap/proxy/handshake/certtest"
	"smtptap/proxy/upstream"
)

// serverName is what the servers of these tests are called.
const serverName = "mail.example.com"

// A tlsBench is a bench whose two ends may speak TLS.
type tlsBench struct {
	*bench
	authority *ca.Authority   // that the client trusts
	cert      tls.Certificate // of the server
}

// setUpTLS starts a proxy that trusts its server's certificate.
func setUpTLS(t *testing.T, mode proxy.Mode, change func(*proxy.Proxy, *named)) *tlsBench {
	t.Helper()
	authority, err := ca.Open(t.TempDir() + "/ca")
	if err != nil {
		t.Fatal(err)
	}
	if err := authority.Prepare(serverName); err != nil {
		t.Fatal(err)
	}
	root := certtest.NewAuthority(t, "Example Root")
	b := &tlsBench{authority: authority, cert: root.Issue(t, certtest.Spec{Names: []string{serverName}})}
	b.bench = setUp(t, func(p *proxy.Proxy) {
		to := p.Upstream.(*upstream.Fixed)
		n := &named{addr: netip.AddrPortFrom(netip.MustParseAddr(to.Host), to.Port)}
		p.Upstream, p.Mode = n, mode
		p.TLS = handshake.Settings{Authority: func() (*ca.Authority, error) { return authority, nil }, Roots: root.Pool()}
		if change != nil {
			change(p, n)
		}
	})
	return b
}

// named leads to a server that goes by serverName.
type named struct {
	addr     netip.AddrPort
	implicit bool
}

func (n *named) Dial(ctx context.Context, ses upstream.Session) (*upstream.Server, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", n.addr.String())
	if err != nil {
		return nil, err
	}
	ses.Fact(&facts.Dial{Host: serverName, Addr: n.addr.String(), Why: "configured"})
	return &upstream.Server{Conn: conn, Host: upstream.Host{Name: serverName}, Addr: n.addr, Named: true, Implicit: n.implicit}, nil
}

// clientConfig makes a client that trusts the authority and nobody else.
func (b *tlsBench) clientConfig() *tls.Config {
	pool := b.authority.Pool()
	return &tls.Config{ServerName: serverName, RootCAs: pool}
}

func (b *tlsBench) serverConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{b.cert}}
}

// secureClient and secureServer shake hands as the client and the server would.
func (b *tlsBench) secureClient(conn net.Conn) *tls.Conn {
	b.t.Helper()
	c := tls.Client(conn, b.clientConfig())
	if err := c.Handshake(); err != nil {
		b.t.Fatalf("the client's handshake: %v", err)
	}
	return c
}

func (b *tlsBench) secureServer(conn net.Conn) *tls.Conn {
	b.t.Helper()
	c := tls.Server(conn, b.serverConfig())
	if err := c.Handshake(); err != nil {
		b.t.Fatalf("the server's handshake: %v", err)
	}
	return c
}

// upToSTARTTLS plays a session until the server has accepted STARTTLS.
func upToSTARTTLS(t *testing.T, client, server net.Conn) {
	t.Helper()
	exchange(t, client, server,
		"<- 220 mail.example.com ESMTP", "-> EHLO client.example.org", "<- 250-mail.example.com|250 STARTTLS", "-> STARTTLS")
	write(t, server, "220 2.0.0 go ahead\r\n")
}

// exchange plays lines: what one end says, the other must hear. A bar stands
// for a line end.
func exchange(t *testing.T, client, server net.Conn, lines ...string) {
	t.Helper()
	for _, l := range lines {
		arrow, text, _ := strings.Cut(l, " ")
		from, to := client, server
		if arrow == "<-" {
			from, to = server, client
		}
		text = strings.ReplaceAll(text, "|", "\r\n") + "\r\n"
		write(t, from, text)
		expect(t, to, text)
	}
}

// secureBoth shakes hands on both legs after an accepted STARTTLS.
func (b *tlsBench) secureBoth(client, server net.Conn) (c, s *tls.Conn) {
	b.t.Helper()
	s = b.secureServer(server)
	expect(b.t, client, "220 2.0.0 go ahead\r\n")
	return b.secureClient(client), s
}

// bye ends a session in an orderly way.
func bye(t *testing.T, client, server net.Conn) {
	t.Helper()
	exchange(t, client, server, "-> QUIT", "<- 221 bye")
	server.Close()
	expectEOF(t, client)
	client.Close()
}

// tlsFacts are the handshakes of a transcript, by leg.
func handshakes(tr *decode.Transcript) map[who.Leg]*facts.TLS {
	found := map[who.Leg]*facts.TLS{}
	for _, e := range tr.Entries {
		if f, ok := e.Fact.(*facts.TLS); ok {
			found[f.Leg] = f
		}
	}
	return found
}

// notes are the ids of what smtptap noted, in order.
func notes(tr *decode.Transcript) (ids []string) {
	for _, e := range tr.Entries {
		if f, ok := e.Fact.(*facts.Note); ok {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

func noteText(tr *decode.Transcript, id string) string {
	for _, e := range tr.Entries {
		if f, ok := e.Fact.(*facts.Note); ok && f.ID == id {
			return f.Text.String()
		}
	}
	return ""
}

func endOf(tr *decode.Transcript) *facts.End {
	f, _ := tr.Entries[len(tr.Entries)-1].Fact.(*facts.End)
	return f
}

// lines are the events of a transcript, as who said what to whom; a tilde
// stands for TLS.
func lines(tr *decode.Transcript) (list []string) {
	for _, e := range tr.Entries {
		if e.Event == nil {
			continue
		}
		s := string([]byte{e.From.Letter(), e.To.Letter()})
		if e.Event.TLS {
			s += "~"
		}
		list = append(list, s+" "+strings.ReplaceAll(strings.TrimRight(string(e.Event.Raw), "\r\n"), "\r\n", "|"))
	}
	return list
}

// TestIntercept opens TLS on both legs, and tells of both.
func TestIntercept(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	c, s := b.secureBoth(client, server)
	exchange(t, c, s, "-> EHLO client.example.org", "<- 250 mail.example.com", "-> MAIL FROM:<a@example.org>", "<- 250 ok")
	bye(t, c, s)

	tr := b.transcript()
	want := []string{
		"SC 220 mail.example.com ESMTP", "CS EHLO client.example.org", "SC 250-mail.example.com|250 STARTTLS", "CS STARTTLS", "SC 220 2.0.0 go ahead",
		"CS~ EHLO client.example.org", "SC~ 250 mail.example.com", "CS~ MAIL FROM:<a@example.org>", "SC~ 250 ok", "CS~ QUIT", "SC~ 221 bye",
	}
	if got := lines(tr); !slices.Equal(got, want) {
		t.Errorf("the transcript is\n%q\nwant\n%q", got, want)
	}
	f := handshakes(tr)
	srv, cli := f[who.ServerLeg], f[who.ClientLeg]
	if srv == nil || srv.Err != "" || !srv.Verified || !srv.Checked || srv.Verdict != "ok" || srv.SNI != serverName || srv.Version != "TLS 1.3" || srv.Implicit {
		t.Errorf("the server's leg: %+v", srv)
	}
	if cli == nil || cli.Err != "" || cli.SNI != serverName || cli.Hello == nil || len(cli.Chain) != 1 || !strings.Contains(cli.Chain[0].Issuer, "smtptap") {
		t.Errorf("the client's leg: %+v", cli)
	}
	if end := endOf(tr); end.Cause != facts.CauseClosed {
		t.Errorf("ended as %+v", end)
	}
	if got := notes(tr); got != nil {
		t.Errorf("noted %v", got)
	}
	_, closed := b.end()
	if closed[who.ClientLeg] != "close-notify" || closed[who.ServerLeg] != "close-notify" {
		t.Errorf("closed as %v", closed)
	}
}

// The client hears 220 only when TLS with the server is up.
func TestReplyWaitsForTheServersHandshake(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	client.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := client.Read(make([]byte, 1)); err == nil || n > 0 {
		t.Fatalf("the client read %d bytes before the server shook hands", n)
	}
	client.SetReadDeadline(time.Now().Add(patience))
	c, s := b.secureBoth(client, server)
	bye(t, c, s)
}

// When TLS with the server fails, the client is told in place of the 220, and
// the transcript says who failed and why.
func TestServerHandshakeFails(t *testing.T) {
	self := certtest.SelfSigned(t, certtest.Spec{Names: []string{serverName}})
	for name, tt := range map[string]struct {
		server func(*tlsBench, net.Conn)
		class  string
		text   string
		id     string // of the finding
	}{
		"bad certificate": {func(b *tlsBench, conn net.Conn) {
			tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{self}}).Handshake()
		}, "certificate", "(self-signed): it is self-signed", "TLS-SERVER-CERT-REFUSED"},
		"closes":        {func(_ *tlsBench, conn net.Conn) { conn.(*net.TCPConn).CloseWrite() }, "closed", "the server closed the connection during the handshake", "TLS-HANDSHAKE-RESET"},
		"goes on clear": {func(_ *tlsBench, conn net.Conn) { readN(t, conn, 5); io.WriteString(conn, "500 what\r\n") }, "not-tls", `the server accepted STARTTLS and then did not speak TLS, but "500 what"`, "STARTTLS-220-NO-TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, nil)
			client, server := b.connect()
			upToSTARTTLS(t, client, server)
			tt.server(b, server)
			reply, err := io.ReadAll(client)
			if err != nil || !strings.HasPrefix(string(reply), "454 4.7.0 [smtptap] TLS with the server failed: ") || strings.Count(string(reply), "\n") != 1 || len(reply) > 512 {
				t.Fatalf("the client read %q, %v", reply, err)
			}
			if !strings.Contains(string(reply), tt.text) {
				t.Errorf("the client read %q, want %q in it", reply, tt.text)
			}
			client.Close()
			tr := b.transcript()
			f := handshakes(tr)[who.ServerLeg]
			if f == nil || f.Class != tt.class || !strings.Contains(f.Err.String(), tt.text) {
				t.Errorf("the server's leg: %+v", f)
			}
			if end := endOf(tr); end.Cause != facts.CauseTLS || !strings.Contains(end.Err.String(), tt.text) {
				t.Errorf("ended as %+v", end)
			}
			if got := notes(tr); !slices.Equal(got, []string{"starttls-taken-back"}) {
				t.Errorf("noted %v", got)
			}
			if got := lines(tr); !strings.HasPrefix(got[len(got)-1], "PC 454 4.7.0 [smtptap]") {
				t.Errorf("the last words are %q", got[len(got)-1])
			}
			checkVerdict(t, tr, tt.id)
		})
	}
}

// checkVerdict checks who is told to be at fault, and that nothing else is.
func checkVerdict(t *testing.T, tr *decode.Transcript, id string) {
	t.Helper()
	r := findings.Analyze(tr, lang.English)
	if r.Verdict.ID != id {
		t.Errorf("the verdict is %s (%s), want %s", r.Verdict.ID, r.Verdict.Text, id)
	}
	for _, f := range r.Findings {
		if f.ID != id && f.Severity != findings.Advice {
			t.Errorf("%s %s is found too: %s", f.Severity, f.ID, f.Text)
		}
	}
}

// With Insecure a bad certificate is told and nothing more.
func TestInsecure(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, func(p *proxy.Proxy, _ *named) { p.TLS.Insecure = true })
	b.cert = certtest.SelfSigned(t, certtest.Spec{Names: []string{"other.example.com"}})
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	c, s := b.secureBoth(client, server)
	bye(t, c, s)
	if f := handshakes(b.transcript())[who.ServerLeg]; f.Verdict != "self-signed" || f.Verified || f.Checked || f.Err != "" || !strings.Contains(f.Reason.String(), "Also") {
		t.Errorf("the server's leg: %+v", f)
	}
}

// A client that does not trust the authority is told apart, and its user is
// told what to do.
func TestClientDistrusts(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	s := b.secureServer(server)
	expect(t, client, "220 2.0.0 go ahead\r\n")
	if err := tls.Client(client, &tls.Config{ServerName: serverName}).Handshake(); err == nil {
		t.Fatal("the client trusts the authority")
	}
	write(t, client, "QUIT\r\n") // as PHPMailer does, in clear
	expectEOF(t, s)
	client.Close()
	tr := b.transcript()
	f := handshakes(tr)[who.ClientLeg]
	if f.Class != "alert" || f.Alert != "bad_certificate" || f.By != who.Client {
		t.Errorf("the client's leg: %+v", f)
	}
	if text := noteText(tr, "client-distrusts"); !strings.Contains(text, "It looks like Go. Setting for Go, in its environment: SSL_CERT_FILE='"+b.authority.Path()+"'") {
		t.Errorf("the note is %q", text)
	}
	if end := endOf(tr); end.Cause != facts.CauseTLS {
		t.Errorf("ended as %+v", end)
	}
	if got := lines(tr); got[len(got)-1] != "CP QUIT" {
		t.Errorf("the last words are %q", got[len(got)-1])
	}
	checkVerdict(t, tr, "TLS-PROXY-CA-UNTRUSTED")
}

// Some clients look at the certificate when the handshake is done.
func TestClientLeavesAfterHandshake(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	c, s := b.secureBoth(client, server)
	c.Close()
	expectEOF(t, s)
	s.Close()
	client.Close()
	tr := b.transcript()
	if text := noteText(tr, "client-left-after-handshake"); !strings.Contains(text, b.authority.Path()) {
		t.Errorf("the note is %q", text)
	}
	checkVerdict(t, tr, "TLS-PROXY-CA-UNTRUSTED")
}

// An authority that can't be used is no reason to leave the client in the dark.
func TestAuthorityBroken(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, func(p *proxy.Proxy, _ *named) { p.TLS.Authority = nil })
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	reply, err := io.ReadAll(client)
	if err != nil || !strings.HasPrefix(string(reply), "454 4.7.0 [smtptap] TLS can't be opened here: ") {
		t.Errorf("the client read %q, %v", reply, err)
	}
	client.Close()
	expectEOF(t, server)
}
