// Package diff compares two sessions by what they mean: greeting, extensions,
// TLS, login, envelope, message, replies, timing. It says what the
// first difference is, and what follows from it. Sessions may come from recordings or from
// pasted logs; what one of them can't show is not compared.
package diff

import (
	"cmp"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
)

// Options say how closely to look.
type Options struct {
	// All compares what differs in any two sessions as well: dates,
	// boundaries, message and queue ids, ports.
	All bool

	// Lang is the language of what the result says.
	Lang lang.Lang
}

func (o Options) say(key string, filling ...string) string {
	return words.Say(o.Lang, key, filling...)
}

// A Difference is one thing that the sessions do not have in common.
type Difference struct {
	Section string `json:"section"` // "greeting", "extensions", "tls", ...
	Key     string `json:"key"`     // what it is about, such as "RCPT <a@example.com>"
	A       string `json:"a"`       // safe to show; "" when A has no such thing
	B       string `json:"b"`
	EntryA  int    `json:"entryA"` // index in the transcript's entries, -1 for none
	EntryB  int    `json:"entryB"`
	Line    *Line  `json:"line,omitempty"` // of two texts
}

// A Result is what the comparison came to.
type Result struct {
	Lang        lang.Lang    `json:"lang"`
	A           string       `json:"a"` // which session that is, safe to show
	B           string       `json:"b"`
	Differences []Difference `json:"differences"` // in the order of the sessions; the first one counts most
	NotCompared []string     `json:"notCompared"` // what could not be, and why
	Bodies      []Body       `json:"bodies"`      // of each pair of messages
}

// Same reports that nothing differs.
func (r *Result) Same() bool { return len(r.Differences) == 0 }

// A Body says whether the bodies of two messages are the same.
type Body struct {
	Message int  `json:"message"` // counted from 1
	Wire    bool `json:"wire"`    // the same bytes
	Even    bool `json:"even"`    // the same but for the boundaries of the parts
	Simple  bool `json:"simple"`  // the same for a DKIM signature with simple canonicalization (RFC 6376 section 3.4.3)
	Relaxed bool `json:"relaxed"` // and with relaxed (section 3.4.4)
}

// Compare compares two sessions.
func Compare(a, b *decode.Transcript, o Options) (*Result, error) {
	r := &Result{Lang: cmp.Or(o.Lang, lang.English), A: o.nameOf(a), B: o.nameOf(b), Differences: []Difference{}, NotCompared: []string{}, Bodies: []Body{}}
	skip := r.skips(a, b, o)
	left, err := outline(a, o, skip)
	if err != nil {
		return nil, err
	}
	right, err := outline(b, o, skip)
	if err != nil {
		return nil, err
	}
	if err := r.align(left, right); err != nil {
		return nil, err
	}
	if !skip["message"] {
		err = r.bodies(a, b)
	}
	return r, err
}

// nameOf tells a session from others.
func (o Options) nameOf(t *decode.Transcript) string {
	name := t.ID
	if t.Dialect != "" {
		name = o.say("log-of", "dialect", t.Dialect)
	}
	if !t.Started.IsZero() {
		name += ", " + t.Started.Local().Format("2006-01-02 15:04:05")
	}
	if t.Target != "" {
		name += ", " + o.say("to", "target", t.Target)
	}
	return visible.Text(name)
}

// gaps are what a log may lack, and which sections can't be compared then.
var gaps = []struct {
	gap      string
	sections []string
}{
	{decode.LackServerLines, []string{"greeting", "extensions", "reply"}},
	{decode.LackBody, []string{"message"}},
	{decode.LackBrackets, []string{"envelope", "message"}},
	{decode.LackTLS, []string{"tls"}},
	{decode.LackTimes, []string{"timing"}},
	{decode.LackCredentials, []string{"user"}},
}

func (r *Result) skips(a, b *decode.Transcript, o Options) map[string]bool {
	skip := map[string]bool{}
	for _, g := range gaps {
		if !a.Lack(g.gap) && !b.Lack(g.gap) {
			continue
		}
		r.NotCompared = append(r.NotCompared, o.say("lacks-"+g.gap))
		for _, s := range g.sections {
			skip[s] = true
		}
	}
	if a.Source == decode.SourceLog || b.Source == decode.SourceLog {
		skip["end"] = true // a log does not tell how the connection ended
	}
	if !skip["message"] && (a.Bytes == nil || b.Bytes == nil) {
		skip["message"] = true
		r.NotCompared = append(r.NotCompared, o.say("lacks-bytes"))
	}
	return skip
}

// align pairs what both outlines name alike, in order.
func (r *Result) align(left, right []item) (err error) {
	at := map[string]int{}
	for i, it := range right {
		at[it.name()] = i
	}
	next := 0
	for _, l := range left {
		i, found := at[l.name()]
		if !found {
			r.alone(&l, nil)
			continue
		}
		for ; next < i; next++ {
			if !has(left, right[next]) {
				r.alone(nil, &right[next])
			}
		}
		next = max(next, i+1)
		if l.compare == right[i].compare {
			continue
		}
		d := r.differ(&l, &right[i])
		if d.Line, err = firstLine(l.body, right[i].body); err != nil {
			return err
		}
	}
	for ; next < len(right); next++ {
		if !has(left, right[next]) {
			r.alone(nil, &right[next])
		}
	}
	return nil
}

func has(items []item, wanted item) bool {
	for _, it := range items {
		if it.name() == wanted.name() {
			return true
		}
	}
	return false
}

// alone notes what only one session has. The time of a reply says nothing beside
// the reply itself.
func (r *Result) alone(a, b *item) {
	if cmp.Or(a, b).section != "timing" {
		r.differ(a, b)
	}
}

// differ notes what the sessions do not have in common.
func (r *Result) differ(a, b *item) *Difference {
	d := Difference{EntryA: -1, EntryB: -1}
	if b != nil {
		d.Section, d.Key, d.B, d.EntryB = b.section, b.key, b.show, b.entry
	}
	if a != nil {
		d.Section, d.Key, d.A, d.EntryA = a.section, a.key, a.show, a.entry
	}
	r.Differences = append(r.Differences, d)
	return &r.Differences[len(r.Differences)-1]
}
