package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"smtptap/decode/facts"
	"smtptap/proxy/upstream"
	"smtptap/proxy/upstream/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noted collects facts.
type noted struct {
	mu    sync.Mutex
	facts []facts.Fact
}

func (n *noted) note(f facts.Fact) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.facts = append(n.facts, f)
}

// questions lists the DNS facts as "KIND name rcode err", with "tcp" in front
// for those over TCP.
func (n *noted) questions() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, f := range n.facts {
		if d, ok := f.(*facts.DNS); ok {
			s := strings.TrimSpace(fmt.Sprintf("%s %s %s %s", d.Kind, d.Name, d.Rcode, d.Err))
			if d.TCP {
				s = "tcp " + s
			}
			out = append(out, s)
		}
	}
	return out
}

// noteIDs lists the ids of facts.Note.
func (n *noted) noteIDs() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, f := range n.facts {
		if f, ok := f.(*facts.Note); ok {
			out = append(out, f.ID)
		}
	}
	return out
}

// quick has timeouts that a test can wait for.
func quick(servers ...string) *upstream.Resolver {
	return &upstream.Resolver{Servers: servers, Try: 300 * time.Millisecond, Budget: 3 * time.Second}
}

func domain(t *testing.T, s string) upstream.Domain {
	t.Helper()
	d, err := upstream.ParseDomain(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func hostNames(hosts []upstream.Host) []string {
	var out []string
	for _, h := range hosts {
		out = append(out, h.Name)
	}
	return out
}

func problem(err error) upstream.Problem {
	var failed *upstream.NoServerError
	if errors.As(err, &failed) {
		return failed.Problem
	}
	return ""
}

func TestHosts(t *testing.T) {
	long := strings.Repeat("a", 60)
	tests := []struct {
		name    string
		zone    []string
		want    []string // "preference name"
		problem upstream.Problem
		code    int
		notes   []string
	}{
		{name: "by preference", zone: []string{
			"example.org. MX 20 b.example.org.", "example.org. MX 10 a.example.org.", "example.org. MX 30 c.example.org.",
		}, want: []string{"10 a.example.org", "20 b.example.org", "30 c.example.org"}},
		{name: "same host twice", zone: []string{
			"example.org. MX 10 A.example.org.", "example.org. MX 20 a.example.org.",
		}, want: []string{"10 a.example.org"}},
		{name: "no MX but an address", zone: []string{"example.org. A 192.0.2.1"}, want: []string{"0 example.org"}},
		{name: "nothing at all is left to the addresses", zone: []string{`example.org. TXT "x"`}, want: []string{"0 example.org"}},
		{name: "no such domain", zone: []string{"example.net. A 192.0.2.1"}, problem: upstream.NoSuchDomain, code: 550},
		{name: "null MX", zone: []string{"example.org. MX 0 .", "example.org. A 192.0.2.1"}, problem: upstream.NullMX, code: 556},
		{name: "null MX beside another", zone: []string{"example.org. MX 0 .", "example.org. MX 10 a.example.org."},
			want: []string{"10 a.example.org"}, notes: []string{"null-mx-beside-others"}},
		{name: "alias", zone: []string{"example.org. CNAME example.net.", "example.net. MX 10 a.example.net."}, want: []string{"10 a.example.net"}},
		{name: "alias of nothing", zone: []string{"example.org. CNAME example.net."}, problem: upstream.NoSuchDomain, code: 550},
		{name: "localhost", zone: []string{"example.org. MX 10 localhost."}, problem: upstream.BadMX, code: 550, notes: []string{"mx-unusable"}},
		{name: "below localhost", zone: []string{"example.org. MX 10 mail.localhost."}, problem: upstream.BadMX, code: 550, notes: []string{"mx-unusable"}},
		{name: "address as a name", zone: []string{"example.org. MX 10 127.0.0.1."}, problem: upstream.BadMX, code: 550, notes: []string{"mx-unusable"}},
		{name: "IPv6 address as a name", zone: []string{`example.org. MX 10 2001:db8::1.`}, problem: upstream.BadMX, code: 550, notes: []string{"mx-unusable"}},
		{name: "address in brackets", zone: []string{`example.org. MX 10 [192.0.2.1].`}, problem: upstream.BadMX, code: 550, notes: []string{"mx-unusable"}},
		{name: "control character in a name", zone: []string{`example.org. MX 10 a\027[2J.example.org.`}, problem: upstream.BadMX, code: 550, notes: []string{"mx-unusable"}},
		{name: "one of two unusable", zone: []string{"example.org. MX 5 localhost.", "example.org. MX 10 a.example.org."},
			want: []string{"10 a.example.org"}, notes: []string{"mx-unusable"}},
		{name: "the longest name", zone: []string{"example.org. MX 10 " + long + "." + long + "." + long + "." + long + ".example."},
			want: []string{"10 " + long + "." + long + "." + long + "." + long + ".example"}},
		{name: "a hundred", zone: dnstest.Repeat(100, "example.org. MX %d h.example.org."), want: []string{"1 h.example.org"}},
		{name: "a hundred different", zone: dnstest.Repeat(100, "example.org. MX %[1]d h%[1]d.example.org."),
			want:  []string{"1 h1.example.org", "2 h2.example.org", "3 h3.example.org", "4 h4.example.org", "5 h5.example.org"},
			notes: []string{"mx-many"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := quick(dnstest.Serve(t, dnstest.Records(t, tt.zone...)))
			var n noted
			hosts, err := r.Lookup(n.note).Hosts(t.Context(), domain(t, "example.org"), nil)
			var got []string
			for _, h := range hosts {
				got = append(got, fmt.Sprintf("%d %s", h.Preference, h.Name))
			}
			if !slices.Equal(got, tt.want) || problem(err) != tt.problem {
				t.Errorf("hosts %q, error %v, want %q, problem %q", got, err, tt.want, tt.problem)
			}
			var failed *upstream.NoServerError
			if errors.As(err, &failed) && failed.Reply().Code != tt.code {
				t.Errorf("reply %v, want code %d", failed.Reply(), tt.code)
			}
			if ids := n.noteIDs(); !slices.Equal(ids, tt.notes) {
				t.Errorf("notes %q, want %q", ids, tt.notes)
			}
			if len(n.questions()) == 0 {
				t.Error("no question was noted")
			}
		})
	}
}

// TestTies shows that hosts of one preference take turns and never leave their place.
func TestTies(t *testing.T) {
	r := quick(dnstest.Serve(t, dnstest.Records(t,
		"example.org. MX 20 z.example.org.", "example.org. MX 10 a.example.org.", "example.org. MX 10 b.example.org.", "example.org. MX 10 c.example.org.")))
	order := func(seed uint64) string {
		hosts, err := r.Lookup(new(noted).note).Hosts(t.Context(), domain(t, "example.org"), rand.New(rand.NewPCG(seed, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(hostNames(hosts), " ")
	}
	seen := map[string]bool{}
	for seed := range uint64(40) {
		o := order(seed)
		if o != order(seed) {
			t.Fatalf("seed %d gave two orders", seed)
		}
		if !strings.HasSuffix(o, "z.example.org") {
			t.Fatalf("order %q: the host of preference 20 is not last", o)
		}
		seen[o] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d of 6 orders were seen", len(seen))
	}
}

func TestAddresses(t *testing.T) {
	tests := []struct {
		name    string
		zone    []string
		want    string
		problem upstream.Problem
		notes   []string
	}{
		{name: "both kinds in turn", zone: []string{
			"h.example.org. A 192.0.2.1", "h.example.org. A 192.0.2.2", "h.example.org. A 192.0.2.3",
			"h.example.org. AAAA 2001:db8::1", "h.example.org. AAAA 2001:db8::2",
		}, want: "[2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 192.0.2.3]"},
		{name: "IPv4 only", zone: []string{"h.example.org. A 192.0.2.1"}, want: "[192.0.2.1]"},
		{name: "IPv6 only", zone: []string{"h.example.org. AAAA 2001:db8::1"}, want: "[2001:db8::1]"},
		{name: "none", zone: []string{`h.example.org. TXT "x"`}, want: "[]", problem: upstream.NoAddress},
		{name: "no such host", want: "[]", problem: upstream.NoSuchDomain},
		{name: "alias", zone: []string{"h.example.org. CNAME i.example.org.", "i.example.org. A 192.0.2.1"}, want: "[192.0.2.1]", notes: []string{"mx-is-alias"}},
		{name: "more than five", zone: dnstest.Repeat(9, "h.example.org. A 192.0.2.%d"), want: "[192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := quick(dnstest.Serve(t, dnstest.Records(t, tt.zone...)))
			var n noted
			got, err := r.Lookup(n.note).Addresses(t.Context(), upstream.Host{Name: "h.example.org", Why: "MX 10 of example.org", MX: true})
			if fmt.Sprint(got) != tt.want || problem(err) != tt.problem {
				t.Errorf("%v, %v, want %s, problem %q", got, err, tt.want, tt.problem)
			}
			if ids := n.noteIDs(); !slices.Equal(ids, tt.notes) {
				t.Errorf("notes %q, want %q", ids, tt.notes)
			}
		})
	}
}

// TestAddressesTemporary: when one of the two questions fails for a while, a
// host without an address of the other kind is not gone for good.
func TestAddressesTemporary(t *testing.T) {
	records := dnstest.Records(t, "h.example.org. MX 0 .", "i.example.org. AAAA 2001:db8::1")
	addr := dnstest.Serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Qtype == dns.TypeA {
			dnstest.Fail(dns.RcodeServerFailure)(w, q)
			return
		}
		records(w, q)
	})
	_, err := quick(addr).Lookup(new(noted).note).Addresses(t.Context(), upstream.Host{Name: "h.example.org"})
	if problem(err) != upstream.ServerFailure {
		t.Errorf("half an answer without an address: %v, want a temporary failure", err)
	}
	got, err := quick(addr).Lookup(new(noted).note).Addresses(t.Context(), upstream.Host{Name: "i.example.org"})
	if err != nil || fmt.Sprint(got) != "[2001:db8::1]" {
		t.Errorf("half an answer with an address: %v, %v", got, err)
	}
}

// TestAliases: eight in a row are followed, nine are not, whether the resolver
// follows them itself or gives them one at a time.
func TestAliases(t *testing.T) {
	chain := func(n int) []string {
		zone := dnstest.Repeat(n-1, "a%[1]d.example.org. CNAME a%[1]d.x.example.org.")
		for i := range zone {
			zone[i] = fmt.Sprintf("a%d.example.org. CNAME a%d.example.org.", i+1, i+2)
		}
		return append(zone, "example.org. CNAME a1.example.org.", fmt.Sprintf("a%d.example.org. MX 10 m.example.org.", n))
	}
	for _, tt := range []struct {
		n       int
		problem upstream.Problem
	}{{1, ""}, {8, ""}, {9, upstream.AliasLoop}} {
		for _, whole := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d, whole %v", tt.n, whole), func(t *testing.T) {
				records := dnstest.Records(t, chain(tt.n)...)
				if !whole {
					records = oneAtATime(t, chain(tt.n))
				}
				hosts, err := quick(dnstest.Serve(t, records)).Lookup(new(noted).note).Hosts(t.Context(), domain(t, "example.org"), nil)
				if problem(err) != tt.problem {
					t.Fatalf("%v, want problem %q", err, tt.problem)
				}
				if tt.problem == "" && !slices.Equal(hostNames(hosts), []string{"m.example.org"}) {
					t.Errorf("hosts %q", hostNames(hosts))
				}
			})
		}
	}
	t.Run("circle", func(t *testing.T) {
		records := oneAtATime(t, []string{"example.org. CNAME b.example.org.", "b.example.org. CNAME example.org."})
		_, err := quick(dnstest.Serve(t, records)).Lookup(new(noted).note).Hosts(t.Context(), domain(t, "example.org"), nil)
		if problem(err) != upstream.AliasLoop {
			t.Errorf("%v, want an alias loop", err)
		}
	})
}

