package check

import (
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/proxy/upstream"
	"smtptap/proxy/upstream/dnstest"
)

const goodPolicy = "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.org\r\nmx: *.Example.NET\r\nmax_age: 86400\r\n"

func TestParsePolicy(t *testing.T) {
	for _, tt := range []struct{ text, mode, err string }{
		{goodPolicy, "enforce", ""},
		{"version: STSv1\nmode: none\nmax_age: 0\n", "none", ""},
		{"version:STSv1\nmode:testing\nmx:a.example\nmax_age:1\nunknown: x\n\nnothing", "testing", ""},
		{"version: STSv1\nmode: enforce\nmode: none\nmx: a.example\nmax_age: 1\n", "enforce", ""},
		{"", "", "policy-no-version"},
		{"version: STSv2\nmode: enforce\nmx: a\nmax_age: 1\n", "enforce", "policy-version"},
		{"version: STSv1\nmode: strict\nmx: a\nmax_age: 1\n", "strict", "policy-mode"},
		{"version: STSv1\nmode: enforce\nmax_age: 1\n", "enforce", "policy-no-mx"},
		{"version: STSv1\nmode: enforce\nmx: a\n", "enforce", "policy-no-age"},
		{"version: STSv1\nmode: enforce\nmx: a\nmax_age: soon\n", "enforce", "policy-age"},
		{"version: STSv1\nmode: enforce\nmx: a\nmax_age: -1\n", "enforce", "policy-age"},
		{"<html>not found</html>", "", "policy-no-version"},
	} {
		var p Policy
		p.parse(tt.text)
		if p.Mode != tt.mode || p.Err != tt.err {
			t.Errorf("%q: mode %q, error %q, want %q, %q", tt.text, p.Mode, p.Err, tt.mode, tt.err)
		}
	}
}

func TestPolicyCovers(t *testing.T) {
	var p Policy
	p.parse(goodPolicy)
	for host, want := range map[string]bool{
		"mx1.example.org": true, "MX1.example.org": true, "a.example.net": true,
		"mx2.example.org": false, "example.net": false, "a.b.example.net": false, "evilexample.net": false,
	} {
		if p.Covers(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}

// TestFetchPolicy gets policies from a server on this machine.
func TestFetchPolicy(t *testing.T) {
	served := func(contentType, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Write([]byte(text))
		}
	}
	followed := false
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		mode    string
		err     string
		trusted bool
		private bool
	}{
		{name: "good", handler: served("text/plain", goodPolicy), mode: "enforce", trusted: true, private: true},
		{name: "with a charset", handler: served("text/plain; charset=utf-8", goodPolicy), mode: "enforce", trusted: true, private: true},
		{name: "not text", handler: served("text/html", goodPolicy), err: "text/plain", trusted: true, private: true},
		{name: "too long", handler: served("text/plain", strings.Repeat("x", maxPolicy+1)), err: "longer than 66 kB", trusted: true, private: true},
		{name: "long, but not too long", handler: served("text/plain", goodPolicy+strings.Repeat("x", maxPolicy-len(goodPolicy))), mode: "enforce", trusted: true, private: true},
		{name: "redirect", handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				followed = true
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, err: "redirects (302)", trusted: true, private: true},
		{name: "not found", handler: http.NotFound, err: "answers 404", trusted: true, private: true},
		{name: "untrusted", handler: served("text/plain", goodPolicy), err: "unknown authority", private: true},
		{name: "at a private address", handler: served("text/plain", goodPolicy), err: "not a public one", trusted: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(tt.handler)
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.StartTLS()
			defer s.Close()
			c := &checker{
				Options: Options{AllowPrivate: tt.private, Roots: x509.NewCertPool()},
				policyURL: func(string) string {
					return strings.Replace(s.URL, "127.0.0.1", "example.com", 1) + "/.well-known/mta-sts.txt"
				},
				report:   new(Report),
				resolver: &upstream.Resolver{Servers: []string{dnstest.Serve(t, dnstest.Records(t, "example.com. A 127.0.0.1"))}},
			}
			if tt.trusted {
				c.Roots.AddCert(s.Certificate())
			}
			p := c.fetchPolicy(t.Context(), "example.org")
			if p.Mode != tt.mode || !strings.Contains(p.Err, tt.err) || (p.Err == "") != (tt.err == "") {
				t.Errorf("%+v, want mode %q, error %q", p, tt.mode, tt.err)
			}
		})
	}
	if followed {
		t.Error("the redirect was followed")
	}
}

