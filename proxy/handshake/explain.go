package handshake

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// Classes of failed handshakes; see facts.TLS.
const (
	ClassAlert       = "alert"
	ClassTimeout     = "timeout"
	ClassNotTLS      = "not-tls"
	ClassNoVersion   = "no-common-version"
	ClassNoCipher    = "no-common-cipher"
	ClassCertificate = "certificate"
	ClassClosed      = "closed"
	ClassReset       = "reset"
	ClassOther       = "other"
)

// An Error is why a handshake failed. Its text is a sentence about the peer,
// safe to print.
type Error struct {
	Leg     who.Leg
	Class   string // one of the Class constants
	Alert   string // name of the alert that the peer sent, or ""
	Said    []byte // what the peer said in clear, instead of TLS or after it, as far as it was read
	Nothing bool   // the peer said nothing at all
	Shown   bool   // the peer had been shown a certificate
	reason  facts.Sentence
	cause   error
}

func (e *Error) Error() string { return e.reason.String() }

// InFacts is the error as a fact says it.
func (e *Error) InFacts() facts.Sentence { return e.reason }

// In is the error in one language.
func (e *Error) In(l lang.Lang) string { return e.reason.In(l) }
func (e *Error) Unwrap() error         { return e.cause }

// RefusesCertificate reports whether the peer did not accept the certificate
// that it was shown. Which alert says so differs from one TLS library to the
// next.
func (e *Error) RefusesCertificate() bool {
	return slices.Contains(refusals, e.Alert)
}

// refusals are the alerts that say no to a certificate.
var refusals = []string{"unknown_ca", "bad_certificate", "certificate_unknown", "unsupported_certificate", "certificate_expired", "certificate_revoked"}

// LeftAtCertificate reports whether the peer went without a word when it had
// been shown a certificate.
func (e *Error) LeftAtCertificate() bool {
	return e.Shown && (e.Class == ClassClosed || e.Class == ClassReset)
}

// explain makes an *Error of a failed handshake, and puts the same into fact.
func explain(fact *facts.TLS, w *wire, config *tls.Config, err error) *Error {
	e := &Error{Leg: fact.Leg, Class: ClassOther, Said: w.inClear(), Nothing: len(w.first) == 0, Shown: fact.Leg == who.ClientLeg && len(fact.Chain) > 0, cause: err}
	peer := fact.Leg.String()
	var verdict *verdictError
	var header tls.RecordHeaderError
	alert, alerted := peerAlert(err)
	if !alerted && isLocal(err) {
		alert, alerted = w.clearAlert()
	}
	switch {
	case alerted:
		fact.By = fact.Leg.Peer()
		e.alert(peer, alert, fact, w, config)
	case errors.As(err, &verdict):
		e.Class, e.reason = ClassCertificate, facts.Say("certificate-refused", "verdict", verdict.verdict, "why", verdict.reason)
	case errors.As(err, &header) && isSSL2(w.first):
		e.Class = ClassNoVersion
		e.reason = facts.Say("tls-ssl2-"+peer, "versions", offered(config))
	case errors.As(err, &header):
		e.Class, e.reason = ClassNotTLS, notTLS(fact, w.first)
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.Class, e.reason = ClassTimeout, timedOut(fact, w)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		fact.By = fact.Leg.Peer()
		e.Class, e.reason = ClassClosed, broke(fact, w, config, e.Shown, "closed")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		fact.By = fact.Leg.Peer()
		e.Class, e.reason = ClassReset, broke(fact, w, config, e.Shown, "reset")
	default:
		e.disagree(peer, fact, config, err)
	}
	fact.Err, fact.Class, fact.Alert = e.reason, e.Class, e.Alert
	return e
}

// peerAlert is the alert that the peer ended a connection with. crypto/tls has
// no exported type for it.
func peerAlert(err error) (name string, ok bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return "", false
	}
	if v := reflect.ValueOf(op.Err); v.Kind() == reflect.Uint8 {
		return alertName(uint8(v.Uint())), true
	}
	return "unknown", true
}

// isLocal reports that our own side ended the handshake.
func isLocal(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "local error"
}

// EndedByAlert says which alert the peer on that leg has ended TLS with after
// the handshake, if err, from reading or writing, tells of one.
func EndedByAlert(leg who.Leg, err error) (text facts.Sentence, ok bool) {
	name, ok := peerAlert(err)
	if !ok {
		return "", false
	}
	var why facts.Sentence
	switch {
	case leg == who.ServerLeg && name == "certificate_required":
		why = "alert-wants-certificate"
	case leg == who.ClientLeg && slices.Contains(refusals, name):
		why = "alert-distrusts"
	}
	return facts.Say("tls-later-alert-"+leg.String(), "alert", name, "why", why), true
}

