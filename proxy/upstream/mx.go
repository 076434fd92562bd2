package upstream

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"smtptap/decode/facts"
)

// Limits of one lookup (RFC 5321 section 5.1 asks for at least two addresses).
const (
	MaxHosts     = 5 // MX hosts that are tried
	MaxAddresses = 5 // of one host
)

// A Host is one server that takes a domain's mail.
type Host struct {
	Name       string         // lower case, no trailing dot; of an address literal as given, with its brackets
	Preference uint16         // of its MX record
	Why        facts.Sentence // "MX 10 of example.org", "no MX: address of example.org", "address literal"
	MX         bool           // an MX record names it
	Literal    netip.Addr     // valid for an address literal
	Claimed    bool           // the MX answer was validated, or so a resolver on this machine claims
}

// Hosts finds the servers that take mail for d: its MX hosts by preference,
// those of equal preference in random order, or the domain itself when it has
// none (RFC 5321 section 5.1), at most MaxHosts. A nil rng means the default
// source. The error is a *NoServerError, or the context's.
func (l *Lookup) Hosts(ctx context.Context, d Domain, rng *rand.Rand) (hosts []Host, err error) {
	if d.Literal.IsValid() {
		return []Host{{Name: d.ASCII, Why: "address-literal", Literal: d.Literal}}, nil
	}
	l.spend(ctx, func(ctx context.Context) { hosts, err = l.hosts(ctx, d, rng) })
	return hosts, err
}

func (l *Lookup) hosts(ctx context.Context, d Domain, rng *rand.Rand) ([]Host, error) {
	res, err := l.ask(ctx, d.ASCII, dns.TypeMX)
	var failed *NoServerError
	if errors.As(err, &failed) && failed.Problem == NoData {
		return []Host{{Name: d.ASCII, Why: facts.Say("no-mx", "domain", d.ASCII)}}, nil
	}
	if err != nil {
		return nil, err
	}
	hosts, refused, null := l.usable(d, res)
	switch {
	case len(hosts) == 0 && null && len(refused) == 0:
		return nil, &NoServerError{Name: d.ASCII, Kind: "MX", Problem: NullMX}
	case len(hosts) == 0:
		return nil, &NoServerError{Name: d.ASCII, Kind: "MX", Problem: BadMX, Detail: facts.All("list", refused)}
	case null:
		l.note(facts.NewNote("null-mx-beside-others", "domain", d.ASCII))
	}
	sortHosts(hosts, rng)
	if n := len(hosts); n > MaxHosts {
		l.note(facts.NewNote("mx-many", "domain", d.ASCII, "n", n, "most", MaxHosts))
		hosts = hosts[:MaxHosts]
	}
	return hosts, nil
}

// usable sorts the MX records of d into hosts that can be asked for, and
// reasons against the others. null tells of a null MX.
func (l *Lookup) usable(d Domain, res result) (hosts []Host, refused []facts.Sentence, null bool) {
	for _, rr := range res.records {
		mx, ok := rr.(*dns.MX)
		if !ok {
			continue
		}
		if mx.Mx == "." {
			null = true
			continue
		}
		name := strings.ToLower(trimDot(mx.Mx))
		if reason := badHost(name); reason != "" {
			refused = append(refused, facts.Say("mx-entry", "n", mx.Preference, "host", name, "why", reason))
			l.note(facts.NewNote("mx-unusable", "n", mx.Preference, "domain", d.ASCII, "host", name, "why", reason))
			continue
		}
		h := Host{Name: name, MX: true, Preference: mx.Preference, Why: facts.Say("mx-of", "n", mx.Preference, "domain", d.ASCII), Claimed: res.claimed}
		if !slices.ContainsFunc(hosts, func(o Host) bool { return o.Name == h.Name && o.Preference <= h.Preference }) {
			hosts = append(hosts, h)
		}
	}
	return hosts, refused, null
}

// badHost says why an MX record must not lead to name, or "".
func badHost(name string) facts.Sentence {
	switch {
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		return facts.Say("mx-is-localhost")
	case looksLikeAddress(name):
		return facts.Say("mx-is-address")
	}
	return badName(name)
}

// sortHosts orders by preference and shuffles equals.
func sortHosts(hosts []Host, rng *rand.Rand) {
	swap := func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] }
	if rng != nil {
		rng.Shuffle(len(hosts), swap)
	} else {
		rand.Shuffle(len(hosts), swap)
	}
	slices.SortStableFunc(hosts, func(a, b Host) int { return cmp.Compare(a.Preference, b.Preference) })
}

// Addresses finds the addresses of h, asking for A and AAAA at the same time.
// They come in the order in which they are to be tried: IPv6 and IPv4 in turn
// (RFC 8305 section 4), at most MaxAddresses. The error is a *NoServerError, or
// the context's.
func (l *Lookup) Addresses(ctx context.Context, h Host) (addrs []netip.Addr, err error) {
	if h.Literal.IsValid() {
		return []netip.Addr{h.Literal}, nil
	}
	l.spend(ctx, func(ctx context.Context) { addrs, err = l.addresses(ctx, h) })
	return addrs, err
}

func (l *Lookup) addresses(ctx context.Context, h Host) ([]netip.Addr, error) {
	var four, six result
	var err4, err6 error
	var both sync.WaitGroup
	both.Go(func() { six, err6 = l.ask(ctx, h.Name, dns.TypeAAAA) })
	both.Go(func() { four, err4 = l.ask(ctx, h.Name, dns.TypeA) })
	both.Wait()

	addrs := interleave(addressesOf(six), addressesOf(four))
	if len(addrs) == 0 {
		return nil, noAddress(h.Name, err4, err6)
	}
	if alias := max(four.aliases, six.aliases); alias > 0 && h.MX {
		l.note(facts.NewNote("mx-is-alias", "host", h.Name))
	}
	if len(addrs) > MaxAddresses {
		addrs = addrs[:MaxAddresses]
	}
	return addrs, nil
}

// noAddress chooses what to tell of two failed questions: the one after which
// trying again may help, and otherwise that there is no such host, or no
// address of it.
func noAddress(host string, errs ...error) error {
	var told *NoServerError
	for _, err := range errs {
		var failed *NoServerError
		if !errors.As(err, &failed) {
			return err
		}
		if told == nil || failed.Temporary() && !told.Temporary() || told.Problem == NoData {
			told = failed
		}
	}
	if told.Problem == NoData {
		return &NoServerError{Name: host, Problem: NoAddress}
	}
	return told
}

func addressesOf(res result) []netip.Addr {
	var addrs []netip.Addr
	for _, rr := range res.records {
		var a netip.Addr
		switch rr := rr.(type) {
		case *dns.A:
			a, _ = netip.AddrFromSlice(rr.A.To4())
		case *dns.AAAA:
			a, _ = netip.AddrFromSlice(rr.AAAA.To16())
		}
		if a.IsValid() && !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

func interleave(a, b []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			out = append(out, a[i])
		}
		if i < len(b) {
			out = append(out, b[i])
		}
	}
	return out
}
