package message

import (
	_ "embed"
	"slices"

	"smtptap/decode/lang"
)

// A Problem is something wrong with a header value or a part.
type Problem struct {
	ID   string    // stable, one of the constants of this package
	Text lang.Text // one sentence; what the peer sent is quoted as sent and must be made visible
}

//go:embed problems.toml
var document []byte

var texts = lang.NewTexts(document)

// problem words what is wrong: name, word, name, word.
func problem(id, key string, words ...string) Problem {
	return Problem{id, texts.Both(key, words...)}
}

// problems are those of one value or part, each kind once.
type problems []Problem

// maxProblems bounds what one value can make us say.
const maxProblems = 20

func (l *problems) add(id, key string, words ...string) {
	if l.room(id) {
		*l = append(*l, problem(id, key, words...))
	}
}

// join adds problems that were found elsewhere.
func (l *problems) join(more ...Problem) {
	for _, p := range more {
		if l.room(p.ID) {
			*l = append(*l, p)
		}
	}
}

func (l *problems) room(id string) bool {
	return len(*l) < maxProblems && !slices.ContainsFunc(*l, func(have Problem) bool { return have.ID == id })
}
