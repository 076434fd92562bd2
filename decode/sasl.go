package decode

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// The messages of SASL mechanisms. A user name is taken from a message only
// when all of it has the form that its mechanism asks for: in any other form
// the place of the name may hold the secret.
var (
	xoauth2Form     = regexp.MustCompile(`^user=([^\x00-\x1f]+)\x01auth=(?i:Bearer) ([!-~]*)\x01\x01$`)                                                             // developers.google.com: XOAUTH2 protocol
	oauthBearerForm = regexp.MustCompile(`^[ny],(?:a=([^,\x00-\x1f]+))?,\x01(?:(?:host|port)=[!-~]*\x01)*auth=(?i:Bearer) ([!-~]*)\x01(?:[a-z]+=[!-~]*\x01)*\x01$`) // RFC 7628 section 3.1
	cramForm        = regexp.MustCompile(`^([^\x00-\x1f]+) ([0-9a-fA-F]+)$`)                                                                                        // RFC 2195 section 2
	scramFirst      = regexp.MustCompile(`^(?:[ny]|p=[A-Za-z0-9.-]+),(?:a=([^,\x00-\x1f]+))?,(?:m=[^,]*,)?n=([^,\x00-\x1f]+),r=[!-+\--~]+(?:,[A-Za-z]=[^,]*)*$`)    // RFC 5802 section 7
	scramFinal      = regexp.MustCompile(`^c=[A-Za-z0-9+/]+=*,r=[!-+\--~]+(?:,[A-Za-z]=[^,]*)*,p=[A-Za-z0-9+/]+=*$`)
	digestDirective = regexp.MustCompile(`^([a-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([!#-+\--~]+))(?:,\s*|$)`) // RFC 2831 section 7.2
	hexDigest       = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)

	// writtenSeparator is the byte 0x01 as people write it down: languages read
	// that in some kinds of quotes and leave it as it is in others.
	writtenSeparator = regexp.MustCompile(`(?i)\\1|\\0+1|\\x0*1|\\u\{?0*1|\^a|%01|<soh>|&#x?0*1;|\x{2401}`)
	bearer           = regexp.MustCompile(`(?i)auth\s*=\s*bearer|bearer`)
)

// cramDigits is how long the digest of a CRAM mechanism is.
var cramDigits = map[string]int{"CRAM-MD5": 32, "CRAM-SHA1": 40, "CRAM-SHA256": 64, "CRAM-SHA512": 128}

// readResponse reads a client's response of an exchange: what may be shown of
// it goes into a, and a.Secret says what may not.
func (d *Dialogue) readResponse(a *Auth, x *exchange, text []byte) {
	m := &Mask{Mechanism: x.mechanism}
	trimmed := bytes.TrimSpace(text)
	if x.initial && a.Step == StepStart && string(trimmed) == "=" {
		trimmed = nil // RFC 4954 section 4: a response of no bytes
	}
	plain, ok := decodeBase64(trimmed)
	if !ok {
		m.Facts = append(m.Facts, FactBadBase64)
	}
	if a.Step != StepStart && isVerbFirst(text) {
		m.Facts = append(m.Facts, FactCommand)
	}
	switch x.mechanism {
	case "PLAIN":
		readPlain(m, plain, ok)
	case "LOGIN":
		if readLogin(a, m, x, plain, ok, trimmed) {
			return
		}
	case "CRAM-MD5", "CRAM-SHA1", "CRAM-SHA256", "CRAM-SHA512":
		readCRAM(m, plain, ok)
	case "DIGEST-MD5":
		readDigest(m, plain, ok)
	case "NTLM":
		m.What = "digest"
		m.User = ntlmUser(plain)
	case "XOAUTH2", "OAUTHBEARER":
		readToken(m, plain, ok)
	default:
		readSCRAM(m, plain, ok)
	}
	if len(trimmed) == 0 && len(m.Facts) == 0 {
		m.Facts = append(m.Facts, FactEmpty)
	}
	if m.User != "" {
		x.user = m.User
	}
	*a = fromMask(*a, m)
}

// readPlain reads "authzid NUL authcid NUL passwd" (RFC 4616 section 2).
func readPlain(m *Mask, plain []byte, ok bool) {
	m.What = "credentials"
	parts := bytes.Split(plain, []byte{0})
	switch {
	case !ok || len(plain) == 0:
		return
	case len(parts) < 3:
		m.Facts = append(m.Facts, FactNULMissing)
		return
	case len(parts) > 3:
		m.Facts = append(m.Facts, FactShape)
		return
	}
	authzid, user, password := parts[0], parts[1], parts[2]
	m.Facts = append(m.Facts, userFacts(string(user))...)
	m.Facts = append(m.Facts, passwordFacts(password, user)...)
	if len(password) == 0 || looksLikeAddress(password) && !looksLikeAddress(user) {
		return // the password may stand in another's place
	}
	m.User = identity(user)
	if !bytes.Equal(authzid, password) || bytes.Equal(user, password) {
		m.Authzid = identity(authzid)
	}
}

