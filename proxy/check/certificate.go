package check

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"smtptap/decode/facts"
)

// handshake makes a TLS handshake over conn and judges the certificate, whose
// verdict does not end it. The returned connection is nil when the fact's Err
// tells that the handshake failed.
func handshake(ctx context.Context, conn net.Conn, name string, roots *x509.CertPool) (*facts.TLS, []*x509.Certificate, *tls.Conn) {
	t := &facts.TLS{Leg: facts.ServerLeg, SNI: name}
	if net.ParseIP(name) != nil {
		t.SNI = "" // RFC 6066 section 3 allows names only
	}
	secured := tls.Client(conn, &tls.Config{
		ServerName:         t.SNI,
		InsecureSkipVerify: true, // judged below, and reported
		MinVersion:         tls.VersionTLS10,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			t.ClientCert = true
			return new(tls.Certificate), nil
		},
	})
	begin := time.Now()
	err := secured.HandshakeContext(ctx)
	t.Took = time.Since(begin)
	if err != nil {
		t.Err, t.Class = handshakeFailure(err)
		return t, nil, nil
	}
	s := secured.ConnectionState()
	t.Version, t.Cipher, t.ALPN, t.Resumed = tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite), s.NegotiatedProtocol, s.DidResume
	for _, cert := range s.PeerCertificates {
		t.Chain = append(t.Chain, describe(cert))
	}
	t.Verdict, t.Reason = judge(s.PeerCertificates, name, roots, time.Now())
	t.Verified = t.Verdict == "ok"
	return t, s.PeerCertificates, secured
}

func handshakeFailure(err error) (words, class string) {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.As(err, &record):
		return "the server does not speak TLS here", "not-tls"
	case errors.As(err, &alert):
		return "the server refuses: " + alert.Error(), "alert"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection", "closed"
	case errors.Is(err, syscall.ECONNRESET):
		return "the server reset the connection", "reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "the server did not answer in time", "timeout"
	}
	return err.Error(), "other"
}

func describe(cert *x509.Certificate) facts.Certificate {
	sum := sha256.Sum256(cert.Raw)
	f := facts.Certificate{
		Subject: cert.Subject.String(), Issuer: cert.Issuer.String(), Names: append([]string(nil), cert.DNSNames...),
		NotBefore: cert.NotBefore, NotAfter: cert.NotAfter, Key: keyName(cert), SHA256: hex.EncodeToString(sum[:]),
	}
	for _, ip := range cert.IPAddresses {
		f.Names = append(f.Names, ip.String())
	}
	return f
}

func keyName(cert *x509.Certificate) string {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return cert.PublicKeyAlgorithm.String()
}

// judge says whether a client that checks would take the chain for name: "ok"
// or another verdict of facts.TLS, and in words why not.
func judge(chain []*x509.Certificate, name string, roots *x509.CertPool, now time.Time) (verdict, reason string) {
	if len(chain) == 0 {
		return "other", "the server showed no certificate"
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	leaf := chain[0]
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between, CurrentTime: now})
	var invalid x509.CertificateInvalidError
	var wrongName x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var weak x509.InsecureAlgorithmError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(invalid.Cert.NotBefore):
		return "not-yet-valid", "it is valid only from " + invalid.Cert.NotBefore.Format(time.DateOnly)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "expired", "it expired on " + invalid.Cert.NotAfter.Format(time.DateOnly)
	case errors.As(err, &wrongName):
		return "wrong-name", "it is not for " + name
	case errors.As(err, &weak):
		return "weak-key", "it is signed with an algorithm that is broken"
	case errors.As(err, &unknown) && leaf.CheckSignatureFrom(leaf) == nil, errors.As(err, &unknown) && string(leaf.RawIssuer) == string(leaf.RawSubject):
		return "self-signed", "it is signed by itself"
	case errors.As(err, &unknown):
		return "unknown-authority", "its authority is not known here, or an intermediate certificate is missing"
	case err != nil:
		return "other", err.Error()
	}
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
		return "weak-key", fmt.Sprintf("its key has %d bits only", key.N.BitLen())
	}
	return "ok", ""
}
