package redact

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// notations.go replaces in the notations that the explanation of a session, or
// its reader, decodes: what is taken out of one must be gone from all.

// xtextParam is a parameter of MAIL or RCPT whose value is xtext (RFC 3461
// section 4) or its form for UTF-8 (RFC 6533 section 3).
var xtextParam = regexp.MustCompile(`(?i)\b((?:ORCPT=(?:[a-z0-9-]+;)?)|ENVID=|AUTH=)([^\s<>\[]+)`)

var xtextEscape = regexp.MustCompile(`\+[0-9A-Fa-f]{2}|\\x\{[0-9A-Fa-f]{1,6}\}`)

// commandText replaces in a MAIL or RCPT command and its parameters.
func (s *standIns) commandText(t string) string {
	var b strings.Builder
	done := 0
	for _, m := range xtextParam.FindAllStringSubmatchIndex(t, -1) {
		b.WriteString(s.text(t[done:m[0]]) + t[m[2]:m[3]] + s.xtext(t[m[2]:m[3]], t[m[4]:m[5]]))
		done = m[1]
	}
	return b.String() + s.text(t[done:])
}

// xtext replaces in the value of a parameter. That of AUTH and ORCPT is somebody
// without an @ as well.
func (s *standIns) xtext(name, value string) string {
	plain := fromXtext(value)
	stand := s.text(plain)
	if stand == plain && !strings.Contains(plain, "@") && !strings.EqualFold(name, "ENVID=") {
		stand = s.user(plain)
	}
	if stand == plain {
		return value
	}
	return toXtext(stand)
}

func fromXtext(value string) string {
	return xtextEscape.ReplaceAllStringFunc(value, func(e string) string {
		if e[0] == '+' {
			b, _ := hex.DecodeString(e[1:]) // two digits, as matched
			return string(b)
		}
		n, err := strconv.ParseUint(e[len(`\x{`):len(e)-1], 16, 21)
		if err != nil {
			return e
		}
		return string(rune(n))
	})
}

func toXtext(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hexPattern finds octets in hexadecimal that may be text.
var hexPattern = regexp.MustCompile(`\b(?:[0-9a-f]{2}){8,}\b|\b(?:[0-9A-F]{2}){8,}\b`)

// inHex replaces in text that is written in hexadecimal, with the head of a DER
// value before it or without.
func (s *standIns) inHex(t string, in func(string) string) string {
	return hexPattern.ReplaceAllStringFunc(t, func(digits string) string {
		plain, err := hex.DecodeString(digits)
		if err != nil {
			return digits
		}
		head := 0
		if len(plain) > 2 && plain[0] < 0x20 && int(plain[1]) == len(plain)-2 {
			head = 2
		}
		if !readable(plain[head:]) {
			return digits
		}
		again := in(string(plain[head:]))
		if again == string(plain[head:]) {
			return digits
		}
		if head > 0 {
			again = string([]byte{plain[0], byte(len(again))}) + again
		}
		return hex.EncodeToString([]byte(again))
	})
}

// subject replaces in the distinguished name of a certificate (RFC 4514).
// Attributes of all kinds but the country are names of somebody.
func (s *standIns) subject(name string) string {
	var b strings.Builder
	for rest := name; rest != ""; {
		end := attributeEnd(rest)
		b.WriteString(s.attribute(rest[:end]))
		if rest = rest[end:]; rest != "" {
			b.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	return b.String()
}

// attributeEnd is where an attribute ends: at a comma or plus that no backslash
// escapes.
func attributeEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ',', '+':
			return i
		}
	}
	return len(s)
}

func (s *standIns) attribute(text string) string {
	kind, value, found := strings.Cut(text, "=")
	if !found {
		return s.text(text)
	}
	digits, encoded := strings.CutPrefix(value, "#")
	plain, err := hex.DecodeString(digits)
	if !encoded || err != nil || len(plain) < 2 || int(plain[1]) != len(plain)-2 {
		return kind + "=" + s.attributeValue(kind, value)
	}
	again := s.attributeValue(kind, string(plain[2:]))
	return fmt.Sprintf("%s=#%02x%02x%x", kind, plain[0], byte(len(again)), again)
}

