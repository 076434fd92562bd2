package decode

import (
	"bytes"
	"encoding/base64"
	"strings"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// mechanisms are the SASL mechanisms that a first word after AUTH is taken
// for (IANA SASL registry, and those in use without being registered). Another
// word there may be a credential, and is hidden.
var mechanisms = map[string]bool{
	"PLAIN": true, "LOGIN": true, "CRAM-MD5": true, "DIGEST-MD5": true, "NTLM": true,
	"XOAUTH": true, "XOAUTH2": true, "OAUTHBEARER": true, "OAUTH10A": true, "EXTERNAL": true, "ANONYMOUS": true,
	"GSSAPI": true, "GSS-SPNEGO": true, "GS2-KRB5": true, "GS2-KRB5-PLUS": true, "KERBEROS_V4": true,
	"SCRAM-SHA-1": true, "SCRAM-SHA-1-PLUS": true, "SCRAM-SHA-256": true, "SCRAM-SHA-256-PLUS": true,
	"SCRAM-SHA-512": true, "SCRAM-SHA-512-PLUS": true, "SCRAM-SHA3-512": true, "SCRAM-MD5": true,
	"CRAM-SHA1": true, "CRAM-SHA256": true, "CRAM-SHA512": true, "SRP": true, "OTP": true, "SKEY": true,
	"SECURID": true, "9798-M-DSA-SHA1": true, "MSN": true, "XYMCOOKIE": true, "PLAIN-CLIENTTOKEN": true,
	"OPENID20": true, "SAML20": true, "NMAS_LOGIN": true, "DIGEST": true, "APOP": true, "X-NONE": true,
	"ECDSA-NIST256P-CHALLENGE": true, "EAP-AES128": true, "EAP-AES128-PLUS": true,
}

// An exchange is an AUTH command and what follows until its last reply (RFC
// 4954 section 4).
type exchange struct {
	mechanism string
	responses int  // client lines since the AUTH command
	initial   bool // the AUTH command carried a response
	prompt    string
	user      string // user name given so far
}

// authCommand tells of an AUTH command and opens the exchange.
func (d *Dialogue) authCommand(l *line, text []byte, partial bool) Event {
	mech, from, to := splitAuth(text)
	x := &exchange{mechanism: mech}
	auth := &Auth{Mechanism: mech, Step: StepStart}
	var secrets []secretSpan
	if to > from {
		x.initial = true
		s := secretSpan{from, to, nil}
		if m := l.maskIn(from, to); m != nil {
			*auth = fromMask(*auth, m)
		} else {
			d.readResponse(auth, x, text[from:to])
			if auth.Secret != nil {
				d.known.remember(text[from:to])
			}
		}
		if auth.Secret != nil {
			s.mask = auth.Secret
			secrets = append(secrets, s)
		}
	}
	if len(l.holes) > 0 {
		secrets = nil // flush knows its holes
	}
	if l.over == hiding && secrets == nil {
		secrets = []secretSpan{{min(len("AUTH "), len(text)), len(text), &Mask{What: "line"}}}
	}
	c := parseCommand([]byte(withMasks(text, secrets, d.KeepSecrets)))
	e := d.flush(who.Client, l, secrets)
	e.Kind, e.Command, e.Auth = KindCommand, c, auth
	if x.initial && auth.Secret == nil {
		e.Notes = userNotes(auth.User)
	}
	if d.KeepSecrets && auth.Secret != nil && len(secrets) > 0 {
		auth.Revealed = revealed(mech, text[from:to])
	}
	if !d.order.Greeted() && !d.MidSession {
		e.Notes = append(e.Notes, note("early-talker", 1))
	}
	if !partial {
		d.authTried = true
		d.auth = x
	}
	return e
}

// splitAuth finds the mechanism of an AUTH line and the place of its initial
// response. A first word that is no mechanism counts as a response.
func splitAuth(text []byte) (mechanism string, from, to int) {
	arg := smtp.ReadCommand(text).Arg
	if mechanism = Mechanism(arg); mechanism == "" {
		return "", len(text) - len(arg), len(text)
	}
	_, response := smtp.Word(arg)
	return mechanism, len(text) - len(response), len(text)
}

// Mechanism is the one that the argument of an AUTH command names, "" where its
// first word may be a credential.
func Mechanism(arg []byte) string {
	word, _ := smtp.Word(arg)
	if name := strings.ToUpper(string(word)); mechanisms[name] {
		return name
	}
	return ""
}

// isResponse reports whether a client line is part of a login.
func (d *Dialogue) isResponse(text []byte) bool {
	if d.Lenient {
		return d.cue.Login
	}
	return d.inExchange(text)
}

// inExchange reports whether a client line belongs to an AUTH exchange; see
// smtp.Sequence.InLogin.
func (d *Dialogue) inExchange(text []byte) bool {
	return d.auth != nil && (d.order.Prompted() || !isStrictCommand(text))
}

// authLine tells of a client line inside an exchange.
func (d *Dialogue) authLine(l *line, text []byte) Event {
	x := d.auth
	auth := &Auth{Mechanism: x.mechanism, Step: StepResponse, Prompt: x.prompt}
	prompted := d.order.Prompted()
	x.prompt = ""
	var notes []Note
	var secrets []secretSpan
	whole := secretSpan{0, len(text), nil}
	switch {
	case len(l.holes) > 0:
		*auth = fromMask(*auth, l.maskIn(0, len(l.buf)))
		auth.Step = x.step()
	case string(text) == "*":
		auth.Step = StepCancel
		notes = append(notes, note("auth-cancelled", 1))
	case prompted && isBareCommand(text):
		// Whoever sends a command here has lost count; a server reads it as
		// the response. With an argument it may be one.
		notes = append(notes, note("auth-command-inside", 1))
	case len(text) > 0 || x.mechanism == "LOGIN" || x.responses == 0 && !x.initial:
		auth.Step = x.step()
		d.readResponse(auth, x, text)
	}
	if l.over == hiding && auth.Secret == nil {
		auth.Secret = &Mask{What: "line"}
	}
	if auth.Secret != nil && len(l.holes) == 0 {
		whole.mask = auth.Secret
		secrets = append(secrets, whole)
		d.known.remember(text)
		if d.KeepSecrets {
			auth.Revealed = revealed(x.mechanism, text)
		}
	}
	x.responses++
	e := d.flush(who.Client, l, secrets)
	e.Kind, e.Auth, e.Notes = KindAuth, auth, notes
	if auth.Step == StepUser && auth.Secret == nil {
		e.Notes = append(e.Notes, userNotes(auth.User)...)
	}
	return e
}

// step says which line of a LOGIN exchange comes next; the other mechanisms
// have no named steps.
func (x *exchange) step() Step {
	if x.mechanism != "LOGIN" {
		return StepResponse
	}
	if x.responses == 0 && !x.initial {
		return StepUser
	}
	return StepPassword
}

// challenged reads the server's side of an exchange, and opens one when there
// is none.
func (d *Dialogue) challenged(r *Reply) *Auth {
	if r.Code != 334 {
		return nil
	}
	if d.order.Place() == smtp.InMessage {
		// The server saw an end of the message, and a login after it.
		d.message.suspect.on, d.message.suspect.login = true, true
		return nil
	}
	x := d.auth
	if x == nil {
		// It asks for credentials, whatever it answers.
		x = &exchange{}
		d.auth, d.authTried = x, true
	}
	text := strings.TrimSpace(r.Text())
	a := &Auth{Mechanism: x.mechanism, Step: StepChallenge}
	plain, err := base64.StdEncoding.DecodeString(text)
	// The first specification of LOGIN, draft-murchison-sasl-login-00, ends the
	// prompts with a NUL, and some servers still do.
	plain = bytes.TrimRight(plain, "\x00")
	if err != nil || len(plain) == 0 || x.mechanism == "NTLM" || !mostlyText(plain) {
		return a
	}
	a.Prompt = string(plain)
	x.prompt = a.Prompt
	if lower := bytes.ToLower(plain); d.Lenient && x.mechanism == "" && (bytes.HasPrefix(lower, []byte("username")) || bytes.HasPrefix(lower, []byte("password"))) {
		x.mechanism, a.Mechanism = "LOGIN", "LOGIN"
	}
	if x.mechanism == "XOAUTH2" || x.mechanism == "OAUTHBEARER" || strings.HasPrefix(x.mechanism, "SCRAM-") {
		a.Decoded = a.Prompt
	}
	return a
}

// mostlyText reports whether a decoded challenge is meant for reading.
func mostlyText(p []byte) bool {
	for _, b := range p {
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' {
			return false
		}
	}
	return true
}

