package meaning

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A text is words made ready for matching.
type text struct {
	tokens   []string // words and numbers, folded
	negative []bool   // by token: it says no
	folded   string   // all of it, in single spaces
	ideas    string   // without blanks, for scripts that have none; "" without such script
}

// mostTokens bounds the words that are looked at: a reason stands at the
// beginning.
const mostTokens = 300

// names are addresses, links and host names, whose parts are not words. A full
// stop between two sentences without a blank has a capital after it.
var names = regexp.MustCompile(`[^\s<>"'()]*@[A-Za-z0-9.\-_\[\]]+|https?://[^\s<>"'()]+|\b(?:[A-Za-z0-9_-]+\.)+[a-z][a-z0-9-]+\b|\b(?:\d{1,3}\.){3}\d{1,3}\b`)

// read makes a text ready. negative tells the words that say no.
func read(s string, negative func(string) bool) *text {
	t := &text{folded: fold(s)}
	bare := fold(names.ReplaceAllString(s, " "))
	t.tokens = tokens(bare)
	t.tokens = t.tokens[:min(len(t.tokens), mostTokens)]
	for _, w := range t.tokens {
		t.negative = append(t.negative, negative != nil && negative(w))
	}
	if strings.ContainsFunc(bare, unspaced) {
		t.ideas = strings.ReplaceAll(bare, " ", "")
	}
	return t
}

// fold takes away what makes no difference: case, accents, width.
func fold(s string) string {
	var b strings.Builder
	blank := true
	for _, r := range strings.ToLower(norm.NFKC.String(s)) {
		switch {
		case unicode.IsSpace(r):
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
			continue
		case r == '\u2019':
			b.WriteByte('\'')
		case marked(r):
			bare(&b, r)
		default:
			b.WriteRune(r)
		}
		blank = false
	}
	return strings.TrimRight(b.String(), " ")
}

// marked reports a letter that may bear marks, or a mark alone.
func marked(r rune) bool {
	return r >= 0x80 && r < 0x2000 && !unicode.Is(unicode.Hangul, r)
}

// plain are letters that no decomposition makes plain.
var plain = map[rune]string{'ı': "i", 'ß': "ss", 'ł': "l", 'ø': "o", 'đ': "d", 'æ': "ae", 'œ': "oe", 'þ': "th"}

func bare(b *strings.Builder, r rune) {
	if s, found := plain[r]; found {
		b.WriteString(s)
		return
	}
	for _, d := range norm.NFD.String(string(r)) {
		if !unicode.Is(unicode.Mn, d) {
			b.WriteRune(d)
		}
	}
}

// unspaced reports a letter of a script that has no blanks between words, or
// whose words grow endings that hide where they end.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r == 'ー'
}

// tokens are the words and numbers of a folded text. An apostrophe divides, but
// for English negations: isn't is a word, l'adresse are two.
func tokens(folded string) []string {
	folded = strings.ReplaceAll(folded, "n't", "nt")
	var all []string
	start, kind := -1, 0
	for i, r := range folded + " " {
		k := kindOf(r)
		if start >= 0 && k != kind {
			all = append(all, folded[start:i])
			start = -1
		}
		if k != 0 && start < 0 {
			start, kind = i, k
		}
	}
	return all
}

func kindOf(r rune) int {
	switch {
	case unspaced(r):
		return 0
	case unicode.IsLetter(r):
		return 1
	case unicode.IsDigit(r):
		return 2
	}
	return 0
}
