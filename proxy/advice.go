package proxy

import (
	"cmp"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
)

// advise notes what would fix a failed handshake with a client, when that is
// for the client's user to do.
func (d *driver) advise(failed *handshake.Error) {
	if failed.RefusesCertificate() || failed.LeftAtCertificate() {
		d.note("client-distrusts", "how", d.howToTrust())
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
		d.note(facts.NoteClientSilent, "how", d.howToTrust())
	case serverLeft && d.tls.certAsked && d.bytes[who.Server].Load() == d.tls.serverHeard:
		d.log.Fact(&facts.Note{ID: facts.NoteServerSilent, Text: d.whatItGot()})
	case connected && d.bytes[who.Server].Load() == 0 && d.bytes[who.Client].Load() == 0 && len(d.tls.serverNames) == 0:
		d.note("server-silent")
	}
}

// whatItGot is what the server had from smtptap when it asked for a certificate.
func (d *driver) whatItGot() facts.Sentence {
	if d.proxy.TLS.Certificate == nil {
		return facts.NoteServerSilent
	}
	return "server-left-after-certificate"
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
func (d *driver) howToTrust() facts.Sentence {
	authority, err := d.proxy.TLS.Ready()
	if err != nil {
		return facts.Say("no-authority", "why", err)
	}
	library := ""
	if h := d.tls.hello; h != nil {
		library = h.Library
	}
	c := clientsOf[library]
	setting := cmp.Or(ca.Setting(c.howto, authority.Path()), "smtptap ca howto "+c.howto)
	return facts.Say("trust-setting", "library", library, "client", facts.Sentence(c.name), "setting", setting)
}
