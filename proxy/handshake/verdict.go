package handshake

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
)

// Verdicts on a server's certificate; see facts.TLS.
const (
	verdictOK               = "ok"
	verdictExpired          = "expired"
	verdictNotYetValid      = "not-yet-valid"
	verdictWrongName        = "wrong-name"
	verdictSelfSigned       = "self-signed"
	verdictUnknownAuthority = "unknown-authority"
	verdictWeakKey          = "weak-key"
	verdictOther            = "other"
)

// A verdictError is why a server's certificate is not accepted.
type verdictError struct {
	verdict string
	reason  facts.Sentence
}

func (e *verdictError) Error() string { return e.reason.String() }

// minRSA is the shortest RSA key that is not weak, in bits (NIST SP 800-57
// part 1, table 2: less stopped being good enough in 2013).
const minRSA = 2048

// judge gives the verdict on a server's chain and the reason in words, which
// are safe to print. A name of "" is not looked for. Of several faults the gravest
// is the verdict, and the others are in the reason: an untrusted chain, then the
// time, then the name, then the key.
func judge(chain []*x509.Certificate, name string, roots *x509.CertPool, now time.Time) (verdict string, reason facts.Sentence) {
	if len(chain) == 0 {
		return verdictOther, "certificate-none"
	}
	verdict = verdictOK
	var reasons []facts.Sentence
	for _, find := range []func() (string, facts.Sentence){
		func() (string, facts.Sentence) { return chainFault(chain, roots, now) },
		func() (string, facts.Sentence) { return timeFault(chain[0], now) },
		func() (string, facts.Sentence) { return nameFault(chain[0], name) },
		func() (string, facts.Sentence) { return keyFault(proven(chain, roots, now), roots != nil) },
	} {
		v, r := find()
		if v == "" || v == verdict {
			continue
		}
		if verdict == verdictOK {
			verdict = v
		}
		reasons = append(reasons, r)
	}
	return verdict, facts.All("also", reasons)
}

// chainFault says what is wrong with the chain, apart from the leaf's own time:
// when that is not now, the chain is looked at as of a time when it was.
func chainFault(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) (verdict string, reason facts.Sentence) {
	leaf, at := chain[0], now
	if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	}
	_, err := verify(chain, roots, at)
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return "", ""
	case weakSignature(chain, false) != nil:
		return "", "" // keyFault tells
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		v, r := timeFault(invalid.Cert, at)
		return v, facts.Say("certificate-issuer", "issuer", quoted(invalid.Cert.Subject.String()), "why", r)
	case errors.As(err, &unknown):
		return unknownAuthority(chain)
	}
	return verdictOther, facts.Plain(visible.Text(strings.TrimPrefix(err.Error(), "x509: ")))
}

func verify(chain []*x509.Certificate, roots *x509.CertPool, at time.Time) (proven [][]*x509.Certificate, err error) {
	others := x509.NewCertPool()
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	return chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: at})
}

// proven is the chain up to a root where there is one, which the server need not
// have sent: the one with nothing weak in it, if there are several.
func proven(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) []*x509.Certificate {
	all, err := verify(chain, roots, now)
	if err != nil {
		return chain
	}
	for _, c := range all {
		if verdict, _ := keyFault(c, roots != nil); verdict == "" {
			return c
		}
	}
	return all[0]
}

func unknownAuthority(chain []*x509.Certificate) (verdict string, reason facts.Sentence) {
	leaf, last := chain[0], chain[len(chain)-1]
	if isSelfSigned(leaf) {
		return verdictSelfSigned, "certificate-self-signed"
	}
	key := "certificate-unknown"
	if len(chain) == 1 {
		key = "certificate-unknown-alone"
	}
	return verdictUnknownAuthority, facts.Say(key, "issuer", quoted(last.Issuer.String()))
}

func isSelfSigned(c *x509.Certificate) bool {
	if !slices.Equal(c.RawIssuer, c.RawSubject) {
		return false
	}
	var weak x509.InsecureAlgorithmError // which can't be checked
	err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	return err == nil || errors.As(err, &weak)
}

func timeFault(c *x509.Certificate, now time.Time) (verdict string, reason facts.Sentence) {
	switch {
	case now.After(c.NotAfter):
		return verdictExpired, facts.Say("certificate-expired", "day", c.NotAfter.UTC().Format(time.DateOnly), "ago", now.Sub(c.NotAfter))
	case now.Before(c.NotBefore):
		return verdictNotYetValid, facts.Say("certificate-early",
			"day", c.NotBefore.UTC().Format(time.DateOnly), "ahead", c.NotBefore.Sub(now), "now", now.UTC().Format(time.DateOnly))
	}
	return "", ""
}

func nameFault(c *x509.Certificate, name string) (verdict string, reason facts.Sentence) {
	if name == "" || c.VerifyHostname(name) == nil {
		return "", ""
	}
	names := Names(c)
	if len(names) == 0 {
		return verdictWrongName, facts.Say("certificate-no-names", "subject", quoted(c.Subject.String()), "name", quoted(name))
	}
	return verdictWrongName, facts.Say("certificate-other-name", "names", listed(names), "name", quoted(name))
}

// listed are a few of the names.
func listed(names []string) facts.Sentence {
	var list []string
	for _, n := range names {
		list = append(list, quoted(n))
	}
	return someOf(list, 4)
}

// keyFault finds the weakest part of a chain. named: its root is one that the user
// named.
func keyFault(chain []*x509.Certificate, named bool) (verdict string, reason facts.Sentence) {
	for i, c := range chain {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
			words := []any{"bits", key.N.BitLen(), "least", minRSA}
			if i == 0 {
				return verdictWeakKey, facts.Say("certificate-weak-own", words...)
			}
			return verdictWeakKey, facts.Say("certificate-weak-issuer", append(words, "issuer", quoted(c.Subject.String()))...)
		}
	}
	if c := weakSignature(chain, named); c != nil {
		return verdictWeakKey, facts.Say("certificate-weak-signature", "subject", quoted(c.Subject.String()), "algorithm", c.SignatureAlgorithm)
	}
	return "", ""
}

// weakSignature is a certificate of the chain whose signature is too weak to
// prove anything. A root's own proves nothing, and many that systems trust are
// old; of one that the user named, and of a server's own, it counts: whoever
// makes such a certificate today makes all of them so.
func weakSignature(chain []*x509.Certificate, named bool) *x509.Certificate {
	for i, c := range chain {
		switch c.SignatureAlgorithm {
		case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
			if named || i == 0 || !slices.Equal(c.RawIssuer, c.RawSubject) {
				return c
			}
		}
	}
	return nil
}

func quoted(s string) string { return `"` + visible.Text(clip(s)) + `"` }
