package query

import (
	"bytes"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/visible"
)

//go:embed words.toml
var wordsDocument []byte

var words = lang.NewTexts(wordsDocument)

//go:embed language.toml
var languageDocument []byte

// A Row of the help is an example of what can be written, and what it picks.
type Row struct {
	Example string
	lang.Text
}

var rows = sync.OnceValue(func() []Row {
	var doc struct{ Row []Row }
	if err := toml.NewDecoder(bytes.NewReader(languageDocument)).DisallowUnknownFields().Decode(&doc); err != nil {
		panic("the language of queries: " + err.Error())
	}
	var names []string
	for _, o := range outcome.All() {
		names = append(names, string(o))
	}
	for i := range doc.Row {
		r := &doc.Row[i]
		r.En = lang.Fill(r.En, func(string) string { return strings.Join(append(names, live), " ") })
		r.Zh = lang.Fill(r.Zh, func(string) string { return strings.Join(append(names, live), " ") })
	}
	return doc.Row
})

// Help describes the language, row by row.
func Help() []Row { return rows() }

// An Error says why a filter can't be understood.
type Error struct {
	At   int       // byte where the trouble is
	What lang.Text // what is wrong, and what is valid

	character int // At, counted from 1 in characters
}

// widest is how much of a query an error repeats, in columns.
const widest = 40

func newError(query string, at int, key string, fill ...string) *Error {
	in := func(l lang.Lang) string {
		filled := slices.Clone(fill)
		for i := 1; i < len(filled); i += 2 {
			switch filled[i-1] {
			case "what":
				filled[i] = words.Say(l, filled[i])
			case "name", "value":
				filled[i] = visible.Truncate(visible.Text(filled[i]), widest, "…")
			}
		}
		return words.Say(l, key, filled...)
	}
	return &Error{at, lang.Text{En: in(lang.English), Zh: in(lang.Chinese)}, utf8.RuneCountInString(query[:at]) + 1}
}

// In is the error in that language, with its place.
func (e *Error) In(l lang.Lang) string {
	return words.Say(l, "place", "at", strconv.Itoa(e.character), "error", e.What.In(l))
}

func (e *Error) Error() string { return e.In(lang.English) }
