package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"testing"
	"time"

	"smtptap/proxy/upstream"
)

func TestJudgeDANE(t *testing.T) {
	now := time.Now()
	issue := func(name string, isCA bool, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: isCA, BasicConstraintsValid: true,
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		}
		if parent == nil {
			parent, parentKey = tmpl, key
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, parentKey)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	ca, caKey := issue("Test Authority", true, nil, nil)
	leaf, _ := issue("mx.example.org", false, ca, caKey)
	stranger, _ := issue("mx.example.org", false, nil, nil)
	sha := func(p []byte) string { s := sha256.Sum256(p); return hex.EncodeToString(s[:]) }
	sum512 := sha512.Sum512(leaf.RawSubjectPublicKeyInfo)
	record := func(usage, selector, matching uint8, data string) upstream.TLSA {
		return upstream.TLSA{Usage: usage, Selector: selector, Matching: matching, Data: data, Claimed: true}
	}
	good := record(3, 1, 1, sha(leaf.RawSubjectPublicKeyInfo))
	unclaimed := good
	unclaimed.Claimed = false
	chain := []*x509.Certificate{leaf, ca}
	for _, tt := range []struct {
		name    string
		records []upstream.TLSA
		chain   []*x509.Certificate
		host    string
		want    DANE
	}{
		{"none", nil, chain, "mx.example.org", DANENone},
		{"key", []upstream.TLSA{good}, chain, "mx.example.org", DANEMatch},
		{"key, any name", []upstream.TLSA{good}, chain, "mx.example.com", DANEMatch},
		{"certificate", []upstream.TLSA{record(3, 0, 1, sha(leaf.Raw))}, chain, "mx.example.org", DANEMatch},
		{"SHA-512", []upstream.TLSA{record(3, 1, 2, hex.EncodeToString(sum512[:]))}, chain, "mx.example.org", DANEMatch},
		{"full", []upstream.TLSA{record(3, 0, 0, hex.EncodeToString(leaf.Raw))}, chain, "mx.example.org", DANEMatch},
		{"one of two", []upstream.TLSA{record(3, 1, 1, sha(stranger.RawSubjectPublicKeyInfo)), good}, chain, "mx.example.org", DANEMatch},
		{"other key", []upstream.TLSA{record(3, 1, 1, sha(stranger.RawSubjectPublicKeyInfo))}, chain, "mx.example.org", DANEMismatch},
		{"of the authority as the server's", []upstream.TLSA{record(3, 1, 1, sha(ca.RawSubjectPublicKeyInfo))}, chain, "mx.example.org", DANEMismatch},
		{"authority", []upstream.TLSA{record(2, 0, 1, sha(ca.Raw))}, chain, "mx.example.org", DANEMatch},
		{"authority, wrong name", []upstream.TLSA{record(2, 0, 1, sha(ca.Raw))}, chain, "mx.example.com", DANEMismatch},
		{"authority that is not in the chain", []upstream.TLSA{record(2, 0, 1, sha(ca.Raw))}, chain[:1], "mx.example.org", DANEMismatch},
		{"authority that has not signed", []upstream.TLSA{record(2, 0, 1, sha(ca.Raw))}, []*x509.Certificate{stranger, ca}, "mx.example.org", DANEMismatch},
		{"public authorities only", []upstream.TLSA{record(0, 0, 1, sha(ca.Raw)), record(1, 1, 1, sha(leaf.RawSubjectPublicKeyInfo))}, chain, "mx.example.org", DANEUnusable},
		{"not validated", []upstream.TLSA{unclaimed}, chain, "mx.example.org", DANENotValidated},
	} {
		if got := judgeDANE(tt.records, tt.chain, tt.host, now); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
