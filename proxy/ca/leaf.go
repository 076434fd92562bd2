package ca

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxLeaves bounds how many leaves are kept at hand.
	maxLeaves = 100
	// maxNames bounds the names of one leaf.
	maxNames = 100
	// refresh is how long before its end a leaf is replaced, so that a
	// session which begins now does not meet an expired one.
	refresh = 24 * time.Hour
	// maxCommonName is what a common name may hold (RFC 5280 appendix A.1).
	maxCommonName = 64
)

// A minter keeps the leaves that were minted, the latest used last.
type minter struct {
	mu     sync.Mutex
	leaves []*leaf
}

// A leaf is a certificate for one set of names. once makes those who ask for
// it at the same time wait for the first.
type leaf struct {
	key  string
	ends time.Time
	once sync.Once
	cert *tls.Certificate
	err  error
}

// Leaf returns a certificate for these host names and IP addresses, with the
// key that goes with it. The first one that is usable is its common name. Names
// that no certificate can hold are left out.
func (a *Authority) Leaf(names ...string) (*tls.Certificate, error) {
	return a.leafAt(time.Now(), names)
}

func (a *Authority) leafAt(now time.Time, names []string) (*tls.Certificate, error) {
	hosts := usable(names)
	l := a.mint.find(hosts.key(), now)
	l.once.Do(func() { l.cert, l.err = a.sign(hosts, now) })
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

// find returns the leaf of that key, a new one if there is none at hand that
// is good for a while.
func (m *minter) find(key string, now time.Time) *leaf {
	m.mu.Lock()
	defer m.mu.Unlock()
	var l *leaf
	if i := slices.IndexFunc(m.leaves, func(l *leaf) bool { return l.key == key }); i >= 0 {
		l = m.leaves[i]
		m.leaves = slices.Delete(m.leaves, i, i+1)
	}
	if l == nil || now.After(l.ends.Add(-refresh)) {
		l = &leaf{key: key, ends: now.Add(leafLife)}
	}
	if len(m.leaves) >= maxLeaves {
		m.leaves = slices.Delete(m.leaves, 0, 1)
	}
	m.leaves = append(m.leaves, l)
	return l
}

// sign makes a certificate.
func (a *Authority) sign(hosts hosts, now time.Time) (*tls.Certificate, error) {
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
		Subject:      pkix.Name{Organization: []string{"smtptap"}, CommonName: hosts.commonName()},
		NotBefore:    later(now.Add(-backdated), a.cert.NotBefore),
		NotAfter:     earlier(now.Add(leafLife), a.cert.NotAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     hosts.names,

		BasicConstraintsValid: true,
	}
	for _, ip := range hosts.addrs {
		template.IPAddresses = append(template.IPAddresses, ip.AsSlice())
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// hosts are the names of a certificate.
type hosts struct {
	names []string // lower case
	addrs []netip.Addr
}

// usable sorts names into what a certificate can hold.
func usable(names []string) (h hosts) {
	for _, name := range names {
		if len(h.names)+len(h.addrs) == maxNames {
			break
		}
		if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			if ip = ip.Unmap().WithZone(""); !slices.Contains(h.addrs, ip) {
				h.addrs = append(h.addrs, ip)
			}
			continue
		}
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if isHostName(name) && !slices.Contains(h.names, name) {
			h.names = append(h.names, name)
		}
	}
	return h
}

// isHostName reports whether name can stand in a certificate: labels of
// letters, digits, hyphens and underscores, the first perhaps an asterisk, in
// at most 253 octets (RFC 5280 section 4.2.1.6, RFC 6125 section 6.4.3).
func isHostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	name = strings.TrimPrefix(name, "*.")
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// key is the same for the same names in the same order.
func (h hosts) key() string {
	var b strings.Builder
	for _, n := range h.names {
		b.WriteString(n + " ")
	}
	for _, ip := range h.addrs {
		b.WriteString(ip.String() + " ")
	}
	return b.String()
}

// commonName is the first name that fits. Clients look at it only where there
// are no other names.
func (h hosts) commonName() string {
	for _, n := range h.names {
		if len(n) <= maxCommonName {
			return n
		}
	}
	if len(h.addrs) > 0 {
		return h.addrs[0].String()
	}
	return "smtptap"
}
