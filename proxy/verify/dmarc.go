package verify

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"github.com/emersion/go-msgauth/dmarc"
	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// author is the domain in From, or why there is none that DMARC could ask
// about (RFC 7489 section 6.6.1).
func (v *verifier) author() (domain, problem string) {
	switch {
	case v.mail.Authors == 0:
		return "", "the message has no From"
	case v.mail.Authors > 1:
		return "", "the message has several From fields"
	}
	list, err := mail.ParseAddressList(v.mail.Author)
	if err != nil {
		return "", "the From field can't be read"
	}
	for _, a := range list {
		_, d, _ := cutLast(a.Address, "@")
		if d = ascii(d); domain != "" && d != domain {
			return "", "From names authors of several domains"
		}
		domain = d
	}
	return domain, ""
}

func (v *verifier) dmarc(author, problem string, r *Report) DMARC {
	d := DMARC{Domain: author}
	if problem != "" {
		d.Result, d.Reason = PermError, problem
		return d
	}
	record, err := v.record(&d)
	strictDKIM := record != nil && record.DKIMAlignment == dmarc.AlignmentStrict
	strictSPF := record != nil && record.SPFAlignment == dmarc.AlignmentStrict
	for i := range r.DKIM {
		r.DKIM[i].Aligned = aligned(r.DKIM[i].Domain, author, strictDKIM)
	}
	r.SPF.Aligned = aligned(r.SPF.Domain, author, strictSPF)
	switch {
	case errors.Is(err, dmarc.ErrNoPolicy):
		d.Result, d.Reason = None, "neither the domain nor its organization has a DMARC record"
	case dmarc.IsTempFail(err):
		d.Result, d.Reason = TempError, "DNS gave no answer"
	case err != nil:
		d.Result, d.Reason = PermError, "the DMARC record can't be read: "+strings.TrimPrefix(err.Error(), "dmarc: ")
	default:
		d.Result, d.Reason = judge(r)
	}
	return d
}

// record finds the policy: of the domain, or of its organization (RFC 7489
// section 6.6.3).
func (v *verifier) record(d *DMARC) (*dmarc.Record, error) {
	options := &dmarc.LookupOptions{LookupTXT: v.txt}
	record, err := dmarc.LookupWithOptions(d.Domain, options)
	d.Record = d.Domain
	if org := organization(d.Domain); errors.Is(err, dmarc.ErrNoPolicy) && org != d.Domain {
		record, err = dmarc.LookupWithOptions(org, options)
		d.Record = org
	}
	if err != nil {
		d.Record = ""
		return nil, err
	}
	d.Policy = string(record.Policy)
	if d.Record != d.Domain && record.SubdomainPolicy != "" {
		d.Policy = string(record.SubdomainPolicy)
	}
	return record, nil
}

// judge says whether SPF or DKIM speaks for the author's domain, and what keeps
// each from doing so.
func judge(r *Report) (Result, string) {
	var why []string
	open := r.SPF.Result == Unknown || r.SPF.Result == TempError
	for _, s := range r.DKIM {
		switch {
		case s.Result == Pass && s.Aligned:
			return Pass, "DKIM passes for " + s.Domain
		case s.Result == Pass:
			why = append(why, fmt.Sprintf("DKIM passes for %s, which is another domain", s.Domain))
		case s.Result == TempError || s.Result == Unknown:
			open = true
		}
	}
	switch {
	case r.SPF.Result == Pass && r.SPF.Aligned:
		return Pass, "SPF passes for " + r.SPF.Domain
	case open:
		return Unknown, "no DKIM signature speaks for the domain, and the rest is not known"
	case r.SPF.Result == Pass:
		why = append(why, fmt.Sprintf("SPF passes for %s, which is another domain", r.SPF.Domain))
	default:
		why = append(why, "SPF does not pass")
	}
	if len(r.DKIM) == 0 {
		why = append(why, "there is no DKIM signature")
	} else if len(why) == 1 {
		why = append(why, "no DKIM signature is good")
	}
	return Fail, strings.Join(why, "; ")
}

// aligned reports whether a domain speaks for the author's: it is the same, or,
// unless that is strict, belongs to the same organization (RFC 7489 section 3.1).
func aligned(domain, author string, strict bool) bool {
	domain = ascii(domain)
	return domain != "" && (domain == author || !strict && organization(domain) == organization(author))
}

// organization is the registered domain above a name, or the name itself.
func organization(domain string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	return org
}

// ascii is a domain, or an address with one, as the DNS writes it.
func ascii(s string) string {
	local, domain, found := cutLast(s, "@")
	if !found {
		local, domain = "", s
	}
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if a, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = a
	}
	if !found {
		return domain
	}
	return local + "@" + domain
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
