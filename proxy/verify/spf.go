package verify

import (
	"net"
	"strings"

	"blitiri.com.ar/go/spf"
)

func (v *verifier) spf() SPF {
	sender := v.mail.From
	_, domain, _ := cutLast(sender, "@")
	if sender == "" || domain == "" {
		domain, sender = v.mail.Helo, "postmaster@"+v.mail.Helo // RFC 7208 section 2.4
	}
	s := SPF{Domain: strings.ToLower(domain)}
	switch {
	case domain == "" || strings.HasPrefix(domain, "["):
		s.Result, s.Reason = None, "neither the sender nor EHLO names a domain"
		return s
	case !v.mail.Address.IsValid():
		s.Result, s.Reason = Unknown, "the session does not show the public address that the server saw; say it with --seen-as"
		return s
	}
	result, err := spf.CheckHostWithSender(net.IP(v.mail.Address.AsSlice()), ascii(v.mail.Helo), ascii(sender), spf.WithContext(v.ctx), spf.WithResolver(v.dns))
	s.Result = Result(result)
	if s.Reason = spfReasons[s.Result]; err != nil {
		s.Reason += " (" + strings.TrimPrefix(err.Error(), "spf: ") + ")"
	}
	return s
}

// spfReasons say what a result means.
var spfReasons = map[Result]string{
	Pass:      "the domain lets this address send",
	Fail:      "the domain says that this address may not send for it",
	SoftFail:  "the domain says that this address probably may not send for it",
	Neutral:   "the domain does not say whether this address may send",
	None:      "the domain has no SPF record",
	TempError: "DNS gave no answer",
	PermError: "the SPF record can't be evaluated",
}
