// Package certtest makes certificates for tests: good ones, and such as are
// wrong in one way.
package certtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// An Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	tls  tls.Certificate
}

// A Spec says what a certificate is like. The zero value is a certificate of an
// ECDSA key that is valid now, for a server of no name.
type Spec struct {
	Names     []string // host names and IP addresses
	NotBefore time.Time
	NotAfter  time.Time
	RSA       int              // bits of an RSA key; 0 for ECDSA P-256
	SHA1      bool             // signed with that; the authority needs an RSA key
	MD5       bool             // says that it is signed with that, which it isn't: nobody checks it of a root
	Usage     x509.ExtKeyUsage // 0 is ExtKeyUsageAny and means a server's
	Subject   string           // common name
}

const day = 24 * time.Hour

// NewAuthority makes a root.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	return authority(t, Spec{Subject: name}, nil)
}

// NewRoot makes a root like that.
func NewRoot(t testing.TB, s Spec) *Authority {
	t.Helper()
	return authority(t, s, nil)
}

// Below makes an authority that a has signed.
func (a *Authority) Below(t testing.TB, s Spec) *Authority {
	t.Helper()
	return authority(t, s, a)
}

func authority(t testing.TB, s Spec, above *Authority) *Authority {
	template := s.template(t)
	template.IsCA = true
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageCertSign, nil
	c := sign(t, template, s.key(t), above)
	if s.MD5 {
		c = sayMD5(t, c)
	}
	return &Authority{cert: c.Leaf, key: c.PrivateKey.(crypto.Signer), tls: c}
}

// Issue makes a server's certificate.
func (a *Authority) Issue(t testing.TB, s Spec) tls.Certificate {
	t.Helper()
	return sign(t, s.template(t), s.key(t), a)
}

// SelfSigned makes a self-signed certificate of a server.
func SelfSigned(t testing.TB, s Spec) tls.Certificate {
	t.Helper()
	if s.MD5 {
		return sayMD5(t, sign(t, s.template(t), s.key(t), nil))
	}
	return sign(t, s.template(t), s.key(t), nil)
}

// Pool holds the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// PEM is the authority's certificate.
func (a *Authority) PEM() []byte { return PEM(a.tls) }

// PEM is the chain of a certificate.
func PEM(c tls.Certificate) (data []byte) {
	for _, der := range c.Certificate {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return data
}

// KeyPEM is the key of a certificate.
func KeyPEM(t testing.TB, c tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (s Spec) template(t testing.TB) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: s.Subject},
		NotBefore: s.NotBefore, NotAfter: s.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = time.Now().Add(-60 * day)
	}
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(60 * day)
	}
	c.ExtKeyUsage = []x509.ExtKeyUsage{s.Usage}
	if s.Usage == x509.ExtKeyUsageAny {
		c.ExtKeyUsage[0] = x509.ExtKeyUsageServerAuth
	}
	if s.SHA1 || s.MD5 {
		c.SignatureAlgorithm = x509.SHA1WithRSA
	}
	for _, n := range s.Names {
		if ip := net.ParseIP(n); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	return c
}

func (s Spec) key(t testing.TB) crypto.Signer {
	t.Helper()
	if s.RSA == 0 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	key, err := rsa.GenerateKey(rand.Reader, s.RSA)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template *x509.Certificate, key crypto.Signer, by *Authority) tls.Certificate {
	t.Helper()
	parent, signer := template, key
	var above [][]byte
	if by != nil {
		parent, signer = by.cert, by.key
		if by.cert.CheckSignatureFrom(by.cert) != nil { // a root is left out, as servers do
			above = by.tls.Certificate
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: append([][]byte{der}, above...), PrivateKey: key, Leaf: leaf}
}

// sayMD5 turns the name of SHA1-RSA in a certificate into that of MD5-RSA (RFC
// 8017 appendix A.2.4).
func sayMD5(t testing.TB, c tls.Certificate) tls.Certificate {
	t.Helper()
	oid := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01}
	der := bytes.ReplaceAll(c.Certificate[0], append(oid, 5), append(oid, 4))
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: c.PrivateKey, Leaf: leaf}
}
