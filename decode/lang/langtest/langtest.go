// Package langtest checks texts that people read: that both languages are
// there, say the same placeholders, and keep to the project's voice. It is for
// tests.
package langtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/mattn/go-runewidth"

	"smtptap/decode/lang"
)

// banned are English words and turns that are not the project's, with what to
// write.
var banned = []struct {
	re    *regexp.Regexp
	write string
}{
	{regexp.MustCompile(`\bmend`), "fix"},
	{regexp.MustCompile(`\bbehind (ehlo|the|a|auth|mail|data|starttls|it)\b`), "after"},
	{regexp.MustCompile(`\bvouch`), "the certificate is self-signed"},
	{regexp.MustCompile(`\bwhite space stands\b`), "the password ends with a space"},
	{regexp.MustCompile(`\b(take|takes) (along|white space)`), "trim it, copy and export"},
	{regexp.MustCompile(`\bgoes on\b`), "in progress, continues"},
	{regexp.MustCompile(`\buser names?\b`), "username"},
	{regexp.MustCompile(`something that intercepts`), "a TLS-inspecting proxy"},
	{regexp.MustCompile(`\bis no (age|address|cidr)\b`), "is not …"},
	{regexp.MustCompile(`\bthe same two\b`), "the username and password"},
	{regexp.MustCompile(`\bknown is\b`), "the usual order of words"},
	{regexp.MustCompile(`\btold\b`), "said, reported"},
	{regexp.MustCompile(`;`), "a full stop"},
}

// Bounds of sentences and titles.
const (
	mostWords      = 25
	mostCharacters = 80 // of a Chinese sentence
	titleWords     = 8
	titleColumns   = 60
)

var (
	quoted    = regexp.MustCompile("`[^`]*`")
	sentences = regexp.MustCompile(`[.?!]+(\s|$)|\n`)
	zhStops   = regexp.MustCompile(`[。？！\n]`)
	halfWidth = regexp.MustCompile(`\p{Han}[,;:!?]|[,;!?]\p{Han}`)
	unspaced  = regexp.MustCompile(`\p{Han}[A-Za-z0-9` + "`" + `]|[A-Za-z0-9` + "`" + `]\p{Han}`)
)

// Text checks one text.
func Text(t testing.TB, where string, text lang.Text) {
	t.Helper()
	for _, problem := range problems(text) {
		t.Errorf("%s: %s\n\t%s\n\t%s", where, problem, text.En, text.Zh)
	}
}

// Title checks a title of a verdict.
func Title(t testing.TB, where string, title lang.Text) {
	t.Helper()
	Text(t, where, title)
	if n := len(strings.Fields(title.En)); n > titleWords {
		t.Errorf("%s: %d words: %s", where, n, title.En)
	}
	for _, s := range []string{title.En, title.Zh} {
		if n := runewidth.StringWidth(s); n > titleColumns {
			t.Errorf("%s: %d columns: %s", where, n, s)
		}
	}
}

// Texts checks all texts of a document.
func Texts(t testing.TB, texts *lang.Texts) {
	t.Helper()
	for key, text := range texts.All() {
		Text(t, key, text)
	}
}

func problems(text lang.Text) []string {
	var all []string
	if text.En == "" || text.Zh == "" {
		return []string{"it is not there in both languages"}
	}
	if en, zh := sorted(lang.Placeholders(text.En)), sorted(lang.Placeholders(text.Zh)); !slices.Equal(en, zh) {
		all = append(all, fmt.Sprintf("placeholders %v and %v", en, zh))
	}
	en, zh := quoted.ReplaceAllString(text.En, "x"), quoted.ReplaceAllString(text.Zh, "`")
	for _, b := range banned {
		if found := b.re.FindString(strings.ToLower(en)); found != "" {
			all = append(all, fmt.Sprintf("%q: write %s", found, b.write))
		}
	}
	for _, s := range sentences.Split(en, -1) {
		if n := len(strings.Fields(s)); n > mostWords {
			all = append(all, fmt.Sprintf("a sentence of %d words", n))
		}
	}
	if strings.ContainsFunc(en, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		all = append(all, "Chinese in the English text")
	}
	return append(all, chinese(zh)...)
}

// chinese are problems of a Chinese text.
func chinese(zh string) []string {
	var all []string
	for _, s := range zhStops.Split(zh, -1) {
		if n := len([]rune(s)); n > mostCharacters {
			all = append(all, fmt.Sprintf("a sentence of %d characters", n))
		}
	}
	plain := lang.Bare(zh)
	if found := halfWidth.FindString(plain); found != "" {
		all = append(all, fmt.Sprintf("half-width punctuation at %q", found))
	}
	if found := unspaced.FindString(plain); found != "" {
		all = append(all, fmt.Sprintf("no space between Chinese and Latin at %q", found))
	}
	return all
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
