package upstream_test

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"smtptap/proxy/upstream"
	"smtptap/proxy/upstream/dnstest"
)

func TestStdlib(t *testing.T) {
	at := dnstest.Serve(t, dnstest.Records(t, `a.example. TXT "one" "two"`, `a.example. MX 10 mx.example.`, `mx.example. A 192.0.2.1`, `mx.example. AAAA 2001:db8::1`,
		`four.example. A 192.0.2.4`, `1.2.0.192.in-addr.arpa. PTR mx.example.`))
	s := &upstream.Stdlib{Resolver: &upstream.Resolver{Servers: []string{at}, Try: time.Second}}
	if texts, err := s.LookupTXT(t.Context(), "a.example"); err != nil || !slices.Equal(texts, []string{"onetwo"}) {
		t.Errorf("TXT %q, %v", texts, err)
	}
	if hosts, err := s.LookupMX(t.Context(), "a.example"); err != nil || len(hosts) != 1 || hosts[0].Host != "mx.example." || hosts[0].Pref != 10 {
		t.Errorf("MX %v, %v", hosts, err)
	}
	for host, want := range map[string]int{"mx.example": 2, "four.example": 1} {
		if all, err := s.LookupIPAddr(t.Context(), host); err != nil || len(all) != want {
			t.Errorf("addresses %v, %v", all, err)
		}
	}
	if names, err := s.LookupAddr(t.Context(), "192.0.2.1"); err != nil || !slices.Equal(names, []string{"mx.example"}) {
		t.Errorf("names %q, %v", names, err)
	}
	var missing *net.DNSError
	for _, name := range []string{"none.example", "four.example"} {
		if _, err := s.LookupTXT(t.Context(), name); !errors.As(err, &missing) || !missing.IsNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.LookupIPAddr(t.Context(), "a.example"); !errors.As(err, &missing) || !missing.IsNotFound {
		t.Errorf("no address: %v", err)
	}
	broken := &upstream.Stdlib{Resolver: &upstream.Resolver{Servers: []string{dnstest.Serve(t, dnstest.Fail(dns.RcodeServerFailure))}, Try: time.Second}}
	if _, err := broken.LookupMX(t.Context(), "a.example"); !errors.As(err, &missing) || !missing.Temporary() || missing.IsNotFound {
		t.Errorf("a server that fails: %v", err)
	}
}
