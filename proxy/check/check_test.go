package check_test

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"smtptap/proxy/check"
	"smtptap/proxy/handshake/certtest"
	"smtptap/proxy/upstream"
	"smtptap/proxy/upstream/dnstest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const day = 24 * time.Hour

// issue makes a certificate for name that has days left, a negative number
// for one that has expired.
func issue(t *testing.T, a *certtest.Authority, name string, days int) *tls.Certificate {
	t.Helper()
	end := time.Now().Add(time.Duration(days)*day + time.Hour)
	c := a.Issue(t, certtest.Spec{Names: []string{name}, Subject: name, NotBefore: end.Add(-40 * day), NotAfter: end})
	return &c
}

// A mailServer answers what a check asks, and keeps it.
type mailServer struct {
	greeting string
	ehlo     []string // lines of the reply, before TLS
	ehloTLS  []string // inside TLS; nil for the same
	ehloCode int      // 250 if zero
	starttls string   // reply; "" for "220 go"
	injected string   // said in clear after it
	cert     *tls.Certificate
	implicit bool
	mu       sync.Mutex
	said     []string
}

func (m *mailServer) heard() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.said)
}

func (m *mailServer) serve(conn net.Conn) {
	defer conn.Close()
	secured := false
	secure := func() bool {
		t := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*m.cert}})
		if t.Handshake() != nil {
			return false
		}
		conn, secured = t, true
		return true
	}
	if m.implicit && !secure() {
		return
	}
	io.WriteString(conn, m.greeting)
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		m.mu.Lock()
		m.said = append(m.said, strings.TrimSpace(line))
		m.mu.Unlock()
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
		case "EHLO":
			lines := m.ehlo
			if secured && m.ehloTLS != nil {
				lines = m.ehloTLS
			}
			for i, l := range lines {
				sep := "-"
				if i == len(lines)-1 {
					sep = " "
				}
				fmt.Fprintf(conn, "%d%s%s\r\n", cmp.Or(m.ehloCode, 250), sep, l)
			}
		case "HELO":
			io.WriteString(conn, "250 hello\r\n")
		case "STARTTLS":
			reply := m.starttls
			if reply == "" {
				reply = "220 go\r\n"
			}
			io.WriteString(conn, reply+m.injected)
			if strings.HasPrefix(reply, "220") && m.cert == nil {
				return
			}
			if strings.HasPrefix(reply, "220") {
				if !secure() {
					return
				}
				r = bufio.NewReader(conn)
			}
		case "QUIT":
			io.WriteString(conn, "221 bye\r\n")
			return
		default:
			io.WriteString(conn, "250 ok\r\n")
		}
	}
}

// start serves all servers on one port, each at its address.
func start(t *testing.T, servers map[string]*mailServer) uint16 {
	t.Helper()
	for range 20 {
		probe, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := netip.MustParseAddrPort(probe.Addr().String()).Port()
		probe.Close()
		var all sync.WaitGroup
		var listeners []net.Listener
		failed := false
		for addr, m := range servers {
			l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", addr, port))
			if err != nil {
				failed = true
				break
			}
			listeners = append(listeners, l)
			all.Go(func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					all.Go(func() { m.serve(conn) })
				}
			})
		}
		stop := func() {
			for _, l := range listeners {
				l.Close()
			}
			all.Wait()
		}
		if failed {
			stop()
			continue
		}
		t.Cleanup(stop)
		return port
	}
	t.Fatal("no port is free at all addresses")
	return 0
}

func resolver(t *testing.T, zone ...string) *upstream.Resolver {
	t.Helper()
	return &upstream.Resolver{Servers: []string{dnstest.Serve(t, dnstest.Records(t, zone...))}, Try: 500 * time.Millisecond, Budget: 5 * time.Second}
}

// claiming is a resolver that claims DNSSEC for all it says.
func claiming(t *testing.T, zone ...string) *upstream.Resolver {
	t.Helper()
	return &upstream.Resolver{Servers: []string{dnstest.Serve(t, dnstest.Claimed(dnstest.Records(t, zone...)))}}
}

var plainOffers = []string{"mx.example.org", "SIZE 35882577", "8BITMIME", "PIPELINING"}

