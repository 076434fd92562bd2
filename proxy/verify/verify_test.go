package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/miekg/dns"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
	"smtptap/proxy/upstream/dnstest"
	"smtptap/proxy/verify"
)

const text = "From: A <a@news.example.org>\r\nTo: b@example.net\r\nSubject: hello\r\n\r\nbody\r\n"

var public, private, _ = ed25519.GenerateKey(rand.Reader)

// zone lets 192.0.2.1 send for news.example.org and spf.example, and holds the
// keys of key.example.org and other.example.
func zone(more ...string) []string {
	key := `TXT "v=DKIM1; k=ed25519; p=` + base64.StdEncoding.EncodeToString(public) + `"`
	return append([]string{
		`news.example.org. TXT "v=spf1 a:sender.example -all"`,
		`sender.example. A 198.51.100.7`,
		`spf.example. TXT "v=spf1 ip4:198.51.100.7 -all"`,
		`k._domainkey.example.org. ` + key,
		`k._domainkey.other.example. ` + key,
	}, more...)
}

func signed(t *testing.T, domain, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := dkim.Sign(&b, strings.NewReader(text), &dkim.SignOptions{Domain: domain, Selector: "k", Signer: private, HeaderKeys: []string{"From", "Subject"}}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func run(t *testing.T, h dns.HandlerFunc, change func(*verify.Mail)) verify.Report {
	t.Helper()
	m := verify.Mail{
		Address: netip.MustParseAddr("198.51.100.7"), Helo: "app.example.org", From: "bounce@news.example.org",
		Author: "A <a@news.example.org>", Authors: 1, Message: []byte(text),
	}
	change(&m)
	r := &upstream.Resolver{Servers: []string{dnstest.Serve(t, h)}, Try: 200 * time.Millisecond, Budget: time.Second}
	return verify.Run(t.Context(), r, m, lang.English)
}

// line is a report in one line.
func line(r verify.Report) string {
	var b strings.Builder
	for _, s := range r.DKIM {
		fmt.Fprintf(&b, "dkim=%s/%t ", s.Result, s.Aligned)
	}
	fmt.Fprintf(&b, "spf=%s/%t dmarc=%s", r.SPF.Result, r.SPF.Aligned, r.DMARC.Result)
	if r.DMARC.Policy != "" {
		fmt.Fprintf(&b, "/%s", r.DMARC.Policy)
	}
	return b.String()
}

func TestRun(t *testing.T) {
	const reject, strict = `_dmarc.example.org. TXT "v=DMARC1; p=reject; sp=quarantine"`, `_dmarc.news.example.org. TXT "v=DMARC1; p=reject; adkim=s; aspf=s"`
	sign := func(domain string) func(*verify.Mail) {
		return func(m *verify.Mail) { m.Message = []byte(signed(t, domain, text)) }
	}
	elsewhere := func(m *verify.Mail) { m.Address = netip.MustParseAddr("203.0.113.1") }
	for name, c := range map[string]struct {
		zone   []string
		change []func(*verify.Mail)
		want   string
	}{
		"SPF alone":                 {zone(reject), nil, "spf=pass/true dmarc=pass/quarantine"},
		"both":                      {zone(reject), []func(*verify.Mail){sign("example.org")}, "dkim=pass/true spf=pass/true dmarc=pass/quarantine"},
		"DKIM makes up for SPF":     {zone(reject), []func(*verify.Mail){sign("example.org"), elsewhere}, "dkim=pass/true spf=fail/true dmarc=pass/quarantine"},
		"nothing passes":            {zone(reject), []func(*verify.Mail){elsewhere}, "spf=fail/true dmarc=fail/quarantine"},
		"own policy":                {zone(`_dmarc.news.example.org. TXT "v=DMARC1; p=none"`), []func(*verify.Mail){elsewhere}, "spf=fail/true dmarc=fail/none"},
		"signed by another":         {zone(reject), []func(*verify.Mail){sign("other.example"), elsewhere}, "dkim=pass/false spf=fail/true dmarc=fail/quarantine"},
		"sent for another":          {zone(reject), []func(*verify.Mail){func(m *verify.Mail) { m.From = "x@spf.example" }}, "spf=pass/false dmarc=fail/quarantine"},
		"strict":                    {zone(strict), []func(*verify.Mail){sign("example.org"), elsewhere}, "dkim=pass/false spf=fail/true dmarc=fail/reject"},
		"no policy":                 {zone(), nil, "spf=pass/true dmarc=none"},
		"policy that can't be read": {zone(`_dmarc.news.example.org. TXT "v=DMARC1; p=maybe"`), nil, "spf=pass/true dmarc=permerror"},
		"body changed": {zone(reject), []func(*verify.Mail){sign("example.org"), elsewhere, func(m *verify.Mail) {
			m.Message = bytes.Replace(m.Message, []byte("body"), []byte("bodY"), 1)
		}}, "dkim=fail/true spf=fail/true dmarc=fail/quarantine"},
		"no key":            {zone(reject), []func(*verify.Mail){sign("nokey.example"), elsewhere}, "dkim=permerror/false spf=fail/true dmarc=fail/quarantine"},
		"no record of SPF":  {zone(reject), []func(*verify.Mail){func(m *verify.Mail) { m.From = "x@nothing.example" }}, "spf=none/false dmarc=fail/quarantine"},
		"bad record of SPF": {zone(reject, `bad.example. TXT "v=spf1 ip4:nonsense -all"`), []func(*verify.Mail){func(m *verify.Mail) { m.From = "x@bad.example" }}, "spf=permerror/false dmarc=fail/quarantine"},
		"null sender": {zone(reject, `app.example.org. TXT "v=spf1 ip4:198.51.100.0/24 -all"`), []func(*verify.Mail){func(m *verify.Mail) { m.From = "" }},
			"spf=pass/true dmarc=pass/quarantine"},
		"address unknown": {zone(reject), []func(*verify.Mail){func(m *verify.Mail) { m.Address = netip.Addr{} }}, "spf=unknown/true dmarc=unknown/quarantine"},
		"not whole":       {zone(reject), []func(*verify.Mail){elsewhere, func(m *verify.Mail) { m.Message, m.Why = nil, "cut" }}, "dkim=unknown/false spf=fail/true dmarc=unknown/quarantine"},
		"no author":       {zone(reject), []func(*verify.Mail){func(m *verify.Mail) { m.Author, m.Authors = "", 0 }}, "spf=pass/false dmarc=permerror"},
		"two From fields": {zone(reject), []func(*verify.Mail){func(m *verify.Mail) { m.Authors = 2 }}, "spf=pass/false dmarc=permerror"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, dnstest.Records(t, c.zone...), func(m *verify.Mail) {
				for _, change := range c.change {
					change(m)
				}
			})
			if got := line(r); got != c.want {
				t.Errorf("got  %s\nwant %s\n%+v", got, c.want, r)
			}
			for _, s := range r.DKIM {
				if s.Reason == "" {
					t.Errorf("no reason: %+v", s)
				}
			}
			if r.SPF.Reason == "" || r.DMARC.Reason == "" {
				t.Errorf("no reason: %+v", r)
			}
		})
	}
}

