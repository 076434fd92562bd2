package facts

import (
	_ "embed"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"smtptap/decode/lang"
)

//go:embed words.toml
var document []byte

// Words are the sentences that facts are told in.
var Words = lang.NewTexts(document)

// A Sentence is what a fact says for people: a text of Words by its key, with
// what fills it, so that it can be read in any language. In a recording that is
// an object:
//
//	{"say":"certificate-expired","day":"2026-01-31","ago":"12 d 4 h"}
//
// and a string where the words are somebody else's (a peer's, the system's), or
// are the key of a text with nothing to fill in. In memory it is that string, or the object after a mark. It is an error, too.
type Sentence string

// maxSentence bounds the object, in bytes.
const maxSentence = 16 << 10

// mark comes before the object. No text begins with it.
const mark = "\x00"

// Say is the text of Words with that key, filled with words: name, word, name,
// word.
func Say(key string, words ...any) Sentence {
	if len(words) == 0 {
		return Sentence(key)
	}
	object := map[string]any{"say": key}
	for i := 0; i+1 < len(words); i += 2 {
		switch w := words[i+1].(type) {
		case Sentence:
			object[words[i].(string)] = w
		case error:
			object[words[i].(string)] = Because(w)
		default:
			object[words[i].(string)] = lang.Of(lang.English, w)
		}
	}
	data, _ := json.Marshal(object)
	return Sentence(mark + string(data))
}

// Because is what an error says.
func Because(err error) Sentence {
	var known interface {
		error
		InFacts() Sentence
	}
	switch {
	case err == nil:
		return ""
	case errors.As(err, &known) && known.Error() == err.Error():
		return known.InFacts()
	}
	return Plain(err.Error())
}

// InFacts is the sentence, for errors that have one.
func (s Sentence) InFacts() Sentence { return s }

// All says several sentences as one: by the text with that key, which puts one
// before the other.
func All(key string, each []Sentence) Sentence {
	var all Sentence
	for _, s := range each {
		if all == "" {
			all = s
		} else {
			all = Say(key, "one", all, "other", s)
		}
	}
	return all
}

// Plain is a text that has no other language.
func Plain(text string) Sentence { return Sentence(strings.TrimLeft(text, mark)) }

// In is the sentence in one language.
func (s Sentence) In(l lang.Lang) string {
	data, known := strings.CutPrefix(string(s), mark)
	if !known {
		return Words.Say(l, string(s))
	}
	var object map[string]Sentence
	if json.Unmarshal([]byte(data), &object) != nil {
		return data
	}
	var words []string
	for name, word := range object {
		words = append(words, name, word.In(l))
	}
	return Words.Say(l, string(object["say"]), words...)
}

func (s Sentence) String() string { return s.In(lang.English) }
func (s Sentence) Error() string  { return s.String() }

// MarshalJSON writes the object, or the string.
func (s Sentence) MarshalJSON() ([]byte, error) {
	if data, known := strings.CutPrefix(string(s), mark); known {
		return []byte(data), nil
	}
	return json.Marshal(string(s))
}

// UnmarshalJSON reads what MarshalJSON wrote, and the strings of recordings
// that are older.
func (s *Sentence) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		if len(data) > maxSentence {
			return errors.New("a sentence is too long")
		}
		*s = Sentence(mark + string(data))
		return nil
	}
	var text string
	err := json.Unmarshal(data, &text)
	*s = Plain(text)
	return err
}

// In is a fact with its sentences in one language, for what is no recording.
func In(f Fact, l lang.Lang) Fact {
	said := reflect.New(reflect.TypeOf(f).Elem())
	said.Elem().Set(reflect.ValueOf(f).Elem())
	for i := range said.Elem().NumField() {
		if s, ok := said.Elem().Field(i).Interface().(Sentence); ok {
			said.Elem().Field(i).SetString(string(Plain(s.In(l))))
		}
	}
	return said.Interface().(Fact)
}