// oneAtATime answers with one alias only, as no full resolver does.
func oneAtATime(t *testing.T, zone []string) dns.HandlerFunc {
	all := dnstest.Records(t, zone...)
	return func(w dns.ResponseWriter, q *dns.Msg) {
		all(&trimmer{w}, q)
	}
}

type trimmer struct{ dns.ResponseWriter }

func (w *trimmer) WriteMsg(m *dns.Msg) error {
	if len(m.Answer) > 1 || m.Rcode != dns.RcodeSuccess {
		m.Rcode = dns.RcodeSuccess
		m.Answer = m.Answer[:1]
	}
	return w.ResponseWriter.WriteMsg(m)
}

// TestFaults sends what no real server sends.
func TestFaults(t *testing.T) {
	good := dnstest.Records(t, "example.org. MX 10 a.example.org.", "other.example. MX 10 evil.example.")
	forged := func(change func(*dns.Msg)) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			bad := new(dns.Msg)
			bad.SetReply(q)
			rr, _ := dns.NewRR("example.org. MX 1 evil.example.")
			bad.Answer = []dns.RR{rr}
			change(bad)
			w.WriteMsg(bad)
			good(w, q)
		}
	}
	overTCP := func(w dns.ResponseWriter) bool { _, tcp := w.RemoteAddr().(*net.TCPAddr); return tcp }
	truncated := func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		m.Truncated = true
		rr, _ := dns.NewRR("example.org. MX 1 half.example.")
		m.Answer = []dns.RR{rr}
		w.WriteMsg(m)
	}
	tests := []struct {
		name      string
		handler   dns.HandlerFunc
		want      string
		problem   upstream.Problem
		code      int
		questions []string
	}{
		{name: "wrong ID first", handler: forged(func(m *dns.Msg) { m.Id++ }), want: "[a.example.org]"},
		{name: "wrong question first", handler: forged(func(m *dns.Msg) { m.Question[0].Name = "other.example." }), want: "[a.example.org]"},
		{name: "wrong type first", handler: forged(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }), want: "[a.example.org]"},
		{name: "wrong class first", handler: forged(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), want: "[a.example.org]"},
		{name: "no question first", handler: forged(func(m *dns.Msg) { m.Question = nil }), want: "[a.example.org]"},
		{name: "two questions first", handler: forged(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), want: "[a.example.org]"},
		{name: "a query first", handler: forged(func(m *dns.Msg) { m.Response = false }), want: "[a.example.org]"},
		{name: "wrong opcode first", handler: forged(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), want: "[a.example.org]"},
		{name: "garbage first", handler: func(w dns.ResponseWriter, q *dns.Msg) {
			w.Write([]byte("220 mail.example.org ESMTP\r\n"))
			w.Write([]byte{1})
			good(w, q)
		}, want: "[a.example.org]"},
		{name: "only the wrong question", handler: func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg)
			m.SetReply(q)
			m.Question[0].Name = "other.example."
			w.WriteMsg(m)
		}, want: "[]", problem: upstream.BadAnswer, code: 451, questions: []string{"MX example.org  wrong question", "MX example.org  wrong question"}},
		{name: "records of another name", handler: func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg)
			m.SetReply(q)
			rr, _ := dns.NewRR("other.example. MX 1 evil.example.")
			m.Answer = []dns.RR{rr}
			w.WriteMsg(m)
		}, want: "[example.org]"},
		{name: "truncated", handler: func(w dns.ResponseWriter, q *dns.Msg) {
			if overTCP(w) {
				good(w, q)
				return
			}
			truncated(w, q)
		}, want: "[a.example.org]", questions: []string{"MX example.org NOERROR truncated", "tcp MX example.org NOERROR"}},
		{name: "truncated over TCP too", handler: truncated, want: "[]", problem: upstream.BadAnswer, code: 451},
		{name: "truncated, and TCP closes", handler: func(w dns.ResponseWriter, q *dns.Msg) {
			if overTCP(w) {
				w.Close()
				return
			}
			truncated(w, q)
		}, want: "[]", problem: upstream.ServerFailure, code: 451, questions: []string{"MX example.org NOERROR truncated", "tcp MX example.org  connection closed"}},
		{name: "no EDNS0", handler: func(w dns.ResponseWriter, q *dns.Msg) {
			if q.IsEdns0() != nil {
				dnstest.Fail(dns.RcodeFormatError)(w, q)
				return
			}
			good(w, q)
		}, want: "[a.example.org]", questions: []string{"MX example.org FORMERR", "MX example.org NOERROR"}},
		{name: "SERVFAIL", handler: dnstest.Fail(dns.RcodeServerFailure), want: "[]", problem: upstream.ServerFailure, code: 451, questions: []string{"MX example.org SERVFAIL"}},
		{name: "REFUSED", handler: dnstest.Fail(dns.RcodeRefused), want: "[]", problem: upstream.ServerRefused, code: 451, questions: []string{"MX example.org REFUSED"}},
		{name: "NXDOMAIN", handler: dnstest.Fail(dns.RcodeNameError), want: "[]", problem: upstream.NoSuchDomain, code: 550, questions: []string{"MX example.org NXDOMAIN"}},
		{name: "silence", handler: dnstest.Silent, want: "[]", problem: upstream.Timeout, code: 451, questions: []string{"MX example.org  timeout", "MX example.org  timeout"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n noted
			hosts, err := quick(dnstest.Serve(t, tt.handler)).Lookup(n.note).Hosts(t.Context(), domain(t, "example.org"), nil)
			if fmt.Sprint(hostNames(hosts)) != tt.want || problem(err) != tt.problem {
				t.Errorf("hosts %q, error %v, want %s, problem %q", hostNames(hosts), err, tt.want, tt.problem)
			}
			var failed *upstream.NoServerError
			if errors.As(err, &failed) {
				if got := failed.Reply().Code; got != tt.code || failed.Temporary() != (tt.code/100 == 4) {
					t.Errorf("reply code %d, temporary %v, want %d", got, failed.Temporary(), tt.code)
				}
			}
			if tt.questions != nil && !slices.Equal(n.questions(), tt.questions) {
				t.Errorf("questions %q, want %q", n.questions(), tt.questions)
			}
		})
	}
}