func TestResolverFails(t *testing.T) {
	r := run(t, dnstest.Fail(dns.RcodeServerFailure), func(m *verify.Mail) { m.Message = []byte(signed(t, "example.org", text)) })
	if got, want := line(r), "dkim=temperror/true spf=temperror/true dmarc=temperror"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if r.Failed() {
		t.Error("a DNS server that fails is held against the message")
	}
}

func session(t *testing.T, local, ehlo string) *decode.Transcript {
	t.Helper()
	var d decode.Dialogue
	tr := &decode.Transcript{Mode: "intercept", Entries: []decode.Entry{{Fact: &facts.Dial{Addr: "192.0.2.25:25", Local: local}}}}
	var client []byte
	tr.Bytes = func(_ who.Leg, _ who.Party, s decode.Span) ([]byte, error) { return client[s.Start:s.End], nil }
	for _, say := range []struct {
		side who.Party
		text string
	}{
		{who.Server, "220 mx\r\n"}, {who.Client, "EHLO app.example.org\r\n"}, {who.Server, ehlo}, {who.Client, "MAIL FROM:<bounce@news.example.org>\r\n"}, {who.Server, "250 ok\r\n"},
		{who.Client, "RCPT TO:<b@example.net>\r\n"}, {who.Server, "250 ok\r\n"}, {who.Client, "DATA\r\n"}, {who.Server, "354 go\r\n"}, {who.Client, text + "..dot\r\n.\r\n"}, {who.Server, "250 ok\r\n"},
	} {
		if say.side == who.Client {
			client = append(client, say.text...)
		}
		for _, e := range d.Feed(0, say.side, []byte(say.text)).Events {
			tr.Entries = append(tr.Entries, decode.Entry{From: say.side, Leg: who.ClientLeg, Event: &e})
		}
	}
	return tr
}

func TestMails(t *testing.T) {
	for name, c := range map[string]struct{ local, ehlo, want string }{
		"the server says":      {"10.0.0.5:40000", "250-mx at your service, [198.51.100.7]\r\n250 SIZE 1\r\n", "198.51.100.7"},
		"the connection shows": {"203.0.113.99:40000", "250-mx\r\n250 SIZE 1\r\n", ""}, // a documentation range
		"public":               {"9.9.9.9:40000", "250-mx\r\n250 SIZE 1\r\n", "9.9.9.9"},
		"private":              {"10.0.0.5:40000", "250-mx hello [10.0.0.5]\r\n250 SIZE 1\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			mails := verify.Mails(session(t, c.local, strings.ReplaceAll(c.ehlo, "198.51.100.7", "8.8.8.8")), netip.Addr{})
			if len(mails) != 1 {
				t.Fatalf("%d messages", len(mails))
			}
			m := mails[0]
			want, _ := netip.ParseAddr(strings.ReplaceAll(c.want, "198.51.100.7", "8.8.8.8"))
			if m.Address != want || m.Helo != "app.example.org" || m.From != "bounce@news.example.org" || m.Authors != 1 || string(m.Message) != text+".dot\r\n" {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestTextIsSafe(t *testing.T) {
	r := verify.Report{DKIM: []verify.Signature{{Domain: "a\x1b[2J", Result: verify.Fail, Reason: "b\x1b]0;x\a"}}, SPF: verify.SPF{Domain: "c\r\n"}, DMARC: verify.DMARC{Policy: "d\x00"}}
	var b bytes.Buffer
	if err := verify.Text(&b, r.Checks()); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\a\x00\r") || strings.Count(b.String(), "\n") != 3 {
		t.Errorf("%q", b.String())
	}
}