// maskIn is the secret that was left out between two places of the line.
func (l *line) maskIn(from, to int) *Mask {
	for _, h := range l.holes {
		if h.off >= from && h.off < to {
			m := h.mask
			return &m
		}
	}
	return nil
}

// fromMask fills a step in from what a mask kept of its secret.
func fromMask(a Auth, m *Mask) Auth {
	a.Secret = m
	a.User, a.Authzid = m.User, m.Authzid
	return a
}

// withMasks is the line with its secrets masked.
func withMasks(text []byte, secrets []secretSpan, kept bool) string {
	if kept {
		return string(text)
	}
	var b []byte
	from := 0
	for _, s := range secrets {
		b = append(append(b, text[from:s.from]...), MaskText...)
		from = s.to
	}
	return string(append(b, text[from:]...))
}

// isServerProof recognises the last server message of SCRAM (RFC 5802 section
// 7, "v=") and DIGEST-MD5 (RFC 2831 section 2.1.3, "rspauth=").
func isServerProof(mechanism, text string) bool {
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return false
	}
	return strings.HasPrefix(mechanism, "SCRAM-") && bytes.HasPrefix(plain, []byte("v=")) ||
		mechanism == "DIGEST-MD5" && bytes.HasPrefix(plain, []byte("rspauth="))
}
