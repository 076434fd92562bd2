// Package handshake agrees TLS on one leg of a session, and says what came of
// it: what was offered and chosen, what is to be thought of the server's
// certificate, and when nothing came of it, who said no and why.
//
// The server's certificate is judged in any case, also where the judgement
// changes nothing. The client sees a certificate that the local authority has
// minted for the name which it asked for.
package handshake

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/ca"
)

// DefaultTimeout is how long the other side has for a handshake.
const DefaultTimeout = 30 * time.Second

// Settings say how TLS is agreed. The zero value speaks TLS 1.2 and 1.3 with
// servers whose certificates the system's roots have signed, and none with
// clients, which needs an authority. They must not change while in use.
type Settings struct {
	// Authority signs what clients see. It is asked for at the first
	// handshake with a client, so that nobody who speaks no TLS gets one.
	Authority func() (*ca.Authority, error)

	Roots       *x509.CertPool   // judge servers' certificates; nil means the system's
	Insecure    bool             // a bad certificate does not end the session
	Certificate *tls.Certificate // shown to servers that ask for one; nil for none
	MinVersion  uint16           // of both legs; 0 means TLS 1.2
	KeyLog      io.Writer        // takes the session keys, in the format of NSS; nil for none
	Timeout     time.Duration    // of one handshake; 0 means DefaultTimeout
}

// Server is who should be at the far end of a server's leg.
type Server struct {
	Name     string // what its certificate has to be for: a host name or an IP address
	Checked  bool   // a bad certificate ends the session, unless Settings.Insecure
	AnyName  bool   // its certificate may be for another name
	Implicit bool   // TLS begins with the first byte
}

// WithServer shakes hands with the server at the far end of conn. The fact
// tells how it went; with an error it does so too, and the error is an *Error.
// A failed handshake leaves conn open.
func (s *Settings) WithServer(conn net.Conn, to Server) (*tls.Conn, *facts.TLS, error) {
	fact := &facts.TLS{Leg: who.ServerLeg, Implicit: to.Implicit, Checked: to.Checked && !s.Insecure}
	w := &wire{Conn: conn}
	config := s.config()
	config.ServerName = hostOf(to.Name)
	config.InsecureSkipVerify = true // VerifyConnection does it, so that there is a verdict in any case
	wanted := config.ServerName
	if to.AnyName {
		wanted = ""
	}
	config.VerifyConnection = func(state tls.ConnectionState) error {
		fact.Chain = describe(state.PeerCertificates)
		fact.Verdict, fact.Reason = judge(state.PeerCertificates, wanted, s.Roots, time.Now())
		fact.Verified = fact.Verdict == verdictOK
		if fact.Checked && !fact.Verified {
			return &verdictError{fact.Verdict, fact.Reason}
		}
		return nil
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		fact.ClientCert = true
		if s.Certificate != nil {
			w.shown = true
			return s.Certificate, nil
		}
		return new(tls.Certificate), nil
	}
	if isSNI(config.ServerName) {
		fact.SNI = config.ServerName
	}
	c := tls.Client(w, config)
	if err := s.shake(c, w, fact); err != nil {
		return nil, fact, explain(fact, w, config, err)
	}
	return c, fact, nil
}

// Client is what a client's leg has to show.
type Client struct {
	Names    []string // of the server: the host that was dialled, and those of a certificate that was accepted
	Led      bool     // the client doesn't know of smtptap, and means the server
	Implicit bool     // TLS begins with the first byte
	Fault    ca.Fault // what is wrong on purpose with the certificate; "" for nothing
}

// WithClient shakes hands with the client at the far end of conn. See
// WithServer.
func (s *Settings) WithClient(conn net.Conn, as Client) (*tls.Conn, *facts.TLS, error) {
	fact := &facts.TLS{Leg: who.ClientLeg, Implicit: as.Implicit}
	w := &wire{Conn: conn}
	config := s.config()
	config.SessionTicketsDisabled = true // a resumed session would show no certificate
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		fact.Hello = describeHello(hello)
		fact.SNI = fact.Hello.SNI
		if as.Fault == ca.Fail {
			return nil, errOnPurpose
		}
		leaf, err := s.leaf(conn, hello.ServerName, as)
		if err != nil {
			return nil, err
		}
		fact.Chain = describe([]*x509.Certificate{leaf.Leaf})
		chosen := config.Clone()
		chosen.GetConfigForClient = nil
		chosen.Certificates = []tls.Certificate{*leaf}
		return chosen, nil
	}
	c := tls.Server(w, config)
	if err := s.shake(c, w, fact); err != nil {
		return nil, fact, explain(fact, w, config, err)
	}
	return c, fact, nil
}

