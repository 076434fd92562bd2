// Package codes says in one line each what the numbers and words of SMTP mean:
// reply codes, enhanced status codes, EHLO keywords, parameters of MAIL and
// RCPT, verbs and authentication mechanisms.
//
// The texts are data, in codes.toml. Where a function puts a peer's own words
// into one, they are as sent and must be made visible by the caller.
package codes

import (
	"bytes"
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"smtptap/decode/lang"
	"smtptap/decode/units"
)

// A Meaning is what one code or word says.
type Meaning struct {
	lang.Text
	Ref string `toml:"ref"` // "RFC 5321 section 4.2.3", or whose invention it is
}

// with fills the meaning's placeholders: name, word, name, word.
func (m Meaning) with(words ...lang.Text) Meaning {
	fill := func(l lang.Lang) string {
		return lang.Fill(m.In(l), func(name string) string {
			for i := 0; i+1 < len(words); i += 2 {
				if words[i].En == name {
					return words[i+1].In(l)
				}
			}
			return ""
		})
	}
	return Meaning{lang.Text{En: fill(lang.English), Zh: fill(lang.Chinese)}, m.Ref}
}

// same is a word that no language changes.
func same(s string) lang.Text { return lang.Text{En: s, Zh: s} }

//go:embed codes.toml
var document []byte

// tables are the sections of codes.toml.
var tables = sync.OnceValue(func() map[string]map[string]Meaning {
	all := map[string]map[string]Meaning{}
	if err := toml.NewDecoder(bytes.NewReader(document)).DisallowUnknownFields().Decode(&all); err != nil {
		panic("codes.toml: " + err.Error())
	}
	return all
})

func find(table, key string) (Meaning, bool) {
	m, ok := tables()[table][key]
	return m, ok
}

// phrase puts words into a sentence that is put together from others.
func phrase(key string, words ...lang.Text) Meaning {
	m, _ := find("phrase", key)
	return m.with(words...)
}

// Reply returns the meaning of a reply code whatever it answers. For a code
// that no RFC defines it is what the first two digits mean (RFC 5321 section
// 4.2.1); it is false where not even those are defined.
func Reply(code int) (Meaning, bool) {
	if m, ok := find("reply", strconv.Itoa(code)); ok {
		return m, true
	}
	class, ok := find("class", strconv.Itoa(code/100))
	if !ok || code > 599 {
		return Meaning{}, false
	}
	subject, _ := find("about", strconv.Itoa(code/10%10))
	return phrase("unknown-code", same("text"), class.Text, same("subject"), subject.Text), true
}

// ReplyTo returns what a reply code says about the command it answers. verb is
// upper case; "." is the end of the data, "" the greeting or nothing. It falls
// back on Reply.
func ReplyTo(code int, verb string) (Meaning, bool) {
	switch verb {
	case "":
		verb = "GREETING"
	case ".":
		verb = "END"
	}
	if m, ok := find("reply-to", strconv.Itoa(code)+" "+verb); ok {
		return m, true
	}
	return Reply(code)
}

// Enhanced returns the meaning of an enhanced status code such as "5.7.8"
// (RFC 3463). For a detail that is not registered it is what the subject means;
// it is false for what is no such code.
func Enhanced(code string) (Meaning, bool) {
	class, detail, ok := splitEnhanced(code)
	if !ok {
		return Meaning{}, false
	}
	if m, ok := find("success", code); ok {
		return m, true
	}
	if m, ok := find("detail", detail); ok {
		return weighed(m, class), true
	}
	subject, _, _ := strings.Cut(detail, ".")
	if m, ok := find("subject", subject); ok {
		m = weighed(m, class)
		return phrase("detail", same("text"), m.Text), true
	}
	return weighed(phrase("subject"), class), true
}

// weighed adds what the class of an enhanced code says: a failure that may
// pass, or one that stays.
func weighed(m Meaning, class string) Meaning {
	ref := m.Ref
	switch class {
	case "4":
		m = phrase("temporary", same("text"), m.Text)
	case "5":
		m = phrase("permanent", same("text"), m.Text)
	}
	m.Ref = ref
	return m
}

// splitEnhanced reads class "." subject "." detail (RFC 3463 section 2): class
// 2, 4 or 5, the others up to three digits without a leading zero.
func splitEnhanced(code string) (class, detail string, ok bool) {
	parts := strings.Split(code, ".")
	if len(parts) != 3 || parts[0] != "2" && parts[0] != "4" && parts[0] != "5" {
		return "", "", false
	}
	for _, p := range parts {
		if _, err := strconv.ParseUint(p, 10, 16); err != nil || len(p) > 3 || len(p) > 1 && p[0] == '0' {
			return "", "", false
		}
	}
	return parts[0], parts[1] + "." + parts[2], true
}

// Keyword returns what an EHLO keyword offers. name is upper case, params is
// what follows it (RFC 5321 section 4.1.1.1). It is false for a keyword that
// is in no table.
func Keyword(name, params string) (Meaning, bool) {
	if old, ok := strings.CutPrefix(name, "AUTH="); ok {
		name, params = "AUTH=", old+" "+params
	}
	if m, ok := find("keyword", name+"="+params); ok {
		return m, true
	}
	m, ok := find("keyword", name)
	value := strings.Join(strings.Fields(params), ", ")
	switch name {
	case "SIZE":
		value = ""
		if n, err := strconv.ParseUint(params, 10, 63); err == nil {
			value = units.Exactly(int64(n))
		}
	case "FUTURERELEASE":
		value, _, _ = strings.Cut(params, " ")
	}
	return m.with(same("value"), same(value)), ok
}

// Verb returns what a command asks for. verb is upper case.
func Verb(verb string) (Meaning, bool) { return find("verb", verb) }

// Mechanism returns what a SASL mechanism of AUTH does with the password. name
// is upper case.
func Mechanism(name string) (Meaning, bool) { return find("mechanism", name) }

// Parameter returns what a parameter of MAIL or RCPT asks for, such as
// BODY=8BITMIME; key and value are as sent. The text may quote the value. It
// is false for a parameter that is in no table.
func Parameter(key, value string) (Meaning, bool) {
	key = strings.ToUpper(key)
	if m, ok := find("parameter", key+"="+strings.ToUpper(value)); ok {
		return m, true
	}
	m, ok := find("parameter", key)
	word := same(value)
	switch key {
	case "SIZE":
		if n, err := strconv.ParseUint(value, 10, 63); err == nil {
			word = same(units.Exactly(int64(n)))
		}
	case "AUTH", "ENVID", "SUBMITTER":
		word = same(xtext(value))
	case "ORCPT":
		if kind, address, ok := strings.Cut(value, ";"); ok {
			word = same(xtext(address))
			if !strings.EqualFold(kind, "rfc822") {
				word = same(word.En + " (" + kind + ")")
			}
		}
	case "NOTIFY":
		word = notify(value)
	}
	return m.with(same("value"), word), ok
}

// notify reads the list of NOTIFY (RFC 3461 section 4.1).
func notify(value string) lang.Text {
	var en, zh []string
	for v := range strings.SplitSeq(strings.ToUpper(value), ",") {
		text := same(v)
		if m, ok := find("notify", v); ok {
			text = m.Text
		}
		en, zh = append(en, text.En), append(zh, text.Zh)
	}
	return lang.Text{En: strings.Join(en, ", "), Zh: strings.Join(zh, "、")}
}

// xtext decodes the escape +HH of RFC 3461 section 4. What is not an escape
// stays.
func xtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '+' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
