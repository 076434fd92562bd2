package logs

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// A pattern is an expression with its prefilter.
type pattern struct {
	*regexp.Regexp
	pre prefilter
}

func compile(expr string) *pattern { return &pattern{regexp.MustCompile(expr), prefilterOf(expr)} }

// MatchString reports whether text holds the pattern.
func (p *pattern) MatchString(text string) bool {
	return p.pre.allows(text) && p.Regexp.MatchString(text)
}

// FindStringSubmatch finds the pattern and its groups in text.
func (p *pattern) FindStringSubmatch(text string) []string {
	if !p.pre.allows(text) {
		return nil
	}
	return p.Regexp.FindStringSubmatch(text)
}

// FindAllStringSubmatchIndex finds the first n places of the pattern in text.
func (p *pattern) FindAllStringSubmatchIndex(text string, n int) [][]int {
	if !p.pre.allows(text) {
		return nil
	}
	return p.Regexp.FindAllStringSubmatchIndex(text, n)
}

// A prefilter is a set of strings of which every text that an expression
// matches contains at least one. Looking for them is many times faster than
// the expression, and nearly every line fails nearly every expression.
type prefilter []string

// minLiteral is how short a string of a prefilter may be.
const minLiteral = 2

// allows reports that text may match; it is sure only when it says no.
func (p prefilter) allows(text string) bool {
	if p == nil {
		return true
	}
	for _, s := range p {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// shortest is the length of the shortest string: the longer, the rarer.
func (p prefilter) shortest() int {
	n := 0
	for _, s := range p {
		if n == 0 || len(s) < n {
			n = len(s)
		}
	}
	return n
}

// prefilterOf derives the prefilter of an expression, nil when it has none.
func prefilterOf(expr string) prefilter {
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	return required(parsed.Simplify())
}

func required(re *syntax.Regexp) prefilter {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 || len(re.Rune) < minLiteral {
			return nil
		}
		return prefilter{string(re.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best prefilter
		for _, sub := range re.Sub {
			if p := required(sub); p != nil && p.shortest() > best.shortest() {
				best = p
			}
		}
		return best
	case syntax.OpAlternate:
		var all prefilter
		for _, sub := range re.Sub {
			p := required(sub)
			if p == nil {
				return nil
			}
			all = append(all, p...)
		}
		return all
	}
	return nil
}