// alert explains an alert of the peer's.
func (e *Error) alert(peer, name string, fact *facts.TLS, w *wire, config *tls.Config) {
	e.Class, e.Alert = ClassAlert, name
	var why facts.Sentence
	switch {
	case fact.Leg == who.ClientLeg && e.RefusesCertificate():
		why = "alert-distrusts"
	case name == "protocol_version":
		e.Class = ClassNoVersion
		why = facts.Say("alert-version", "versions", offered(config))
	case w.shown && e.mayWantCertificate():
		why = "alert-own-certificate"
	case fact.ClientCert && e.mayWantCertificate():
		why = "alert-wants-certificate"
	case name == "handshake_failure" || name == "insufficient_security":
		why = "alert-nothing-common"
	case name == "unrecognized_name":
		why = facts.Say("alert-no-name", "name", quoted(fact.SNI))
	}
	e.reason = facts.Say("tls-alert-"+peer, "alert", name, "why", why)
}

// mayWantCertificate reports whether the alert is one that servers send for want
// of a client's certificate. Before TLS 1.3 there was none for that alone.
func (e *Error) mayWantCertificate() bool {
	return e.Alert == "certificate_required" || e.Alert == "handshake_failure" || e.RefusesCertificate()
}

// offered are the versions that smtptap speaks.
func offered(config *tls.Config) string {
	var list []string
	for v := config.MinVersion; v <= tls.VersionTLS13; v++ {
		list = append(list, strings.TrimPrefix(versionName(v), "TLS "))
	}
	return "TLS " + strings.Join(list, " or ")
}

// disagree explains why smtptap itself gave up.
func (e *Error) disagree(peer string, fact *facts.TLS, config *tls.Config, err error) {
	text := visible.Text(strings.TrimPrefix(err.Error(), "tls: "))
	h := fact.Hello
	switch {
	case h != nil && len(h.Versions) > 0 && !speaks(h.Versions, config):
		e.Class = ClassNoVersion
		e.reason = facts.Say("tls-client-old", "versions", h.Versions, "own", offered(config))
	case strings.Contains(text, "unsupported protocol version"):
		e.Class = ClassNoVersion
		e.reason = facts.Say("tls-server-old", "own", offered(config))
	case strings.Contains(text, "no cipher suite supported"), strings.Contains(text, "unconfigured cipher suite"),
		strings.Contains(text, "no ECDHE curve supported"), strings.Contains(text, "doesn't support any of the certificate's signature algorithms"):
		e.Class = ClassNoCipher
		e.reason = facts.Say("tls-no-cipher-"+peer, "why", text)
		if h != nil {
			e.reason = facts.Say("tls-no-cipher-client", "list", someOf(h.Ciphers, 6))
		}
	default:
		e.reason = facts.Say("tls-failed-"+peer, "why", text)
	}
}

func speaks(versions []string, config *tls.Config) bool {
	for v := config.MinVersion; v <= tls.VersionTLS13; v++ {
		if slices.Contains(versions, versionName(v)) {
			return true
		}
	}
	return false
}

// someOf is a list, cut to so many.
func someOf(list []string, most int) facts.Sentence {
	text := facts.Plain(strings.Join(clipList(list, most), ", "))
	if more := len(list) - most; more > 0 {
		return facts.Say("and-more", "list", text, "n", more)
	}
	return text
}

// notTLS explains a peer that speaks something else.
func notTLS(fact *facts.TLS, said []byte) facts.Sentence {
	return facts.Say("not-tls-"+situation(fact), "line", firstLine(said))
}

// situation is the end of a key: which peer, and whether TLS was to begin with
// the first byte.
func situation(fact *facts.TLS) string {
	if fact.Implicit {
		return fact.Leg.String() + "-implicit"
	}
	return fact.Leg.String()
}

// isSSL2 reports whether a stream begins with a ClientHello of SSL 2: two octets
// of length, the first bit set, and the type of the message.
func isSSL2(p []byte) bool { return len(p) > 2 && p[0]&0x80 != 0 && p[2] == 1 }

// firstLine quotes the beginning of what a peer said.
func firstLine(said []byte) string {
	const most = 80
	line, _, _ := bytes.Cut(said, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	more := ""
	if len(line) > most {
		line, more = line[:most], "..."
	}
	return `"` + visible.Bytes(line) + more + `"`
}

func timedOut(fact *facts.TLS, w *wire) facts.Sentence {
	if len(w.first) > 0 {
		return facts.Say("tls-half-"+fact.Leg.String(), "time", fact.Took)
	}
	return facts.Say("tls-silent-"+situation(fact), "time", fact.Took)
}

// broke explains a connection that ended during the handshake.
func broke(fact *facts.TLS, w *wire, config *tls.Config, shown bool, how string) facts.Sentence {
	var hint facts.Sentence
	switch {
	case fact.Leg == who.ServerLeg && len(w.first) == 0 && config.MinVersion > tls.VersionTLS10:
		hint = facts.Say("hint-older", "versions", offered(config))
	case fact.Leg == who.ClientLeg && len(w.first) == 0 && fact.Implicit:
		hint = "hint-waited"
	case shown:
		hint = "hint-distrusts"
	}
	return facts.Say("tls-"+how+"-"+fact.Leg.String(), "hint", hint)
}
