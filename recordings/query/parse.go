package query

import (
	"fmt"
	"strings"
)

type kind uint8

const (
	end kind = iota
	term
	open
	closed
	and
	or
	not
)

// A token is a sign, or a term: a field, an operator and a value, or a value
// alone.
type token struct {
	kind      kind
	at        int
	field, op string
	value     string
	quoted    bool
}

type test = func(*Session) bool

// parser is a recursive descent over the filter's text.
type parser struct {
	text  string
	pos   int
	depth int
	token token
	err   *Error

	needsFindings bool
}

// maxDepth bounds nested parentheses and negations.
const maxDepth = 100

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = &Error{p.token.at, fmt.Sprintf(format, args...)}
	}
	p.token = token{kind: end, at: p.token.at}
}

// either is terms joined by |.
func (p *parser) either() test {
	any := []test{p.both()}
	for p.token.kind == or {
		p.next()
		any = append(any, p.both())
	}
	if len(any) == 1 {
		return any[0]
	}
	return func(s *Session) bool {
		for _, t := range any {
			if t(s) {
				return true
			}
		}
		return false
	}
}

// both is terms that must all hold.
func (p *parser) both() test {
	all := []test{p.one()}
	for {
		switch p.token.kind {
		case and:
			p.next()
		case term, open, not:
		default:
			if len(all) == 1 {
				return all[0]
			}
			return func(s *Session) bool {
				for _, t := range all {
					if !t(s) {
						return false
					}
				}
				return true
			}
		}
		all = append(all, p.one())
	}
}

func (p *parser) one() test {
	if p.depth++; p.depth > maxDepth {
		p.fail("too deep")
	}
	defer func() { p.depth-- }()
	switch p.token.kind {
	case not:
		p.next()
		t := p.one()
		return func(s *Session) bool { return !t(s) }
	case open:
		at := p.token.at
		p.next()
		t := p.either()
		if p.token.kind != closed {
			p.token.at = at
			p.fail("this parenthesis is not closed")
			return nil
		}
		p.next()
		return t
	case term:
		t := p.test(p.token)
		if p.err == nil {
			p.next()
		}
		return t
	}
	if p.err == nil {
		p.fail("a term is missing here")
	}
	return nil
}

// next reads the next token.
func (p *parser) next() {
	for p.pos < len(p.text) && p.text[p.pos] == ' ' {
		p.pos++
	}
	p.token = token{kind: end, at: p.pos}
	if p.pos == len(p.text) {
		return
	}
	signs := map[byte]kind{'(': open, ')': closed, '&': and, '|': or, '!': not}
	if k, ok := signs[p.text[p.pos]]; ok {
		p.token.kind = k
		p.pos++
		return
	}
	p.token.kind = term
	if p.text[p.pos] != '"' {
		p.field()
	}
	p.value()
}

// field reads "code:" or "size>=", if that is what comes.
func (p *parser) field() {
	rest := p.text[p.pos:]
	n := strings.IndexAny(rest, `:<>= ()&|"`)
	if n <= 0 || !strings.ContainsRune(":<>=", rune(rest[n])) {
		return
	}
	op := rest[n : n+1]
	if strings.HasPrefix(rest[n+1:], "=") && op != ":" && op != "=" {
		op = rest[n : n+2]
	}
	name := strings.ToLower(rest[:n])
	if _, known := fields[name]; !known {
		if op == ":" && strings.HasPrefix(rest[n+1:], "//") {
			return // a URL
		}
		p.fail("there is no field %q; there are %s", name, fieldNames)
		return
	}
	p.token.field, p.token.op = name, op
	p.pos += n + len(op)
}

// value reads a word or a quoted string.
func (p *parser) value() {
	if p.token.kind != term {
		return
	}
	rest := p.text[p.pos:]
	if strings.HasPrefix(rest, `"`) {
		n := strings.IndexByte(rest[1:], '"')
		if n < 0 {
			p.fail("this quotation is not closed")
			return
		}
		p.token.value, p.token.quoted = rest[1:1+n], true
		p.pos += n + 2
		return
	}
	n := strings.IndexAny(rest, " ()&|")
	if n < 0 {
		n = len(rest)
	}
	p.token.value = rest[:n]
	p.pos += n
}