// TestQuery shows what is asked: recursion, EDNS0 with 1232 octets, and the AD bit.
func TestQuery(t *testing.T) {
	asked := make(chan *dns.Msg, 1)
	good := dnstest.Records(t, "example.org. MX 10 a.example.org.")
	addr := dnstest.Serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		asked <- q.Copy()
		good(w, q)
	})
	if _, err := quick(addr).Lookup(new(noted).note).Hosts(t.Context(), domain(t, "EXAMPLE.org."), nil); err != nil {
		t.Fatal(err)
	}
	q := <-asked
	if o := q.IsEdns0(); o == nil || o.UDPSize() != 1232 {
		t.Errorf("EDNS0 %v, want 1232 octets", o)
	}
	if !q.RecursionDesired || !q.AuthenticatedData || q.Question[0].Name != "example.org." {
		t.Errorf("asked\n%v", q)
	}
}

func TestServersInTurn(t *testing.T) {
	dead := dnstest.Serve(t, dnstest.Silent)
	failing := dnstest.Serve(t, dnstest.Fail(dns.RcodeServerFailure))
	good := dnstest.Serve(t, dnstest.Records(t, "example.org. MX 10 a.example.org."))
	var n noted
	hosts, err := quick(dead, failing, good).Lookup(n.note).Hosts(t.Context(), domain(t, "example.org"), nil)
	if err != nil || fmt.Sprint(hostNames(hosts)) != "[a.example.org]" {
		t.Fatalf("%v, %v", hosts, err)
	}
	want := []string{"MX example.org  timeout", "MX example.org SERVFAIL", "MX example.org NOERROR"}
	if got := n.questions(); !slices.Equal(got, want) {
		t.Errorf("questions %q, want %q", got, want)
	}
}

