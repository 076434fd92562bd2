package message

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// maxParams bounds the pieces of parameters that are read from one value.
const maxParams = 1000

// A Structured is the value of Content-Type, Content-Disposition or another
// field of that form (RFC 2045 section 5.1).
type Structured struct {
	Value    string // in front of the parameters, such as "text/plain", lower case
	Params   []Param
	Problems problems
}

// A Param is one parameter, its pieces joined and decoded (RFC 2231). Value is
// not made visible.
type Param struct {
	Name    string // lower case, without * and number
	Value   string
	Charset string // as declared; "" for none
	Guessed string // charset that undeclared bytes above 127 were taken for
}

// Get is the value of the parameter of that lower-case name, "" for none.
func (s *Structured) Get(name string) string {
	for i := range s.Params {
		if s.Params[i].Name == name {
			return s.Params[i].Value
		}
	}
	return ""
}

// ReadStructured reads a value with parameters: quoted strings, comments,
// continuations, charsets and percent escapes. It forgives what is met in
// practice, such as file names with spaces and without quotes, and says so.
func ReadStructured(value string) Structured {
	c := cursor{s: value}
	s := Structured{Value: strings.ToLower(strings.TrimSpace(c.until(";")))}
	var pieces []piece
	for c.take(';') {
		c.skipSpace()
		if c.done() || c.s[c.i] == ';' {
			continue
		}
		name := strings.TrimSpace(c.until("=;"))
		if !c.take('=') {
			s.Problems.add(ParamMalformed, "param-value", "name", clip(name))
			continue
		}
		if len(pieces) == maxParams {
			s.Problems.add(TooMany, "too-many-params", "n", strconv.Itoa(maxParams))
			break
		}
		text, flaw := c.value()
		if flaw != "" {
			s.Problems.add(ParamMalformed, flaw, "name", clip(name))
		}
		p, ok := newPiece(name, text)
		if !ok {
			s.Problems.add(ParamMalformed, "param-name", "name", clip(name))
			continue
		}
		pieces = append(pieces, p)
	}
	s.join(pieces)
	return s
}

// A piece is one parameter as written: a whole one, or one section of a
// continued one (RFC 2231 section 3).
type piece struct {
	name     string
	section  int  // -1 for a parameter that is not continued
	extended bool // percent escapes; the first also has charset and language
	text     string
	order    int
}

// newPiece reads name["*" section]["*"].
func newPiece(name, text string) (piece, bool) {
	p := piece{section: -1, text: text}
	p.name = strings.ToLower(name)
	if bare, ok := strings.CutSuffix(p.name, "*"); ok {
		p.name, p.extended = bare, true
	}
	if bare, number, ok := strings.Cut(p.name, "*"); ok {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return piece{}, false
		}
		p.name, p.section = bare, int(n)
	}
	return p, p.name != ""
}

// join puts the pieces together, in the order in which the names first came.
func (s *Structured) join(pieces []piece) {
	first := map[string]int{}
	for i := range pieces {
		p := &pieces[i]
		if _, ok := first[p.name]; !ok {
			first[p.name] = i
		}
		p.order = first[p.name]
	}
	slices.SortStableFunc(pieces, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.section, b.section))
	})
	for len(pieces) > 0 {
		n := 1
		for n < len(pieces) && pieces[n].name == pieces[0].name {
			n++
		}
		s.Params = append(s.Params, s.param(pieces[:n]))
		pieces = pieces[n:]
	}
}

// param decodes the pieces of one parameter, sorted by section. Where a plain
// form stands beside an extended one, the extended one counts.
func (s *Structured) param(pieces []piece) Param {
	out := Param{Name: pieces[0].name}
	used := pieces[:0:0]
	for _, p := range pieces {
		same := len(used) > 0 && used[len(used)-1].section == p.section
		switch {
		case same && used[len(used)-1].extended == p.extended:
			s.Problems.add(ParamDuplicate, "param-duplicate", "name", clip(p.name))
		case same && p.extended:
			used[len(used)-1] = p
		case same:
		default:
			used = append(used, p)
		}
	}
	// A plain parameter sorts in front of the sections of a continued one.
	if len(used) > 1 && used[0].section < 0 {
		if used[0].extended {
			used = used[:1]
		} else {
			used = used[1:]
		}
	}
	if used[0].section > 0 {
		s.Problems.add(ParamGap, "param-gap-first", "name", clip(out.Name))
	}
	var raw []byte
	declared := false
	for i, p := range used {
		if i > 0 && p.section != used[i-1].section+1 {
			s.Problems.add(ParamGap, "param-gap", "name", clip(out.Name))
		}
		text := p.text
		if p.extended {
			if i == 0 {
				text, out.Charset, declared = cutCharset(text)
			}
			raw = append(raw, percentDecoded(text)...)
		} else {
			raw = append(raw, text...)
		}
	}
	s.decode(&out, raw, declared)
	return out
}

