package findings

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

func insideTLS(s *session, r *reply) bool { return s.insideTLS(r.asked) }

// insideTLS reports whether something was said on a connection that was
// encrypted from the first byte.
func (s *session) insideTLS(i int) bool {
	if i >= 0 && s.ev(i) != nil && s.ev(i).TLS {
		return true
	}
	for _, f := range s.tls {
		if f.fact.Implicit && f.fact.Err == "" && f.entry < i {
			return true
		}
	}
	return s.pasted() && s.port() == "465" && s.connected()
}

// noTLSYet reports a reply outside TLS from a server that has it.
func noTLSYet(s *session, r *reply) bool {
	return !r.event.TLS && (s.offers("STARTTLS") || !s.offers("AUTH") && s.ehlo >= 0)
}

// singleRepliesOfLogin reports a log of single replies in which credentials
// were taken for commands after the refusal.
func singleRepliesOfLogin(s *session, r *reply) bool {
	n := slices.Index(s.replies, r)
	if !s.pasted() || n+1 >= len(s.replies) || r.verb != "" && r.verb != "AUTH" {
		return false
	}
	next := s.replies[n+1]
	return (next.code == 502 || next.code == 500) && strings.Contains(next.folded(), "command")
}

// findTLSFault tells why a handshake failed; nil when none did, or a later one
// went well.
func (s *session) findTLSFault() *fault {
	for _, f := range s.tls {
		if f.fact.Err == "" {
			continue
		}
		if s.securedAfter(f.entry) {
			return nil
		}
		id, variant := s.tlsRule(f.entry, f.fact)
		if id == "" {
			return nil
		}
		g := see(f.entry).as(variant)
		if f.fact.Alert != "" {
			g.with("alert", f.fact.Alert)
		}
		return &fault{id, *g}
	}
	if s.mute != nil {
		return s.mute
	}
	return s.quitAfterSTARTTLS()
}

// securedAfter reports that TLS came about after an entry.
func (s *session) securedAfter(i int) bool {
	for _, f := range s.tls {
		if f.entry > i && f.fact.Err == "" {
			return true
		}
	}
	return s.accepted(i, "MAIL")
}

// tlsRule is the rule that a failed handshake comes down to, "" when it is
// nothing to tell of.
func (s *session) tlsRule(i int, f *facts.TLS) (id, variant string) {
	switch {
	case s.otherService(f):
		return "WRONG-SERVICE-PORT", ""
	case s.pasted():
		return s.pastedTLSRule(i, f), ""
	}
	h := s.handshakeOf(i, f)
	if h.leg == who.ServerLeg && h.seen == inClear && s.otherGreeting() != nil {
		return "WRONG-SERVICE-PORT", ""
	}
	if h.asked == bySTARTTLS && s.alreadyTLS(i) && !h.seen.ofCertificate() {
		return "STARTTLS-INSIDE-TLS", ""
	}
	return h.trouble()
}

// pastedTLSRule is tlsRule for a client's log, in which the client shakes hands
// with the server and tells in its own words how that failed.
func (s *session) pastedTLSRule(i int, f *facts.TLS) string {
	seen := seenIn(f)
	switch {
	case seen == inClear && s.alreadyTLS(i):
		return "STARTTLS-INSIDE-TLS"
	case seen == inClear:
		return "TLS-ON-PLAINTEXT-PORT"
	case f.Verdict == "wrong-name":
		return "TLS-NAME-MISMATCH"
	case seen == wantsClientCert:
		return "TLS-CLIENT-CERT-WANTED"
	case s.alreadyTLS(i):
		return "STARTTLS-INSIDE-TLS"
	case seen.ofCertificate(), f.Verdict != "" && f.Verdict != "ok":
		return "TLS-CERT-VERIFY-FAIL"
	case seen == noCommon:
		return "TLS-VERSION-MISMATCH"
	case f.Class == "reset", f.Class == "closed":
		return "TLS-HANDSHAKE-RESET"
	}
	return s.vagueTLSRule(f)
}

