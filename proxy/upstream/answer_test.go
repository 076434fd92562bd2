package upstream

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// FuzzAnswer feeds what a resolver, or somebody in its place, may send.
func FuzzAnswer(f *testing.F) {
	const id = 0x1234
	query := func() *dns.Msg {
		q := newQuery("example.org", dns.TypeMX)
		q.Id = id
		return q
	}
	pack := func(change func(*dns.Msg)) {
		m := new(dns.Msg)
		m.SetReply(query())
		for _, s := range []string{"example.org. CNAME a.example.", "a.example. MX 10 b.example.", `a.example. TXT "x"`} {
			rr, err := dns.NewRR(s)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		change(m)
		raw, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	pack(func(*dns.Msg) {})
	pack(func(m *dns.Msg) { m.Id++ })
	pack(func(m *dns.Msg) { m.Question[0].Name = "other.example." })
	pack(func(m *dns.Msg) { m.Question = nil; m.Rcode = dns.RcodeFormatError })
	pack(func(m *dns.Msg) { m.Truncated = true })
	f.Add([]byte("220 mail.example.org ESMTP\r\n"))

	f.Fuzz(func(t *testing.T, raw []byte) {
		q := query()
		m, err := readAnswer(q, raw)
		if err != nil {
			if m != nil {
				t.Fatal("an answer beside an error")
			}
			return
		}
		if m.Id != id || !m.Response || m.Opcode != dns.OpcodeQuery {
			t.Fatalf("accepted %v", m.MsgHdr)
		}
		if len(m.Question) == 0 && m.Rcode == dns.RcodeFormatError {
			return
		}
		if len(m.Question) != 1 || m.Question[0].Qtype != dns.TypeMX || m.Question[0].Qclass != dns.ClassINET || !strings.EqualFold(m.Question[0].Name, "example.org.") {
			t.Fatalf("accepted the answer to %v", m.Question)
		}
		end, aliases, records, err := follow(m.Answer, "example.org.", dns.TypeMX)
		if aliases > maxAliases+1 || (err == nil) != (aliases <= maxAliases) {
			t.Fatalf("%d aliases, %v", aliases, err)
		}
		for _, rr := range records {
			if !strings.EqualFold(rr.Header().Name, end) || rr.Header().Rrtype != dns.TypeMX {
				t.Fatalf("picked %v for %s", rr, end)
			}
		}
	})
}

func TestReplyIsPrintableASCII(t *testing.T) {
	for _, name := range []string{"a\r\nb", "a\x1b[2J", "b\u00fccher..example", "\xff", "a\u202eb"} {
		_, err := ParseDomain(name)
		failed, ok := err.(*NoServerError)
		if !ok {
			t.Fatalf("%q: %v", name, err)
		}
		for _, c := range []byte(failed.Reply().Text) {
			if c < ' ' || c > '~' {
				t.Errorf("%q: the reply %q holds %#x", name, failed.Reply().Text, c)
			}
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`v=spf1 -all`: "v=spf1 -all",
		`a\"b\\c`:     `a"b\c`,
		`\195\188ber`: "über",
		`\027[2J`:     "\x1b[2J",
		`end\`:        `end\`,
		`\999x`:       "999x",
		`\12`:         "12",
	} {
		if got := unescape(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestTLSAUsable(t *testing.T) {
	for _, tt := range []struct {
		usage, selector, matching uint8
		want                      bool
	}{{3, 1, 1, true}, {2, 0, 2, true}, {3, 0, 0, true}, {0, 1, 1, false}, {1, 1, 1, false}, {3, 2, 1, false}, {3, 1, 3, false}} {
		if got := (TLSA{Usage: tt.usage, Selector: tt.selector, Matching: tt.matching}).Usable(); got != tt.want {
			t.Errorf("%d %d %d: usable %v", tt.usage, tt.selector, tt.matching, got)
		}
	}
}