// readLogin reads a line of LOGIN and reports whether it is the user name and
// may be shown. Only the first line may: after it, and where the prompt asks
// for something else, it is the password.
func readLogin(a *Auth, m *Mask, x *exchange, plain []byte, ok bool, text []byte) bool {
	first := a.Step == StepStart || a.Step == StepUser
	asksPassword := strings.Contains(strings.ToLower(a.Prompt), "pass")
	if !first || asksPassword {
		m.What = "password"
		if ok {
			m.Facts = append(m.Facts, passwordFacts(plain, []byte(x.user))...)
		}
		return false
	}
	switch {
	case ok && (len(bytes.TrimSpace(plain)) == 0 || identity(plain) != ""):
		a.User = string(plain)
		x.user = a.User
		return true
	case !ok && looksLikeAddress(text):
		m.What, m.User = "line", identity(text)
		x.user = m.User
	default:
		m.What = "credentials"
		m.Facts = append(m.Facts, userFacts(string(plain))...)
	}
	return false
}

// readCRAM reads "user SP digest" (RFC 2195 section 2). The digest can be
// guessed against, so it counts as the password itself.
func readCRAM(m *Mask, plain []byte, ok bool) {
	m.What = "digest"
	g := cramForm.FindSubmatch(plain)
	if g == nil || len(g[2]) != cramDigits[m.Mechanism] {
		wrongShape(m, ok, plain)
		return
	}
	m.User = identity(g[1])
	m.Facts = append(m.Facts, userFacts(string(g[1]))...)
}

// readDigest reads the directives of a DIGEST-MD5 response (RFC 2831 section
// 2.1.2).
func readDigest(m *Mask, plain []byte, ok bool) {
	m.What = "digest"
	given := map[string]string{}
	for rest := plain; len(rest) > 0; {
		g := digestDirective.FindSubmatch(rest)
		if g == nil || given[string(g[1])] != "" {
			wrongShape(m, ok, plain)
			return
		}
		given[string(g[1])] = string(g[2]) + string(g[3])
		rest = rest[len(g[0]):]
	}
	if given["username"] == "" || given["nonce"] == "" || !hexDigest.MatchString(given["response"]) {
		wrongShape(m, ok, plain)
		return
	}
	m.User = identity([]byte(given["username"]))
}

// readToken reads the message of XOAUTH2 or OAUTHBEARER, whose parts the byte
// 0x01 separates.
func readToken(m *Mask, plain []byte, ok bool) {
	m.What = "token"
	form := xoauth2Form
	if m.Mechanism == "OAUTHBEARER" {
		form = oauthBearerForm
	}
	g := form.FindSubmatch(plain)
	switch {
	case g != nil:
		user := string(g[1])
		if m.Mechanism == "OAUTHBEARER" {
			user = saslname(user)
		}
		m.User = identity([]byte(user))
		switch {
		case len(g[2]) == 0:
			m.Facts = append(m.Facts, FactEmpty)
		case writtenSeparator.MatchString(user):
			m.Facts = append(m.Facts, FactSeparatorWritten)
		}
	case len(plain) == 0 || !ok || m.Mechanism == "OAUTHBEARER" && string(plain) == "\x01":
		// Nothing to say of its form; the byte alone answers an error (RFC 7628
		// section 3.2.3).
	case writtenSeparator.Match(plain):
		m.Facts = append(m.Facts, FactSeparatorWritten)
	case bytes.IndexByte(plain, 1) < 0 && bearer.Match(plain):
		m.Facts = append(m.Facts, FactSeparator)
	case bytes.IndexByte(plain, 1) >= 0 && !bearer.Match(plain):
		m.Facts = append(m.Facts, FactEmpty)
	default:
		m.Facts = append(m.Facts, FactShape)
	}
}

// readSCRAM reads what a SCRAM client shows of itself (RFC 5802 section 7);
// of a mechanism that is not known everything is secret.
func readSCRAM(m *Mask, plain []byte, ok bool) {
	m.What = "credentials"
	if !strings.HasPrefix(m.Mechanism, "SCRAM-") {
		return
	}
	m.What = "digest"
	switch g := scramFirst.FindSubmatch(plain); {
	case g != nil:
		m.User = identity([]byte(saslname(string(g[2]))))
		m.Authzid = identity([]byte(saslname(string(g[1]))))
		if bytes.HasPrefix(plain, []byte("p=")) {
			m.Facts = append(m.Facts, FactChannelBinding)
		}
	case !scramFinal.Match(plain):
		wrongShape(m, ok, plain)
	}
}

