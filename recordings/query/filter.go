// Package query is the small language that picks sessions from a list.
//
//	code:5xx              the reply that decided the session
//	from:ann rcpt:@b.org  parts of addresses; to: is rcpt:
//	subject:invoice       and user: client: server: id: finding:
//	tls:no auth:yes       yes or no; auth: takes a user name too
//	size>1M took>5s       and rcpts, messages, code with < <= > >= =
//	live sent refused     and partly failed nothing cut: how it ended
//	anything else         is looked for everywhere; "quote blanks"
//
// Terms stand side by side when all must hold; & does the same, | is or, ! is
// not, parentheses group.
package query

import (
	"strings"
	"unicode"

	"smtptap/recordings/transcript"
)

// A Session is what a filter looks at.
type Session struct {
	transcript.Summary
	Findings []string // ids; only looked at when NeedsFindings
}

// A Filter picks sessions. The zero value picks all.
type Filter struct {
	match         func(*Session) bool
	needsFindings bool
}

// Match reports whether the filter picks s.
func (f *Filter) Match(s *Session) bool { return f.match == nil || f.match(s) }

// All reports whether the filter picks every session.
func (f *Filter) All() bool { return f.match == nil }

// NeedsFindings reports whether Match looks at a session's findings.
func (f *Filter) NeedsFindings() bool { return f.needsFindings }

// An Error says why a filter can't be understood.
type Error struct {
	At   int    // byte where the trouble is
	Text string // what it is
}

func (e *Error) Error() string { return e.Text }

// Parse reads a filter. Its errors are all of type *Error.
func Parse(s string) (*Filter, error) {
	p := parser{text: s}
	p.next()
	if p.token.kind == end && p.err == nil {
		return &Filter{}, nil
	}
	match := p.either()
	if p.err == nil && p.token.kind != end {
		p.fail("nothing is open that this could close")
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Filter{match: match, needsFindings: p.needsFindings}, nil
}

// contains reports whether text holds part, which is in lower case. Most text
// is found, or has no capitals to look under, without the slow way.
func contains(text, part string) bool {
	if strings.Contains(text, part) {
		return true
	}
	if len(part) > len(text) {
		return false
	}
	if isASCII(part) {
		return containsFold(text, part)
	}
	return strings.IndexFunc(text, unicode.IsUpper) >= 0 && strings.Contains(strings.ToLower(text), part)
}

// containsFold looks for part around each capital of text, since text does not
// hold it in lower case.
func containsFold(text, part string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 'A' || c > 'Z' {
			continue
		}
		last := min(i, len(text)-len(part))
		for from := max(i-len(part)+1, 0); from <= last; from++ {
			if equalFold(text[from:from+len(part)], part) {
				return true
			}
		}
	}
	return false
}

func equalFold(text, part string) bool {
	for i := range len(part) {
		c := text[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != part[i] {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
