package rules

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"smtptap/decode/lang"
	"smtptap/decode/smtp"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/recordings/query"
)

// An Error says what is wrong with a rule, in one line that names the rule, the
// place in it and what is valid there.
type Error struct {
	Text  string // of the rule
	Place string // where the rule stands
	At    int    // byte of the rule where the trouble is
	What  error
}

func (e *Error) Error() string { return e.In(lang.English) }

// In is the error in one language.
func (e *Error) In(l lang.Lang) string {
	return words.Say(l, "error", lang.Words(l, []any{"rule", visible.Text(e.Text), "place", visible.Text(e.Place), "column", utf8.RuneCountInString(e.Text[:e.At]) + 1, "why", e.What})...)
}

// Parse reads one rule. Its errors are all of type *Error.
func Parse(text, place string) (*Rule, error) {
	p := &parser{text: text, rule: &Rule{Text: text, Place: place}}
	p.when()
	if p.err == nil {
		p.action()
	}
	if p.err != nil {
		p.err.Text, p.err.Place = text, place
		return nil, p.err
	}
	return p.rule, nil
}

// ParseFile reads a file of rules, one a line. Empty lines and those that begin
// with # are passed over.
func ParseFile(data, name string) ([]*Rule, error) {
	var all []*Rule
	for i, line := range strings.Split(strings.TrimPrefix(data, "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := Parse(line, fmt.Sprintf("%s:%d", name, i+1))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// NewSet makes a set of rules.
func NewSet(all []*Rule, seed uint64) *Set {
	s := &Set{Rules: all, Seed: seed}
	s.Also(nil)
	for i, r := range all {
		r.index, r.times = i, new(atomic.Uint64)
	}
	return s
}

type parser struct {
	text string
	at   int // of what is read next
	rule *Rule
	err  *Error
}

// fail notes the first mistake.
func (p *parser) fail(at int, key string, filling ...any) {
	if p.err == nil {
		p.err = &Error{At: min(at, len(p.text)), What: words.Error(key, filling...)}
	}
}

func (p *parser) rest() string { return p.text[p.at:] }

// skip passes over blanks.
func (p *parser) skip() {
	p.at += len(p.rest()) - len(strings.TrimLeft(p.rest(), " \t"))
}

// take takes s if it comes next.
func (p *parser) take(s string) bool {
	if !strings.HasPrefix(p.rest(), s) {
		return false
	}
	p.at += len(s)
	return true
}

// until takes what stands before the first of these bytes.
func (p *parser) until(stops string) string {
	n := strings.IndexAny(p.rest(), stops)
	if n < 0 {
		n = len(p.rest())
	}
	word := p.rest()[:n]
	p.at += n
	return strings.TrimRight(word, " \t")
}

const whens = "connect, greeting, a command (EHLO, MAIL, RCPT, DATA, ...), *, DATA.end, reply, reply:450, reply:4xx, client.bytes>2000, server.bytes>2000"

// when reads WHEN and the equals sign.
func (p *parser) when() {
	p.skip()
	begin := p.at
	p.point(begin, p.until("[@%=>"))
	p.skip()
	if p.take("[") {
		p.query()
	}
	p.skip()
	switch {
	case p.take("@"):
		p.rule.Nth = p.times("@", "@2 (the second time in a session), @2/run")
	case p.take("%"):
		p.rule.OneIn, p.rule.Run = p.times("%", "%10 (one in ten), %10/session"), true
	}
	p.span()
	p.skip()
	if p.err == nil && !p.take("=") {
		p.fail(p.at, "no-action")
	}
}

// points are those that have a name; the others are commands.
var points = map[string]Point{
	"connect": Connect, "greeting": Greeting, "reply": Reply, "data.end": DataEnd, "client.bytes": ClientBytes, "server.bytes": ServerBytes,
}

// counts reports a point that comes after so many bytes.
func (p Point) counts() bool { return p == ClientBytes || p == ServerBytes }

func (p *parser) point(begin int, word string) {
	w := &p.rule.When
	name, code, coded := strings.Cut(word, ":")
	lower := strings.ToLower(name)
	switch w.Point = points[lower]; {
	case coded && w.Point == Reply:
		w.Code = strings.ToLower(strings.TrimSpace(code))
		if !codePattern.MatchString(w.Code) {
			p.fail(begin+len(name)+1, "code-pattern", "word", code)
		}
	case coded:
		p.fail(begin, "when", "word", word, "valid", whens)
	case w.Point.counts():
		if !p.take(">") {
			p.fail(p.at, "when-bytes", "word", lower)
			return
		}
		p.skip()
		at := p.at
		w.Over = p.size(at, p.until("[@%="), "")
	case w.Point != 0:
	case word == "*":
		w.Point = Command
	case isVerb(word):
		w.Point, w.Verb = Command, strings.ToUpper(word)
	default:
		p.fail(begin, "when", "word", word, "valid", whens)
	}
}

var codePattern = regexp.MustCompile(`^[2-5](?:[0-9][0-9x]|xx)$`)

// isVerb reports a command that smtptap knows, or a private one (RFC 5321
// section 4.1.5).
func isVerb(word string) bool {
	c := smtp.ReadCommand([]byte(word))
	return len(word) > 0 && len(c.Word) == len(word) && (c.Verb != "" || word[0]|0x20 == 'x')
}

// fields are those of a query that a rule may ask for: what is known while the
// session goes on.
const fields = "from rcpt user client server tls auth size rcpts messages"

func (p *parser) query() {
	begin, quoted := p.at, false
	end := -1
	for i := begin; i < len(p.text) && end < 0; i++ {
		switch c := p.text[i]; {
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted:
			end = i
		}
	}
	if end < 0 {
		p.fail(begin-1, "bracket")
		return
	}
	text := p.text[begin:end]
	p.at = end + 1
	if strings.TrimSpace(text) == "" {
		p.fail(begin, "query-empty", "fields", fields)
		return
	}
	f, err := query.Parse(text)
	var wrong *query.Error
	if errors.As(err, &wrong) {
		p.fail(begin+wrong.At, "query", "why", wrong.What)
		return
	}
	for _, u := range f.Uses() {
		if !slices.Contains(strings.Fields(fields+" to"), u.Name) {
			p.fail(begin+u.At, "query-unknown", "word", u.Name, "fields", fields)
		}
	}
	p.rule.Query = f
}

// maxTimes bounds numbers of times.
const maxTimes = 1_000_000

func (p *parser) times(sign, example string) int {
	at := p.at
	word := p.until("/=@%[")
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 || n > maxTimes {
		p.fail(at, "times", "sign", sign, "most", maxTimes, "example", example)
	}
	return n
}

// span reads over what is counted.
func (p *parser) span() {
	if p.err != nil || !p.take("/") {
		return
	}
	at := p.at
	switch word := p.until("="); {
	case p.rule.Nth == 0 && p.rule.OneIn == 0:
		p.fail(at, "span-alone", "word", word)
	case word == "run":
		p.rule.Run = true
	case word == "session":
		p.rule.Run = false
	default:
		p.fail(at, "span", "word", word)
	}
}

const actions = `a reply (450 4.2.1 mailbox busy), delay 30s, rate 10kB/s, drop, reset, half-close, silence, hide STARTTLS, cut 300B, ` +
	`tls:fail, tls:expired, tls:wrong-name, tls:self-signed, edit s/old/new/, hold`

// action reads ACTION, to the end.
func (p *parser) action() {
	p.skip()
	begin := p.at
	text := strings.TrimRight(p.rest(), " \t\r\n")
	word, arg, _ := strings.Cut(text, " ")
	after := begin + len(word) + 1 + len(arg) - len(strings.TrimLeft(arg, " \t"))
	arg = strings.TrimSpace(arg)
	a := &p.rule.Action
	lower := strings.ToLower(word)
	switch {
	case text == "":
		p.fail(begin, "action-missing", "valid", actions)
		return
	case word[0] >= '0' && word[0] <= '9':
		p.answer(begin, text)
	case plain[lower] != 0:
		a.Kind = plain[lower]
		if arg != "" {
			p.fail(after, "nothing-more", "word", lower)
		}
	case lower == "delay":
		a.Kind, a.Wait = Delay, p.wait(after, arg)
	case lower == "rate":
		a.Kind = Rate
		n, found := strings.CutSuffix(arg, "/s")
		if a.Count = p.size(after, n, "/s"); !found || a.Count == 0 {
			p.fail(after, "rate", "word", arg)
		}
	case lower == "cut":
		a.Kind, a.Count = Cut, p.size(after, arg, "")
	case lower == "hide":
		a.Kind = Hide
		p.hide(after, arg)
	case strings.HasPrefix(lower, "tls:"):
		a.Kind, a.Fault = Certify, lower[len("tls:"):]
		if !slices.Contains(faults, a.Fault) || arg != "" {
			p.fail(begin, "certificate", "word", text, "valid", "tls:"+strings.Join(faults, ", tls:"))
		}
	case lower == "edit":
		a.Kind = Edit
		p.edit(after, arg)
	default:
		p.fail(begin, "action", "word", word, "valid", actions)
		return
	}
	if p.err == nil {
		p.fits(begin)
	}
}

// plain are the actions that take nothing more.
var plain = map[string]Kind{"drop": Drop, "reset": Reset, "half-close": HalfClose, "silence": Silence, "hold": Hold}

// faults are the ways to be wrong of the certificate that a client is shown.
var faults = []string{"fail", "expired", "wrong-name", "self-signed"}

// maxReply bounds the lines of a reply: more than RFC 5321 section 4.5.3.1.5
// allows, because clients are tested.
const maxReply = 4 << 10

func (p *parser) answer(begin int, text string) {
	a := &p.rule.Action
	a.Kind = Answer
	code, reply, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(code)
	if err != nil || n < 200 || n > 599 || len(code) != 3 {
		p.fail(begin, "code", "word", code)
		return
	}
	a.Status, a.Reply = n, strings.ReplaceAll(strings.TrimSpace(reply), `\n`, "\n")
	if at := strings.IndexFunc(a.Reply, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || r == utf8.RuneError) }); at >= 0 {
		p.fail(begin+len(code)+1, "reply-text")
	}
	for _, line := range strings.Split(a.Reply, "\n") {
		if len(line) > maxReply {
			p.fail(begin, "reply-long", "most", units.Bytes(maxReply))
		}
	}
}

// enhancedCode is the enhanced status code at the start of a reply's text.
var enhancedCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}(?:\b|$)`)

// maxWait bounds delays.
const maxWait = 24 * time.Hour

func (p *parser) wait(at int, arg string) time.Duration {
	d, err := time.ParseDuration(arg)
	if err != nil || d <= 0 || d > maxWait {
		p.fail(at, "time", "word", arg)
	}
	return d
}

var sizePattern = regexp.MustCompile(`^(\d{1,12})\s*(k|M|G)?B?$`)

// size reads a number of bytes, in powers of 1000.
func (p *parser) size(at int, arg, unit string) int64 {
	m := sizePattern.FindStringSubmatch(strings.TrimSpace(arg))
	if m == nil {
		p.fail(at, "size", "word", arg, "unit", unit)
		return 0
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	return n * map[string]int64{"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[m[2]]
}

// hide reads a list of extensions: STARTTLS, AUTH LOGIN, SIZE.
func (p *parser) hide(at int, arg string) {
	for item := range strings.SplitSeq(arg, ",") {
		words := strings.Fields(strings.ToUpper(item))
		if len(words) == 0 || len(words) > 2 || !keywordPattern.MatchString(words[0]) {
			p.fail(at, "extension", "word", strings.TrimSpace(item))
			return
		}
		e := Extension{Keyword: words[0]}
		if len(words) == 2 {
			e.Param = words[1]
		}
		p.rule.Hidden = append(p.rule.Hidden, e)
	}
}

var keywordPattern = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]*$`)

