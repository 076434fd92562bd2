package handshake

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"smtptap/decode/facts"
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
	reason  string
	cause   error
}

func (e *Error) Error() string { return e.reason }
func (e *Error) Unwrap() error { return e.cause }

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
	peer := "the " + fact.Leg.String()
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
		e.Class, e.reason = ClassCertificate, "the server's certificate is not accepted ("+verdict.verdict+"): "+verdict.reason
	case errors.As(err, &header) && isSSL2(w.first):
		e.Class = ClassNoVersion
		e.reason = peer + " begins with SSL 2, which is long given up, and smtptap speaks " + offered(config)
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
func EndedByAlert(leg who.Leg, err error) (text string, ok bool) {
	name, ok := peerAlert(err)
	if !ok {
		return "", false
	}
	text = "the " + leg.String() + " ended TLS with the alert " + name
	switch {
	case leg == who.ServerLeg && name == "certificate_required":
		text += ": it wants a certificate of the client; --client-cert gives it one"
	case leg == who.ClientLeg && slices.Contains(refusals, name):
		text += ": it does not trust the certificate that smtptap showed it"
	}
	return text, true
}

// alert explains an alert of the peer's.
func (e *Error) alert(peer, name string, fact *facts.TLS, w *wire, config *tls.Config) {
	e.Class, e.Alert = ClassAlert, name
	var why string
	switch {
	case fact.Leg == who.ClientLeg && e.RefusesCertificate():
		why = "it does not trust the certificate that smtptap showed it"
	case name == "protocol_version":
		e.Class = ClassNoVersion
		why = "it does not speak " + offered(config)
	case w.shown && e.mayWantCertificate():
		why = "perhaps it does not accept the certificate that --client-cert gave it"
	case fact.ClientCert && e.mayWantCertificate():
		why = "it asked for a certificate of the client; --client-cert gives it one"
	case name == "handshake_failure" || name == "insufficient_security":
		why = "it found no version, cipher suite or key that both sides accept"
	case name == "unrecognized_name":
		why = "it has no certificate for the name " + quoted(fact.SNI)
	}
	e.reason = peer + " ended the handshake with the alert " + name
	if why != "" {
		e.reason += ": " + why
	}
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
		e.reason = fmt.Sprintf("the client offers only %s, and smtptap speaks %s; --tls-min lets it speak older versions", strings.Join(h.Versions, ", "), offered(config))
	case strings.Contains(text, "unsupported protocol version"):
		e.Class = ClassNoVersion
		e.reason = fmt.Sprintf("the server wants an older version of TLS than smtptap offers, which is %s; --tls-min lets it speak older ones", offered(config))
	case strings.Contains(text, "no cipher suite supported"), strings.Contains(text, "unconfigured cipher suite"),
		strings.Contains(text, "no ECDHE curve supported"), strings.Contains(text, "doesn't support any of the certificate's signature algorithms"):
		e.Class = ClassNoCipher
		e.reason = fmt.Sprintf("%s and smtptap have no cipher suite in common: %s", peer, text)
		if h != nil {
			e.reason = fmt.Sprintf("the client and smtptap have no cipher suite in common; it offers %s", someOf(h.Ciphers))
		}
	default:
		e.reason = "the handshake with " + peer + " failed: " + text
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

func someOf(list []string) string {
	const most = 6
	text := strings.Join(clipList(list, most), ", ")
	if more := len(list) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// notTLS explains a peer that speaks something else.
func notTLS(fact *facts.TLS, said []byte) string {
	what := "no TLS, but " + firstLine(said)
	switch {
	case fact.Leg == who.ClientLeg && fact.Implicit:
		return "the client spoke " + what + ", on a port where TLS begins with the first byte: it is set to plain SMTP or STARTTLS"
	case fact.Leg == who.ClientLeg:
		return "the client went on in clear text after its own STARTTLS: " + firstLine(said)
	case fact.Implicit:
		return "the server spoke " + what + ": this port starts in clear text and wants STARTTLS; use smtp:// in place of smtps://"
	}
	return "the server accepted STARTTLS and then spoke " + what
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

func timedOut(fact *facts.TLS, w *wire) string {
	after := fmt.Sprintf(" in %d seconds", int(fact.Took.Round(1e9).Seconds()))
	switch {
	case len(w.first) > 0:
		return "the " + fact.Leg.String() + " began the handshake and did not end it" + after
	case fact.Leg == who.ClientLeg && fact.Implicit:
		return "the client said nothing" + after + ", on a port where TLS begins with the first byte: it waits for a greeting in clear text, so it is set to plain SMTP or STARTTLS"
	case fact.Leg == who.ServerLeg && fact.Implicit:
		return "the server said nothing" + after + ": perhaps it is no port for TLS"
	}
	return "the " + fact.Leg.String() + " said nothing" + after
}

// broke explains a connection that ended during the handshake.
func broke(fact *facts.TLS, w *wire, config *tls.Config, shown bool, how string) string {
	text := "the " + fact.Leg.String() + " " + how + " the connection during the handshake"
	switch {
	case fact.Leg == who.ServerLeg && len(w.first) == 0 && config.MinVersion > tls.VersionTLS10:
		return text + " without a word: perhaps it does not speak " + offered(config) + "; --tls-min lets smtptap speak older versions"
	case fact.Leg == who.ClientLeg && len(w.first) == 0 && fact.Implicit:
		return "the client " + how + " the connection and had said nothing, on a port where TLS begins with the first byte: perhaps it waited for a greeting in clear text"
	case shown:
		return text + ", having seen the certificate: perhaps it does not trust it"
	}
	return text
}
