package decode

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Facts about a secret that tell nothing of it but a mistake in it. With the
// prefix "user-" the same is said of the user name that came with it.
const (
	FactEmpty          = "empty"
	FactBadBase64      = "bad-base64"
	FactNewline        = "trailing-newline"
	FactLeadingSpace   = "leading-space"
	FactTrailingSpace  = "trailing-space"
	FactNotASCII       = "not-ascii"
	FactLatin1         = "latin1-bytes" // 8-bit, but not UTF-8
	FactURLEncoded     = "url-encoded-look"
	FactHTMLEscaped    = "html-escaped-look"
	FactUndefined      = "literal-undefined" // the word "undefined", "null", "None"
	FactEqualsUser     = "equals-user"
	FactNULMissing     = "nul-missing" // PLAIN without its NUL (RFC 4616)
	FactPlaceholder    = "placeholder"
	FactUserNoDomain   = "user-without-domain"
	FactDoubleEncoded  = "double-base64" // base64 of base64
	FactChannelBinding = "channel-binding"
)

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
	switch x.mechanism {
	case "PLAIN":
		readPlain(m, plain, ok)
	case "LOGIN":
		if d.readLogin(a, m, x, plain, ok, trimmed) {
			return
		}
	case "CRAM-MD5", "CRAM-SHA1", "CRAM-SHA256", "CRAM-SHA512":
		readCRAM(m, plain)
	case "DIGEST-MD5":
		m.What = "digest"
		m.User = directive(plain, "username")
	case "NTLM":
		m.What = "digest"
		m.User = ntlmUser(plain)
	case "XOAUTH2":
		m.What = "token"
		m.User = field(plain, "user=")
		if len(field(plain, "auth=Bearer ")) == 0 && len(trimmed) > 0 {
			m.Facts = append(m.Facts, FactEmpty)
		}
	case "OAUTHBEARER":
		m.What = "token"
		m.User = gs2Authzid(plain)
	default:
		readSCRAM(m, x.mechanism, plain)
	}
	if len(trimmed) == 0 && len(m.Facts) == 0 {
		m.Facts = append(m.Facts, FactEmpty)
	}
	if m.User != "" {
		x.user = m.User
	}
	*a = fromMask(*a, m)
}

// readPlain reads "authzid NUL authcid NUL passwd" (RFC 4616).
func readPlain(m *Mask, plain []byte, ok bool) {
	m.What = "credentials"
	parts := bytes.SplitN(plain, []byte{0}, 3)
	if len(parts) < 3 {
		if ok && len(plain) > 0 {
			m.Facts = append(m.Facts, FactNULMissing)
		}
		return
	}
	m.Authzid, m.User = readableUser(parts[0]), readableUser(parts[1])
	m.Facts = append(m.Facts, userFacts(string(parts[1]))...)
	m.Facts = append(m.Facts, passwordFacts(parts[2], parts[1])...)
}

// readLogin reads a line of LOGIN and reports whether it is the user name and
// may be shown. Only the first line may: behind it, and where the prompt asks
// for something else, it is the password.
func (d *Dialogue) readLogin(a *Auth, m *Mask, x *exchange, plain []byte, ok bool, text []byte) bool {
	first := a.Step == StepStart || a.Step == StepUser
	asksPassword := strings.Contains(strings.ToLower(a.Prompt), "pass")
	if first && !asksPassword {
		switch {
		case ok && !bytes.ContainsAny(plain, "\x00\x01"):
			a.User = string(plain)
			x.user = a.User
			return true
		case !ok && looksLikeAddress(text):
			m.What, m.User = "line", readableUser(text)
			x.user = m.User
			return false
		}
		m.What = "credentials"
		return false
	}
	m.What = "password"
	if ok {
		m.Facts = append(m.Facts, passwordFacts(plain, []byte(x.user))...)
	}
	return false
}

// readCRAM reads "user SP digest" (RFC 2195). The digest can be guessed
// against, so it counts as the password itself.
func readCRAM(m *Mask, plain []byte) {
	m.What = "digest"
	if i := bytes.LastIndexByte(plain, ' '); i >= 0 {
		m.User = readableUser(plain[:i])
		m.Facts = append(m.Facts, userFacts(m.User)...)
	}
}