// edit reads s/old/new/ and its flags, as sed has it: any sign may take the
// place of the slash, a backslash before it makes it a part of the text.
func (p *parser) edit(at int, arg string) {
	if len(arg) < 2 || arg[0] != 's' || arg[1] == '\\' || arg[1] >= utf8.RuneSelf || isWord(arg[1]) {
		p.fail(at, "edit")
		return
	}
	parts := splitUnescaped(arg[2:], arg[1])
	if len(parts) != 3 || parts[0] == "" {
		p.fail(at, "edit")
		return
	}
	e := &edit{new: expansion(parts[1])}
	pattern := parts[0]
	for _, flag := range parts[2] {
		switch flag {
		case 'g':
			e.all = true
		case 'i':
			pattern = "(?i)" + pattern
		default:
			p.fail(at+len(arg)-1, "edit-flag", "word", string(flag))
		}
	}
	var err error
	if e.old, err = regexp.Compile(pattern); err != nil {
		why := err.Error()
		var bad *syntax.Error
		if errors.As(err, &bad) {
			why = bad.Code.String()
		}
		p.fail(at+2, "edit-pattern", "why", why)
		return
	}
	if strings.ContainsAny(e.new, "\r\n\x00") {
		p.fail(at, "edit-line")
	}
	p.rule.edit = e
}

