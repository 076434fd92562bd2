package handshake

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
type verdictError struct{ verdict, reason string }

func (e *verdictError) Error() string { return e.reason }

// minRSA is the shortest RSA key that is not weak, in bits (NIST SP 800-57
// part 1, table 2: less stopped being good enough in 2013).
const minRSA = 2048

// judge gives the verdict on a server's chain and the reason in words, which
// are safe to print. A name of "" is not looked for. Of several faults the gravest
// is the verdict, and the others are in the reason: an untrusted chain, then the
// time, then the name, then the key.
func judge(chain []*x509.Certificate, name string, roots *x509.CertPool, now time.Time) (verdict, reason string) {
	if len(chain) == 0 {
		return verdictOther, "the server showed no certificate"
	}
	verdict = verdictOK
	var reasons []string
	for _, find := range []func() (string, string){
		func() (string, string) { return chainFault(chain, roots, now) },
		func() (string, string) { return timeFault(chain[0], now) },
		func() (string, string) { return nameFault(chain[0], name) },
		func() (string, string) { return keyFault(proven(chain, roots, now), roots != nil) },
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
	return verdict, strings.Join(reasons, "; also, ")
}

// chainFault says what is wrong with the chain, apart from the leaf's own time:
// when that is not now, the chain is looked at as of a time when it was.
func chainFault(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) (verdict, reason string) {
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
		return v, "of its issuer " + quoted(invalid.Cert.Subject.String()) + ": " + r
	case errors.As(err, &unknown):
		return unknownAuthority(chain)
	}
	return verdictOther, visible.Text(strings.TrimPrefix(err.Error(), "x509: "))
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

func unknownAuthority(chain []*x509.Certificate) (verdict, reason string) {
	leaf, last := chain[0], chain[len(chain)-1]
	if isSelfSigned(leaf) {
		return verdictSelfSigned, "it is signed by itself; to trust it, give it with --server-ca"
	}
	reason = "its issuer " + quoted(last.Issuer.String()) + " is not trusted here; to trust it, give its certificate with --server-ca"
	if len(chain) == 1 {
		reason += ". The server sent no certificate beside its own: perhaps the one between it and the root is missing"
	}
	return verdictUnknownAuthority, reason
}

func isSelfSigned(c *x509.Certificate) bool {
	if !slices.Equal(c.RawIssuer, c.RawSubject) {
		return false
	}
	var weak x509.InsecureAlgorithmError // which can't be checked
	err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	return err == nil || errors.As(err, &weak)
}

func timeFault(c *x509.Certificate, now time.Time) (verdict, reason string) {
	switch {
	case now.After(c.NotAfter):
		return verdictExpired, fmt.Sprintf("it expired on %s, %s ago", c.NotAfter.UTC().Format(time.DateOnly), days(now.Sub(c.NotAfter)))
	case now.Before(c.NotBefore):
		return verdictNotYetValid, fmt.Sprintf("it is valid from %s, in %s; this machine's clock says %s",
			c.NotBefore.UTC().Format(time.DateOnly), days(c.NotBefore.Sub(now)), now.UTC().Format(time.DateOnly))
	}
	return "", ""
}

func days(d time.Duration) string {
	switch n := int(d / (24 * time.Hour)); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}

func nameFault(c *x509.Certificate, name string) (verdict, reason string) {
	if name == "" || c.VerifyHostname(name) == nil {
		return "", ""
	}
	names := Names(c)
	if len(names) == 0 {
		return verdictWrongName, fmt.Sprintf("it has no names beside its subject %s, which counts no more; %s was asked for", quoted(c.Subject.String()), quoted(name))
	}
	return verdictWrongName, fmt.Sprintf("it is for %s, but %s was asked for: this is another server, or the same under another name. Some networks lead mail ports to a server of their own",
		listed(names), quoted(name))
}

// listed are a few of the names.
func listed(names []string) string {
	const most = 4
	var list []string
	for _, n := range clipList(names, most) {
		list = append(list, quoted(n))
	}
	text := strings.Join(list, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// keyFault finds the weakest part of a chain. named: its root is one that the user
// named.
func keyFault(chain []*x509.Certificate, named bool) (verdict, reason string) {
	for i, c := range chain {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
			return verdictWeakKey, fmt.Sprintf("%s RSA key has %d bits; less than %d can be broken", whose(i, c), key.N.BitLen(), minRSA)
		}
	}
	if c := weakSignature(chain, named); c != nil {
		return verdictWeakKey, fmt.Sprintf("%s is signed with %s, which can be forged", quoted(c.Subject.String()), c.SignatureAlgorithm)
	}
	return "", ""
}

func whose(place int, c *x509.Certificate) string {
	if place == 0 {
		return "its"
	}
	return "of its issuer " + quoted(c.Subject.String()) + " the"
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