// TestBudget: however many questions there are, the time for all of them is one.
func TestBudget(t *testing.T) {
	r := &upstream.Resolver{Servers: []string{dnstest.Serve(t, dnstest.Silent)}, Try: time.Minute, Budget: 400 * time.Millisecond}
	l := r.Lookup(new(noted).note)
	begin := time.Now()
	if _, err := l.Hosts(t.Context(), domain(t, "example.org"), nil); problem(err) != upstream.Timeout {
		t.Errorf("first lookup: %v, want a timeout", err)
	}
	if _, err := l.Addresses(t.Context(), upstream.Host{Name: "a.example.org"}); problem(err) != upstream.Timeout {
		t.Errorf("second lookup: %v, want a timeout", err)
	}
	if took := time.Since(begin); took < 400*time.Millisecond || took > 3*time.Second {
		t.Errorf("both lookups took %v, want the budget of 400 ms", took)
	}
}

func TestCancelled(t *testing.T) {
	addr := dnstest.Serve(t, dnstest.Silent)
	ctx, cancel := context.WithCancel(t.Context())
	r := &upstream.Resolver{Servers: []string{addr}, Try: time.Minute}
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := r.Lookup(new(noted).note).Hosts(ctx, domain(t, "example.org"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}

func TestSystemServers(t *testing.T) {
	addr := dnstest.Serve(t, dnstest.Records(t, "example.org. MX 10 a.example.org."))
	dir := t.TempDir()
	write := func(name, text string) *upstream.Resolver {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return &upstream.Resolver{Config: path, Budget: time.Second}
	}
	for name, r := range map[string]*upstream.Resolver{
		"empty":   write("empty", "# nothing\n"),
		"missing": {Config: filepath.Join(dir, "missing")},
	} {
		_, err := r.Lookup(new(noted).note).Hosts(t.Context(), domain(t, "example.org"), nil)
		if problem(err) != upstream.ServerFailure {
			t.Errorf("%s: %v, want a failure of the DNS server", name, err)
		}
	}
	// The file cannot name a port, so a server in it is one on port 53, where
	// no test can listen; that the address is read from it shows in the fact.
	host, _, _ := net.SplitHostPort(addr)
	var n noted
	write("one", "nameserver "+host+"\n").Lookup(n.note).Hosts(t.Context(), domain(t, "example.org"), nil)
	if d, ok := n.facts[0].(*facts.DNS); !ok || d.Server != "127.0.0.1:53" {
		t.Errorf("asked %+v, want the server of the file", n.facts[0])
	}
}

func TestNewResolver(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1:53",
		"192.0.2.1:5353":     "192.0.2.1:5353",
		"2001:db8::1":        "[2001:db8::1]:53",
		"[2001:db8::1]":      "[2001:db8::1]:53",
		"[2001:db8::1]:5353": "[2001:db8::1]:5353",
	} {
		r, err := upstream.NewResolver(in)
		if err != nil || !slices.Equal(r.Servers, []string{want}) {
			t.Errorf("%q: %v, %v, want %s", in, r, err, want)
		}
	}
	for _, in := range []string{"dns.example.org", "192.0.2.1:x", ":53", "192.0.2.1:99999"} {
		if r, err := upstream.NewResolver(in); err == nil {
			t.Errorf("%q was taken as %v", in, r.Servers)
		}
	}
}

func TestParseDomain(t *testing.T) {
	for _, tt := range []struct{ in, ascii, unicode string }{
		{"Example.ORG", "example.org", "example.org"},
		{"example.org.", "example.org", "example.org"},
		{"bücher.example", "xn--bcher-kva.example", "bücher.example"},
		{"BÜCHER.example", "xn--bcher-kva.example", "bücher.example"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", "bücher.example"},
		{"例え.テスト", "xn--r8jz45g.xn--zckzah", "例え.テスト"},
		{"straße.example", "xn--strae-oqa.example", "straße.example"},
		{"under_score.example", "under_score.example", "under_score.example"},
		{"[192.0.2.1]", "[192.0.2.1]", "[192.0.2.1]"},
		{"[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
		{"[ipv6:::1]", "[ipv6:::1]", "[ipv6:::1]"},
	} {
		d, err := upstream.ParseDomain(tt.in)
		if err != nil || d.ASCII != tt.ascii || d.Unicode != tt.unicode || d.Literal.IsValid() != strings.HasPrefix(tt.in, "[") {
			t.Errorf("%q: %+v, %v", tt.in, d, err)
		}
	}
	for _, in := range []string{
		"", ".", "a..b", ".a", "-a.example", "a-.example", "a b.example", "a\x1b[2J.example", "a\r\nb", "192.0.2.1", "2001:db8::1", "example.127",
		"[192.0.2.1", "[192.0.2.256]", "[2001:db8::1]", "[IPv6:192.0.2.1]", "[IPv6:fe80::1%eth0]", "[]", "[example.org]",
		strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 130) + "example", "\xff\xfe.example", "a\u202eb.example", "１２７.0.0.1",
	} {
		d, err := upstream.ParseDomain(in)
		if problem(err) != upstream.BadDomain {
			t.Errorf("%q was taken as %+v, %v", in, d, err)
		}
	}
}

// TestAnswersChange: each session asks anew, so that what the DNS says counts
// from the next one on.
func TestAnswersChange(t *testing.T) {
	var asked atomic.Int32
	answers := []dns.HandlerFunc{dnstest.Records(t, "example.org. 0 MX 10 old.example.org."), dnstest.Records(t, "example.org. 0 MX 10 new.example.org.")}
	r := quick(dnstest.Serve(t, func(w dns.ResponseWriter, q *dns.Msg) { answers[min(int(asked.Add(1)), 2)-1](w, q) }))
	for _, want := range []string{"[old.example.org]", "[new.example.org]"} {
		hosts, err := r.Lookup(new(noted).note).Hosts(t.Context(), domain(t, "example.org"), nil)
		if err != nil || fmt.Sprint(hostNames(hosts)) != want {
			t.Errorf("%v, %v; want %s", hosts, err, want)
		}
	}
}
