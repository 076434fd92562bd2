package verify

import (
	"errors"
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
		return "", v.say("from-missing")
	case v.mail.Authors > 1:
		return "", v.say("from-many")
	}
	list, err := mail.ParseAddressList(v.mail.Author)
	if err != nil {
		return "", v.say("from-unreadable")
	}
	for _, a := range list {
		_, d, _ := cutLast(a.Address, "@")
		if d = ascii(d); domain != "" && d != domain {
			return "", v.say("from-domains")
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
		d.Result, d.Reason = None, v.say("no-policy")
	case dmarc.IsTempFail(err):
		d.Result, d.Reason = TempError, v.say("spf-temperror")
	case err != nil:
		d.Result, d.Reason = PermError, v.say("policy-unreadable", "detail", strings.TrimPrefix(err.Error(), "dmarc: "))
	default:
		d.Result, d.Reason = v.judge(r)
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
func (v *verifier) judge(r *Report) (Result, string) {
	var why []string
	open := r.SPF.Result == Unknown || r.SPF.Result == TempError
	for _, s := range r.DKIM {
		switch {
		case s.Result == Pass && s.Aligned:
			return Pass, v.say("dkim-speaks", "domain", s.Domain)
		case s.Result == Pass:
			why = append(why, v.say("dkim-other", "domain", s.Domain))
		case s.Result == TempError || s.Result == Unknown:
			open = true
		}
	}
	switch {
	case r.SPF.Result == Pass && r.SPF.Aligned:
		return Pass, v.say("spf-speaks", "domain", r.SPF.Domain)
	case open:
		return Unknown, v.say("undecided")
	case r.SPF.Result == Pass:
		why = append(why, v.say("spf-other", "domain", r.SPF.Domain))
	default:
		why = append(why, v.say("spf-does-not-pass"))
	}
	if len(r.DKIM) == 0 {
		why = append(why, v.say("dkim-none"))
	} else if len(why) == 1 {
		why = append(why, v.say("dkim-bad"))
	}
	return Fail, strings.Join(why, v.say("and"))
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
