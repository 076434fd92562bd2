package verify

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"smtptap/decode"
	"smtptap/decode/visible"
)

// Checks are the results, each with its reason, safe to show.
func (r *Report) Checks() []decode.Check {
	var all []decode.Check
	add := func(name string, result Result, domain, more, reason string) {
		var about []string
		for _, s := range []string{domain, more, reason} {
			if s != "" {
				about = append(about, visible.Text(s))
			}
		}
		all = append(all, decode.Check{
			Name: name, Result: string(result), Domain: visible.Text(domain), Text: strings.Join(about, texts.Say(r.lang, "comma")),
			Failed: result == Fail || result == PermError,
		})
	}
	for _, s := range r.DKIM {
		add("DKIM", s.Result, s.Domain, r.alignment(s.Result, s.Aligned), s.Reason)
	}
	if len(r.DKIM) == 0 {
		add("DKIM", None, "", "", texts.Say(r.lang, "no-signature"))
	}
	add("SPF", r.SPF.Result, r.SPF.Domain, r.alignment(r.SPF.Result, r.SPF.Aligned), r.SPF.Reason)
	policy := ""
	if r.DMARC.Policy != "" {
		policy = texts.Say(r.lang, "policy", "policy", r.DMARC.Policy)
	}
	add("DMARC", r.DMARC.Result, r.DMARC.Domain, policy, r.DMARC.Reason)
	return all
}

// Text writes checks, one a line.
func Text(w io.Writer, checks []decode.Check) error {
	out := bufio.NewWriter(w)
	for _, c := range checks {
		fmt.Fprintf(out, "=== %-5s %-9s %s\n", c.Name, c.Result, c.Text)
	}
	return out.Flush()
}

func (r *Report) alignment(result Result, aligned bool) string {
	switch {
	case result != Pass:
		return ""
	case aligned:
		return texts.Say(r.lang, "aligned")
	}
	return texts.Say(r.lang, "not-aligned")
}
