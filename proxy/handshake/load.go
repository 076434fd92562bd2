package handshake

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"smtptap/decode/visible"
)

// LoadRoots reads the certificates, in PEM form, that servers are judged by.
func LoadRoots(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, words.Error("roots", "why", plain(err))
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, words.Error("roots", "why", words.Error("no-pem", "file", visible.Text(file)))
	}
	return roots, nil
}

// LoadCertificate reads the certificate, in PEM form with its chain, that
// servers are shown, and its key. The key may be in the same file: then keyFile
// is "".
func LoadCertificate(certFile, keyFile string) (*tls.Certificate, error) {
	if keyFile == "" {
		keyFile = certFile
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, words.Error("certificate", "why", plain(err))
	}
	return &cert, nil
}

// OpenKeyLog opens the file that SSLKEYLOGFILE names, for the session keys of
// both legs to be added to. A new one is for nobody else to read: who has the
// keys can read the sessions.
func OpenKeyLog(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, words.Error("key-log", "why", plain(err))
	}
	return f, nil
}

// plain drops the name of the system call, which helps nobody.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%q: %w", path.Path, path.Err)
	}
	return err
}
