package query

import (
	"strings"
	"unicode"

	"smtptap/decode/spelling"
)

type kind uint8

const (
	end kind = iota
	word
	open
	closed
	and
	or
	negation
)

// A token is a sign, or a word: a field, an operator and a value, or a value
// alone.
type token struct {
	kind      kind
	at        int
	field, op string
	value     string
	quoted    bool
}

// parser is a recursive descent over the filter's text.
type parser struct {
	text  string
	pos   int
	depth int
	token token
	err   *Error

	needsFindings bool
	uses          []Use
}

// maxDepth bounds nested parentheses and negations.
const maxDepth = 100

// fail notes why the text can't be understood, by the key of words.toml, and
// ends it here.
func (p *parser) fail(key string, fill ...string) {
	if p.err == nil {
		p.err = newError(p.text, p.token.at, key, fill...)
	}
	p.token = token{kind: end, at: p.token.at}
}

// either is terms joined by |.
func (p *parser) either() node {
	any := either{p.both()}
	for p.token.kind == or {
		p.next()
		any = append(any, p.both())
	}
	if len(any) == 1 {
		return any[0]
	}
	return any
}

// both is terms that must all hold.
func (p *parser) both() node {
	all := both{p.one()}
	for {
		switch p.token.kind {
		case and:
			p.next()
		case word, open, negation:
		default:
			if len(all) == 1 {
				return all[0]
			}
			return all
		}
		all = append(all, p.one())
	}
}

func (p *parser) one() node {
	if p.depth++; p.depth > maxDepth {
		p.fail("too-deep")
	}
	defer func() { p.depth-- }()
	switch p.token.kind {
	case negation:
		p.next()
		return not{p.one()}
	case open:
		at := p.token.at
		p.next()
		n := p.either()
		if p.token.kind != closed {
			p.token.at = at
			p.fail("not-closed", "what", "(")
			return nil
		}
		p.next()
		return n
	case word:
		t := p.term(p.token)
		if p.err == nil {
			p.next()
		}
		return t
	}
	if p.err == nil {
		p.fail("missing")
	}
	return nil
}

// next reads the next token.
func (p *parser) next() {
	p.pos += len(p.text[p.pos:]) - len(strings.TrimLeftFunc(p.text[p.pos:], unicode.IsSpace))
	p.token = token{kind: end, at: p.pos}
	if p.pos == len(p.text) {
		return
	}
	signs := map[byte]kind{'(': open, ')': closed, '&': and, '|': or, '!': negation}
	if k, ok := signs[p.text[p.pos]]; ok {
		p.token.kind = k
		p.pos++
		return
	}
	p.token.kind = word
	if p.text[p.pos] != '"' {
		p.field()
	}
	p.value()
}

// field reads "code:" or "size>=", if that is what comes. An address such as
// 192.0.2.1:25 or smtp://host is not one.
func (p *parser) field() {
	rest := p.text[p.pos:]
	n := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) })
	if n <= 0 || !strings.ContainsRune(":<>=", rune(rest[n])) {
		return
	}
	op := rest[n : n+1]
	if strings.HasPrefix(rest[n+1:], "=") && (op == "<" || op == ">") {
		op = rest[n : n+2]
	}
	name := strings.ToLower(rest[:n])
	if _, known := fields[name]; !known {
		if op == ":" && strings.HasPrefix(rest[n+1:], "//") {
			return // a URL
		}
		p.fail("no-field", "name", name, "nearest", spelling.Nearest(name, fieldNames()), "fields", strings.Join(fieldNames(), " "))
		return
	}
	p.token.field, p.token.op = name, op
	p.pos += n + len(op)
}

// value reads a word or a quoted string, in which "" is a quotation mark.
func (p *parser) value() {
	if p.token.kind != word {
		return
	}
	rest := p.text[p.pos:]
	if !strings.HasPrefix(rest, `"`) {
		n := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("()&|", r) })
		if n < 0 {
			n = len(rest)
		}
		p.token.value = rest[:n]
		p.pos += n
		return
	}
	p.token.quoted = true
	for at := 1; ; at++ {
		n := strings.IndexByte(rest[at:], '"')
		if n < 0 {
			p.fail("not-closed", "what", `"`)
			return
		}
		if at += n; !strings.HasPrefix(rest[at+1:], `"`) {
			p.token.value = strings.ReplaceAll(rest[1:at], `""`, `"`)
			p.pos += at + 1
			return
		}
		at++
	}
}
