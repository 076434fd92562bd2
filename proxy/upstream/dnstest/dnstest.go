// Package dnstest runs DNS servers for the tests of packages that ask DNS
// questions: one that answers from given records as a recursive resolver does,
// and any other behaviour through a handler.
package dnstest

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Serve answers over UDP and TCP on one free loopback port until the test
// ends, and returns its address and port.
func Serve(t testing.TB, h dns.HandlerFunc) string {
	t.Helper()
	packets, listener := listen(t)
	for _, s := range []*dns.Server{
		{PacketConn: packets, Handler: h},
		{Listener: listener, Handler: h},
	} {
		up, down := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(up) }
		go func() { down <- s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() {
			if err := s.Shutdown(); err != nil {
				t.Errorf("DNS server: %v", err)
			}
			<-down
		})
	}
	return packets.LocalAddr().String()
}

// listen finds a port that is free for UDP and TCP alike.
func listen(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	var last error
	for range 20 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, listener
		}
		packets.Close()
		last = err
	}
	t.Fatalf("no port is free for UDP and TCP: %v", last)
	return nil, nil
}

// Records answers from records in zone-file form, as a recursive resolver
// would: aliases are followed, a name without records is NXDOMAIN, and one
// without records of the kind asked for has an empty answer.
func Records(t testing.TB, zone ...string) dns.HandlerFunc {
	t.Helper()
	byName := map[string][]dns.RR{}
	for _, line := range zone {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatalf("record %q: %v", line, err)
		}
		name := strings.ToLower(rr.Header().Name)
		byName[name] = append(byName[name], rr)
	}
	return func(w dns.ResponseWriter, q *dns.Msg) {
		w.WriteMsg(resolve(byName, q))
	}
}

func resolve(byName map[string][]dns.RR, q *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	name := strings.ToLower(q.Question[0].Name)
	for range 20 {
		records, exists := byName[name]
		if !exists {
			m.Rcode = dns.RcodeNameError
			return m
		}
		alias := ""
		for _, rr := range records {
			if rr.Header().Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			} else if c, ok := rr.(*dns.CNAME); ok {
				alias = c.Target
				m.Answer = append(m.Answer, rr)
			}
		}
		if alias == "" {
			return m
		}
		name = strings.ToLower(alias)
	}
	m.Rcode = dns.RcodeServerFailure
	return m
}

// Claimed answers as h does and claims that DNSSEC has validated it.
func Claimed(h dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) { h(claimer{w}, q) }
}

type claimer struct{ dns.ResponseWriter }

func (w claimer) WriteMsg(m *dns.Msg) error {
	m.AuthenticatedData = true
	return w.ResponseWriter.WriteMsg(m)
}

// Fail answers every question with an error code.
func Fail(rcode int) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetRcode(q, rcode)
		w.WriteMsg(m)
	}
}

// Silent answers nothing.
func Silent(dns.ResponseWriter, *dns.Msg) {}

// Repeat makes n records of a format with one number in it, counted from 1.
func Repeat(n int, format string) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(format, i+1)
	}
	return lines
}
