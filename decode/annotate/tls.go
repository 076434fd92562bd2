package annotate

import (
	"cmp"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// tls explains a handshake: what was agreed, the certificates, the verdict on
// them, or why there is no agreement.
func (x *explainer) tls(f *facts.TLS) {
	if f.Err != "" {
		x.tlsFailure(f)
	} else {
		x.mean(agreed(f))
	}
	if f.Hello != nil {
		if text := offered(f.Hello); text != "" {
			x.mean("the client's hello: " + text)
		}
	}
	for i, c := range f.Chain {
		x.certificate(f.Leg, i, c)
	}
	x.verdict(f)
	if f.ClientCert {
		x.mean("the server asked for a certificate of the client")
	}
}

func agreed(f *facts.TLS) string {
	parts := []string{cmp.Or(f.Version, "TLS") + " with the " + f.Leg.String()}
	if f.Implicit {
		parts[0] += ", from the first byte"
	}
	if f.Cipher != "" {
		parts = append(parts, f.Cipher)
	}
	if f.SNI != "" {
		parts = append(parts, "for the name "+f.SNI)
	}
	if f.ALPN != "" {
		parts = append(parts, "ALPN "+f.ALPN)
	}
	if f.Resumed {
		parts = append(parts, "resumed")
	}
	return strings.Join(parts, ", ") + took(", in", f.Took)
}

func (x *explainer) tlsFailure(f *facts.TLS) {
	x.say(Warning, "TLS with the "+f.Leg.String()+" failed"+took(" after", f.Took)+because(f.Err))
	if text, ok := tlsClasses[f.Class]; ok {
		x.mean(text)
	}
	if f.Alert == "" {
		return
	}
	sender := "smtptap"
	if f.By != 0 {
		sender = "the " + f.By.String()
	}
	text := sender + " sent the alert " + f.Alert
	if meaning, ok := alerts[f.Alert]; ok {
		text += ": " + meaning
	}
	x.mean(text)
}

var tlsClasses = map[string]string{
	"timeout":           "the other side did not go on with the handshake",
	"not-tls":           "the other side does not speak TLS here; perhaps it is the wrong port, or it wants STARTTLS first",
	"no-common-version": "the two sides have no version of TLS in common",
	"no-common-cipher":  "the two sides have no cipher suite in common",
	"certificate":       "the certificate of the server is not accepted",
	"closed":            "the other side closed the connection in the middle of the handshake",
	"reset":             "the other side reset the connection in the middle of the handshake",
}

// alerts are the TLS alerts in words (RFC 8446 section 6). Those about
// certificates mostly mean a client that does not trust smtptap yet.
var alerts = map[string]string{
	"access_denied":                   "the certificate is good, but not allowed here",
	"bad_certificate":                 "it could not make sense of the certificate",
	"bad_certificate_status_response": "the revocation status of the certificate is not acceptable",
	"bad_record_mac":                  "a record was damaged or encrypted with another key",
	"certificate_expired":             "the certificate has expired or is not valid yet",
	"certificate_required":            "it wants a certificate of the client",
	"certificate_revoked":             "the certificate has been revoked",
	"certificate_unknown":             "it does not accept the certificate, without saying why: often it does not trust the authority",
	"close_notify":                    "it closed the connection in an orderly way",
	"decode_error":                    "it could not read a message of the handshake",
	"decrypt_error":                   "a signature or key exchange did not verify",
	"handshake_failure":               "it found no version, cipher suite or parameters that both sides accept",
	"illegal_parameter":               "a message of the handshake contradicts another",
	"inappropriate_fallback":          "the client fell back to an older version than both sides know",
	"insufficient_security":           "what is offered is too weak for it",
	"internal_error":                  "a fault of its own",
	"missing_extension":               "a needed extension is missing",
	"no_application_protocol":         "it knows none of the protocols offered by ALPN",
	"no_renegotiation":                "it does not negotiate again",
	"protocol_version":                "it does not accept the version of TLS",
	"record_overflow":                 "a record was too long: often no TLS at all",
	"unexpected_message":              "a message came out of order: often no TLS at all",
	"unknown_ca":                      "it does not know the authority that issued the certificate",
	"unrecognized_name":               "it has no certificate for the name that was asked for",
	"unsupported_certificate":         "it does not support this kind of certificate",
	"unsupported_extension":           "an extension came back that was not offered",
	"user_canceled":                   "the user broke off",
}

func (x *explainer) certificate(leg who.Leg, place int, c facts.Certificate) {
	whose := "the server's certificate"
	switch {
	case place > 0:
		whose = "above it in the chain"
	case leg == who.ClientLeg:
		whose = "the certificate that smtptap showed the client"
	}
	text := whose + ": " + c.Subject
	if place == 0 && len(c.Names) > 0 {
		text += ", for " + strings.Join(c.Names, ", ")
	}
	text += ", issued by " + c.Issuer + ", valid from " + day(c.NotBefore) + " to " + day(c.NotAfter)
	if c.Key != "" {
		text += ", " + c.Key
	}
	x.mean(text)
}

func (x *explainer) verdict(f *facts.TLS) {
	if f.Leg != who.ServerLeg || f.Verdict == "" {
		return
	}
	if f.Verified || f.Verdict == "ok" {
		x.mean("the certificate is good: trusted, valid now, and for this name")
		return
	}
	text, ok := verdicts[f.Verdict]
	if !ok {
		text = "the certificate is not good"
	}
	text += because(f.Reason)
	if !f.Checked && f.Err == "" {
		text += "; reported only; the session continues"
	}
	x.say(Warning, text)
}

var verdicts = map[string]string{
	"expired":           "the certificate has expired",
	"not-yet-valid":     "the certificate is not valid yet",
	"wrong-name":        "the certificate is for another name",
	"self-signed":       "the certificate is self-signed",
	"unknown-authority": "the certificate is issued by an authority that is not trusted here",
	"weak-key":          "the certificate uses a key or signature that is too weak",
}

// hello explains a ClientHello that was only looked at.
func (x *explainer) hello(f *facts.Hello) {
	text := "the client begins TLS"
	if f.Why != "" {
		text += " (" + f.Why + ")"
	}
	if offer := offered(f); offer != "" {
		text += ": " + offer
	}
	x.mean(text)
}

func offered(h *facts.Hello) string {
	var parts []string
	if h.SNI != "" {
		parts = append(parts, "for the name "+h.SNI)
	}
	if len(h.Versions) > 0 {
		parts = append(parts, strings.Join(h.Versions, ", "))
	}
	if n := len(h.Ciphers); n > 0 {
		parts = append(parts, count(int64(n), "cipher suite"))
	}
	if len(h.ALPN) > 0 {
		parts = append(parts, "ALPN "+strings.Join(h.ALPN, ", "))
	}
	if h.Library != "" {
		parts = append(parts, "looks like "+h.Library)
	}
	return strings.Join(parts, "; ")
}
