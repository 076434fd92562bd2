package query

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"smtptap/decode/outcome"
)

// fields are the names that may stand before an operator, with what makes a
// test of the rest.
var fields map[string]func(*parser, token) test

// fieldNames lists them for people.
const fieldNames = "code from rcpt subject user client server id finding tls auth size took rcpts messages outcome"

func init() { // not where it is declared: the functions refer to the map
	fields = map[string]func(*parser, token) test{
		"code":     code,
		"from":     text(func(s *Session) string { return s.From }),
		"rcpt":     text(func(s *Session) string { return s.Rcpt }),
		"to":       text(func(s *Session) string { return s.Rcpt }),
		"subject":  text(func(s *Session) string { return s.Subject }),
		"user":     text(func(s *Session) string { return s.User }),
		"client":   text(func(s *Session) string { return s.Client }),
		"server":   server,
		"id":       text(func(s *Session) string { return s.ID }),
		"finding":  finding,
		"tls":      tls,
		"auth":     auth,
		"size":     number(parseSize, func(s *Session) int64 { return s.Size }),
		"took":     number(parseTime, func(s *Session) int64 { return int64(s.Took) }),
		"rcpts":    number(parseCount, func(s *Session) int64 { return int64(s.Rcpts) }),
		"messages": number(parseCount, func(s *Session) int64 { return int64(s.Messages) }),
		"outcome":  became,
	}
}

var outcomes = outcome.All()

// test makes a test of a term.
func (p *parser) test(t token) test {
	if t.field != "" {
		return fields[t.field](p, t)
	}
	if o := outcome.Outcome(strings.ToLower(t.value)); !t.quoted && slices.Contains(outcomes, o) {
		return func(s *Session) bool { return s.Outcome == o }
	}
	return anywhere(strings.ToLower(t.value))
}

func anywhere(part string) test {
	isCode := func(int) bool { return false }
	if n, err := strconv.Atoi(part); err == nil && len(part) == 3 {
		isCode = func(code int) bool { return code == n }
	}
	return func(s *Session) bool {
		return contains(s.Subject, part) || contains(s.Rcpt, part) || contains(s.From, part) ||
			contains(s.User, part) || contains(s.Verdict, part) || contains(s.Server, part) ||
			contains(s.Target, part) || contains(s.Client, part) || contains(s.ID, part) || isCode(s.Code)
	}
}

// value is a term's value in lower case. None is needed for the empty one.
func (p *parser) word(t token) string {
	if t.op != ":" && t.op != "=" {
		p.fail("%s takes a colon: %s:%s", t.field, t.field, t.value)
	}
	return strings.ToLower(t.value)
}

// text tests a field that holds text. With = it must be the whole of it;
// without a value it must hold something.
func text(of func(*Session) string) func(*parser, token) test {
	return func(p *parser, t token) test {
		part := p.word(t)
		switch {
		case t.op == "=":
			return func(s *Session) bool { return strings.EqualFold(of(s), part) }
		case part == "":
			return func(s *Session) bool { return of(s) != "" }
		}
		return func(s *Session) bool { return contains(of(s), part) }
	}
}

func server(p *parser, t token) test {
	part := p.word(t)
	return func(s *Session) bool { return contains(s.Server, part) || contains(s.Target, part) }
}

func became(p *parser, t token) test {
	o := outcome.Outcome(p.word(t))
	if !slices.Contains(outcomes, o) {
		p.fail("an outcome is one of %s", words(outcomes))
	}
	return func(s *Session) bool { return s.Outcome == o }
}

func words(all []outcome.Outcome) string {
	var names []string
	for _, o := range all {
		names = append(names, string(o))
	}
	return strings.Join(names, ", ")
}

func finding(p *parser, t token) test {
	id := p.word(t)
	p.needsFindings = true
	switch id {
	case "", "yes":
		return func(s *Session) bool { return len(s.Findings) > 0 }
	case "no":
		return func(s *Session) bool { return len(s.Findings) == 0 }
	}
	return func(s *Session) bool {
		return slices.ContainsFunc(s.Findings, func(f string) bool { return contains(f, id) })
	}
}

func tls(p *parser, t token) test {
	yes, ok := yesNo(p.word(t))
	if !ok {
		p.fail("tls: takes yes or no")
	}
	return func(s *Session) bool { return s.TLS == yes }
}

func auth(p *parser, t token) test {
	user := p.word(t)
	if yes, ok := yesNo(user); ok {
		return func(s *Session) bool { return (s.User != "") == yes }
	}
	return func(s *Session) bool { return contains(s.User, user) }
}

func yesNo(s string) (yes, ok bool) {
	switch s {
	case "yes", "":
		return true, true
	case "no":
		return false, true
	}
	return false, false
}

// code tests the deciding reply: 535, 53x, 5xx, 5, or a comparison.
func code(p *parser, t token) test {
	if t.op != ":" && t.op != "=" {
		return number(parseCount, func(s *Session) int64 { return int64(s.Code) })(p, t)
	}
	digits := strings.TrimRight(p.word(t), "x")
	n, err := strconv.Atoi("0" + digits)
	if err != nil || n < 0 || len(t.value) > 3 {
		p.fail("code: takes a reply code or the start of one: 535, 53x, 5xx")
	}
	shift := [...]int{1000, 100, 10, 1}[min(len(digits), 3)]
	return func(s *Session) bool { return s.Code != 0 && s.Code/shift == n }
}

// number tests a field that holds a number.
func number(parse func(string) (int64, string), of func(*Session) int64) func(*parser, token) test {
	return func(p *parser, t token) test {
		n, hint := parse(t.value)
		if hint != "" {
			p.fail("%s takes %s", t.field, hint)
		}
		switch t.op {
		case "<":
			return func(s *Session) bool { return of(s) < n }
		case "<=":
			return func(s *Session) bool { return of(s) <= n }
		case ">":
			return func(s *Session) bool { return of(s) > n }
		case ">=":
			return func(s *Session) bool { return of(s) >= n }
		}
		return func(s *Session) bool { return of(s) == n }
	}
}

func parseCount(s string) (n int64, hint string) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, "a number"
	}
	return n, ""
}

// parseSize reads 1500, 20k, 1.5M: bytes in powers of 1000, as mail servers
// count.
func parseSize(s string) (n int64, hint string) {
	factor := 1.0
	if last := len(s) - 1; last > 0 {
		switch s[last] | 0x20 {
		case 'k':
			factor = 1e3
		case 'm':
			factor = 1e6
		case 'g':
			factor = 1e9
		}
		if factor > 1 {
			s = s[:last]
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v*factor < 1e18) {
		return 0, "a size: 1500, 20k, 1.5M"
	}
	return int64(v * factor), ""
}

func parseTime(s string) (n int64, hint string) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, "a time: 300ms, 5s, 2m"
	}
	return int64(d), ""
}
