package meaning

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

//go:embed lexicon.toml
var lexiconData []byte

// A set is a set of concepts, by their numbers.
type set [2]uint64

func (s *set) add(concept int)     { s[concept/64] |= 1 << (concept % 64) }
func (s set) has(concept int) bool { return s[concept/64]&(1<<(concept%64)) != 0 }
func (s set) holds(all set) bool   { return s[0]&all[0] == all[0] && s[1]&all[1] == all[1] }
func (s set) meets(any set) bool   { return s[0]&any[0] != 0 || s[1]&any[1] != 0 }

// A lexicon finds concepts in texts of any of its languages.
type lexicon struct {
	names    []string             // of the concepts
	numbers  map[string]int       // of the concepts
	byStart  map[string][]*phrase // by the first letters of their first word
	inside   []*phrase            // whose first word may stand inside another
	unspaced []*phrase
	no       map[string]bool // words that say no, whole
	noStart  []string        // and beginnings of such
	noIdeas  []string
}

// A phrase is an entry of the lexicon.
type phrase struct {
	concept int
	parts   []part
	negated bool
}

// A part is a word of a phrase.
type part struct {
	word     string
	mode     mode
	afterGap bool // some words may stand before it
}

type mode uint8

const (
	begins mode = iota
	whole
	inside
)

// startLen is how many letters phrases are found by.
const startLen = 3

// not is the concept of words that say no.
const not = "not"

// words is the lexicon that comes with the program.
var words = sync.OnceValue(func() *lexicon {
	l, err := readLexicon(lexiconData)
	if err != nil {
		panic(err)
	}
	return l
})

func readLexicon(data []byte) (*lexicon, error) {
	var tables map[string]map[string][]string
	if err := toml.Unmarshal(data, &tables); err != nil {
		return nil, err
	}
	l := &lexicon{names: slices.Sorted(maps.Keys(tables)), numbers: map[string]int{}, byStart: map[string][]*phrase{}, no: map[string]bool{}}
	if len(l.names) > 64*len(set{}) {
		return nil, fmt.Errorf("%d concepts are more than a set holds", len(l.names))
	}
	for number, concept := range l.names {
		l.numbers[concept] = number
		for _, entries := range tables[concept] {
			for _, entry := range entries {
				l.add(concept, entry)
			}
		}
	}
	return l, nil
}

func (l *lexicon) add(concept, entry string) {
	entry, negated := strings.CutPrefix(entry, "!")
	folded := fold(entry)
	if strings.ContainsFunc(folded, unspaced) {
		p := &phrase{concept: l.numbers[concept], negated: negated}
		for _, piece := range strings.Split(folded, "…") {
			p.parts = append(p.parts, part{word: strings.ReplaceAll(piece, " ", "")})
		}
		l.unspaced = append(l.unspaced, p)
		if concept == not {
			l.noIdeas = append(l.noIdeas, p.parts[0].word)
		}
		return
	}
	p := &phrase{concept: l.numbers[concept], negated: negated}
	gap := false
	for _, word := range strings.Fields(folded) {
		if word == "…" || word == "..." {
			gap = true
			continue
		}
		p.parts = append(p.parts, newParts(word, gap)...)
		gap = false
	}
	first := p.parts[0]
	switch {
	case concept == not && first.mode == whole:
		l.no[first.word] = true
	case concept == not:
		l.noStart = append(l.noStart, first.word)
	case first.mode == inside:
		l.inside = append(l.inside, p)
	default:
		l.byStart[start(first.word)] = append(l.byStart[start(first.word)], p)
	}
}

// newParts are the words of one blank-separated piece: mx.example is two.
func newParts(word string, gap bool) []part {
	word, exact := strings.CutPrefix(word, "=")
	word, within := strings.CutPrefix(word, "*")
	word, open := strings.CutSuffix(word, "*")
	var parts []part
	for i, w := range tokens(word) {
		p := part{word: w, afterGap: gap && i == 0}
		switch {
		case within && i == 0:
			p.mode = inside
		case exact, !open && utf8.RuneCountInString(w) <= startLen:
			p.mode = whole
		}
		parts = append(parts, p)
	}
	return parts
}

func start(word string) string {
	n := 0
	for i := range word {
		if n == startLen {
			return word[:i]
		}
		n++
	}
	return word
}

func (p part) fits(token string) bool {
	switch p.mode {
	case whole:
		return token == p.word
	case inside:
		return strings.Contains(token, p.word)
	}
	return strings.HasPrefix(token, p.word)
}

// saysNo reports a word that says no.
func (l *lexicon) saysNo(token string) bool {
	return l.no[token] || slices.ContainsFunc(l.noStart, func(s string) bool { return strings.HasPrefix(token, s) })
}

// concepts are those that a text holds.
func (l *lexicon) concepts(t *text) set {
	var found set
	for i, token := range t.tokens {
		for _, list := range [][]*phrase{l.byStart[start(token)], l.inside} {
			for _, p := range list {
				if !found.has(p.concept) && p.at(t, i) {
					found.add(p.concept)
				}
			}
		}
		if t.negative[i] {
			found.add(l.numbers[not])
		}
	}
	if t.ideas == "" {
		return found
	}
	for _, p := range l.unspaced {
		if !found.has(p.concept) && p.within(t.ideas) {
			found.add(p.concept)
		}
	}
	return found
}

// widestGap is how many words … is for, and nearBefore and nearAfter how far off
// a negation may stand.
const (
	widestGap  = 4
	nearBefore = 4
	nearAfter  = 5
)

// at reports whether the phrase begins at token i.
func (p *phrase) at(t *text, i int) bool {
	if !p.parts[0].fits(t.tokens[i]) {
		return false
	}
	at := i
	for _, next := range p.parts[1:] {
		reach := 1
		if next.afterGap {
			reach += widestGap
		}
		end := min(at+1+reach, len(t.tokens))
		step := slices.IndexFunc(t.tokens[at+1:end], next.fits)
		if step < 0 {
			return false
		}
		at += 1 + step
	}
	if !p.negated {
		return true
	}
	before := t.negative[max(0, i-nearBefore):i]
	after := t.negative[at+1 : min(at+1+nearAfter, len(t.tokens))]
	return slices.Contains(before, true) || slices.Contains(after, true)
}

// widestLeap is how many bytes … is for where words have no blanks.
const widestLeap = 8 * 3

// within reports whether the phrase stands anywhere in a text without blanks.
func (p *phrase) within(ideas string) bool {
	for from := 0; ; {
		i := strings.Index(ideas[from:], p.parts[0].word)
		if i < 0 {
			return false
		}
		from += i + len(p.parts[0].word)
		if p.follows(ideas[from:]) {
			return true
		}
	}
}

func (p *phrase) follows(rest string) bool {
	for _, next := range p.parts[1:] {
		i := strings.Index(rest[:min(len(rest), widestLeap+len(next.word))], next.word)
		if i < 0 {
			return false
		}
		rest = rest[i+len(next.word):]
	}
	return true
}
