package findings

import (
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// A handshake is a failed one as troubles looks at it.
type handshake struct {
	leg   who.Leg   // which connection
	by    who.Party // who gave it up
	asked wish      // how TLS was asked for
	seen  seen
}

// A wish is how TLS was asked for.
type wish uint8

const (
	fromFirstByte wish = iota + 1
	bySTARTTLS         // the client's
	byOwnSTARTTLS      // smtptap's, with --tls-to-server or to an MX
)

// What was seen in place of a handshake that is done.
type seen uint8

const (
	badCertificate  seen = iota + 1 // the server's, for smtptap
	wrongName                       // likewise
	weakCertificate                 // likewise
	refusal                         // an alert that says no to a certificate
	wantsClientCert                 // an alert for want of a client's certificate
	noCommon                        // no version or cipher in common
	otherAlert
	inClear    // bytes that are no TLS
	goneAtOnce // closed or reset without a word
	goneSilent // likewise, after a while
	goneShown  // closed or reset at the sight of the certificate
	gone       // closed or reset in the middle
	silent     // nothing came in time
	stalled    // begun, and not ended in time
	mute       // the handshake was done, and nothing came inside TLS
	otherFault
)

// ofCertificate reports a certificate that was not accepted.
func (s seen) ofCertificate() bool { return badCertificate <= s && s <= refusal }

// troubles are the rules for failed handshakes: the first row that fits, in
// which 0 fits everything. A row without a rule is nothing to tell of.
var troubles = []struct {
	handshake
	id, variant string
}{
	{handshake{who.ClientLeg, 0, 0, refusal}, "TLS-PROXY-CA-UNTRUSTED", ""},
	{handshake{who.ClientLeg, 0, 0, goneShown}, "TLS-PROXY-CA-UNTRUSTED", "gone"},
	{handshake{who.ClientLeg, 0, 0, mute}, "TLS-PROXY-CA-UNTRUSTED", "mute"},
	{handshake{who.ClientLeg, 0, fromFirstByte, inClear}, "PLAIN-ON-IMPLICIT-TLS-PORT", "spoke"},
	{handshake{who.ClientLeg, 0, fromFirstByte, silent}, "PLAIN-ON-IMPLICIT-TLS-PORT", "waited"},
	{handshake{who.ClientLeg, 0, fromFirstByte, goneSilent}, "PLAIN-ON-IMPLICIT-TLS-PORT", "waited"},
	{handshake{who.ClientLeg, 0, fromFirstByte, goneAtOnce}, "", ""}, // a look whether the port is open
	{handshake{who.ClientLeg, 0, bySTARTTLS, inClear}, "STARTTLS-CLIENT-IN-CLEAR", ""},
	{handshake{who.ClientLeg, 0, 0, goneAtOnce}, "TLS-HANDSHAKE-RESET", "client"},
	{handshake{who.ClientLeg, 0, 0, goneSilent}, "TLS-HANDSHAKE-RESET", "client"},
	{handshake{who.ClientLeg, 0, 0, gone}, "TLS-HANDSHAKE-RESET", "client"},
	{handshake{who.ClientLeg, 0, 0, noCommon}, "TLS-VERSION-MISMATCH", "client"},
	{handshake{who.ClientLeg, 0, 0, silent}, "TLS-HANDSHAKE-TIMEOUT", ""},
	{handshake{who.ClientLeg, 0, 0, stalled}, "TLS-HANDSHAKE-TIMEOUT", ""},
	{handshake{who.ClientLeg, 0, 0, 0}, "TLS-HANDSHAKE-FAIL", "client"},

	{handshake{who.ServerLeg, who.Smtptap, 0, wrongName}, "TLS-NAME-MISMATCH", "smtptap"},
	{handshake{who.ServerLeg, who.Smtptap, 0, weakCertificate}, "TLS-SERVER-CERT-REFUSED", "weak"},
	{handshake{who.ServerLeg, who.Smtptap, 0, badCertificate}, "TLS-SERVER-CERT-REFUSED", ""},
	{handshake{who.ServerLeg, who.Server, 0, wantsClientCert}, "TLS-CLIENT-CERT-WANTED", "alert"},
	{handshake{who.ServerLeg, who.Server, 0, refusal}, "TLS-CLIENT-CERT-WANTED", "alert"},
	{handshake{who.ServerLeg, 0, 0, mute}, "TLS-CLIENT-CERT-WANTED", ""},
	{handshake{who.ServerLeg, 0, fromFirstByte, inClear}, "SMTPS-TO-PLAIN-PORT", ""},
	{handshake{who.ServerLeg, 0, byOwnSTARTTLS, inClear}, "STARTTLS-220-NO-TLS", "own"},
	{handshake{who.ServerLeg, 0, 0, inClear}, "STARTTLS-220-NO-TLS", ""},
	{handshake{who.ServerLeg, 0, 0, noCommon}, "TLS-VERSION-MISMATCH", "server"},
	{handshake{who.ServerLeg, 0, 0, silent}, "TLS-HANDSHAKE-TIMEOUT", ""},
	{handshake{who.ServerLeg, 0, 0, stalled}, "TLS-HANDSHAKE-TIMEOUT", ""},
	{handshake{who.ServerLeg, 0, 0, goneAtOnce}, "TLS-HANDSHAKE-RESET", "server"},
	{handshake{who.ServerLeg, 0, 0, goneSilent}, "TLS-HANDSHAKE-RESET", "server"},
	{handshake{who.ServerLeg, 0, 0, goneShown}, "TLS-HANDSHAKE-RESET", "server"},
	{handshake{who.ServerLeg, 0, 0, gone}, "TLS-HANDSHAKE-RESET", "server"},
	{handshake{who.ServerLeg, 0, 0, 0}, "TLS-HANDSHAKE-FAIL", "server"},
}

// trouble is the rule that a failed handshake comes down to; "" for none.
func (h handshake) trouble() (id, variant string) {
	fits := func(want, is uint8) bool { return want == 0 || want == is }
	for _, t := range troubles {
		if t.leg == h.leg && fits(uint8(t.by), uint8(h.by)) && fits(uint8(t.asked), uint8(h.asked)) && fits(uint8(t.seen), uint8(h.seen)) {
			return t.id, t.variant
		}
	}
	return "", ""
}

// handshakeOf reads the fact of a failed handshake at entry i.
func (s *session) handshakeOf(i int, f *facts.TLS) handshake {
	h := handshake{leg: f.Leg, by: f.By, asked: bySTARTTLS, seen: seenIn(f)}
	if h.by == 0 {
		h.by = who.Smtptap
	}
	switch {
	case f.Implicit:
		h.asked = fromFirstByte
	case f.Leg == who.ServerLeg && s.askedSTARTTLS(i):
		h.asked = byOwnSTARTTLS
	}
	return h
}

// askedSTARTTLS reports that smtptap asked for TLS itself before entry i.
func (s *session) askedSTARTTLS(i int) bool {
	for _, at := range s.asked {
		if at < i && s.ev(at).Command.Verb == "STARTTLS" {
			return true
		}
	}
	return false
}

// certificateAlerts say no to a certificate (RFC 8446 section 6.2).
var certificateAlerts = map[string]bool{
	"unknown_ca": true, "bad_certificate": true, "certificate_expired": true, "certificate_unknown": true,
	"unsupported_certificate": true, "certificate_revoked": true,
}

func seenIn(f *facts.TLS) seen {
	switch f.Class {
	case "certificate":
		switch f.Verdict {
		case "wrong-name":
			return wrongName
		case "weak-key":
			return weakCertificate
		}
		return badCertificate
	case "no-common-version", "no-common-cipher":
		return noCommon
	case "alert":
		return alertSeen(f)
	case "not-tls":
		return inClear
	case "timeout":
		if f.Hello == nil && f.Leg == who.ClientLeg {
			return silent
		}
		return stalled
	case "closed", "reset":
		return goneWhen(f)
	}
	return otherFault
}

func alertSeen(f *facts.TLS) seen {
	switch {
	case f.Alert == "certificate_required", f.Leg == who.ServerLeg && f.ClientCert && f.Alert == "handshake_failure":
		return wantsClientCert
	case certificateAlerts[f.Alert]:
		return refusal
	case f.Alert == "protocol_version", f.Alert == "insufficient_security", f.Alert == "handshake_failure":
		return noCommon
	}
	return otherAlert
}

func goneWhen(f *facts.TLS) seen {
	switch {
	case len(f.Chain) > 0:
		return goneShown
	case f.Hello != nil || f.Leg == who.ServerLeg:
		return gone
	case f.AtOnce():
		return goneAtOnce
	}
	return goneSilent
}
