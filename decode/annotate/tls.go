package annotate

import (
	"cmp"
	"strconv"
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
		x.mean("tls-agreed", "version", cmp.Or(f.Version, "TLS"), "peer", x.peer(f.Leg), "cipher", f.Cipher, "sni", f.SNI, "alpn", f.ALPN, "took", took(f.Took))
		if f.Implicit {
			x.mean("tls-implicit")
		}
		if f.Resumed {
			x.mean("tls-resumed")
		}
	}
	if f.Hello != nil {
		if offer := x.offer(f.Hello); offer != "" {
			x.mean("tls-hello-offer", "offer", offer)
		}
	}
	for i, c := range f.Chain {
		x.certificate(f.Leg, i, c)
	}
	x.verdict(f)
	if f.ClientCert {
		x.mean("tls-client-certificate")
	}
}

func (x *explainer) tlsFailure(f *facts.TLS) {
	why := f.Err.In(x.view.Lang)
	if judged(f) && f.Verdict != "ok" {
		why = "" // the verdict says it
	}
	x.say(Warning, "tls-failed", "peer", x.peer(f.Leg), "took", took(f.Took), "why", why)
	x.meanKnown("tls-" + f.Class)
	if f.Alert == "" {
		return
	}
	sender := x.text("smtptap")
	if f.By != 0 {
		sender = x.text("the-" + f.By.String())
	}
	x.mean("tls-alert", "sender", sender, "alert", f.Alert, "meaning", x.known("alert-"+f.Alert))
}

func (x *explainer) certificate(leg who.Leg, place int, c facts.Certificate) {
	whose, names := "certificate-server", strings.Join(c.Names, ", ")
	switch {
	case place > 0:
		whose, names = "certificate-above", ""
	case leg == who.ClientLeg:
		whose = "certificate-smtptap"
	}
	x.mean("certificate", "whose", x.text(whose), "subject", c.Subject, "names", names, "issuer", c.Issuer,
		"from", day(c.NotBefore), "to", day(c.NotAfter), "key", c.Key)
}

// judged reports whether there is a verdict on the server's certificate.
func judged(f *facts.TLS) bool { return f.Leg == who.ServerLeg && f.Verdict != "" }

func (x *explainer) verdict(f *facts.TLS) {
	if !judged(f) {
		return
	}
	if f.Verified || f.Verdict == "ok" {
		x.mean("certificate-good")
		return
	}
	text := x.text(x.either("certificate-"+f.Verdict, "certificate-bad"), "why", f.Reason.In(x.view.Lang))
	if !f.Checked && f.Err == "" {
		text = x.text("certificate-reported", "text", text)
	}
	x.tell(Warning, text)
}

// offer is what a ClientHello offers, in one line.
func (x *explainer) offer(h *facts.Hello) string {
	var parts []string
	if h.SNI != "" {
		parts = append(parts, x.text("tls-offer-name", "sni", h.SNI))
	}
	parts = append(parts, h.Versions...)
	if n := len(h.Ciphers); n > 0 {
		parts = append(parts, x.text("cipher-suites", "n", strconv.Itoa(n)))
	}
	if len(h.ALPN) > 0 {
		parts = append(parts, "ALPN "+strings.Join(h.ALPN, " "))
	}
	if h.Library != "" {
		parts = append(parts, x.text("tls-offer-library", "library", h.Library))
	}
	return strings.Join(parts, x.text("comma"))
}
