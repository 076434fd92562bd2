package check

import (
	"crypto/x509"
	"time"

	"smtptap/proxy/upstream"
)

// DANE is what the TLSA records of a host say about a certificate (RFC 7672).
type DANE string

const (
	DANENone         DANE = ""              // there are no records
	DANEMatch        DANE = "match"         // one of them names the certificate
	DANEMismatch     DANE = "mismatch"      // none does: a server that goes by them would not send
	DANEUnusable     DANE = "unusable"      // none says anything that mail servers go by
	DANENotValidated DANE = "not-validated" // no resolver on this machine claims DNSSEC for them, so they count for nothing
)

// judgeDANE compares a server's chain, its own certificate first, with the
// TLSA records for the host. That records are validated by DNSSEC is only what
// the resolver claims.
func judgeDANE(records []upstream.TLSA, chain []*x509.Certificate, host string, now time.Time) DANE {
	if len(records) == 0 {
		return DANENone
	}
	usable := false
	for _, r := range records {
		if !r.Claimed {
			return DANENotValidated
		}
		if !r.Usable() {
			continue
		}
		usable = true
		if r.Usage == upstream.UsageDANEEE && r.Matches(chain[0]) || r.Usage == upstream.UsageDANETA && anchored(r, chain, host, now) {
			return DANEMatch
		}
	}
	if !usable {
		return DANEUnusable
	}
	return DANEMismatch
}

// anchored reports whether a certificate of the chain is the trust anchor that
// the record names, and the server's own certificate leads to it and is for
// the host (RFC 7672 section 3.1.2).
func anchored(r upstream.TLSA, chain []*x509.Certificate, host string, now time.Time) bool {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, cert := range chain {
		if r.Matches(cert) {
			roots.AddCert(cert)
			found = true
		} else {
			between.AddCert(cert)
		}
	}
	if !found {
		return false
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between, CurrentTime: now})
	return err == nil
}
