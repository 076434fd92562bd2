// Package lang chooses the language that people are spoken to in, and looks up
// what is said. Texts are data with both languages side by side; what is
// different each time stands in braces.
package lang

import (
	"bytes"
	"regexp"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

// A Lang is a language that smtptap speaks. The zero value is English.
type Lang string

const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// Parse reads the name of a language: "en", "zh", or a locale such as
// "zh_CN.UTF-8".
func Parse(name string) (Lang, bool) {
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	name, _, _ = strings.Cut(strings.ReplaceAll(name, "-", "_"), "_")
	switch name {
	case "en", "c", "posix":
		return English, true
	case "zh":
		return Chinese, true
	}
	return English, false
}

// Locale is the language of the environment: of the first of LC_ALL,
// LC_MESSAGES and LANG that is set. It is English where there is no text in
// the language asked for.
func Locale(getenv func(string) string) Lang {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			l, _ := Parse(value)
			return l
		}
	}
	return English
}

// A Text is the same in both languages.
type Text struct {
	En string `toml:"en"`
	Zh string `toml:"zh"`
}

// In is the text in one language.
func (t Text) In(l Lang) string {
	if l == Chinese {
		return t.Zh
	}
	return t.En
}

// Texts are looked up by key. They are read when the first is asked for.
type Texts struct {
	read func() map[string]Text
}

// NewTexts takes a TOML document with one table for each text:
//
//	[key]
//	en = "…"
//	zh = "…"
//
// It is part of the program: a mistake in it is one in the program, and panics.
func NewTexts(document []byte) *Texts {
	return &Texts{sync.OnceValue(func() map[string]Text {
		all := map[string]Text{}
		if err := toml.NewDecoder(bytes.NewReader(document)).DisallowUnknownFields().Decode(&all); err != nil {
			panic("texts: " + err.Error())
		}
		return all
	})}
}

// All are the texts by key.
func (t *Texts) All() map[string]Text { return t.read() }

// Say is the text with that key, filled with words: name, word, name, word. A
// text that is not there is its key, so that nothing is lost.
func (t *Texts) Say(l Lang, key string, words ...string) string {
	text, found := t.Find(l, key)
	if !found {
		return key
	}
	return Fill(text, func(name string) string {
		for i := 0; i+1 < len(words); i += 2 {
			if words[i] == name {
				return words[i+1]
			}
		}
		return ""
	})
}

// Both is the text with that key in both languages, filled as Say fills it.
func (t *Texts) Both(key string, words ...string) Text {
	return Text{En: t.Say(English, key, words...), Zh: t.Say(Chinese, key, words...)}
}

// Find is the text with that key as it stands.
func (t *Texts) Find(l Lang, key string) (string, bool) {
	text, found := t.read()[key]
	return text.In(l), found
}

var (
	placeholder = regexp.MustCompile(`\{[a-z]+\}`)
	bracketed   = regexp.MustCompile(`\[([^\[\]]*\{[a-z]+\}[^\[\]]*)\]`)
)

// Fill puts words into a text's placeholders. A part of the text in square
// brackets is left out when a word in it is not known; elsewhere it is "?".
func Fill(text string, word func(name string) string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	text = bracketed.ReplaceAllStringFunc(text, func(part string) string {
		for _, p := range placeholder.FindAllString(part, -1) {
			if word(strings.Trim(p, "{}")) == "" {
				return ""
			}
		}
		return part[1 : len(part)-1]
	})
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		if w := word(strings.Trim(p, "{}")); w != "" {
			return w
		}
		return "?"
	})
}

// Bare is a text without the parts that are different each time.
func Bare(text string) string {
	return placeholder.ReplaceAllString(bracketed.ReplaceAllString(text, ""), "…")
}

// Placeholders are the names of a text's placeholders, each once, in order.
func Placeholders(text string) []string {
	var names []string
	seen := map[string]bool{}
	for _, p := range placeholder.FindAllString(text, -1) {
		if !seen[p] {
			seen[p] = true
			names = append(names, strings.Trim(p, "{}"))
		}
	}
	return names
}

// Only keeps the lines of a text that belong to one language, without the "en: "
// or "zh: " that they begin with, and those that belong to both.
func Only(text string, l Lang) string {
	own, other := "en: ", "zh: "
	if l == Chinese {
		own, other = other, own
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, other) {
			b.WriteString(strings.TrimPrefix(line, own))
		}
	}
	return b.String()
}
