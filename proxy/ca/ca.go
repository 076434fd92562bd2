// Package ca is the local certificate authority with which smtptap opens the
// TLS of clients that trust it, and mints the certificates that they see.
//
// Whoever holds the authority's key can impersonate every server to those
// clients. So the key is made where nobody else can read it, is never written
// over, exported or logged, and is refused when its file or folder has become
// open to others.
package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// How long certificates are good for. They begin in the past, for clients
// whose clock is slow.
const (
	backdated     = 48 * time.Hour
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 7 * 24 * time.Hour
)

// An Authority signs certificates. Its methods may be called from any goroutine.
type Authority struct {
	cert *x509.Certificate
	pem  []byte
	key  *ecdsa.PrivateKey
	path string
	mint minter
}

// DefaultDir is the authority's folder: smtptap/ca in the user's state folder
// ($XDG_STATE_HOME, or ~/.local/state).
func DefaultDir() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the user's state folder for the certificate authority: %w", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "smtptap", "ca"), nil
}

// Open returns the authority in dir and makes it if there is none. The error
// is one line that says what is wrong with which file and what to do.
func Open(dir string) (*Authority, error) { return open(dir, true) }

// Load returns the authority in dir. The error wraps fs.ErrNotExist when there
// is none.
func Load(dir string) (*Authority, error) { return open(dir, false) }

func open(dir string, create bool) (*Authority, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	st, err := openStore(abs, create)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	defer st.close()
	a, err := st.authority(create, time.Now())
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return a, nil
}

// Path is the file that holds the authority's certificate, for clients to trust.
func (a *Authority) Path() string { return a.path }

// PEM is the authority's certificate.
func (a *Authority) PEM() []byte { return append([]byte(nil), a.pem...) }

// Certificate is the authority's certificate.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// newRoot makes the certificate of an authority with that key.
func newRoot(key *ecdsa.PrivateKey, now time.Time) (der []byte, err error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	name := pkix.Name{Organization: []string{"smtptap"}, CommonName: "smtptap local authority"}
	if host, err := os.Hostname(); err == nil {
		name.OrganizationalUnit = []string{host} // tells the authorities of several machines apart
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      name,
		NotBefore:    now.Add(-backdated),
		NotAfter:     now.Add(authorityLife),
		KeyUsage:     x509.KeyUsageCertSign | x509.KeyUsageCRLSign,

		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // it signs no other authority
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
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

const (
	pemKey  = "PRIVATE KEY"
	pemCert = "CERTIFICATE"
)

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), nil
}

func decodeKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemKey {
		return nil, errors.New("holds no private key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("holds no private key that can be read")
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, errors.New("holds a private key of another kind than ECDSA P-256")
	}
	return ec, nil
}

func decodeCert(data []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemCert {
		return nil, errors.New("holds no certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.New("holds no certificate that can be read")
	}
	return cert, nil
}
