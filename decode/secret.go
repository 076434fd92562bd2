package decode

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"
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

	FactShape            = "wrong-shape"       // not the message that the mechanism asks for
	FactSeparatorWritten = "separator-written" // \1, ^A or the like in characters, where the byte 0x01 belongs
	FactSeparator        = "separator-other"   // a space, line break or the like where the byte 0x01 belongs
	FactCommand          = "command-look"      // begins with the verb of a command
)

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
	return i > 0 && bytes.IndexByte(text[i:], '.') > 1 && identity(text) != ""
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
