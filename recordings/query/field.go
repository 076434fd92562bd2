package query

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/spelling"
	"smtptap/decode/units"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// fields are the names that may stand before an operator, with what makes a
// test of the rest.
var fields map[string]func(*parser, *term)

func init() { // not where it is declared: the functions refer to the map
	rcpt := text(func(s *Session) string { return s.Rcpt }, func(a *transcript.Also) []string { return a.Rcpt })
	fields = map[string]func(*parser, *term){
		"code":     code,
		"from":     text(func(s *Session) string { return s.From }, func(a *transcript.Also) []string { return a.From }),
		"rcpt":     rcpt,
		"to":       rcpt,
		"subject":  text(func(s *Session) string { return s.Subject }, func(a *transcript.Also) []string { return a.Subject }),
		"user":     text(func(s *Session) string { return s.User }, nil),
		"client":   text(func(s *Session) string { return s.Client }, nil),
		"server":   server,
		"id":       text(func(s *Session) string { return s.ID }, nil),
		"mode":     choice(func(s *Session) string { return s.Mode }, "intercept", "pass", "hide"),
		"finding":  finding,
		"tls":      choice(func(s *Session) string { return yesNo(s.TLS) }, "yes", "no"),
		"auth":     auth,
		"size":     number("a-size", parseSize, decimal, func(s *Session) int64 { return s.Size }),
		"took":     number("a-time", parseTime, duration, func(s *Session) int64 { return int64(s.Took) }),
		"rcpts":    number("a-number", parseCount, decimal, func(s *Session) int64 { return int64(s.Rcpts) }),
		"messages": number("a-number", parseCount, decimal, func(s *Session) int64 { return int64(s.Messages) }),
		"marked":   choice(func(s *Session) string { return yesNo(recordings.ReadNotes(s.Path).Marked) }, "yes", "no"),
		"note":     text(func(s *Session) string { return recordings.ReadNotes(s.Path).Note }, nil),
		"tag":      tag,
		"outcome":  choice(func(s *Session) string { return string(s.Outcome) }, outcomes...),
	}
}

// live is another word for an outcome: the session runs.
const live = "live"

var outcomes = func() []string {
	names := []string{live}
	for _, o := range outcome.All() {
		names = append(names, string(o))
	}
	return names
}()

func fieldNames() []string { return slices.Sorted(maps.Keys(fields)) }

var wholeCode = regexp.MustCompile(`^[2-5]([0-9]{2}|[0-9]x|xx)$`)

// term makes a term of a token.
func (p *parser) term(t token) *term {
	made := &term{token: t}
	word := strings.ToLower(t.value)
	switch {
	case t.field != "":
		p.uses = append(p.uses, Use{t.at, t.field})
		fields[t.field](p, made)
	case !t.quoted && slices.Contains(outcomes, word):
		p.uses = append(p.uses, Use{t.at, t.value})
		fields["outcome"](p, made)
	default:
		made.test = anywhere(word)
	}
	return made
}

// anywhere looks for a part of any text of a session, and for a reply code.
func anywhere(part string) test {
	isCode := func(int) bool { return false }
	if wholeCode.MatchString(part) {
		isCode, _ = codes(part)
	}
	return func(s *Session) bool {
		if contains(s.Subject, part) || contains(s.Rcpt, part) || contains(s.From, part) ||
			contains(s.User, part) || contains(s.Verdict.String(), part) || contains(s.Server, part) ||
			contains(s.Target, part) || contains(s.Client, part) || contains(s.ID, part) || isCode(s.Code) {
			return true
		}
		holds := func(text string) bool { return contains(text, part) }
		return s.Also != nil && (slices.ContainsFunc(s.Also.Subject, holds) || slices.ContainsFunc(s.Also.Rcpt, holds) || slices.ContainsFunc(s.Also.From, holds))
	}
}

// word is a term's value in lower case.
func (p *parser) word(t *term) string {
	if t.op != ":" && t.op != "=" && t.op != "" {
		p.fail("takes-colon", "field", t.field, "value", t.value)
	}
	return strings.ToLower(t.value)
}

// text tests a field that holds text, and more of it in sessions of several
// messages or recipients. With = it must be the whole of one; without a value
// there must be some.
func text(of func(*Session) string, more func(*transcript.Also) []string) func(*parser, *term) {
	return func(p *parser, t *term) {
		part := p.word(t)
		holds := func(text string) bool { return contains(text, part) }
		switch {
		case t.op == "=":
			holds = func(text string) bool { return strings.EqualFold(text, part) }
		case part == "":
			holds = func(text string) bool { return text != "" }
		}
		t.saw = of
		t.test = func(s *Session) bool {
			return holds(of(s)) || s.Also != nil && more != nil && slices.ContainsFunc(more(s.Also), holds)
		}
	}
}

// tag tests whether one of the tags is that, or with : begins so.
func tag(p *parser, t *term) {
	want := p.word(t)
	t.saw = func(s *Session) string { return strings.Join(recordings.ReadNotes(s.Path).Tags, ", ") }
	t.test = func(s *Session) bool {
		return slices.ContainsFunc(recordings.ReadNotes(s.Path).Tags, func(tag string) bool {
			tag = strings.ToLower(tag)
			return tag == want || t.op != "=" && strings.HasPrefix(tag, want)
		})
	}
}

func server(p *parser, t *term) {
	part := p.word(t)
	t.saw = func(s *Session) string { return s.Server }
	t.test = func(s *Session) bool { return contains(s.Server, part) || contains(s.Target, part) }
}

