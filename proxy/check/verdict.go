package check

import (
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
		r.Verdict = r.say("unknown-server", "why", r.NoServer)
	case r.NoServer != "":
		r.Verdict = r.say("undeliverable", "why", r.NoServer)
	case addresses == 0:
		r.Verdict = r.say("undeliverable-no-address")
	case taking == 0 && addresses == 1:
		r.Verdict = r.say("refused")
	case taking == 0:
		r.Verdict = r.say("refused-all", "n", addresses)
	case taking < addresses:
		r.Verdict = r.say("accepted-some", "m", taking, "n", addresses)
	default:
		r.Verdict = r.say("accepted")
	}
}

// policy is the MTA-STS policy that mail servers go by, or nil.
func (r *Report) policy() *Policy {
	if r.Records == nil || r.Records.Policy == nil || r.Records.Policy.Err != "" || r.Records.Policy.Mode == "none" {
		return nil
	}
	return r.Records.Policy
}
