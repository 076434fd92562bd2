package diff

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/message"
	"smtptap/decode/outcome"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// An item is one thing of a session under a name by which it is found in
// another.
type item struct {
	section string
	key     string
	show    string // for people
	compare string // what must be equal
	entry   int
	body    *body // of a text part
}

func (it item) name() string { return it.section + "\x00" + it.key }

// An outliner writes down what a session comes to.
type outliner struct {
	t     *decode.Transcript
	o     Options
	skip  map[string]bool
	items []item
	seen  map[string]int // times that a name occurred
}

// outline is a session as a list of things that have names.
func outline(t *decode.Transcript, o Options, skip map[string]bool) ([]item, error) {
	x := &outliner{t: t, o: o, skip: skip, seen: map[string]int{}}
	messages := t.Messages()
	next := 0
	for i, e := range t.Entries {
		switch {
		case e.Fact != nil:
			x.fact(i, e.Fact)
		case e.Leg == who.ServerLeg:
		default:
			x.event(i, e.Event)
			if next < len(messages) && (i == messages[next].End || e.Event.Kind == decode.KindEndOfData) {
				if err := x.message(next, &messages[next]); err != nil {
					return nil, err
				}
				next++
			}
		}
	}
	became := string(outcome.Of(t).Outcome)
	x.add("outcome", x.o.say("outcome"), became, became, -1)
	return x.items, nil
}

// add notes an item; one that occurs again gets a number.
func (x *outliner) add(section, key, show, compare string, entry int) {
	if x.skip[section] {
		return
	}
	key = visible.Text(key)
	name := section + "\x00" + key
	x.seen[name]++
	if n := x.seen[name]; n > 1 {
		key = fmt.Sprintf("%s (%d)", key, n)
	}
	if x.o.All {
		compare = show
	}
	x.items = append(x.items, item{section: section, key: key, show: visible.Text(show), compare: compare, entry: entry})
}

func (x *outliner) fact(i int, f facts.Fact) {
	switch f := f.(type) {
	case *facts.TLS:
		said := f.Err.In(x.o.Lang)
		if said == "" {
			said = strings.TrimSpace(f.Version + " " + f.Cipher)
		}
		if f.Verdict != "" {
			said = x.o.say("certificate", "tls", said, "verdict", f.Verdict)
		}
		x.add("tls", x.o.say("tls-"+f.Leg.String()), said, said, i)
	case *facts.End:
		x.add("end", x.o.say("end"), f.Cause, f.Cause, i)
	}
}

func (x *outliner) event(i int, e *decode.Event) {
	switch {
	case e.Kind == decode.KindGreeting:
		x.reply(i, "greeting", x.o.say("greeting"), e.Reply)
	case e.Reply != nil && e.Reply.EHLO != nil:
		for _, k := range e.Reply.EHLO {
			x.add("extensions", "EHLO "+k.Name, strings.TrimSpace(k.Name+" "+k.Params), k.Name+" "+k.Params, i)
		}
	case e.Reply != nil:
		x.reply(i, "reply", x.replyTo(i, e.Reply), e.Reply)
		x.time(i)
	case e.Auth != nil && e.Auth.Step == decode.StepStart:
		x.add("auth", "AUTH", e.Auth.Mechanism, e.Auth.Mechanism, i)
		x.user(i, e.Auth)
	case e.Auth != nil:
		x.user(i, e.Auth)
	case e.Command != nil:
		x.command(i, e.Command)
	}
}

func (x *outliner) user(i int, a *decode.Auth) {
	if a.User != "" {
		x.add("user", x.o.say("username"), a.User, a.User, i)
	}
}

func (x *outliner) command(i int, c *decode.Command) {
	switch c.Verb {
	case "MAIL":
		x.add("envelope", "MAIL FROM", c.Arg, c.Arg, i)
	case "RCPT":
		x.add("envelope", "RCPT TO "+c.Path, c.Arg, c.Arg, i)
	case "EHLO", "HELO", "LHLO":
		x.add("command", c.Verb, c.Arg, c.Arg, i)
	default:
		x.add("command", c.Verb, strings.TrimSpace(c.Verb+" "+c.Arg), c.Arg, i)
	}
}