// cutCharset takes charset'language' off an extended value (RFC 2231 section 4).
func cutCharset(text string) (rest, charset string, ok bool) {
	charset, rest, ok = strings.Cut(text, "'")
	if !ok {
		return text, "", false
	}
	_, rest, ok = strings.Cut(rest, "'")
	if !ok {
		return text, "", false
	}
	return rest, charset, true
}

// percentDecoded undoes %HH. What is no escape stays.
func percentDecoded(s string) []byte {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if v, ok := hexByte(s[i+1:]); ok {
				b = append(b, v)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return b
}

// decode turns the bytes of a parameter into text.
func (s *Structured) decode(out *Param, raw []byte, declared bool) {
	if declared && out.Charset != "" {
		text, bad, ok := convert(out.Charset, raw)
		switch {
		case !ok:
			s.Problems.add(ParamCharset, "param-charset", "value", clip(out.Charset), "name", clip(out.Name))
			out.Value = string(raw)
			return
		case bad > 0:
			s.Problems.add(WordMisfit, "param-misfit", "n", strconv.Itoa(bad), "name", clip(out.Name), "value", clip(out.Charset))
		}
		out.Value = text
		return
	}
	text := ReadText(string(raw))
	if text.Encoded {
		s.Problems.add(WordInParameter, "param-word", "name", clip(out.Name))
		out.Charset = strings.Join(text.Charsets, ", ")
	}
	out.Value, out.Guessed = text.Value, text.Guessed
	s.Problems.join(text.Problems...)
}

// A cursor reads a structured value from left to right.
type cursor struct {
	s string
	i int
}

func (c *cursor) done() bool { return c.i >= len(c.s) }

func (c *cursor) take(b byte) bool {
	if c.done() || c.s[c.i] != b {
		return false
	}
	c.i++
	return true
}

func (c *cursor) skipSpace() {
	for !c.done() && isSpace(c.s[c.i]) {
		c.i++
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// until reads up to one of the stop bytes, which it leaves. Comments on the
// way are left out.
func (c *cursor) until(stop string) string {
	var b strings.Builder
	for !c.done() && strings.IndexByte(stop, c.s[c.i]) < 0 {
		if c.s[c.i] == '(' {
			c.comment()
			continue
		}
		b.WriteByte(c.s[c.i])
		c.i++
	}
	return b.String()
}

// value reads a parameter's value up to the next semicolon. flaw is the text of
// what is wrong with it.
func (c *cursor) value() (text, flaw string) {
	c.skipSpace()
	if c.take('"') {
		text, closed := c.quoted()
		if !closed {
			return text, "param-quote"
		}
		if rest := strings.TrimSpace(c.until(";")); rest != "" {
			flaw = "param-followed"
		}
		return text, flaw
	}
	from := c.i
	for !c.done() && c.s[c.i] != ';' && c.s[c.i] != '(' {
		c.i++
	}
	text = strings.TrimSpace(c.s[from:c.i])
	if rest := strings.TrimSpace(c.until(";")); rest != "" {
		text += " " + rest
	}
	if strings.ContainsAny(text, " \t") {
		flaw = "param-unquoted"
	}
	return text, flaw
}

// quoted reads the rest of a quoted string. closed is false if it has no end.
func (c *cursor) quoted() (text string, closed bool) {
	var b strings.Builder
	for !c.done() {
		switch ch := c.s[c.i]; ch {
		case '"':
			c.i++
			return b.String(), true
		case '\\':
			if c.i+1 < len(c.s) && (c.s[c.i+1] == '"' || c.s[c.i+1] == '\\') {
				c.i++
			}
			b.WriteByte(c.s[c.i])
		default:
			b.WriteByte(ch)
		}
		c.i++
	}
	return b.String(), false
}

// comment reads a comment with those inside it and returns its text.
func (c *cursor) comment() string {
	from, depth := c.i+1, 0
	for !c.done() {
		switch c.s[c.i] {
		case '\\':
			c.i++
		case '(':
			depth++
		case ')':
			depth--
			if depth == 0 {
				c.i++
				return c.s[from : c.i-1]
			}
		}
		c.i++
	}
	c.i = min(c.i, len(c.s))
	return c.s[min(from, len(c.s)):]
}