// choice tests a field that holds one of a few words.
func choice(of func(*Session) string, valid ...string) func(*parser, *term) {
	return func(p *parser, t *term) {
		value := p.word(t)
		if value == "" && slices.Contains(valid, "yes") {
			value = "yes"
		}
		if !slices.Contains(valid, value) {
			p.invalid(t, valid)
		}
		if value == live {
			value = string(outcome.Running)
		}
		t.saw = of
		t.test = func(s *Session) bool { return of(s) == value }
	}
}

// invalid fails for a value that is none of those that a field takes.
func (p *parser) invalid(t *term, valid []string) {
	p.fail("not-valid", "field", t.field, "value", t.value, "nearest", spelling.Nearest(strings.ToLower(t.value), valid), "valid", strings.Join(valid, " "))
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func auth(p *parser, t *term) {
	t.saw = func(s *Session) string { return s.User }
	switch user := p.word(t); user {
	case "yes", "":
		t.test = func(s *Session) bool { return s.User != "" }
	case "no":
		t.test = func(s *Session) bool { return s.User == "" }
	default:
		t.test = func(s *Session) bool { return contains(s.User, user) }
	}
}

// severities in their order: the later, the worse.
var severities = []string{string(findings.Advice), string(findings.Warning), string(findings.Failure)}

// ids are those of all findings, in lower case.
var ids = sync.OnceValue(func() []string {
	var all []string
	for _, e := range findings.Catalogue(lang.English) {
		all = append(all, strings.ToLower(e.ID))
	}
	return all
})

// finding tests which findings there are: any, none, of a severity, or by a
// part of the id.
func finding(p *parser, t *term) {
	p.needsFindings = true
	value := strings.ToLower(t.value)
	rank := slices.Index(severities, value)
	switch {
	case rank >= 0:
		t.finding = func(f Finding) bool {
			return compare(t.op, int64(slices.Index(severities, string(f.Severity))), int64(rank))
		}
	case t.op != ":" && t.op != "=":
		p.invalid(t, severities)
	case value == "" || value == "yes" || value == "no":
		t.finding = func(Finding) bool { return true }
	case t.op == "=":
		t.finding = func(f Finding) bool { return strings.EqualFold(f.ID, value) }
		if !slices.Contains(ids(), value) {
			p.unknownFinding(t)
		}
	default:
		t.finding = func(f Finding) bool { return contains(f.ID, value) }
		if !slices.ContainsFunc(ids(), func(id string) bool { return strings.Contains(id, value) }) {
			p.unknownFinding(t)
		}
	}
	want := value != "no"
	t.saw = func(s *Session) string {
		var all []string
		for _, f := range s.Findings {
			all = append(all, f.ID)
		}
		return strings.Join(all, ", ")
	}
	t.test = func(s *Session) bool { return slices.ContainsFunc(s.Findings, t.finding) == want }
}

// unknownFinding fails for an id that no finding has: a condition that never
// holds would hide a slip of the hand.
func (p *parser) unknownFinding(t *term) {
	value := strings.ToLower(t.value)
	near := spelling.Nearest(value, slices.Concat(ids(), severities))
	for _, id := range ids() {
		if near == "" {
			near = spelling.Nearest(value, strings.Split(id, "-"))
		}
	}
	p.fail("no-finding", "value", t.value, "nearest", near)
}

// code tests the deciding reply: 535, 53x, 5xx, 5, or a comparison.
func code(p *parser, t *term) {
	t.saw = func(s *Session) string {
		if s.Code == 0 {
			return ""
		}
		return strconv.Itoa(s.Code)
	}
	if t.op != ":" && t.op != "=" {
		saw := t.saw
		number("a-number", parseCount, decimal, func(s *Session) int64 { return int64(s.Code) })(p, t)
		t.saw = saw
		return
	}
	is, ok := codes(p.word(t))
	if !ok {
		p.fail("takes", "field", t.field, "value", t.value, "what", "a-code")
	}
	t.test = func(s *Session) bool { return is(s.Code) }
}

// codes reads a reply code or the beginning of one.
func codes(s string) (is func(int) bool, ok bool) {
	digits := strings.TrimRight(s, "x")
	n, err := strconv.Atoi("0" + digits)
	if err != nil || len(s) > 3 {
		return nil, false
	}
	shift := [...]int{1000, 100, 10, 1}[min(len(digits), 3)]
	return func(code int) bool { return code != 0 && code/shift == n }, true
}

// number tests a field that holds a number.
func number(what string, parse func(string) (int64, bool), write func(int64) string, of func(*Session) int64) func(*parser, *term) {
	return func(p *parser, t *term) {
		n, ok := parse(t.value)
		if !ok {
			p.fail("takes", "field", t.field, "value", t.value, "what", what)
		}
		op := t.op
		t.saw = func(s *Session) string { return write(of(s)) }
		t.test = func(s *Session) bool { return compare(op, of(s), n) }
	}
}

func compare(op string, a, b int64) bool {
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	}
	return a == b
}

func decimal(n int64) string  { return strconv.FormatInt(n, 10) }
func duration(n int64) string { return units.Time(time.Duration(n)) }

func parseCount(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0
}

var sizeForm = regexp.MustCompile(`^(?i)([0-9]+(?:\.[0-9]+)?)([kmg]?)b?$`)

// parseSize reads 1500, 20k, 1.5MB: bytes in powers of 1000, as mail servers
// count.
func parseSize(s string) (int64, bool) {
	m := sizeForm.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	factor := map[string]float64{"": 1, "k": 1e3, "m": 1e6, "g": 1e9}[strings.ToLower(m[2])]
	v, err := strconv.ParseFloat(m[1], 64)
	return int64(v * factor), err == nil && v*factor < 1e18
}

func parseTime(s string) (int64, bool) {
	d, err := time.ParseDuration(s)
	return int64(d), err == nil && d >= 0
}