// errOnPurpose ends a handshake that is to fail.
var errOnPurpose error = facts.Sentence("tls-on-purpose")

// Ready returns the authority, or the reason for which there is none.
func (s *Settings) Ready() (*ca.Authority, error) {
	if s.Authority == nil {
		return nil, facts.Sentence("authority-missing")
	}
	return s.Authority()
}

// leaf is the certificate for a client that asks for that name. Clients that
// were given an address in place of a name check for that. A name that has
// nothing to do with the server is not certified.
func (s *Settings) leaf(conn net.Conn, asked string, as Client) (*tls.Certificate, error) {
	authority, err := s.Ready()
	if err != nil {
		return nil, err
	}
	switch server := as.Names; {
	case asked == "":
		asked = unnamed(authority, conn, as)
	case concerns(asked, server):
	case len(server) > 0:
		asked = server[0]
	default:
		asked = ""
	}
	return authority.Faulty(asked, as.Fault)
}

// unnamed is the host for a client that asks for none: it was given an address,
// or checks for a name of the server without saying so (Postfix). It can have
// read the root of such a name only where there is one already.
func unnamed(authority *ca.Authority, conn net.Conn, as Client) string {
	local, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	if ip := net.ParseIP(local); ip != nil && !ip.IsLoopback() && !as.Led {
		return local
	}
	for _, name := range as.Names {
		if net.ParseIP(name) == nil && authority.Knows(name) {
			return name
		}
	}
	if as.Led && len(as.Names) > 0 {
		return as.Names[0]
	}
	return ""
}

// concerns reports whether a client that asks for that name means this machine
// or the server of these names.
func concerns(asked string, server []string) bool {
	if strings.EqualFold(asked, "localhost") {
		return true
	}
	if len(server) > 0 && strings.EqualFold(strings.TrimSuffix(server[0], "."), asked) {
		return true
	}
	certified := &x509.Certificate{DNSNames: server}
	return certified.VerifyHostname(asked) == nil
}

// shake runs the handshake and notes what was agreed.
func (s *Settings) shake(c *tls.Conn, w *wire, fact *facts.TLS) error {
	begun := time.Now()
	timeout := s.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	w.SetDeadline(begun.Add(timeout))
	err := c.Handshake()
	w.SetDeadline(time.Time{})
	fact.Took = time.Since(begun)
	if err != nil {
		return err
	}
	w.handshakeDone()
	state := c.ConnectionState()
	fact.Version = versionName(state.Version)
	fact.Cipher = tls.CipherSuiteName(state.CipherSuite)
	fact.ALPN = state.NegotiatedProtocol
	fact.Resumed = state.DidResume
	return nil
}

func (s *Settings) config() *tls.Config {
	c := &tls.Config{MinVersion: s.MinVersion, KeyLogWriter: s.KeyLog}
	if c.MinVersion == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	if c.MinVersion < tls.VersionTLS12 {
		c.CipherSuites = allCipherSuites()
	}
	return c
}

// allCipherSuites are what the peers that need an old version need as well.
func allCipherSuites() (ids []uint16) {
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, c := range list {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// hostOf is a host's name without what SMTP writes around an address (RFC 5321
// section 4.1.3).
func hostOf(name string) string {
	if inner, ok := strings.CutPrefix(name, "["); ok {
		name = strings.TrimSuffix(inner, "]")
		if len(name) > 5 && strings.EqualFold(name[:5], "IPv6:") {
			name = name[5:]
		}
	}
	return strings.TrimSuffix(name, ".")
}

// isSNI reports whether a name is sent to the server: an address is not (RFC
// 6066 section 3).
func isSNI(name string) bool { return name != "" && net.ParseIP(name) == nil }