// vagueTLSRule goes by the client's words, and by its manners where it has no
// words: PHPMailer before 6.6 says nothing of why PHP refused a certificate.
func (s *session) vagueTLSRule(f *facts.TLS) string {
	reason := fold(f.Err.String())
	switch {
	case strings.Contains(reason, "bad record mac"):
		return "PM-FORK-SHARED-SOCKET"
	case resetWords.match(reason):
		return "TLS-HANDSHAKE-RESET"
	case (s.isPHPMailer() || s.client == clientUnknown) && !tlsWords.match(reason):
		if s.upgradesByItself() {
			return "TLS-OPPORTUNISTIC-FAIL"
		}
		return "TLS-CERT-VERIFY-FAIL"
	}
	return "TLS-HANDSHAKE-FAIL"
}

var (
	resetWords = newPattern(`connection reset|econnreset|errno ?=? ?104|unexpected eof|eof occurred`)
	tlsWords   = newPattern(`\b(tls|ssl)|crypto|handshake`)
)

// otherService reports a handshake on the port of another service. What answers
// there in TLS is that service too.
func (s *session) otherService(f *facts.TLS) bool {
	port := s.port()
	return f.Leg == who.ServerLeg && otherServices[port] && (f.Class == "not-tls" || f.Class == "other") && (!implicitTLS[port] || f.Class == "other")
}

// alreadyTLS reports that STARTTLS was said inside TLS before entry i.
func (s *session) alreadyTLS(i int) bool {
	at := s.last("STARTTLS", i)
	return at >= 0 && s.insideTLS(at)
}

// upgradesByItself reports settings under which PHPMailer uses STARTTLS without
// being told to.
func (s *session) upgradesByItself() bool {
	secure, told := s.settings["smtpsecure"]
	auto := strings.ToLower(s.settings["smtpautotls"])
	return told && (secure == "" || strings.EqualFold(secure, "none")) && auto != "false"
}

// quitAfterSTARTTLS finds what older PHPMailers show of a certificate that PHP
// refused: STARTTLS is accepted, and the next thing said is QUIT.
func (s *session) quitAfterSTARTTLS() *fault {
	if s.secured || !s.isPHPMailer() && s.client != clientUnknown {
		return nil
	}
	for r := range s.to("STARTTLS") {
		if r.code != 220 {
			continue
		}
		for _, c := range s.commands {
			if c < r.entry {
				continue
			}
			if verb := s.ev(c).Command.Verb; verb == "QUIT" || verb == "RSET" {
				return &fault{"TLS-CERT-VERIFY-FAIL", *see(r.entry, c)}
			}
			return nil
		}
	}
	return nil
}

// tlsFailed finds the handshake that failed for that reason.
func tlsFailed(id string) finder {
	return func(s *session) *evidence { return s.tlsFault.of(id) }
}

// unverified finds a certificate of the server that was judged so, in a session
// that went on all the same.
func unverified(verdicts ...string) finder {
	return func(s *session) *evidence {
		for _, f := range s.tls {
			if f.fact.Leg != who.ServerLeg || f.fact.Err != "" || f.fact.Verified {
				continue
			}
			if slices.Contains(verdicts, f.fact.Verdict) {
				return see(f.entry).as("passed")
			}
		}
		return nil
	}
}

func tlsOnPlainPort(s *session) *evidence {
	variant := "listener"
	if s.pasted() {
		variant = ""
	}
	if at := s.noted("not-smtp-tls"); len(at) > 0 {
		return see(at...).as(variant)
	}
	for _, h := range s.hellos {
		if h.fact.Why == facts.HelloPlainPort {
			return see(h.entry).as(variant)
		}
	}
	return tlsFailed("TLS-ON-PLAINTEXT-PORT")(s)
}

// greetedInTLS reports a server that answers silence with a record of TLS in
// place of a greeting: it has waited for a handshake.
func (s *session) greetedInTLS() bool {
	return s.greeting >= 0 && bytes.HasPrefix(s.ev(s.greeting).Raw, []byte{0x15, 3})
}

// plainOnTLSPort finds a session in which nobody said anything on a port that
// speaks TLS, or a client that spoke in clear to a TLS listener of smtptap.
func plainOnTLSPort(s *session) *evidence {
	if g := tlsFailed("PLAIN-ON-IMPLICIT-TLS-PORT")(s); g != nil {
		return g
	}
	if s.greetedInTLS() {
		if s.pasted() {
			return see(s.greeting)
		}
		return see(s.greeting).as("target")
	}
	if len(s.replies) > 0 || len(s.commands) > 0 || len(s.tls) > 0 || !s.running() && !s.t.Ended || !implicitTLS[s.port()] {
		return nil
	}
	for _, d := range s.dials {
		if d.fact.Err == "" {
			return see(d.entry)
		}
	}
	return nil
}