func (s *standIns) attributeValue(kind, value string) string {
	single := strings.Contains(value, ".") && !strings.ContainsAny(value, " \\")
	if host := strings.TrimPrefix(value, "*."); single && s.levels.Hosts && namePattern.FindString(host) == host {
		s.learn(host)
	}
	again := s.text(value)
	if !s.levels.Hosts || again != value || single || value == "" || strings.EqualFold(kind, "C") || strings.HasPrefix(value, "smtptap") {
		return again
	}
	return s.organisation(value)
}

// organisation is the stand-in of a name in a certificate.
func (s *standIns) organisation(name string) string {
	if standInOrganisation.MatchString(name) {
		return name
	}
	plain := strings.NewReplacer(`\,`, ",", `\+`, "+", `\"`, `"`, `\\`, `\`, `\;`, ";", `\#`, "#").Replace(name)
	have, found := s.organisations[plain]
	if !found {
		have = fmt.Sprintf("Organisation %d", len(s.organisations)+1)
		s.organisations[plain] = have
	}
	return have
}

var standInOrganisation = regexp.MustCompile(`^Organisation \d+$`)

// inOrganisations replaces names of certificates where they stand elsewhere.
// Short ones are words.
func (s *standIns) inOrganisations(t string) string {
	const shortest = 6
	for name, stand := range s.organisations {
		if len(name) >= shortest && strings.Contains(t, name) {
			t = strings.ReplaceAll(t, name, stand)
		}
	}
	return t
}

// wordPattern finds what may be a local part or a user name on its own.
var wordPattern = regexp.MustCompile(`"[^"\r\n]{1,64}"|[\pL\pN_](?:[\pL\pM\pN._+'-]*[\pL\pM\pN_])?`)

// commonWords stand in texts of servers whoever the mail is for.
var commonWords = map[string]bool{}

func init() {
	for _, word := range strings.Fields(`access account address admin administrator alias all and any auth authentication bad blocked closed command
		contact data delivery denied does domain error exist failed for from full greylisted hello help host info inactive invalid list local login mail
		mailbox mailer message name new not number office only option order please policy postmaster quota rcpt receive recipient rejected relay reply
		reset root route sales secure security send sender server service size smtp spam status success support system team temporary test the this
		try unknown unavailable user users valid verify virtual web webmaster with you your`) {
		commonWords[word] = true
	}
}

// inLocals replaces local parts and user names that stand alone. In the reply to
// a command with an address every one is replaced that is no common word, in
// other texts those that no word is.
func (s *standIns) inLocals(t string, answer bool) string {
	if len(s.locals) == 0 {
		return t
	}
	var b strings.Builder
	done := 0
	for _, m := range wordPattern.FindAllStringIndex(t, -1) {
		word := strings.ToLower(strings.Trim(t[m[0]:m[1]], `"`))
		stand := s.locals[word]
		if stand == "" || !answer && !distinct(word) || m[0] > 0 && strings.IndexByte("@.%=+", t[m[0]-1]) >= 0 && !answer || m[0] > 0 && t[m[0]-1] == '@' || m[1] < len(t) && t[m[1]] == '@' {
			continue
		}
		b.WriteString(t[done:m[0]] + stand)
		done = m[1]
	}
	t = b.String() + t[done:]
	for _, phrase := range s.phrases {
		t = replaceWord(t, phrase, s.locals[phrase])
	}
	return t
}

// distinct reports a text that is no word of a language.
func distinct(word string) bool {
	const shortest = 5
	return len(word) >= shortest && strings.ContainsAny(word, "._+-0123456789 ") && strings.Trim(word, "0123456789._-+") != ""
}

// rememberLocal lets a local part, or a user name, be found where it stands alone.
func (s *standIns) rememberLocal(local, stand string) {
	word := strings.ToLower(strings.Trim(local, `"`))
	if len(word) < 2 || commonWords[word] || strings.Trim(word, "0123456789") == "" {
		return
	}
	if s.locals[word] != "" {
		return
	}
	s.locals[word] = stand
	const shortest = 4
	if len(word) >= shortest && wordPattern.FindString(word) != word { // of a quoted string, repeated without its quotes
		s.phrases = append(s.phrases, word)
	}
}
