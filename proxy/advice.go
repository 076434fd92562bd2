package proxy

import (
	"fmt"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
)

// advise notes what would mend a failed handshake with a client, when that is
// for the client's user to do.
func (s *session) advise(failed *handshake.Error) {
	if failed.RefusesCertificate() || failed.LeftAtCertificate() {
		s.note("client-distrusts", "the client has to trust smtptap's certificate authority. "+s.howToTrust())
	}
}

// noteSilence notes what it means that a peer has said nothing, once the session
// is over.
func (s *session) noteSilence() {
	s.mu.Lock()
	clientLeft := s.first == s.client && s.how.Cause == ""
	serverLeft := s.first == s.server && !s.server.explained
	connected := s.server.base != nil
	s.mu.Unlock()
	switch {
	case clientLeft && s.clientTLS && s.client.bytes.Load() == s.clientHeard:
		s.note(facts.NoteClientSilent, "the client said nothing inside TLS and left: perhaps it does not trust the certificate that smtptap showed it, which some clients look at only when the handshake is done. "+s.howToTrust())
	case serverLeft && s.certAsked && s.server.bytes.Load() == s.serverHeard:
		s.note(facts.NoteServerSilent, "the server said nothing inside TLS and left: it had asked for a certificate of the client, and "+s.whatItGot()+". In TLS 1.3 it looks at that only when the client's part of the handshake is done (RFC 8446 section 4.4.2.4)")
	case connected && s.server.bytes.Load() == 0 && s.client.bytes.Load() == 0 && len(s.serverNames) == 0:
		s.note("server-silent", "the server said nothing: a port where TLS begins with the first byte, such as 465, waits like this for the client; use smtps:// for one")
	}
}

// whatItGot is what the server had from smtptap when it asked for a certificate.
func (s *session) whatItGot() string {
	if s.proxy.TLS.Certificate == nil {
		return "got none; --client-cert gives it one"
	}
	return "perhaps does not accept the one that --client-cert gave it"
}

// clientsOf are the clients that use a TLS library most, by what its hello looks
// like.
var clientsOf = map[string]struct{ name, howto string }{
	"":        {"PHPMailer", "phpmailer"},
	"PHP":     {"PHPMailer", "phpmailer"},
	"Node.js": {"nodemailer, in its environment", "nodemailer"},
	"OpenSSL": {"Python's smtplib", "smtplib"},
	"Java":    {"Java", "java"},
	"Go":      {"Go, in its environment", "go"},
	"GnuTLS":  {"msmtp", "msmtp"},
}

// howToTrust is the setting for what the client most likely is, and where to
// find that of others.
func (s *session) howToTrust() string {
	authority, err := s.proxy.TLS.Ready()
	if err != nil {
		return "There is none: " + visible.Text(err.Error())
	}
	text, library := "", ""
	if h := s.clientHello; h != nil && h.Library != "" {
		text, library = "It looks like "+h.Library+"; ", h.Library
	}
	c := clientsOf[library]
	return text + visible.Text(fmt.Sprintf("for %s: %s (others: smtptap ca howto %s). For a client that can't, use --starttls hide or pass",
		c.name, ca.Setting(c.howto, authority.Path()), strings.Join(ca.Clients(), "|")))
}
