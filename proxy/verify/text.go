package verify

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"smtptap/decode/visible"
)

// Text writes the report on a message, each result with its reason. It is safe
// to show.
func (r *Report) Text(w io.Writer) error {
	out := bufio.NewWriter(w)
	line := func(what string, result Result, domain, policy, reason string) {
		var about []string
		for _, s := range []string{domain, policy} {
			if s != "" {
				about = append(about, visible.Text(s))
			}
		}
		fmt.Fprintf(out, "=== %-5s %-9s %s\n", what, result, strings.Join(append(about, visible.Text(reason)), ", "))
	}
	for _, s := range r.DKIM {
		line("DKIM", s.Result, s.Domain, alignment(s.Result, s.Aligned), s.Reason)
	}
	if len(r.DKIM) == 0 {
		line("DKIM", None, "", "", "the message has no signature")
	}
	line("SPF", r.SPF.Result, r.SPF.Domain, alignment(r.SPF.Result, r.SPF.Aligned), r.SPF.Reason)
	policy := ""
	if r.DMARC.Policy != "" {
		policy = "policy " + r.DMARC.Policy
	}
	line("DMARC", r.DMARC.Result, r.DMARC.Domain, policy, r.DMARC.Reason)
	return out.Flush()
}

func alignment(result Result, aligned bool) string {
	switch {
	case result != Pass:
		return ""
	case aligned:
		return "aligned with From"
	}
	return "not aligned with From"
}
