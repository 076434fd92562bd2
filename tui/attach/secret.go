package attach

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Secret is what both ends of a connection over TCP know. It is never sent: the
// key of the certificate that each shows the other follows from it.
type Secret [32]byte

// ReadSecret reads the secret in a file.
func ReadSecret(path string) (s Secret, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || copy(s[:], b) != len(s) || len(b) != len(s) {
		return s, fmt.Errorf("%q holds no token: copy the file that the other smtptap has made", path)
	}
	return s, nil
}

// MakeSecret reads the secret in a file, which it makes if there is none.
func MakeSecret(path string) (Secret, error) {
	s, err := ReadSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	rand.Read(s[:])
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return s, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return s, err
	}
	_, err = f.WriteString(base64.RawURLEncoding.EncodeToString(s[:]) + "\n")
	return s, errors.Join(err, f.Close())
}

// ErrStranger says that the other end does not know the secret.
var ErrStranger = errors.New("the other end has another token")

// TLS is the configuration of either end.
func (s Secret) TLS() (*tls.Config, error) {
	seed := hmac.New(sha256.New, s[:])
	seed.Write([]byte("smtptap attach"))
	key := ed25519.NewKeyFromSeed(seed.Sum(nil))
	certificate, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(100, 0, 0)},
		&x509.Certificate{}, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // no authority signs the key: it is the same on both ends
		SessionTicketsDisabled: true,
		VerifyConnection: func(c tls.ConnectionState) error {
			if len(c.PeerCertificates) > 0 && key.Public().(ed25519.PublicKey).Equal(c.PeerCertificates[0].PublicKey) {
				return nil
			}
			return ErrStranger
		},
	}, nil
}