// expansion is the new text of sed as package regexp wants it: & and \1 stand for
// what the pattern has found.
func expansion(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '$':
			b.WriteString("$$")
		case c == '&':
			b.WriteString("${0}")
		case c == '\\' && i+1 < len(text):
			i++
			switch next := text[i]; {
			case '0' <= next && next <= '9':
				b.WriteString("${" + text[i:i+1] + "}")
			case next == 'n' || next == 'r':
				b.WriteByte('\n')
			case next == 't':
				b.WriteByte('\t')
			case next == '$':
				b.WriteString("$$")
			default:
				b.WriteByte(next)
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isWord(c byte) bool {
	return c == ' ' || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// splitUnescaped splits at each sign that no backslash precedes.
func splitUnescaped(s string, sign byte) []string {
	parts := []string{""}
	for i := 0; i < len(s); i++ {
		last := &parts[len(parts)-1]
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == sign:
			i++
			*last += string(sign)
		case s[i] == '\\' && i+1 < len(s):
			*last += s[i : i+2]
			i++
		case s[i] == sign:
			parts = append(parts, "")
		default:
			*last += s[i : i+1]
		}
	}
	return parts
}

// fits checks that the action can be done then.
func (p *parser) fits(at int) {
	w, a := &p.rule.When, &p.rule.Action
	line := w.Point == Greeting || w.Point == Command || w.Point == Reply
	switch a.Kind {
	case Answer:
		p.fitsAnswer(at)
	case Hide:
		if w.Verb != "EHLO" && w.Verb != "LHLO" {
			p.fail(at, "hide-when")
		}
	case Certify:
		if w.Point != Connect && w.Verb != "STARTTLS" {
			p.fail(at, "tls-when")
		}
	case Cut:
		if w.Point == Connect || w.Point.counts() {
			p.fail(at, "cut-when")
		}
	case Edit:
		if !line {
			p.fail(at, "edit-when")
		}
	case Hold:
		if !line && w.Point != DataEnd {
			p.fail(at, "hold-when")
		}
	}
	if w.Point.counts() && w.OneIn == 0 && w.Nth > 0 && !w.Run {
		p.fail(0, "bytes-once")
	}
}

func (p *parser) fitsAnswer(at int) {
	w, code := &p.rule.When, p.rule.Action.Status
	switch {
	case w.Point.counts():
		p.fail(at, "answer-when")
	case w.Point == Connect && code < 400:
		p.fail(at, "answer-connect")
	case w.Point == Greeting || w.Point == Connect:
	case code == 220:
		p.fail(at, "answer-opens")
	case code == 334:
		p.fail(at, "answer-asks")
	case code == 354 && w.Verb != "DATA":
		p.fail(at, "answer-message")
	}
}

// ReadReply reads a reply that was not written as a rule: its code, 451 when it
// has none, and its text.
func ReadReply(text string) (code int, reply string) {
	p := &parser{rule: &Rule{}}
	if p.answer(0, strings.TrimSpace(text)); p.err != nil {
		return 451, "4.3.0 " + strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, text)
	}
	return p.rule.Status, p.rule.Action.Reply
}
