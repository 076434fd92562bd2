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
		s.Result, s.Reason = None, v.say("no-domain")
		return s
	case !v.mail.Address.IsValid():
		s.Result, s.Reason = Unknown, v.say("address-unknown")
		return s
	}
	result, err := spf.CheckHostWithSender(net.IP(v.mail.Address.AsSlice()), ascii(v.mail.Helo), ascii(sender), spf.WithContext(v.ctx), spf.WithResolver(v.dns))
	s.Result = Result(result)
	detail := ""
	if err != nil {
		detail = strings.TrimPrefix(err.Error(), "spf: ")
	}
	s.Reason = v.say("spf-"+string(s.Result), "detail", detail)
	return s
}
