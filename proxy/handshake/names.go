package handshake

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// Bounds of what is kept of a ClientHello. It may hold tens of thousands of
// entries.
const (
	maxCiphers  = 100
	maxALPN     = 20
	maxVersions = 20
	maxText     = 1 << 10
)

// describeHello is what a ClientHello offers.
func describeHello(h *tls.ClientHelloInfo) *facts.Hello {
	f := &facts.Hello{Leg: who.ClientLeg, SNI: clip(h.ServerName), Library: library(h)}
	for _, v := range clipList(h.SupportedVersions, maxVersions) {
		if !isGREASE(v) {
			f.Versions = append(f.Versions, versionName(v))
		}
	}
	for _, c := range clipList(h.CipherSuites, maxCiphers) {
		if !isGREASE(c) && !isSignal(c) {
			f.Ciphers = append(f.Ciphers, tls.CipherSuiteName(c))
		}
	}
	f.ALPN = append(f.ALPN, clipList(h.SupportedProtos, maxALPN)...)
	return f
}

func clip(s string) string { return s[:min(len(s), maxText)] }

func clipList[T any](list []T, most int) []T { return list[:min(len(list), most)] }

// isGREASE tells the values that clients offer only to see whether servers
// pass over them (RFC 8701 section 2).
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// isSignal tells the cipher suites that are none: renegotiation (RFC 5746
// section 3.3) and fallback (RFC 7507 section 2).
func isSignal(id uint16) bool { return id == 0x00ff || id == tls.TLS_FALLBACK_SCSV }

func versionName(v uint16) string {
	if v == 0x0300 {
		return "SSL 3.0"
	}
	return tls.VersionName(v)
}

var versions = map[string]uint16{
	"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
}

// ParseVersion reads a version of TLS: 1.0, 1.1, 1.2 or 1.3.
func ParseVersion(s string) (uint16, error) {
	v, ok := versions[s]
	if !ok {
		return 0, words.Error("version", "version", visible.Text(s))
	}
	return v, nil
}

// maxChain bounds how many certificates of a chain are described.
const maxChain = 10

func describe(chain []*x509.Certificate) (list []facts.Certificate) {
	for _, c := range clipList(chain, maxChain) {
		sum := sha256.Sum256(c.Raw)
		list = append(list, facts.Certificate{
			Subject: clip(c.Subject.String()), Issuer: clip(c.Issuer.String()), Names: Names(c),
			NotBefore: c.NotBefore, NotAfter: c.NotAfter,
			Key: keyName(c), SHA256: hex.EncodeToString(sum[:]),
		})
	}
	return list
}

// maxNames bounds the names of one certificate.
const maxNames = 100

// Names are the host names and IP addresses that a certificate is for.
func Names(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			names = append(names, addr.Unmap().String())
		}
	}
	names = clipList(names, maxNames)
	for i := range names {
		names[i] = clip(names[i])
	}
	return names
}

func keyName(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

// alertNames are the names of alerts (RFC 8446 section 6, and the registry of
// IANA for those of earlier versions).
var alertNames = map[uint8]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed",
	22: "record_overflow", 30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate",
	42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked",
	45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca",
	49: "access_denied", 50: "decode_error", 51: "decrypt_error", 52: "too_many_cids_requested",
	60: "export_restriction", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled",
	100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension",
	111: "certificate_unobtainable", 112: "unrecognized_name",
	113: "bad_certificate_status_response", 114: "bad_certificate_hash_value",
	115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol",
	121: "ech_required",
}

func alertName(n uint8) string {
	if name, ok := alertNames[n]; ok {
		return name
	}
	return fmt.Sprintf("alert %d", n)
}
