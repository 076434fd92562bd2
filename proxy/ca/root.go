package ca

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"
)

// How long certificates are good for. They begin in the past, for clients
// whose clock is slow.
const (
	backdated = 48 * time.Hour
	rootLife  = 365*24*time.Hour - backdated
	leafLife  = 7 * 24 * time.Hour

	// renewAhead is how long before its end a root gets a successor. Until
	// lastLeaf before its end it goes on signing, so that clients that have
	// read the file at some time in between know who has signed.
	renewAhead = 60 * 24 * time.Hour
	lastLeaf   = leafLife + 24*time.Hour
)

// A root signs for this machine and for the host that it is constrained to.
type root struct {
	host host
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newRoot makes a root for that host.
func newRoot(h host, now time.Time) (*root, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      rootName(h),
		NotBefore:    now.Add(-backdated),
		NotAfter:     now.Add(rootLife),
		KeyUsage:     x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // it signs no other authority

		// Kinds of names without a constraint of their own would be free.
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{localhost},
		PermittedIPRanges:           []*net.IPNet{ipNet(netip.MustParsePrefix("127.0.0.0/8")), ipNet(netip.MustParsePrefix("::1/128"))},
		PermittedEmailAddresses:     []string{localhost},
		PermittedURIDomains:         []string{localhost},
	}
	switch {
	case h.addr.IsValid():
		template.PermittedIPRanges = append(template.PermittedIPRanges, ipNet(netip.PrefixFrom(h.addr, h.addr.BitLen())))
	case h.name != "":
		template.PermittedDNSDomains = append(template.PermittedDNSDomains, h.name)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &root{h, cert, key}, err
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// rootName tells roots apart by machine and target in a list of authorities.
func rootName(h host) pkix.Name {
	name := pkix.Name{Organization: []string{"smtptap"}, CommonName: cutTo("smtptap for "+h.String(), maxCommonName)}
	if machine, err := os.Hostname(); err == nil {
		name.OrganizationalUnit = []string{cutTo(machine, maxCommonName)}
	}
	return name
}

// name is that of the root's file: which host it is for, and when it expires.
func (r *root) name() string {
	sum := sha256.Sum256([]byte(r.host.String()))
	return hex.EncodeToString(sum[:8]) + "-" + r.cert.NotAfter.UTC().Format("20060102") + ".pem"
}

// hostOf reads back what newRoot has written into a certificate.
func hostOf(cert *x509.Certificate) host {
	for _, name := range cert.PermittedDNSDomains {
		if name != localhost {
			return parseHost(name)
		}
	}
	for _, n := range cert.PermittedIPRanges {
		if addr, ok := netip.AddrFromSlice(n.IP); ok && !addr.Unmap().IsLoopback() {
			return host{addr: addr.Unmap()}
		}
	}
	return host{}
}

// encode is the root as its file holds it: the certificate and its key.
func (r *root) encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(r.key)
	if err != nil {
		return nil, err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: pemCert, Bytes: r.cert.Raw})
	return append(cert, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der})...), nil
}

const (
	pemKey  = "PRIVATE KEY"
	pemCert = "CERTIFICATE"
)

var errNoRoot = errors.New("holds no root with its key")

// decodeRoot reads what encode wrote. A root that is not constrained is none.
func decodeRoot(data []byte) (*root, error) {
	certBlock, rest := pem.Decode(data)
	keyBlock, _ := pem.Decode(rest)
	if certBlock == nil || certBlock.Type != pemCert || keyBlock == nil || keyBlock.Type != pemKey {
		return nil, errNoRoot
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, errNoRoot
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	switch {
	case err != nil || !ok || key.Curve != elliptic.P256() || !key.PublicKey.Equal(cert.PublicKey):
		return nil, errNoRoot
	case !cert.IsCA || !cert.PermittedDNSDomainsCritical || len(cert.PermittedDNSDomains) == 0 || len(cert.PermittedIPRanges) == 0:
		return nil, errNoRoot
	}
	return &root{hostOf(cert), cert, key}, nil
}

// signer is the root that signs for that host: the oldest that will live
// longer than what it signs.
func signer(roots []*root, h host, now time.Time) *root {
	for _, r := range roots {
		if r.host == h && r.left(now) > lastLeaf {
			return r
		}
	}
	return nil
}

// needsSuccessor reports that no root for that host will be there for long.
func needsSuccessor(roots []*root, h host, now time.Time) bool {
	return !slices.ContainsFunc(roots, func(r *root) bool { return r.host == h && r.left(now) > renewAhead })
}

// left is how long the root is still valid.
func (r *root) left(now time.Time) time.Duration { return r.cert.NotAfter.Sub(now) }

func sortRoots(roots []*root) {
	slices.SortFunc(roots, func(a, b *root) int {
		return cmp.Or(a.cert.NotAfter.Compare(b.cert.NotAfter), cmp.Compare(a.name(), b.name()))
	})
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// newSerial is a random number of 128 bits (RFC 5280 section 4.1.2.2 allows 20
// octets, and wants it positive).
func newSerial() (*big.Int, error) {
	for {
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
		if err != nil || n.Sign() > 0 {
			return n, err
		}
	}
}