// run checks and fails the test when that is not possible.
func run(t *testing.T, o check.Options) *check.Report {
	t.Helper()
	if o.Hello == "" {
		o.Hello = "client.example"
	}
	r, err := check.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestDomain is the whole: two hosts, one of them with TLS, records of all kinds.
func TestDomain(t *testing.T) {
	ca := certtest.NewAuthority(t, "Test Authority")
	cert := issue(t, ca, "mx1.example.org", 30)
	first := &mailServer{
		greeting: "220 mx1.example.org ESMTP\r\n", ehlo: append(slices.Clone(plainOffers), "STARTTLS"),
		ehloTLS: append(slices.Clone(plainOffers), "AUTH PLAIN LOGIN", "AUTH=LOGIN"), cert: cert,
	}
	second := &mailServer{greeting: "220 mx2\r\n", ehlo: []string{"mx2 \x1b]0;PWN\x07", "SIZE", "AUTH CRAM-MD5"}}
	port := start(t, map[string]*mailServer{"127.0.0.2": first, "127.0.0.3": second})
	sum := sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)
	var mu sync.Mutex
	steps := map[string]bool{}
	r := run(t, check.Options{
		Target: "EXAMPLE.org", MXPort: port, AllowPrivate: true, Roots: ca.Pool(),
		Resolver: claiming(t,
			"example.org. MX 10 mx1.example.org.", "example.org. MX 20 mx2.example.org.", "example.org. MX 30 mx3.example.org.",
			`example.org. TXT "v=spf1 -all"`, `example.org. TXT "something else"`, `_dmarc.example.org. TXT "v=DMARC1; p=" "none"`,
			"mx1.example.org. A 127.0.0.2", "mx2.example.org. A 127.0.0.3", "mx2.example.org. A 127.0.0.4",
			"2.0.0.127.in-addr.arpa. PTR mx1.example.org.",
			fmt.Sprintf("_%d._tcp.mx1.example.org. TLSA 3 1 1 %s", port, hex.EncodeToString(sum[:])),
		),
		Progress: func(p check.Progress) { mu.Lock(); defer mu.Unlock(); steps[p.Step] = true },
	})
	if !r.OK || r.Kind != check.KindDomain || r.Name != "example.org" || len(r.Hosts) != 3 {
		t.Fatalf("report %+v", r)
	}
	for i, want := range [][]string{
		{"EHLO client.example", "STARTTLS", "EHLO client.example", "QUIT"},
		{"EHLO client.example", "QUIT"},
	} {
		if got := []*mailServer{first, second}[i].heard(); !slices.Equal(got, want) {
			t.Errorf("server %d heard %q, want %q", i+1, got, want)
		}
	}
	p := r.Hosts[0].Probes[0]
	if !p.OK || p.TLS.Verdict != "ok" || p.Auth != nil || !slices.Equal(p.AuthInTLS, []string{"PLAIN", "LOGIN"}) || *p.Size != 35882577 ||
		!slices.Equal(p.Reverse, []string{"mx1.example.org"}) || p.DANE != check.DANEMatch {
		t.Errorf("first server: %+v, TLS %+v", p, p.TLS)
	}
	if len(r.Hosts[1].Probes) != 2 || r.Hosts[2].Err == "" {
		t.Errorf("second and third server: %+v, %+v", r.Hosts[1], r.Hosts[2])
	}
	if !slices.Equal(r.Records.SPF.Texts, []string{"v=spf1 -all"}) || !slices.Equal(r.Records.DMARC.Texts, []string{"v=DMARC1; p=none"}) || r.Records.MTASTS.Texts != nil {
		t.Errorf("records %+v", r.Records)
	}
	for _, s := range []string{"looking up MX", "looking up addresses", "connecting", "greeting", "EHLO", "STARTTLS"} {
		if !steps[s] {
			t.Errorf("no progress told of %q", s)
		}
	}
	golden(t, "domain.txt", r, port)
	checkJSON(t, r)
}

// golden compares the text form, without what differs from run to run.
func golden(t *testing.T, name string, r *check.Report, port uint16) {
	t.Helper()
	var b bytes.Buffer
	if err := r.Text(&b, check.TextOptions{Width: 100}); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(b.String(), fmt.Sprint(port), "12525")
	text = regexp.MustCompile(`\d{4}-\d\d-\d\d`).ReplaceAllString(text, "2026-01-02")
	text = regexp.MustCompile(`3 1 1 [0-9a-f]{64}`).ReplaceAllString(text, "3 1 1 0123")
	text = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(text, "127.0.0.1:5353")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("text is\n%s\nwant\n%s", text, want)
	}
}