// wrongShape notes that a message does not have the form of its mechanism.
func wrongShape(m *Mask, ok bool, plain []byte) {
	if ok && len(plain) > 0 {
		m.Facts = append(m.Facts, FactShape)
	}
}

// saslname undoes the escapes of a SASL name (RFC 5802 section 5.1).
func saslname(s string) string {
	return strings.NewReplacer("=2C", ",", "=3D", "=").Replace(s)
}

// identity is a user name fit to be kept beside a masked secret, "" for any
// other text: the separators of SASL messages and settings stand in no user
// name, and where they do, the rest may be the secret.
func identity(p []byte) string {
	const longest = 320 // RFC 5321 section 4.5.3.1: 64, "@", 255
	name := p
	if p = bytes.TrimSpace(p); len(p) > longest || !utf8.Valid(p) || bytes.ContainsAny(p, `,:="<>`) || bytes.Count(p, []byte("@")) > 1 {
		return ""
	}
	if writtenSeparator.Match(p) || bytes.ContainsFunc(p, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }) {
		return ""
	}
	return string(name)
}

// decodeBase64 decodes a response; unpadded text is read as well, but is not ok.
func decodeBase64(text []byte) ([]byte, bool) {
	plain, err := base64.StdEncoding.DecodeString(string(text))
	if err == nil {
		return plain, true
	}
	plain, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(string(text), "="))
	if err != nil {
		return nil, false
	}
	return plain, false
}

// ntlmUser reads domain and user of an NTLM AUTHENTICATE message (MS-NLMP
// section 2.2.1.3), none where they share their place with a response.
func ntlmUser(p []byte) string {
	const flags = 60
	if len(p) < flags+4 || !bytes.HasPrefix(p, []byte("NTLMSSP\x00")) || binary.LittleEndian.Uint32(p[8:]) != 3 {
		return ""
	}
	unicode := binary.LittleEndian.Uint32(p[flags:])&1 != 0
	place := func(at int) (from, to int, ok bool) {
		n, off := int(binary.LittleEndian.Uint16(p[at:])), int(binary.LittleEndian.Uint32(p[at+4:]))
		return off, off + n, n == 0 || off >= flags+4 && off <= len(p)-n
	}
	text := func(at int) string {
		from, to, ok := place(at)
		if !ok || from == to {
			return ""
		}
		for _, response := range []int{12, 20, 52} { // LM, NT and session key
			if f, t, ok := place(response); !ok || from < t && f < to {
				return ""
			}
		}
		if !unicode {
			return string(p[from:to])
		}
		var u []uint16
		for i := from; i+1 < to; i += 2 {
			u = append(u, binary.LittleEndian.Uint16(p[i:]))
		}
		return string(utf16.Decode(u))
	}
	domain, user := identity([]byte(text(28))), identity([]byte(text(36)))
	if domain != "" && user != "" {
		return domain + `\` + user
	}
	return user
}

// isSASL recognises a message of a SASL mechanism by its form, whatever stands
// around it: base64 of it is a credential wherever it is said.
func isSASL(plain []byte) bool {
	switch {
	case bytes.HasPrefix(plain, []byte("NTLMSSP\x00")):
		return len(plain) < 9 || plain[8] != 2 // the server's message holds no proof
	case bytes.ContainsFunc(plain[:min(len(plain), 16)], isNoText):
		return false
	case bytes.Contains(plain, []byte("auth=")) && bearer.Match(plain):
		return true
	case bytes.HasPrefix(plain, []byte("username=\"")), bytes.Contains(plain, []byte(`,response=`)):
		return true
	case scramFinal.Match(plain), scramFirst.Match(plain):
		return true
	}
	if g := cramForm.FindSubmatch(plain); g != nil && len(g[2]) >= 32 {
		return true
	}
	parts := bytes.Split(plain, []byte{0})
	if len(parts) < 2 || len(parts) > 4 || !utf8.Valid(plain) {
		return false
	}
	for _, p := range parts {
		if bytes.ContainsFunc(p, unicode.IsControl) {
			return false
		}
	}
	return len(parts) > 2 || len(parts[0]) > 1 && len(parts[1]) > 1
}

// isNoText reports what stands in no message of SASL that is text.
func isNoText(r rune) bool { return r > 1 && r < ' ' || r == 127 || r == utf8.RuneError }
