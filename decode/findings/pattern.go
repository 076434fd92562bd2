package findings

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// A pattern is a regular expression over folded text. Most texts don't match
// most patterns, so a search for fixed words goes first.
type pattern struct {
	re  *regexp.Regexp
	any []string // one of these is in everything that matches; nil when that is not known
}

// newPattern compiles an expression that is written in lower case; nil for "".
func newPattern(expr string) *pattern {
	if expr == "" {
		return nil
	}
	p := &pattern{re: regexp.MustCompile("(?s)" + expr)}
	if tree, err := syntax.Parse(expr, syntax.Perl); err == nil {
		p.any = required(tree.Simplify())
	}
	return p
}

func (p *pattern) match(folded string) bool {
	if p.any != nil && !containsAny(folded, p.any) {
		return false
	}
	return p.re.MatchString(folded)
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// shortestWord is the shortest word that is worth searching for.
const shortestWord = 3

// required returns words of which every match holds at least one; nil when
// there are no such words.
func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if w := string(re.Rune); len(w) >= shortestWord && re.Flags&syntax.FoldCase == 0 {
			return []string{w}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if words := required(sub); words != nil && shortest(words) > shortest(best) {
				best = words
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			words := required(sub)
			if words == nil {
				return nil
			}
			all = append(all, words...)
		}
		return all
	}
	return nil
}

func shortest(words []string) int {
	n := 0
	for _, w := range words {
		if n == 0 || len(w) < n {
			n = len(w)
		}
	}
	return n
}