// checkJSON: the JSON form means the report, and is safe to show.
func checkJSON(t *testing.T, r *check.Report) {
	t.Helper()
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	for _, c := range b.String() {
		if c < ' ' && c != '\n' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0x202e {
			t.Errorf("the JSON holds %U", c)
		}
	}
	var back check.Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Verdict != r.Verdict || len(back.Hosts) != len(r.Hosts) || len(back.DNS) != len(r.DNS) {
		t.Errorf("read back: %+v", back)
	}
	for i, h := range r.Hosts {
		for j, p := range h.Probes {
			if p.EHLO != nil && back.Hosts[i].Probes[j].EHLO.Text != p.EHLO.Text {
				t.Errorf("reply %q became %q", p.EHLO.Text, back.Hosts[i].Probes[j].EHLO.Text)
			}
		}
	}
}

// TestServers: one server, and what is wrong with it.
func TestServers(t *testing.T) {
	ca, other := certtest.NewAuthority(t, "Test Authority"), certtest.NewAuthority(t, "Other Authority")
	withTLS := append(slices.Clone(plainOffers), "STARTTLS")
	for _, tt := range []struct {
		name     string
		server   *mailServer
		insecure bool
		ok       bool
		verdict  string // of the certificate
		err      string // part of the probe's
		note     string
		heard    string
	}{
		{name: "plain", server: &mailServer{ehlo: plainOffers}, ok: true, heard: "EHLO QUIT"},
		{name: "good certificate", server: &mailServer{ehlo: withTLS, cert: issue(t, ca, "mx.example.org", 30)}, ok: true, verdict: "ok", heard: "EHLO STARTTLS EHLO QUIT"},
		{name: "implicit TLS", server: &mailServer{ehlo: plainOffers, implicit: true, cert: issue(t, ca, "mx.example.org", 30)}, ok: true, verdict: "ok", heard: "EHLO QUIT"},
		{name: "expired", server: &mailServer{ehlo: withTLS, cert: issue(t, ca, "mx.example.org", -3)}, verdict: "expired", heard: "EHLO STARTTLS EHLO QUIT"},
		{name: "not yet valid", server: &mailServer{ehlo: withTLS, cert: issue(t, ca, "mx.example.org", 50)}, verdict: "not-yet-valid", heard: "EHLO STARTTLS EHLO QUIT"},
		{name: "expired, but not checked", server: &mailServer{ehlo: withTLS, cert: issue(t, ca, "mx.example.org", -3)}, insecure: true, ok: true, verdict: "expired", heard: "EHLO STARTTLS EHLO QUIT"},
		{name: "wrong name", server: &mailServer{ehlo: withTLS, cert: issue(t, ca, "www.example.org", 30)}, verdict: "wrong-name", heard: "EHLO STARTTLS EHLO QUIT"},
		{name: "unknown authority", server: &mailServer{ehlo: withTLS, cert: issue(t, other, "mx.example.org", 30)}, verdict: "unknown-authority", heard: "EHLO STARTTLS EHLO QUIT"},
		{name: "greeting refuses", server: &mailServer{greeting: "554 5.7.1 no\r\n"}, err: "greets with 554", heard: "QUIT"},
		{name: "EHLO unknown", server: &mailServer{ehlo: []string{"what"}, ehloCode: 500}, ok: true, heard: "EHLO HELO QUIT"},
		{name: "EHLO refused", server: &mailServer{ehlo: []string{"later"}, ehloCode: 421}, err: "answers EHLO with 421", heard: "EHLO QUIT"},
		{name: "STARTTLS refused", server: &mailServer{ehlo: withTLS, starttls: "454 4.7.0 not now\r\n"}, ok: true, note: "refused with 454", heard: "EHLO STARTTLS QUIT"},
		{name: "replies injected", server: &mailServer{ehlo: withTLS, injected: "250 evil\r\n", cert: issue(t, ca, "mx.example.org", 30)}, ok: true, verdict: "ok", note: "10 B follow", heard: "EHLO STARTTLS EHLO QUIT"},
		{name: "closes behind STARTTLS", server: &mailServer{ehlo: withTLS}, err: "no TLS: the server ", heard: "EHLO STARTTLS"},
		{name: "no SMTP", server: &mailServer{greeting: "SSH-2.0-x\r\n"}, err: "not one of an SMTP server", heard: "QUIT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.server.greeting == "" {
				tt.server.greeting = "220 mx.example.org\r\n"
			}
			port := start(t, map[string]*mailServer{"127.0.0.1": tt.server})
			target := fmt.Sprintf("mx.example.org:%d", port)
			if tt.server.implicit {
				target = "smtps://" + target
			}
			r := run(t, check.Options{Target: target, Insecure: tt.insecure, Roots: ca.Pool(), Resolver: resolver(t, "mx.example.org. A 127.0.0.1")})
			p := r.Hosts[0].Probes[0]
			if r.OK != tt.ok || p.OK != tt.ok || !strings.Contains(p.Err, tt.err) || (p.Err == "") != (tt.err == "") {
				t.Errorf("ok %v, error %q, want %v, %q", r.OK, p.Err, tt.ok, tt.err)
			}
			if got := p.TLS; got == nil && tt.verdict != "" || got != nil && (got.Verdict != tt.verdict || got.Implicit != tt.server.implicit || len(got.Chain) == 0 != (tt.verdict == "")) {
				t.Errorf("certificate %+v, want verdict %q", p.TLS, tt.verdict)
			}
			if !strings.Contains(strings.Join(p.Notes, "\n"), tt.note) || (tt.note == "") != (len(p.Notes) == 0) {
				t.Errorf("notes %q, want %q", p.Notes, tt.note)
			}
			var verbs []string
			for _, l := range tt.server.heard() {
				verbs = append(verbs, strings.Fields(l)[0])
			}
			if got := strings.Join(verbs, " "); got != tt.heard {
				t.Errorf("the server heard %q, want %q", got, tt.heard)
			}
			checkJSON(t, r)
		})
	}
}