func TestRecords(t *testing.T) {
	c := &checker{
		report: &Report{Name: "sub.example.org"},
		resolver: &upstream.Resolver{Servers: []string{dnstest.Serve(t, dnstest.Records(t,
			`sub.example.org. TXT "v=spf1 -all"`, `sub.example.org. TXT "V=SPF1 +all"`, `sub.example.org. TXT "v=spf10 +all"`,
			`_dmarc.example.org. TXT "v=DMARC1; p=reject"`, `_mta-sts.sub.example.org. TXT "v=STSv1; id=1"`, `mta-sts.sub.example.org. A 127.0.0.1`))}},
	}
	var r Records
	c.records(t.Context(), &r)
	if !slices.Equal(r.SPF.Texts, []string{"v=spf1 -all", "V=SPF1 +all"}) || !strings.HasPrefix(r.SPF.Note, "there are 2") {
		t.Errorf("SPF %+v", r.SPF)
	}
	if r.DMARC.Name != "_dmarc.example.org" || r.DMARC.Note != "it is the parent domain's" {
		t.Errorf("DMARC %+v", r.DMARC)
	}
	if len(r.MTASTS.Texts) != 1 || r.Policy == nil || !strings.Contains(r.Policy.Err, "not a public one") {
		t.Errorf("MTA-STS %+v, %+v", r.MTASTS, r.Policy)
	}
	failing := &checker{report: new(Report), resolver: &upstream.Resolver{Servers: []string{dnstest.Serve(t, dnstest.Fail(2))}}}
	if rec := failing.text(t.Context(), "example.org", "v=spf1"); rec.Err == "" {
		t.Error("a DNS failure counts as having no record")
	}
}

func TestInPolicy(t *testing.T) {
	c := &checker{report: &Report{
		Hosts:   []*Host{{Name: "mx1.example.org"}, {Name: "mx.example.com"}},
		Records: &Records{Policy: &Policy{Mode: "enforce", MX: []string{"mx1.example.org"}}},
	}}
	c.judge()
	if h := c.report.Hosts; !*h[0].InPolicy || *h[1].InPolicy {
		t.Errorf("%v, %v", *h[0].InPolicy, *h[1].InPolicy)
	}
	var b strings.Builder
	c.report.Hosts[1].Probes = []*Probe{{Address: "192.0.2.1:25", Dial: &facts.Dial{}}}
	if err := c.report.Text(&b, TextOptions{}); err != nil || !strings.Contains(b.String(), "the policy does not name this server") {
		t.Errorf("text\n%s", b.String())
	}
}

func TestValidity(t *testing.T) {
	now := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	p := &printer{o: TextOptions{Now: now}, r: new(Report)}
	for end, want := range map[time.Time]string{
		now.AddDate(0, 0, 10): "valid 2026-01-09 to 2026-01-20, 10 d 0 h left",
		now.AddDate(0, 0, 1):  "valid 2026-01-09 to 2026-01-11, 1 d 0 h left",
		now.Add(-time.Hour):   "valid 2026-01-09 to 2026-01-09, expired",
	} {
		if got := p.validity(now.AddDate(0, 0, -1), end); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text string
		room int
		want []string
	}{
		{"short", 40, []string{"short"}},
		{"a line that is too long for the room it has", 20, []string{"a line that is too", "long for the room it", "has"}},
		{strings.Repeat("x", 45), 20, []string{strings.Repeat("x", 20), strings.Repeat("x", 20), "xxxxx"}},
		{"邮件邮件邮件邮件邮件邮件", 20, []string{"邮件邮件邮件邮件邮件", "邮件"}},
		{"no wrapping in so little room", 5, []string{"no wrapping in so little room"}},
	} {
		if got := wrap(tt.text, tt.room); !slices.Equal(got, tt.want) {
			t.Errorf("%q in %d: %q, want %q", tt.text, tt.room, got, tt.want)
		}
	}
}
