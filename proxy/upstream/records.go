package upstream

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// TXT returns the text records of name, the strings of each joined (RFC 7208
// section 3.3). Having none is the error NoData or NoSuchDomain.
func (l *Lookup) TXT(ctx context.Context, name string) (texts []string, err error) {
	l.spend(ctx, func(ctx context.Context) {
		var res result
		res, err = l.ask(ctx, name, dns.TypeTXT)
		for _, rr := range res.records {
			if t, ok := rr.(*dns.TXT); ok {
				texts = append(texts, unescape(strings.Join(t.Txt, "")))
			}
		}
	})
	return texts, err
}

// unescape turns the zone-file form that the library keeps texts in (\DDD and
// \X) into the bytes themselves.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 10, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		i++
		b.WriteByte(s[i])
	}
	return b.String()
}

// Reverse returns the names that the PTR records of a give.
func (l *Lookup) Reverse(ctx context.Context, a netip.Addr) (names []string, err error) {
	arpa, err := dns.ReverseAddr(a.Unmap().WithZone("").String())
	if err != nil {
		return nil, words.Error("reverse-name", "address", a, "why", err)
	}
	l.spend(ctx, func(ctx context.Context) {
		var res result
		res, err = l.ask(ctx, arpa, dns.TypePTR)
		for _, rr := range res.records {
			if p, ok := rr.(*dns.PTR); ok {
				names = append(names, trimDot(p.Ptr))
			}
		}
	})
	return names, err
}

// A TLSA is one TLSA record: what a domain says in the DNS about the
// certificates of a server (RFC 6698, for mail RFC 7672).
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      string // hex
	Claimed                   bool   // validated by DNSSEC, or so a resolver on this machine claims
}

// String is the record's data in zone-file form.
func (t TLSA) String() string {
	return fmt.Sprintf("%d %d %d %s", t.Usage, t.Selector, t.Matching, t.Data)
}

// Certificate usages (RFC 6698 section 2.1.1). Those that build on public
// authorities are of no use in SMTP (RFC 7672 section 3.1.3).
const (
	UsageDANETA = 2
	UsageDANEEE = 3
)

// Usable reports whether the record says something that a mail client goes by
// and that is understood here (RFC 7672 section 3.1).
func (t TLSA) Usable() bool {
	return (t.Usage == UsageDANETA || t.Usage == UsageDANEEE) && t.Selector <= 1 && t.Matching <= 2
}

// Matches reports whether the record names this certificate.
func (t TLSA) Matches(cert *x509.Certificate) bool {
	rr := dns.TLSA{Usage: t.Usage, Selector: t.Selector, MatchingType: t.Matching, Certificate: t.Data}
	return rr.Verify(cert) == nil
}

// TLSA returns the TLSA records of the service at a port of host.
func (l *Lookup) TLSA(ctx context.Context, host string, port uint16) (records []TLSA, err error) {
	name := fmt.Sprintf("_%d._tcp.%s", port, host)
	l.spend(ctx, func(ctx context.Context) {
		var res result
		res, err = l.ask(ctx, name, dns.TypeTLSA)
		for _, rr := range res.records {
			if t, ok := rr.(*dns.TLSA); ok {
				records = append(records, TLSA{t.Usage, t.Selector, t.MatchingType, strings.ToLower(t.Certificate), res.claimed})
			}
		}
	})
	return records, err
}