// replyTo names a reply by what it answers.
func (x *outliner) replyTo(i int, r *decode.Reply) string {
	if r.ToVerb == "RCPT" {
		if q := x.t.Question(i); q >= 0 {
			return x.o.say("reply", "what", "RCPT "+x.t.Entries[q].Event.Command.Path)
		}
	}
	if r.For != "" || r.ToVerb == "." {
		return x.o.say("reply-message", "rcpt", r.For)
	}
	if r.ToVerb == "" {
		return x.o.say("reply-nothing")
	}
	return x.o.say("reply", "what", r.ToVerb)
}

func (x *outliner) reply(i int, section, key string, r *decode.Reply) {
	show := strings.TrimSpace(fmt.Sprintf("%d %s", r.Code, strings.TrimSpace(r.Enhanced+" "+r.Text())))
	x.add(section, key, show, fmt.Sprintf("%d %s %s", r.Code, r.Enhanced, steady(r.Text())), i)
}

// steady takes out of a reply what differs in any two sessions: queue ids,
// dates, times, numbers and words that look made up.
func steady(text string) string {
	if id := outcome.QueueID(text); id != "" {
		text = strings.ReplaceAll(text, id, "ID")
	}
	text = dates.ReplaceAllString(text, "DATE")
	return madeUp.ReplaceAllStringFunc(text, func(word string) string {
		if strings.ContainsAny(word, "0123456789") {
			return "ID"
		}
		return word
	})
}

var (
	dates  = regexp.MustCompile(`(?i)\b(mon|tue|wed|thu|fri|sat|sun),? \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d( [+-]\d{4})?( \(\w+\))?|\b\d\d:\d\d:\d\d\b|\b\d{4}-\d\d-\d\d\b`)
	madeUp = regexp.MustCompile(`\b[A-Za-z0-9_-]{6,}\b|\b\d+\b`)
)

// slower is from which factor on, and from which difference on, the time of a
// reply is worth telling.
const (
	slowerFactor = 3
	slowerBy     = time.Second
)

// time notes how long a reply took, in steps that only grow when it matters.
func (x *outliner) time(i int) {
	q := x.t.Question(i)
	if q < 0 {
		return
	}
	took := x.t.Entries[i].Event.Begin - x.t.Entries[q].At
	step := 0
	for limit := slowerBy; took > limit; limit *= slowerFactor {
		step++
	}
	x.add("timing", x.o.say("time", "reply", x.replyTo(i, x.t.Entries[i].Event.Reply)), units.Time(took), fmt.Sprint(step), i)
}

// fleeting are header fields that differ in any two messages.
var fleeting = map[string]bool{"date": true, "message-id": true, "received": true, "dkim-signature": true, "x-received": true, "arc-seal": true}

// message notes header fields and parts.
func (x *outliner) message(n int, m *decode.Message) error {
	if x.skip["message"] {
		return nil
	}
	name := func(what string) string { return x.o.say("message", "n", strconv.Itoa(n+1), "what", what) }
	for _, p := range m.Parts {
		h := x.t.Entries[p].Event.Header
		if h == nil {
			continue
		}
		value := message.Words(h.Value)
		compare := value
		switch lower := strings.ToLower(h.Name); {
		case fleeting[lower]:
			compare = "there"
		case lower == "content-type":
			compare = declared.ReplaceAllString(value, "boundary=BOUNDARY")
		}
		x.add("message", name(h.Name), value, compare, p)
	}
	last := m.Parts
	if len(last) == 0 {
		return nil
	}
	return x.parts(name, m, last[len(last)-1])
}

var declared = regexp.MustCompile(`(?i)boundary="?[^";\s]+"?`)

// parts notes the MIME structure: type, size and content of each part.
func (x *outliner) parts(named func(what string) string, m *decode.Message, entry int) error {
	tree, err := message.Scan(x.t.Open(m), message.Limits{})
	if err != nil {
		return err
	}
	facts, err := tree.Facts(x.t.Open(m))
	if err != nil {
		return err
	}
	for i, p := range tree.Parts {
		name := x.o.say("part", "n", p.Number)
		switch {
		case p.Number == "" && p.Container:
			name = x.o.say("structure")
		case p.Number == "":
			name = x.o.say("text")
		}
		if p.Container {
			x.add("message", named(name), p.Type.Value, p.Type.Value, entry)
			continue
		}
		show := fmt.Sprintf("%s, %s, %s, SHA-256 %s", p.Type.Value, p.Encoding, units.Exactly(facts[i].Size), facts[i].SHA256)
		x.add("message", named(name), show, show, entry)
		if tree.Parts[i].IsText() {
			x.items[len(x.items)-1].body = &body{x.t, m, &tree.Parts[i]}
		}
	}
	return nil
}