// TestNoServer: the report says why nothing takes mail.
func TestNoServer(t *testing.T) {
	res := resolver(t, "null.example. MX 0 .", "local.example. MX 10 localhost.", "private.example. MX 10 mx.private.example.",
		"mx.private.example. A 127.0.0.1", "empty.example. TXT x")
	for _, tt := range []struct{ target, problem, verdict string }{
		{"mx:nowhere.example", "no-such-domain", "mail cannot be delivered: MX of nowhere.example: no such domain"},
		{"nowhere.example", "no-such-domain", "mail cannot be delivered: MX of nowhere.example: no such domain"},
		{"null.example", "null-mx", "accepts no mail"},
		{"local.example", "bad-mx", "localhost"},
		{"private.example", "", "mail would not be accepted"},
		{"mx:empty.example", "", "mail cannot be delivered: no server has an address"},
	} {
		r := run(t, check.Options{Target: tt.target, Resolver: res})
		if r.OK || r.Problem != tt.problem || !strings.Contains(r.Verdict, tt.verdict) {
			t.Errorf("%s: ok %v, problem %q, verdict %q", tt.target, r.OK, r.Problem, r.Verdict)
		}
		var b bytes.Buffer
		if err := r.Text(&b, check.TextOptions{}); err != nil || !strings.Contains(b.String(), r.Verdict) {
			t.Errorf("%s: text\n%s", tt.target, b.String())
		}
	}
	dead := &upstream.Resolver{Servers: []string{dnstest.Serve(t, dnstest.Silent)}, Try: 50 * time.Millisecond, Budget: 300 * time.Millisecond}
	if r := run(t, check.Options{Target: "mx:example.org", Resolver: dead}); r.OK || !strings.HasPrefix(r.Verdict, "it is not known where mail would go") {
		t.Errorf("without DNS: %+v", r)
	}
}

// TestTLSFallback: a broken STARTTLS keeps nobody's mail out who goes on in
// clear, as mail servers do.
func TestTLSFallback(t *testing.T) {
	port := start(t, map[string]*mailServer{"127.0.0.2": {greeting: "220 mx\r\n", ehlo: append(slices.Clone(plainOffers), "STARTTLS")}})
	r := run(t, check.Options{Target: "mx:example.org", MXPort: port, AllowPrivate: true, Resolver: resolver(t, "example.org. MX 10 mx.example.org.", "mx.example.org. A 127.0.0.2")})
	p := r.Hosts[0].Probes[0]
	if !r.OK || p.TLS.Err == "" || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "insist on TLS") {
		t.Errorf("%+v, TLS %+v", p, p.TLS)
	}
}

func TestTargets(t *testing.T) {
	for _, bad := range []string{"", "sink", "mx", "mx:", "a b", "ftp://example.org"} {
		if r, err := check.Run(t.Context(), check.Options{Target: bad}); err == nil {
			t.Errorf("%q was checked as %+v", bad, r)
		}
	}
	res := resolver(t, "host.example. A 127.0.0.1")
	r := run(t, check.Options{Target: "host.example", Resolver: res, Timeout: time.Second})
	if r.Kind != check.KindHost || r.Hosts[0].Port != 587 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "mx:host.example") {
		t.Errorf("a name without MX: %+v", r)
	}
	r = run(t, check.Options{Target: "127.0.0.1:1", Resolver: res})
	if r.Kind != check.KindHost || r.OK || r.Hosts[0].Probes[0].Dial.Class != "refused" {
		t.Errorf("an address: %+v", r)
	}
}
