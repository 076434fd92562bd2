package lang

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"smtptap/decode/units"
	"smtptap/decode/visible"
)

// A Sentence is a text and what fills it, for a reader whose language is not
// known yet. It is an error, too.
type Sentence struct {
	texts *Texts
	key   string
	words []any // name, word, name, word
}

// Error is the text with that key as an error, filled with words: name, word,
// name, word. A word that is an error is what it wraps.
func (t *Texts) Error(key string, words ...any) error { return &Sentence{t, key, words} }

// In is the sentence in one language. What fills it may be a peer's: it is made
// visible.
func (s *Sentence) In(l Lang) string {
	words := Words(l, s.words)
	for i := range words {
		words[i] = visible.Text(words[i])
	}
	return s.texts.Say(l, s.key, words...)
}

func (s *Sentence) Error() string { return s.In(English) }

func (s *Sentence) Unwrap() error {
	for _, w := range s.words {
		if err, ok := w.(error); ok {
			return err
		}
	}
	return nil
}

// Words writes what fills a text: name, word, name, word.
func Words(l Lang, words []any) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = Of(l, w)
	}
	return all
}

// Of writes a value in a language: one that knows languages, an error, a list, a
// duration, or anything else that has one form only.
func Of(l Lang, value any) string {
	switch v := value.(type) {
	case string:
		return v
	case interface{ In(Lang) string }:
		return v.In(l)
	case error:
		return ofError(l, v)
	case []string:
		return List(l, v)
	case time.Duration:
		return units.Time(v)
	}
	return fmt.Sprint(value)
}

// List joins items as a language does.
func List(l Lang, items []string) string {
	if l == Chinese {
		return strings.Join(items, "、")
	}
	return strings.Join(items, ", ")
}

// ofError puts an error into a language as far as there are words for it: what
// wraps a sentence keeps what it adds.
func ofError(l Lang, err error) string {
	text := err.Error()
	var known interface {
		error
		In(Lang) string
	}
	if errors.As(err, &known) {
		return strings.Replace(text, known.Error(), known.In(l), 1)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		text = strings.Replace(text, path.Error(), path.Path+": "+path.Err.Error(), 1)
	}
	if l != Chinese {
		return text
	}
	for key, t := range system.All() {
		if before, found := strings.CutSuffix(text, key); found {
			return strings.TrimSuffix(before, ": ") + strings.Repeat("：", min(1, len(before))) + t.Zh
		}
	}
	return text
}

//go:embed system.toml
var systemTexts []byte

// system is what the operating system and the standard library say.
var system = NewTexts(systemTexts)
