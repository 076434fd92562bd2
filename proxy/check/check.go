package check

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"smtptap/proxy/upstream"
)

// Options say what to check and how.
type Options struct {
	// Target is a domain, mx:DOMAIN, or a server as in --to. A bare name that
	// has MX records is taken for a domain, and one that has none for a server.
	Target string
	// Lang is the language of the report.
	Lang lang.Lang
	// Resolver answers all questions. When it is nil, the system's servers
	// do, and a server's name may also stand in the hosts file.
	Resolver *upstream.Resolver
	// MXPort is the port of MX hosts, 25 if zero.
	MXPort uint16
	// AllowPrivate lets a domain lead to private and otherwise special
	// addresses. A server that the target names may always have one.
	AllowPrivate bool
	// Roots are the authorities that certificates are judged by, the
	// system's if nil.
	Roots *x509.CertPool
	// Insecure lets a named server with a bad certificate pass as one that
	// takes mail. The certificate is judged and reported in any case.
	Insecure bool
	// Timeout is how long one address has for everything, 60 s if zero.
	Timeout time.Duration
	// Hello is the name given in EHLO; "" means this machine's.
	Hello string
	// Progress hears what is being done; may be nil. Its calls do not overlap.
	Progress func(Progress)
}

// A Progress is one step of a check that begins.
type Progress struct {
	Host    string // or domain
	Address string // "" before one is known
	Step    string // "looking up", "connecting", "EHLO", ...
}

const defaultTimeout = 60 * time.Second

// Run checks the target. The error is a target that can't be checked, or the
// context's: what the servers and the DNS do wrong is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Hello == "" {
		o.Hello = ownName()
	}
	c := &checker{Options: o, resolver: o.Resolver, report: &Report{Lang: cmp.Or(o.Lang, lang.English), Target: o.Target, Started: time.Now()}}
	if c.resolver == nil {
		c.resolver = new(upstream.Resolver)
	}
	begin := time.Now()
	if err := c.run(ctx); err != nil {
		return nil, err
	}
	c.report.Took = time.Since(begin)
	c.judge()
	return c.report, ctx.Err()
}

// A checker is one check at work.
type checker struct {
	Options
	resolver *upstream.Resolver
	report   *Report

	policyURL func(domain string) string // set by tests

	mu sync.Mutex // guards the report's DNS and Notes, and Progress
}

// ownName is what this machine calls itself, when that can be a domain name.
// It is "" otherwise, and an address literal serves.
func ownName() string {
	name, err := os.Hostname()
	if err != nil || !strings.Contains(name, ".") {
		return ""
	}
	d, err := upstream.ParseDomain(name)
	if err != nil {
		return ""
	}
	return d.ASCII
}

func (c *checker) run(ctx context.Context) error {
	hosts, err := c.find(ctx)
	var none *upstream.NoServerError
	switch {
	case errors.As(err, &none):
		c.report.Problem, c.report.NoServer = string(none.Problem), none.In(c.Lang)
	case err != nil:
		return err
	}
	var all sync.WaitGroup
	if c.report.Kind == KindDomain && c.report.Problem != string(upstream.NoSuchDomain) {
		c.report.Records = new(Records)
		all.Go(func() { c.records(ctx, c.report.Records) })
	}
	for _, h := range hosts {
		host := &Host{Name: h.Name, Port: h.port, Why: h.Why.In(c.Lang)}
		if h.MX {
			host.Preference = &h.Preference
		}
		c.report.Hosts = append(c.report.Hosts, host)
		all.Go(func() { c.host(ctx, h, host) })
	}
	all.Wait()
	return ctx.Err()
}

// A server is a host to check, and how to get there.
type server struct {
	upstream.Host
	port     uint16
	implicit bool
	lmtp     bool
	named    bool // by the user
}

// find makes out what the target is, and its servers.
func (c *checker) find(ctx context.Context) ([]server, error) {
	t, err := upstream.ParseTarget(c.Target)
	if err != nil {
		return nil, err
	}
	switch t.Kind {
	case upstream.KindDomain:
		return c.domain(ctx, t.Domain)
	case upstream.KindHost:
		if !bareName(c.Target) {
			return c.named(t), nil
		}
		d, err := upstream.ParseDomain(t.Host)
		if err != nil {
			return nil, err
		}
		return c.bare(ctx, t, d)
	}
	return nil, words.Error("nothing-to-check")
}

// bareName reports whether s, a server's target, may also be a domain: a name
// of several labels without port and scheme.
func bareName(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return false
	}
	return !strings.ContainsAny(s, ":/[") && strings.Contains(strings.TrimSuffix(s, "."), ".")
}

func (c *checker) domain(ctx context.Context, d upstream.Domain) ([]server, error) {
	c.isDomain(d)
	hosts, err := c.mx(ctx, d)
	return c.servers(hosts), err
}

func (c *checker) mx(ctx context.Context, d upstream.Domain) ([]upstream.Host, error) {
	c.progress(d.ASCII, "", c.report.say("step-mx"))
	return c.resolver.Lookup(c.note).Hosts(ctx, d, nil)
}

