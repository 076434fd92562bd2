package ca_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"fmt"
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

func mint(t testing.TB, a *ca.Authority, names ...string) *tls.Certificate {
	t.Helper()
	c, err := a.Leaf(names...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAuthority(t *testing.T) {
	cert := newAuthority(t).Certificate()
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("the key is %T, want ECDSA P-256", cert.PublicKey)
	}
	if !cert.IsCA || cert.MaxPathLen != 0 || !cert.MaxPathLenZero {
		t.Error("it can sign other authorities")
	}
	if cert.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("its key is for %v", cert.KeyUsage)
	}
}

func TestLeaf(t *testing.T) {
	a := newAuthority(t)
	leaf := mint(t, a, "mail.example.com", "*.example.net", "192.0.2.1", "[2001:db8::1]", "Mail.Example.COM.").Leaf
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	for name, good := range map[string]bool{
		"mail.example.com": true, "smtp.example.net": true, "192.0.2.1": true, "2001:db8::1": true,
		"other.example.com": false, "example.net": false, "192.0.2.2": false,
	} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		if (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(leaf.DNSNames) != 2 || leaf.Subject.CommonName != "mail.example.com" {
		t.Errorf("names %v, common name %q", leaf.DNSNames, leaf.Subject.CommonName)
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
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > 199*24*time.Hour {
		t.Errorf("it is good for %v", life)
	}
}

// Names that no certificate can hold leave room for the others.
func TestLeafOddNames(t *testing.T) {
	a := newAuthority(t)
	long := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + ".example.com"
	for _, tt := range []struct {
		names []string
		want  []string
		cn    string
	}{
		{nil, nil, "smtptap"},
		{[]string{""}, nil, "smtptap"},
		{[]string{"bücher.example", "xn--bcher-kva.example"}, []string{"xn--bcher-kva.example"}, "xn--bcher-kva.example"},
		{[]string{"a b.example", "a\x00.example", "a..example", ".", "*.*.example"}, nil, "smtptap"},
		{[]string{strings.Repeat("x.", 150) + "example"}, nil, "smtptap"},
		{[]string{long, "short.example"}, []string{long, "short.example"}, "short.example"},
		{[]string{"_mta.example_x.test"}, []string{"_mta.example_x.test"}, "_mta.example_x.test"},
		{[]string{"::ffff:192.0.2.1", "fe80::1%eth0"}, nil, "192.0.2.1"},
	} {
		leaf := mint(t, a, tt.names...).Leaf
		if !slices.Equal(leaf.DNSNames, tt.want) || leaf.Subject.CommonName != tt.cn {
			t.Errorf("%q: names %q, common name %q", tt.names, leaf.DNSNames, leaf.Subject.CommonName)
		}
	}
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf("h%d.example", i))
	}
	if n := len(mint(t, a, many...).Leaf.DNSNames); n != 100 {
		t.Errorf("a leaf has %d names", n)
	}
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
	for i := range 99 {
		mint(t, a, fmt.Sprintf("h%d.example", i))
	}
	if mint(t, a, "first.example") != first {
		t.Error("the 100th leaf pushed the first one out")
	}
	// h0 is now the one that was not used for longest.
	h0 := mint(t, a, "h0.example")
	for i := range 100 {
		mint(t, a, fmt.Sprintf("more%d.example", i))
	}
	if mint(t, a, "h0.example") == h0 {
		t.Error("more than 100 leaves are kept")
	}
}

// The key leaves the authority in no form.
func TestPEMHoldsNoKey(t *testing.T) {
	if pem := newAuthority(t).PEM(); bytes.Contains(pem, []byte("PRIVATE")) || bytes.Count(pem, []byte("BEGIN")) != 1 {
		t.Errorf("it is\n%s", pem)
	}
}

func BenchmarkLeafMinted(b *testing.B) {
	a := newAuthority(b)
	for i := 0; b.Loop(); i++ {
		mint(b, a, fmt.Sprintf("h%d.example", i))
	}
}

func BenchmarkLeafCached(b *testing.B) {
	a := newAuthority(b)
	for b.Loop() {
		mint(b, a, "mail.example.com")
	}
}
