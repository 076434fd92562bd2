package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/proxy"
	"smtptap/proxy/ca"
	"smtptap/proxy/session"
	"smtptap/proxy/session/rules"
	"smtptap/proxy/sink"
	"smtptap/proxy/upstream"
)

// withRules gives a proxy rules, and the sink to lead to.
func withRules(t *testing.T, texts ...string) func(*proxy.Proxy) {
	t.Helper()
	all, err := rules.ParseFile(strings.Join(texts, "\n"), "test")
	if err != nil {
		t.Fatal(err)
	}
	l := listenTCP(t)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- (&sink.Server{}).Serve(ctx, l) }()
	t.Cleanup(func() { stop(); <-served })
	at := netip.MustParseAddrPort(l.Addr().String())
	return func(p *proxy.Proxy) {
		p.Mode = proxy.Intercept
		p.Rules = rules.NewSet(all, 1)
		p.Upstream = &upstream.Fixed{Host: at.Addr().String(), Port: at.Port()}
	}
}

// dialogueOf says lines, each when the reply to the one before has come, and
// returns the codes of all replies, the greeting's first.
func dialogueOf(conn net.Conn, lines ...string) (codes []int, err error) {
	conn.SetDeadline(time.Now().Add(patience))
	r := textproto.NewReader(bufio.NewReader(conn))
	for i := 0; ; i++ {
		code, _, err := r.ReadResponse(0)
		if err != nil {
			return codes, err
		}
		if codes = append(codes, code); i == len(lines) || code == 421 || i == 0 && code >= 400 {
			return codes, nil
		}
		if _, err := conn.Write([]byte(lines[i])); err != nil {
			return codes, err
		}
	}
}

var oneMail = []string{"EHLO client.test\r\n", "MAIL FROM:<a@example.org>\r\n", "RCPT TO:<b@example.net>\r\n", "RCPT TO:<c@example.net>\r\n",
	"DATA\r\n", "Subject: x\r\n\r\nhello\r\n.\r\n", "QUIT\r\n"}

// A thousand sessions at once hear what the rules say, and each rule takes its
// share exactly.
func TestManySessionsWithRules(t *testing.T) {
	const sessions = 1000
	b := setUp(t, withRules(t, "connect%10=421 4.3.2 later", "RCPT@1=delay 20ms", "RCPT@2=450 4.2.1 busy", "EHLO=hide SIZE", "reply:354=rate 2kB/s", "DATA.end%4=554 5.7.1 spam"))
	var refused, busy, spam, taken, odd atomic.Int64
	var wg sync.WaitGroup
	for range sessions {
		conn := b.dial()
		wg.Go(func() {
			codes, err := dialogueOf(conn, oneMail...)
			switch {
			case err != nil:
				odd.Add(1)
			case len(codes) == 1 && codes[0] == 421:
				refused.Add(1)
			case len(codes) != len(oneMail)+1 || codes[3] != 250 || codes[4] != 450:
				odd.Add(1)
			case codes[6] == 554:
				spam.Add(1)
			case codes[6] == 250:
				taken.Add(1)
			}
			busy.Add(int64(len(codes) / len(oneMail)))
		})
	}
	wg.Wait()
	if refused.Load() != 100 || busy.Load() != 900 || spam.Load() != 225 || taken.Load() != 675 || odd.Load() != 0 {
		t.Errorf("refused %d, busy %d, spam %d, taken %d, odd %d; want 100, 900, 225, 675, 0", refused.Load(), busy.Load(), spam.Load(), taken.Load(), odd.Load())
	}
	b.stop()
	sent := 0
	for _, s := range b.set.Summaries(0) {
		sent += s.Sent
	}
	if sent != 675 {
		t.Errorf("the transcripts tell of %d messages", sent)
	}
}