// readSCRAM reads what a SCRAM client shows of itself (RFC 5802 section 7);
// of a mechanism that is not known everything is secret.
func readSCRAM(m *Mask, mechanism string, plain []byte) {
	m.What = "credentials"
	if !strings.HasPrefix(mechanism, "SCRAM-") {
		return
	}
	m.What = "digest"
	header, rest, found := bytes.Cut(plain, []byte("n="))
	if found && len(header) > 0 {
		name, _, _ := bytes.Cut(rest, []byte(","))
		m.User = readableUser(bytes.ReplaceAll(bytes.ReplaceAll(name, []byte("=2C"), []byte(",")), []byte("=3D"), []byte("=")))
	}
	if bytes.HasPrefix(plain, []byte("p=")) {
		m.Facts = append(m.Facts, FactChannelBinding)
	}
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

// field is the value of a key in the ^A separated list of XOAUTH2.
func field(plain []byte, key string) string {
	for _, part := range bytes.Split(plain, []byte{1}) {
		if value, found := bytes.CutPrefix(part, []byte(key)); found {
			return string(value)
		}
	}
	return ""
}

// gs2Authzid is the identity in a GS2 header, "n,a=user@example.com," (RFC
// 7628 section 3.1).
func gs2Authzid(plain []byte) string {
	header, _, _ := bytes.Cut(plain, []byte{1})
	for _, part := range bytes.Split(header, []byte(",")) {
		if value, found := bytes.CutPrefix(part, []byte("a=")); found {
			return string(value)
		}
	}
	return ""
}

// directive is the value of name="value" in a DIGEST-MD5 response (RFC 2831).
func directive(plain []byte, name string) string {
	_, rest, found := bytes.Cut(plain, []byte(name+`="`))
	if !found {
		return ""
	}
	value, _, found := bytes.Cut(rest, []byte(`"`))
	if !found {
		return ""
	}
	return string(value)
}

// ntlmUser reads domain and user of an NTLM AUTHENTICATE message (MS-NLMP
// section 2.2.1.3).
func ntlmUser(p []byte) string {
	const flags = 60
	if len(p) < flags+4 || !bytes.HasPrefix(p, []byte("NTLMSSP\x00")) || binary.LittleEndian.Uint32(p[8:]) != 3 {
		return ""
	}
	unicode := binary.LittleEndian.Uint32(p[flags:])&1 != 0
	text := func(at int) string {
		n, off := int(binary.LittleEndian.Uint16(p[at:])), int(binary.LittleEndian.Uint32(p[at+4:]))
		if off < 0 || n > len(p) || off > len(p)-n {
			return ""
		}
		if !unicode {
			return string(p[off : off+n])
		}
		var u []uint16
		for i := off; i+1 < off+n; i += 2 {
			u = append(u, binary.LittleEndian.Uint16(p[i:]))
		}
		return string(utf16.Decode(u))
	}
	domain, user := text(28), text(36)
	if domain != "" && user != "" {
		return domain + `\` + user
	}
	return user
}

// readableUser is a user name fit to be kept beside a masked secret: one that
// is too long or holds controls may be the secret in the wrong place.
func readableUser(p []byte) string {
	const longest = 320 // RFC 5321 section 4.5.3.1: 64, "@", 255
	if len(p) > longest || bytes.ContainsAny(p, "\x00\x01") {
		return ""
	}
	return string(p)
}

var (
	urlEncoded  = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	htmlEscaped = regexp.MustCompile(`&(amp|lt|gt|quot|apos|#[0-9]{1,5}|#x[0-9A-Fa-f]{1,4});`)
	stars       = regexp.MustCompile(`^(\*+|x+|X+|\.+|<.*>|\[.*\])$`)
)

// passwordFacts tells mistakes in a password without telling the password.
func passwordFacts(password, user []byte) []string {
	facts := textFacts(string(password))
	switch strings.ToLower(string(password)) {
	case "password", "passwd", "secret", "your_password", "your-password", "yourpassword", "your password", "changeme":
		facts = append(facts, FactPlaceholder)
	}
	if stars.Match(password) && len(password) > 0 {
		facts = append(facts, FactPlaceholder)
	}
	if len(password) > 0 && bytes.Equal(password, user) {
		facts = append(facts, FactEqualsUser)
	}
	return facts
}

// userFacts tells mistakes in a user name that stands beside a secret.
func userFacts(user string) []string {
	var facts []string
	for _, f := range textFacts(user) {
		facts = append(facts, "user-"+f)
	}
	if user != "" && !strings.ContainsAny(user, "@\\") {
		facts = append(facts, FactUserNoDomain)
	}
	return facts
}

// textFacts tells what commonly goes wrong with a credential on its way into a
// configuration.
func textFacts(s string) []string {
	var facts []string
	add := func(yes bool, fact string) {
		if yes {
			facts = append(facts, fact)
		}
	}
	trimmed := strings.TrimRight(s, "\r\n")
	add(s == "", FactEmpty)
	add(trimmed != s, FactNewline)
	add(strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\t"), FactLeadingSpace)
	add(strings.HasSuffix(trimmed, " ") || strings.HasSuffix(trimmed, "\t"), FactTrailingSpace)
	ascii := !strings.ContainsFunc(s, func(r rune) bool { return r > 126 })
	add(!ascii && utf8.ValidString(s), FactNotASCII)
	add(!utf8.ValidString(s), FactLatin1)
	add(urlEncoded.MatchString(s), FactURLEncoded)
	add(htmlEscaped.MatchString(s), FactHTMLEscaped)
	add(isEncodedText(s), FactDoubleEncoded)
	switch s {
	case "undefined", "null", "None", "nil", "NULL", "false", "[object Object]":
		facts = append(facts, FactUndefined)
	}
	return facts
}

// isEncodedText recognises base64 of readable text in what should be the text
// itself. Padding or an address must be there: a password may well be made of
// the letters of base64.
func isEncodedText(s string) bool {
	plain, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(plain) < 4 || !strings.HasSuffix(s, "=") && !bytes.Contains(plain, []byte("@")) {
		return false
	}
	return bytes.IndexFunc(plain, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// userNotes are the facts about a user name that is shown.
func userNotes(user string) []Note {
	var notes []Note
	for _, f := range userFacts(user) {
		notes = append(notes, note(f, 1))
	}
	return notes
}

func looksLikeAddress(text []byte) bool {
	i := bytes.IndexByte(text, '@')
	return i > 0 && i < len(text)-1 && !bytes.ContainsAny(text, " \t\x00") && len(text) < 320
}

// looksLikeCredential recognises a line of nothing but base64, which no
// command is.
func looksLikeCredential(text []byte) bool {
	text = bytes.TrimSpace(text)
	if len(text) < 8 || len(text)%4 != 0 {
		return false
	}
	for i, b := range text {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '+', b == '/':
		case b == '=' && i >= len(text)-2:
		default:
			return false
		}
	}
	_, err := base64.StdEncoding.DecodeString(string(text))
	return err == nil
}

// revealed is the readable form of a secret for a screen that was asked for it.
func revealed(mechanism string, text []byte) string {
	plain, ok := decodeBase64(bytes.TrimSpace(text))
	if !ok || plain == nil {
		return string(text)
	}
	if mechanism == "PLAIN" {
		if parts := bytes.SplitN(plain, []byte{0}, 3); len(parts) == 3 {
			return string(parts[2])
		}
	}
	return string(plain)
}

const (
	shortestKnown = 4  // shorter secrets are found in any text
	mostKnown     = 32 // secrets of one session to look for, the newest
	longestKnown  = 4096
)

// remember keeps a secret and its decoded parts, to find them where the server
// repeats them. Of a longer one the beginning is kept.
func (d *Dialogue) remember(text []byte) {
	text = bytes.TrimSpace(text)
	if i := bytes.LastIndexByte(text, ' '); i >= 0 {
		// A mechanism that is not known, or a command, stands before it.
		d.remember(text[i+1:])
	}
	plain, _ := decodeBase64(text)
	parts := append([][]byte{text}, bytes.FieldsFunc(plain, func(r rune) bool { return r == 0 || r == 1 })...)
	if i := bytes.IndexByte(plain, 0); i >= 0 {
		// PLAIN: identities are no secrets.
		parts = [][]byte{text, plain[bytes.LastIndexByte(plain, 0)+1:]}
	}
	for _, p := range parts {
		p = p[:min(len(p), longestKnown)]
		if len(p) < shortestKnown || slices.ContainsFunc(d.known, func(k []byte) bool { return bytes.Equal(k, p) }) {
			continue
		}
		if len(d.known) == mostKnown {
			d.known = slices.Delete(d.known, 0, 1)
		}
		d.known = append(d.known, bytes.Clone(p))
	}
}
