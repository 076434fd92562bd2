package proxy

import (
	"cmp"
	"fmt"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
)

// advise notes what would fix a failed handshake with a client, when that is
// for the client's user to do.
func (d *driver) advise(failed *handshake.Error) {
	if failed.RefusesCertificate() || failed.LeftAtCertificate() {
		d.note("client-distrusts", "the client has to trust smtptap's certificate authority. "+d.howToTrust())
	}
}

// noteSilence notes what it means that a peer has said nothing, once the session
// is over.
func (d *driver) noteSilence() {
	d.mu.Lock()
	clientLeft := d.first == who.Client && d.how.Cause == ""
	serverLeft := d.first == who.Server && (d.server == nil || !d.server.explained)
	connected := d.server != nil
	d.mu.Unlock()
	switch {
	case clientLeft && d.tls.client && d.bytes[who.Client].Load() == d.tls.clientHeard:
		d.note(facts.NoteClientSilent, "the client said nothing inside TLS and left: perhaps it does not trust the certificate that smtptap showed it, which some clients look at only when the handshake is done. "+d.howToTrust())
	case serverLeft && d.tls.certAsked && d.bytes[who.Server].Load() == d.tls.serverHeard:
		d.note(facts.NoteServerSilent, "the server said nothing inside TLS and left: it had asked for a certificate of the client, and "+d.whatItGot()+". In TLS 1.3 it looks at that only when the client's part of the handshake is done (RFC 8446 section 4.4.2.4)")
	case connected && d.bytes[who.Server].Load() == 0 && d.bytes[who.Client].Load() == 0 && len(d.tls.serverNames) == 0:
		d.note("server-silent", "the server said nothing: a port where TLS begins with the first byte, such as 465, waits like this for the client; use smtps:// for one")
	}
}

// whatItGot is what the server had from smtptap when it asked for a certificate.
func (d *driver) whatItGot() string {
	if d.proxy.TLS.Certificate == nil {
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
func (d *driver) howToTrust() string {
	authority, err := d.proxy.TLS.Ready()
	if err != nil {
		return "There is none: " + visible.Text(err.Error())
	}
	text, library := "", ""
	if h := d.tls.hello; h != nil && h.Library != "" {
		text, library = "It looks like "+h.Library+"; ", h.Library
	}
	c := clientsOf[library]
	setting := cmp.Or(ca.Setting(c.howto, authority.Path()), "smtptap ca howto "+c.howto)
	return text + visible.Text(fmt.Sprintf("for %s: %s (others: smtptap ca howto CLIENT). For a client that can't, use --starttls hide or pass", c.name, setting))
}