// What a rule has done is no finding about the server.
func TestRulesInTheVerdict(t *testing.T) {
	for _, c := range []struct{ rule, verdict string }{
		{"MAIL=550 5.7.1 relaying denied", "RULE-ANSWERED"},
		{"RCPT=451 4.7.1 greylisted", "RULE-ANSWERED"},
		{"DATA.end=250 queued", "RULE-ANSWERED"},
		{"reply:354=451 no", "RULE-ANSWERED"},
		{"connect=421 4.3.2 later", "RULE-ANSWERED"},
		{"greeting=554 no", "RULE-ANSWERED"},
		{"DATA=drop", "RULE-ENDED"},
		{"DATA.end=reset", "RULE-ENDED"},
		{"RCPT=half-close", "RULE-ENDED"},
		{"reply:354=cut 2B", "RULE-ENDED"},
		{"client.bytes>60=drop", "RULE-ENDED"},
		{"server.bytes>60=drop", "RULE-ENDED"},
		{"reply:220=edit s/220/554/", "RULE-CHANGED"},
		{"RCPT=delay 1ms", findings.VerdictSent},
		{"QUIT=421 closing", findings.VerdictSent},
		{"EHLO=hide SIZE", findings.VerdictSent},
	} {
		t.Run(c.rule, func(t *testing.T) {
			b := setUp(t, withRules(t, c.rule))
			conn := b.dial()
			codes, err := dialogueOf(conn, oneMail...)
			conn.Close()
			v := findings.Analyze(b.transcript(), lang.English).Verdict
			if v.ID != c.verdict {
				t.Errorf("verdict %s (%s), want %s; the client heard %v, %v", v.ID, v.Text, c.verdict, codes, err)
			}
		})
	}
}

func TestBadCertificates(t *testing.T) {
	authority, err := ca.Open(t.TempDir() + "/ca")
	if err != nil {
		t.Fatal(err)
	}
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	for _, c := range []struct {
		fault string
		fits  func(error) bool
	}{
		{"fail", func(err error) bool { return err != nil }},
		{"expired", func(err error) bool { return errors.As(err, &invalid) && invalid.Reason == x509.Expired }},
		{"wrong-name", func(err error) bool { return errors.As(err, &name) }},
		{"self-signed", func(err error) bool { return errors.As(err, &unknown) }},
	} {
		t.Run(c.fault, func(t *testing.T) {
			b := setUp(t, func(p *proxy.Proxy) {
				withRules(t, "connect=tls:"+c.fault)(p)
				p.TLS.Authority = func() (*ca.Authority, error) { return authority, nil }
			})
			conn := tls.Client(b.dialTLS(), &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"})
			if err := conn.Handshake(); !c.fits(err) {
				t.Errorf("the client says %v", err)
			}
			conn.Close()
			if v := findings.Analyze(b.transcript(), lang.English).Verdict; v.ID != "RULE-CERTIFICATE" {
				t.Errorf("verdict %s (%s)", v.ID, v.Text)
			}
		})
	}
}

// A held line waits for somebody, and goes on by itself when nobody is left.
func TestHeldLines(t *testing.T) {
	b := setUp(t, withRules(t, "RCPT=hold"))
	leave := b.proxy.Attend()
	conn := b.dial()
	changed, cancel := b.set.Subscribe()
	defer cancel()
	heard := make(chan []int, 1)
	go func() {
		codes, _ := dialogueOf(conn, oneMail...)
		heard <- codes
	}()
	held := func() proxy.Held {
		timeout := time.After(patience)
		for {
			b.set.Summaries(0) // who has looked is woken again
			if all := b.proxy.Held(); len(all) == 1 {
				return all[0]
			}
			select {
			case <-changed:
			case <-timeout:
				t.Fatal("nothing is held")
			}
		}
	}
	h := held()
	if h.From != who.Client || string(h.Line) != "RCPT TO:<b@example.net>\r\n" {
		t.Errorf("holds %q of the %v", h.Line, h.From)
	}
	if err := b.proxy.Release(h.Session, who.Server, session.Release{}); err == nil {
		t.Error("the server's line was let go, which is not held")
	}
	if err := b.proxy.Release(h.Session, who.Client, session.Release{How: session.ReleaseAnswered, Data: []byte("550 5.1.1 nobody")}); err != nil {
		t.Error(err)
	}
	if h = held(); string(h.Line) != "RCPT TO:<c@example.net>\r\n" {
		t.Errorf("holds %q", h.Line)
	}
	leave()
	if codes := <-heard; len(codes) != 8 || codes[3] != 550 || codes[4] != 250 || codes[6] != 250 {
		t.Errorf("the client heard %v", codes)
	}
}
