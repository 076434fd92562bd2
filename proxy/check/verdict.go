package check

import (
	"fmt"

	"smtptap/proxy/upstream"
)

// judge draws the conclusions that need the whole report.
func (c *checker) judge() {
	r := c.report
	policy := r.policy()
	addresses, taking := 0, 0
	for _, h := range r.Hosts {
		if policy != nil {
			covered := policy.Covers(h.Name)
			h.InPolicy = &covered
		}
		addresses += len(h.Probes)
		for _, p := range h.Probes {
			if p.OK {
				taking++
			}
		}
	}
	r.OK = taking > 0
	switch {
	case r.NoServer != "" && upstream.Problem(r.Problem).Temporary():
		r.Verdict = "it cannot be told where mail would go: " + r.NoServer
	case r.NoServer != "":
		r.Verdict = "mail cannot be delivered: " + r.NoServer
	case addresses == 0:
		r.Verdict = "mail cannot be delivered: no server has an address"
	case taking == 0 && addresses == 1:
		r.Verdict = "mail would not be taken"
	case taking == 0:
		r.Verdict = fmt.Sprintf("mail would not be taken at any of %d addresses", addresses)
	case taking < addresses:
		r.Verdict = fmt.Sprintf("mail would be taken at %d of %d addresses", taking, addresses)
	default:
		r.Verdict = "mail would be taken"
	}
}

// policy is the MTA-STS policy that mail servers go by, or nil.
func (r *Report) policy() *Policy {
	if r.Records == nil || r.Records.Policy == nil || r.Records.Policy.Err != "" || r.Records.Policy.Mode == "none" {
		return nil
	}
	return r.Records.Policy
}
