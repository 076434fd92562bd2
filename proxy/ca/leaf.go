package ca

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// maxLeaves bounds how many leaves are kept at hand.
	maxLeaves = 50
	// refresh is how long before its end a leaf is replaced, so that a
	// session which begins now does not meet an expired one.
	refresh = 24 * time.Hour
)

// A minter keeps the leaves that were minted, the latest used last.
type minter struct {
	mu     sync.Mutex
	leaves []*leaf
}

// A leaf is a certificate for one host. once makes those who ask for it at the
// same time wait for the first.
type leaf struct {
	host host
	ends time.Time
	once sync.Once
	cert *tls.Certificate
	err  error
}

// Leaf returns a certificate for that host name or IP address, for localhost and
// for the loopback addresses, with the key that goes with it. A name that no
// certificate can hold, such as "" or a wildcard, leaves those of this machine.
func (a *Authority) Leaf(name string) (*tls.Certificate, error) {
	return a.leafAt(time.Now(), name)
}

func (a *Authority) leafAt(now time.Time, name string) (*tls.Certificate, error) {
	h := parseHost(name)
	l := a.mint.find(h, now)
	l.once.Do(func() {
		var by *root
		if by, l.err = a.rootFor(h, now); l.err == nil {
			l.cert, l.err = by.sign(now, "")
		}
	})
	if l.err != nil {
		a.mint.forget(l)
	}
	return l.cert, l.err
}

// forget lets the next one try again to mint what could not be minted.
func (m *minter) forget(l *leaf) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leaves = slices.DeleteFunc(m.leaves, func(o *leaf) bool { return o == l })
}

// forgetHosts drops the leaves whose root is gone.
func (m *minter) forgetHosts(gone []host) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leaves = slices.DeleteFunc(m.leaves, func(l *leaf) bool { return slices.Contains(gone, l.host) })
}

// find returns the leaf of that host, a new one if there is none at hand that
// is good for a while.
func (m *minter) find(h host, now time.Time) *leaf {
	m.mu.Lock()
	defer m.mu.Unlock()
	var l *leaf
	if i := slices.IndexFunc(m.leaves, func(l *leaf) bool { return l.host == h }); i >= 0 {
		l = m.leaves[i]
		m.leaves = slices.Delete(m.leaves, i, i+1)
	}
	if l == nil || now.After(l.ends.Add(-refresh)) {
		l = &leaf{host: h, ends: now.Add(leafLife)}
	}
	if len(m.leaves) >= maxLeaves {
		m.leaves = slices.Delete(m.leaves, 0, 1)
	}
	m.leaves = append(m.leaves, l)
	return l
}

// sign makes a certificate for the root's host that has that fault, "" for none.
func (r *root) sign(now time.Time, fault Fault) (*tls.Certificate, error) {
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
		Subject:      pkix.Name{Organization: []string{"smtptap"}, CommonName: r.host.commonName()},
		NotBefore:    now.Add(-backdated),
		NotAfter:     now.Add(leafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{localhost},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},

		BasicConstraintsValid: true,
	}
	switch h := r.host; {
	case h.addr.IsValid():
		template.IPAddresses = append(template.IPAddresses, h.addr.AsSlice())
	case h.name != "":
		template.DNSNames = append(template.DNSNames, h.name)
	}
	issuer, signer := r.issuer, r.key
	switch fault {
	case Expired:
		template.NotBefore, template.NotAfter = now.Add(-leafLife), now.Add(-24*time.Hour)
	case WrongName:
		template.Subject.CommonName = wrongName
		template.DNSNames, template.IPAddresses = []string{wrongName}, nil
	case SelfSigned:
		issuer, signer = template, key
	}
	cert, err := certify(template, issuer, key, signer)
	if err != nil {
		return nil, err
	}
	chain := [][]byte{cert.Raw}
	if fault != SelfSigned {
		chain = append(chain, r.issuer.Raw)
	}
	return &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: cert}, nil
}
