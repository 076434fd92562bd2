package draw

import (
	"bytes"
	"embed"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"smtptap/decode/lang"
	"smtptap/decode/units"
)

// textFiles are what the screen says, one file a subject.
//
//go:embed texts
var textFiles embed.FS

// Texts are all that the screen says, by key.
var Texts = sync.OnceValue(func() *lang.Texts {
	var all bytes.Buffer
	names, _ := fs.Glob(textFiles, "texts/*.toml")
	for _, name := range names {
		document, err := textFiles.ReadFile(name)
		if err != nil {
			panic(err) // it is part of the program
		}
		all.Write(append(document, '\n'))
	}
	return lang.NewTexts(all.Bytes())
})

// Say is a text of the screen in its language, filled with words: name, word,
// name, word.
func (t *Theme) Say(key string, words ...string) string { return Texts().Say(t.Lang, key, words...) }

// Time is a duration within a sentence.
func (t *Theme) Time(d time.Duration) string {
	words := strings.Fields(units.Time(d))
	for i := 1; i < len(words); i += 2 {
		words[i] = t.Say("unit-" + words[i])
	}
	return strings.Join(words, " ")
}

// Count is a number of things in words: the text key-one, or key-many.
func (t *Theme) Count(key string, n int) string {
	if n == 1 {
		return t.Say(key + "-one")
	}
	return t.Say(key+"-many", "n", strconv.Itoa(n))
}
