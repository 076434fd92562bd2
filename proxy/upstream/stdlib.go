package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/miekg/dns"

	"smtptap/decode/facts"
)

// A Stdlib asks the resolver's servers in the words of package net, for
// libraries that want them. Each question has the resolver's whole budget. Its
// methods may be called from several goroutines.
type Stdlib struct {
	Resolver *Resolver
	Note     func(facts.Fact) // told of every question, maybe by several goroutines at once; nil for nobody
}

func (s *Stdlib) lookup() *Lookup {
	note := s.Note
	if note == nil {
		note = func(facts.Fact) {}
	}
	return s.Resolver.Lookup(note)
}

// LookupTXT returns the text records of name.
func (s *Stdlib) LookupTXT(ctx context.Context, name string) ([]string, error) {
	texts, err := s.lookup().TXT(ctx, name)
	return texts, dnsError(name, err)
}

// LookupMX returns the MX records of name, in no order.
func (s *Stdlib) LookupMX(ctx context.Context, name string) (hosts []*net.MX, err error) {
	l := s.lookup()
	l.spend(ctx, func(ctx context.Context) {
		var res result
		res, err = l.ask(ctx, name, dns.TypeMX)
		for _, rr := range res.records {
			if mx, ok := rr.(*dns.MX); ok {
				hosts = append(hosts, &net.MX{Host: mx.Mx, Pref: mx.Preference})
			}
		}
	})
	return hosts, dnsError(name, err)
}

// LookupIPAddr returns the addresses of both kinds of host.
func (s *Stdlib) LookupIPAddr(ctx context.Context, host string) (all []net.IPAddr, err error) {
	l := s.lookup()
	l.spend(ctx, func(ctx context.Context) {
		var res result
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
			if res, err = l.ask(ctx, host, kind); err != nil && !isMissing(err) {
				return
			}
			for _, rr := range res.records {
				switch rr := rr.(type) {
				case *dns.A:
					all = append(all, net.IPAddr{IP: rr.A})
				case *dns.AAAA:
					all = append(all, net.IPAddr{IP: rr.AAAA})
				}
			}
		}
	})
	if len(all) > 0 {
		err = nil
	}
	return all, dnsError(host, err)
}

// LookupAddr returns the names of an address.
func (s *Stdlib) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, err
	}
	names, err := s.lookup().Reverse(ctx, a)
	return names, dnsError(addr, err)
}

// isMissing reports an answer that says that there is nothing.
func isMissing(err error) bool {
	var none *NoServerError
	return errors.As(err, &none) && (none.Problem == NoSuchDomain || none.Problem == NoData)
}

// dnsError is err as package net would tell it.
func dnsError(name string, err error) error {
	var none *NoServerError
	switch {
	case err == nil:
		return nil
	case isMissing(err):
		return &net.DNSError{Err: err.Error(), Name: name, IsNotFound: true}
	case errors.As(err, &none) && !none.Problem.Temporary():
		return &net.DNSError{Err: err.Error(), Name: name}
	}
	return &net.DNSError{Err: err.Error(), Name: name, IsTemporary: true}
}