func noEHLOAfterTLS(s *session) *evidence {
	for r := range s.to("STARTTLS") {
		if r.code != 220 {
			continue
		}
		for _, c := range s.commands {
			if c < r.entry {
				continue
			}
			verb := s.ev(c).Command.Verb
			if smtp.Greets(verb) {
				break
			}
			if a := s.answer(c); a != nil && a.code == 503 && (verb == "AUTH" || verb == "MAIL") {
				return see(c, a.entry)
			}
		}
	}
	return nil
}

// plainInTLS finds TLS records in the place of replies: an alert (21) or a
// handshake message (22), of any version from SSL 3.0 on. Logs write the bytes
// as they are, or as a terminal shows them.
func plainInTLS(s *session) *evidence {
	if !s.said("STARTTLS") && len(s.tls) == 0 {
		return nil
	}
	for i := range s.replies {
		r := s.replies[i]
		raw := r.event.Raw
		record := len(raw) > 2 && (raw[0] == 0x15 || raw[0] == 0x16) && raw[1] == 3
		if record || r.code == 0 && (strings.HasPrefix(r.text(), "^V^C") || strings.HasPrefix(r.text(), "^U^C")) {
			return see(r.entry)
		}
	}
	return nil
}

// checksOff finds settings that switch the check of certificates off.
func checksOff(s *session) *evidence {
	for _, name := range []string{"smtpoptions verify_peer", "smtpoptions verify_peer_name"} {
		if strings.EqualFold(s.settings[name], "false") {
			return see(s.setAt[name])
		}
	}
	if strings.EqualFold(s.settings["smtpoptions allow_self_signed"], "true") {
		return see(s.setAt["smtpoptions allow_self_signed"])
	}
	return nil
}

func oldTLS(s *session) *evidence {
	for _, f := range s.tls {
		switch f.fact.Version {
		case "SSL 3.0", "TLS 1.0", "TLS 1.1":
			if f.fact.Err == "" {
				return see(f.entry).with("version", f.fact.Version)
			}
		}
	}
	return nil
}

// soon is how long before its end a certificate is worth a word: those that are
// renewed by themselves are renewed a month before.
const soon = 14 * 24 * time.Hour

func expiresSoon(s *session) *evidence {
	for _, f := range s.tls {
		if f.fact.Leg != who.ServerLeg || f.fact.Err != "" || len(f.fact.Chain) == 0 || s.t.Started.IsZero() {
			continue
		}
		end, life := f.fact.Chain[0].NotAfter, f.fact.Chain[0].NotAfter.Sub(f.fact.Chain[0].NotBefore)
		// Of a certificate that is made for days a third is left when it is renewed.
		if left := end.Sub(s.t.Started); left > 0 && left < min(soon, life/3) {
			return see(f.entry).with("day", end.UTC().Format("2 January 2006"))
		}
	}
	return nil
}

func submitOn25(s *session) *evidence {
	if s.port() != "25" || s.local() {
		return nil
	}
	if len(s.logins) > 0 {
		return see(s.logins[0])
	}
	// Settings of a client that would log in if it came so far.
	if at, told := s.setAt["port"]; told && strings.EqualFold(s.settings["smtpauth"], "true") {
		return see(at)
	}
	if s.dialFault != nil && ownNames[s.wanted] {
		return see(s.dialFault.entries[0])
	}
	return nil
}

// hadTLS reports whether an entry was said inside TLS, as far as is known.
func (s *session) hadTLS(i int) bool {
	if s.ev(i).TLS || s.insideTLS(i) {
		return true
	}
	return s.pasted() && s.lack(decode.LackStart)
}

// clientAsked reports a reply to the client, and not to smtptap, which asks for
// TLS with the server on its own account.
func clientAsked(s *session, r *reply) bool {
	return r.asked < 0 || s.t.Entries[r.asked].From != who.Smtptap
}
