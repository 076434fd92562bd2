// Package meaning says what a reply of a server or an error of a client means,
// in whatever words and language it is put.
//
// Nothing is a gate: what the reply answers, its code, its enhanced code and
// its words are evidence that is added up, for and against. The words come from
// a lexicon of concepts in many languages (lexicon.toml), the evidence from a
// table of meanings (meanings.toml); both are data.
package meaning

import (
	"cmp"
	"slices"
)

// A Reply is what is known of a reply. Anything may be missing.
type Reply struct {
	Stage    string // what it answers: a verb, "greeting", "." for the end of a message
	Code     int
	Enhanced string
	Words    string
}

// A Reading is something that a reply may mean.
type Reading struct {
	ID    string // of the finding
	Score int    // the weight of evidence, in half points
	Said  int    // how much of it the words and the enhanced code gave
	Stage string // what the reply answers, as told or as inferred
}

// leastScore is what evidence must come to, and leastSaid what the reply itself
// must give of it: less is a guess.
const (
	leastScore = 10
	leastSaid  = 4
)

// margin is by how much the likeliest meaning must lead.
const margin = 3

// Sure reports that the words say the first of these meanings by themselves, and
// none of the others nearly as well.
func Sure(all []Reading) bool {
	return len(all) > 0 && all[0].Said >= leastScore && (len(all) == 1 || all[0].Score-all[1].Score >= margin)
}

// Of lists what a reply may mean, the likeliest first; none where its words
// tell nothing that is known.
func Of(r Reply) []Reading {
	l := words()
	t := read(r.Words, l.saysNo)
	concepts := l.concepts(t)
	var all []Reading
	for _, s := range senses() {
		total, said := s.weigh(&r, t, concepts)
		if total < leastScore || said < leastSaid {
			continue
		}
		all = append(all, Reading{ID: s.ID, Score: total, Said: said, Stage: cmp.Or(r.Stage, s.Stage)})
	}
	rank(all)
	return all
}

// Concepts are the concepts of the lexicon that a text holds, in order.
func Concepts(s string) []string {
	l := words()
	found := l.concepts(read(s, l.saysNo))
	var all []string
	for number, name := range l.names {
		if found.has(number) {
			all = append(all, name)
		}
	}
	return all
}

// Known reports whether that finding is one of the meanings.
func Known(id string) bool {
	return slices.ContainsFunc(senses(), func(s *sense) bool { return s.ID == id })
}

// IDs are the findings that a reply or an error may mean.
func IDs() []string {
	var all []string
	for _, s := range slices.Concat(senses(), errors()) {
		all = append(all, s.ID)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
