package ca_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smtptap/proxy/ca"
)

func newAuthority(t testing.TB) *ca.Authority {
	t.Helper()
	a, err := ca.Open(t.TempDir() + "/ca")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mint(t testing.TB, a *ca.Authority, name string) *tls.Certificate {
	t.Helper()
	c, err := a.Leaf(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRoots(t *testing.T) {
	a := newAuthority(t)
	if err := a.Prepare("mail.example.com"); err != nil {
		t.Fatal(err)
	}
	roots := a.Roots()
	if len(roots) != 2 {
		t.Fatalf("%d roots, want one for this machine and one for the target", len(roots))
	}
	for _, cert := range roots {
		if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
			t.Errorf("the key is %T, want ECDSA P-256", cert.PublicKey)
		}
		if !cert.IsCA || cert.MaxPathLen != 1 {
			t.Error("it can sign more than its issuer")
		}
		if cert.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign || !slices.Equal(cert.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
			t.Errorf("its key is for %v, %v", cert.KeyUsage, cert.ExtKeyUsage)
		}
		if life := cert.NotAfter.Sub(cert.NotBefore); life > 365*24*time.Hour {
			t.Errorf("it lives %v", life)
		}
	}
}

func TestLeaf(t *testing.T) {
	for _, tt := range []struct{ name, also string }{
		{"mail.example.com", "mail.example.com"}, {"Mail.Example.COM.", "mail.example.com"}, {"192.0.2.1", "192.0.2.1"},
		{"[2001:db8::1]", "2001:db8::1"}, {"::ffff:192.0.2.1", "192.0.2.1"}, {"_mta.example_x.test", "_mta.example_x.test"},
		{strings.Repeat("a", 63) + ".example.com", strings.Repeat("a", 63) + ".example.com"},
		// No certificate can hold these, or none should.
		{"", ""}, {"localhost", ""}, {"127.0.0.1", ""}, {"*.example.net", ""}, {"bücher.example", ""}, {"a b.example", ""},
		{"a\x00.example", ""}, {"a..example", ""}, {".", ""}, {strings.Repeat("x.", 150) + "example", ""},
	} {
		a := newAuthority(t)
		minted := mint(t, a, tt.name)
		leaf := minted.Leaf
		issuers := x509.NewCertPool()
		issuers.AddCert(issuerOf(t, minted))
		for _, name := range []string{"localhost", "127.0.0.1", "::1", tt.also} {
			if name == "" {
				continue
			}
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), Intermediates: issuers, DNSName: name}); err != nil {
				t.Errorf("leaf for %q: %s: %v", tt.name, name, err)
			}
		}
		if n := len(leaf.DNSNames) + len(leaf.IPAddresses); n != 3 && tt.also == "" || n > 4 {
			t.Errorf("leaf for %q has the names %v %v", tt.name, leaf.DNSNames, leaf.IPAddresses)
		}
		if leaf.IsCA || !slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
			t.Error("it is good for more than a server")
		}
		if bits := leaf.SerialNumber.BitLen(); bits <= 64 || bits > 128 {
			t.Errorf("the serial number has %d bits", bits)
		}
		if back := time.Since(leaf.NotBefore).Round(time.Hour); back != 48*time.Hour {
			t.Errorf("it begins %v ago", back)
		}
	}
}

// Whoever steals the keys of all roots can pose as no server that was no target.
func TestStolenKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	a, err := ca.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"mail.example.com", "192.0.2.1"} {
		if err := a.Prepare(target); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "roots", "*.pem"))
	if err != nil || len(files) != 3 {
		t.Fatalf("roots are in %q, %v", files, err)
	}
	for _, file := range files {
		issuer, key := steal(t, file)
		issuers := x509.NewCertPool()
		issuers.AddCert(issuer)
		for _, forged := range []string{"bank.example", "example.com", "smtp.example.com", "192.0.2.2", "10.0.0.1", "2001:db8::1"} {
			leaf := forge(t, issuer, key, forged)
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), Intermediates: issuers, DNSName: forged}); err == nil {
				t.Errorf("%v signs for %s", issuer.Subject, forged)
			}
		}
	}
}

// issuerOf is who has signed a leaf, and may sign no other authority.
func issuerOf(t testing.TB, leaf *tls.Certificate) *x509.Certificate {
	t.Helper()
	issuer, err := x509.ParseCertificate(leaf.Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	if !issuer.IsCA || issuer.MaxPathLen != 0 || !issuer.MaxPathLenZero {
		t.Error("its issuer can sign other authorities")
	}
	return issuer
}

// steal takes what a root's file holds: the issuer and its key. That of the root
// is nowhere.
func steal(t *testing.T, file string) (*x509.Certificate, any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest := pem.Decode(data)
	certBlock, rest := pem.Decode(rest)
	keyBlock, rest := pem.Decode(rest)
	if len(rest) > 0 {
		t.Errorf("%s holds more than two certificates and a key", file)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !key.(*ecdsa.PrivateKey).PublicKey.Equal(cert.PublicKey) {
		t.Errorf("the key in %s is not the issuer's", file)
	}
	return cert, key
}

func forge(t *testing.T, root *x509.Certificate, key any, name string) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, root, key.(*ecdsa.PrivateKey).Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// Those who ask for the same leaf at the same time get the same.
func TestLeafMintedOnce(t *testing.T) {
	a := newAuthority(t)
	var all [32]*tls.Certificate
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i], _ = a.Leaf("mail.example.com") })
	}
	wg.Wait()
	for _, c := range all {
		if c == nil || c != all[0] {
			t.Fatal("minted more than once")
		}
	}
}

func TestLeafCacheIsBounded(t *testing.T) {
	a := newAuthority(t)
	first := mint(t, a, "first.example")
	for i := range 49 {
		mint(t, a, fmt.Sprintf("h%d.example", i))
	}
	if mint(t, a, "first.example") != first {
		t.Error("the 50th leaf pushed the first one out")
	}
	// h0 is now the one that was not used for longest.
	h0 := mint(t, a, "h0.example")
	for i := range 50 {
		mint(t, a, fmt.Sprintf("more%d.example", i))
	}
	if mint(t, a, "h0.example") == h0 {
		t.Error("more than 50 leaves are kept")
	}
}

// Targets come and go: the bundle does not grow for ever.
func TestRootsAreBounded(t *testing.T) {
	a := newAuthority(t)
	for i := range 80 {
		mint(t, a, fmt.Sprintf("h%d.example", i))
	}
	if n := len(a.Roots()); n > 64 {
		t.Errorf("%d roots", n)
	}
	mint(t, a, "h79.example")
}

// The keys leave the authority in no form.
func TestPEMHoldsNoKey(t *testing.T) {
	if pem := newAuthority(t).PEM(); bytes.Contains(pem, []byte("PRIVATE")) || bytes.Count(pem, []byte("BEGIN")) != 1 {
		t.Errorf("it is\n%s", pem)
	}
}

func BenchmarkLeafCached(b *testing.B) {
	a := newAuthority(b)
	for b.Loop() {
		mint(b, a, "mail.example.com")
	}
}
