package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"smtptap/decode/facts"
	"smtptap/proxy/upstream/dnstest"
)

// TestRebinding has a resolver that names a public address when first asked
// and a local one ever after. However often the domain is asked for, nothing
// connects to the local one.
func TestRebinding(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var reached atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			reached.Add(1)
			c.Close()
		}
	}()

	var asked atomic.Int32
	addr := dnstest.Serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		name := q.Question[0].Name
		switch q.Question[0].Qtype {
		case dns.TypeMX:
			rr, _ := dns.NewRR(name + " 0 IN MX 10 mx." + name)
			m.Answer = append(m.Answer, rr)
		case dns.TypeA:
			a := "8.8.8.8"
			if asked.Add(1) > 1 {
				a = "127.0.0.1"
			}
			rr, _ := dns.NewRR(fmt.Sprintf("%s 0 IN A %s", name, a))
			m.Answer = append(m.Answer, rr)
		}
		w.WriteMsg(m)
	})
	c := &Connector{Port: netip.MustParseAddrPort(l.Addr().String()).Port()}
	real := &net.Dialer{ControlContext: c.guard}
	c.dial = func(ctx context.Context, address string) (net.Conn, error) {
		if netip.MustParseAddrPort(address).Addr() == netip.MustParseAddr("8.8.8.8") {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED} // no test leaves this machine
		}
		return real.DialContext(ctx, "tcp", address)
	}
	d, err := ParseDomain("rebind.example")
	if err != nil {
		t.Fatal(err)
	}
	want := []Problem{Unreachable, NotAllowed, NotAllowed}
	for i := range want {
		lookup := (&Resolver{Servers: []string{addr}}).Lookup(func(facts.Fact) {})
		hosts, err := lookup.Hosts(t.Context(), d, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.NewRoute(lookup, d, hosts).Next(t.Context())
		var none *NoServerError
		if !errors.As(err, &none) || none.Problem != want[i] {
			t.Errorf("session %d: %v, want %s", i, err, want[i])
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections reached the local address", n)
	}
}
