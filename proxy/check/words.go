package check

import (
	_ "embed"

	"smtptap/decode/lang"
)

//go:embed words.toml
var document []byte

var words = lang.NewTexts(document)

// say is a text in the language of the report, filled with words.
func (r *Report) say(key string, filling ...any) string {
	return words.Say(r.Lang, key, lang.Words(r.Lang, filling)...)
}
