package meaning

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

//go:embed meanings.toml
var meaningsData []byte

// A sense is one meaning as meanings.toml has it.
type sense struct {
	ID        string         `toml:"id"`
	Stage     string         `toml:"stage"`
	At        map[string]int `toml:"at"`
	Elsewhere int            `toml:"elsewhere"`
	Code      map[string]int `toml:"code"`
	Enhanced  map[string]int `toml:"enhanced"`
	Words     map[string]int `toml:"words"`
	Says      map[string]int `toml:"says"`

	clauses []clause
	sayings []saying
}

// A clause is points for concepts that stand together.
type clause struct {
	with, without set
	points        int
}

type saying struct {
	words  string
	points int
}

// A table holds the meanings of replies, and of what clients say.
type table struct {
	Meaning []*sense `toml:"meaning"`
	Error   []*sense `toml:"error"`
}

var meanings = sync.OnceValue(func() *table {
	t, err := readMeanings(meaningsData, words())
	if err != nil {
		panic(err)
	}
	return t
})

func senses() []*sense { return meanings().Meaning }

func errors() []*sense { return meanings().Error }

func readMeanings(data []byte, l *lexicon) (*table, error) {
	t := &table{}
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(t); err != nil {
		return nil, err
	}
	for _, s := range slices.Concat(t.Meaning, t.Error) {
		if s.ID == "" {
			return nil, fmt.Errorf("a meaning without an id")
		}
		if err := s.prepare(l); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (s *sense) prepare(l *lexicon) error {
	for expr, points := range s.Words {
		c := clause{points: points}
		for _, word := range strings.Fields(expr) {
			name, absent := strings.CutPrefix(word, "-")
			number, found := l.numbers[name]
			switch {
			case !found:
				return fmt.Errorf("%s: the lexicon has no concept %q", s.ID, name)
			case absent:
				c.without.add(number)
			default:
				c.with.add(number)
			}
		}
		s.clauses = append(s.clauses, c)
	}
	for words, points := range s.Says {
		s.sayings = append(s.sayings, saying{fold(words), points})
	}
	return nil
}

func (c *clause) holds(concepts set) bool {
	return concepts.holds(c.with) && !concepts.meets(c.without)
}

// weigh adds up the evidence for the sense. Points are doubled, so that halves
// are whole. said is what the words and the enhanced code give of it: without
// them there is no more than a place and a class.
func (s *sense) weigh(r *Reply, t *text, concepts set) (total, said int) {
	said = 2*longest(s.Enhanced, subject(r.Enhanced)) + s.heard(t, concepts)
	return 2*(s.stagePoints(r.Stage)+longest(s.Code, codeText(r.Code))) + said, said
}

// heard adds up what the words say.
func (s *sense) heard(t *text, concepts set) int {
	words := 0
	var gains []int
	against := 0
	for i := range s.clauses {
		if c := &s.clauses[i]; c.holds(concepts) {
			if c.points < 0 {
				against += c.points
			} else {
				gains = append(gains, c.points)
			}
		}
	}
	for _, say := range s.sayings {
		if strings.Contains(t.folded, say.words) {
			if say.points < 0 {
				against += say.points
			} else {
				gains = append(gains, say.points)
			}
		}
	}
	slices.Sort(gains)
	for i, g := range gains {
		if i == len(gains)-1 {
			words += 2 * g
		} else {
			words += min(g, 2) // further evidence says much the same again
		}
	}
	return words + 2*against
}

func (s *sense) stagePoints(stage string) int {
	if stage == "" {
		return 0
	}
	if points, found := s.At[stage]; found {
		return points
	}
	return s.Elsewhere
}

func codeText(code int) string {
	if code == 0 {
		return ""
	}
	return strconv.Itoa(code)
}

// subject is an enhanced code without its class.
func subject(enhanced string) string {
	_, rest, _ := strings.Cut(enhanced, ".")
	return rest
}

// longest returns the points of the longest key that begins a code.
func longest(points map[string]int, code string) int {
	best, at := 0, 0
	for key, p := range points {
		whole := code == key || strings.HasPrefix(code, key) && (len(key) == 1 || strings.HasPrefix(code, key+"."))
		if whole && code != "" && len(key) > at {
			best, at = p, len(key)
		}
	}
	return best
}
