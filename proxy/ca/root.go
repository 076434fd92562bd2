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

// A root is a root certificate, and an issuer below it that signs for this
// machine and for the host that both are constrained to. The root's own key is
// gone once it has signed the issuer: some clients, Java among them, don't look
// at the constraints of a certificate that they were told to trust, only at those
// of what stands below it.
type root struct {
	host   host
	cert   *x509.Certificate
	issuer *x509.Certificate
	key    *ecdsa.PrivateKey // the issuer's
}

// newRoot makes a root for that host.
func newRoot(h host, now time.Time) (*root, error) {
	rootKey, err := newKey()
	if err != nil {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := constrained(h, now, "smtptap for "+h.String())
	if err != nil {
		return nil, err
	}
	template.MaxPathLen = 1
	cert, err := certify(template, template, rootKey, rootKey)
	if err != nil {
		return nil, err
	}
	below, err := constrained(h, now, "smtptap issuer for "+h.String())
	if err != nil {
		return nil, err
	}
	below.MaxPathLenZero = true // it signs no other authority
	issuer, err := certify(below, cert, key, rootKey)
	return &root{h, cert, issuer, key}, err
}

// constrained is the template of an authority for that host.
func constrained(h host, now time.Time, name string) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject(name),
		NotBefore:    now.Add(-backdated),
		NotAfter:     now.Add(rootLife),
		KeyUsage:     x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		BasicConstraintsValid: true,
		IsCA:                  true,

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
	return template, nil
}

// certify makes a certificate for the key, signed by another.
func certify(template, parent *x509.Certificate, key, signedBy *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signedBy)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// subject tells authorities apart by machine and target in a list of them.
func subject(common string) pkix.Name {
	name := pkix.Name{Organization: []string{"smtptap"}, CommonName: cutTo(common, maxCommonName)}
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

// encode is the root as its file holds it: both certificates and the issuer's key.
func (r *root) encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(r.key)
	if err != nil {
		return nil, err
	}
	certs := bundle([]*x509.Certificate{r.cert, r.issuer})
	return append(certs, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der})...), nil
}

const (
	pemKey  = "PRIVATE KEY"
	pemCert = "CERTIFICATE"
)

var (
	errNoRoot  = words.Error("no-root")
	errOldRoot = words.Error("old-root") // as they once were
)

// decodeRoot reads what encode wrote. One that is not constrained is none.
func decodeRoot(data []byte) (*root, error) {
	var certs []*x509.Certificate
	block, rest := pem.Decode(data)
	for ; block != nil && block.Type == pemCert; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !cert.IsCA || !cert.PermittedDNSDomainsCritical || len(cert.PermittedDNSDomains) == 0 || len(cert.PermittedIPRanges) == 0 {
			return nil, errNoRoot
		}
		certs = append(certs, cert)
	}
	if block == nil || block.Type != pemKey {
		return nil, errNoRoot
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	switch {
	case len(certs) == 1:
		return nil, errOldRoot
	case err != nil || !ok || len(certs) != 2 || key.Curve != elliptic.P256() || !key.PublicKey.Equal(certs[1].PublicKey) || certs[1].CheckSignatureFrom(certs[0]) != nil:
		return nil, errNoRoot
	}
	return &root{hostOf(certs[0]), certs[0], certs[1], key}, nil
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