func (c *checker) servers(hosts []upstream.Host) []server {
	var list []server
	for _, h := range hosts {
		list = append(list, server{Host: h, port: c.mxPort()})
	}
	return list
}

func (c *checker) mxPort() uint16 {
	if c.MXPort != 0 {
		return c.MXPort
	}
	return 25
}

// bare decides what a name is meant as that may be a domain or a server.
func (c *checker) bare(ctx context.Context, t upstream.Target, d upstream.Domain) ([]server, error) {
	hosts, err := c.mx(ctx, d)
	var none *upstream.NoServerError
	switch {
	case errors.As(err, &none) && none.Problem == upstream.NoSuchDomain && c.Resolver == nil:
		if _, hostErr := net.DefaultResolver.LookupNetIP(ctx, "ip", t.Host); hostErr == nil {
			return c.named(t), nil // in the hosts file
		}
	case err == nil && len(hosts) == 1 && !hosts[0].MX:
		c.report.Notes = append(c.report.Notes, c.report.say("taken-for-server", "domain", d.ASCII))
		return c.named(t), nil
	}
	c.isDomain(d)
	return c.servers(hosts), err
}

func (c *checker) isDomain(d upstream.Domain) {
	c.report.Kind, c.report.Name = KindDomain, d.ASCII
	if d.Unicode != d.ASCII {
		c.report.Unicode = d.Unicode
	}
}

func (c *checker) named(t upstream.Target) []server {
	c.report.Kind, c.report.Name = KindHost, t.Host
	h := upstream.Host{Name: t.Host, Why: "named"}
	if a, err := netip.ParseAddr(t.Host); err == nil {
		h.Literal = a
	}
	return []server{{Host: h, port: t.Port, implicit: t.Implicit, lmtp: t.LMTP, named: true}}
}

// host checks all addresses of a host at the same time.
func (c *checker) host(ctx context.Context, s server, h *Host) {
	c.progress(h.Name, "", c.report.say("step-addresses"))
	addrs, err := c.addresses(ctx, s)
	if err != nil {
		h.Err = lang.Of(c.Lang, err)
		return
	}
	var tlsa []upstream.TLSA
	var all sync.WaitGroup
	if !s.Literal.IsValid() {
		all.Go(func() { tlsa = c.tlsa(ctx, h) })
	}
	h.Probes = make([]*Probe, len(addrs))
	chains := make([][]*x509.Certificate, len(addrs))
	for i, a := range addrs {
		h.Probes[i] = &Probe{Address: netip.AddrPortFrom(a, h.Port).String()}
		all.Go(func() { c.reverse(ctx, a, h.Probes[i]) })
		all.Go(func() { chains[i] = c.probe(ctx, s, a, h.Probes[i]) })
	}
	all.Wait()
	for i, p := range h.Probes {
		if chains[i] == nil {
			continue
		}
		p.DANE = judgeDANE(tlsa, chains[i], h.Name, time.Now())
		if p.DANE != DANENone && !s.named && !s.Claimed {
			p.DANE = DANENotValidated // who says that this is the domain's server? (RFC 7672 section 2.2.1)
		}
	}
}

// addresses finds the addresses of a host: those of a server that the user
// named also in the hosts file, unless a resolver is set.
func (c *checker) addresses(ctx context.Context, s server) ([]netip.Addr, error) {
	if s.named && c.Resolver == nil && !s.Literal.IsValid() {
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.Name)
		for i, a := range addrs {
			addrs[i] = a.Unmap()
		}
		return addrs, err
	}
	return c.resolver.Lookup(c.note).Addresses(ctx, s.Host)
}

func (c *checker) reverse(ctx context.Context, a netip.Addr, p *Probe) {
	names, err := c.resolver.Lookup(c.note).Reverse(ctx, a)
	if err != nil {
		p.ReverseErr = lang.Of(c.Lang, err)
	}
	p.Reverse = names
}

// tlsa finds the TLSA records of a host.
func (c *checker) tlsa(ctx context.Context, h *Host) []upstream.TLSA {
	records, err := c.resolver.Lookup(c.note).TLSA(ctx, h.Name, h.Port)
	if err != nil && !isAbsent(err) {
		h.TLSAErr = lang.Of(c.Lang, err)
	}
	for _, r := range records {
		h.TLSA = append(h.TLSA, r.String())
	}
	return records
}

// isAbsent reports whether err says that there is no such record.
func isAbsent(err error) bool {
	var none *upstream.NoServerError
	return errors.As(err, &none) && (none.Problem == upstream.NoData || none.Problem == upstream.NoSuchDomain)
}

// note takes the facts of lookups and attempts to connect.
func (c *checker) note(f facts.Fact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f := f.(type) {
	case *facts.DNS:
		c.report.DNS = append(c.report.DNS, f)
	case *facts.Note:
		c.report.Notes = append(c.report.Notes, f.Text.In(c.Lang))
	}
}

func (c *checker) progress(host, address, step string) {
	if c.Progress == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Progress(Progress{Host: visible.Text(host), Address: address, Step: step})
}
