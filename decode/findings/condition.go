package findings

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"smtptap/decode/meaning"
	"smtptap/decode/who"
)

// A when is a condition on one reply, or on one line that the client's log
// holds about its own failure. All that is given must hold.
type when struct {
	To       string `toml:"to"`       // what the reply answers: verbs, "greeting" or "." (the message), separated by blanks; "" for anything
	Code     string `toml:"code"`     // of the reply; several separated by blanks, x for any digit; "" for any refusal
	Enhanced string `toml:"enhanced"` // likewise
	Text     string `toml:"text"`     // in the reply's text: RE2, matched in lower case
	By       string `toml:"by"`       // whose server it is: providers, separated by blanks; "" for anybody's
	Unless   string `toml:"unless"`   // what must not be in the reply's text, likewise
	NotTo    string `toml:"not_to"`   // what the reply must not answer, as To
	Also     string `toml:"also"`     // a predicate of the registry

	// From is who says it: the server, or "smtptap" for what smtptap says in
	// its place. A condition never sees the words of the other.
	From string `toml:"from"`
	// Case is which of the rule's cases it is.
	Case string `toml:"case"`

	// Said is looked for in what the client's log says of its failures, and
	// in the reasons of failed connections and handshakes: RE2, matched in
	// lower case. Replies are not looked at then.
	Said string `toml:"said"`

	// Loose looks for Text there too, for logs that tell a reply's text
	// without its code.
	Loose bool `toml:"loose"`

	// Weak conditions tell little: what the words of a reply mean goes before
	// them. Those that look at nothing but what it answers and its code are.
	Weak bool `toml:"weak"`
}

// A condition is a when made ready.
type condition struct {
	rule           *rule
	verbs          map[string]bool
	code, enhanced []string
	text, said     *pattern
	unless         *pattern
	notTo          []string
	by             []provider
	from           who.Party // whose words it looks at
	variant        string
	also           predicate
	loose, weak    bool
}

// A table holds the conditions of all rules by what they look at, in the order
// of the catalogue.
type table struct {
	replies map[string][]*condition // by what the reply answers
	any     []*condition            // for replies to anything else
	says    []*condition
}

// conditions compiles all conditions once.
var conditions = sync.OnceValue(func() *table {
	var all []*condition
	verbs := map[string]bool{}
	rules := catalogue()
	for i := range rules {
		r := &rules[i]
		for _, w := range r.When {
			c := newCondition(w, r)
			for v := range c.verbs {
				verbs[v] = true
			}
			all = append(all, c)
		}
	}
	t := &table{replies: map[string][]*condition{}}
	for _, c := range all {
		if c.said != nil || c.loose {
			t.says = append(t.says, c)
		}
		if c.said != nil {
			continue
		}
		for v := range verbs {
			if c.verbs == nil || c.verbs[v] {
				t.replies[v] = append(t.replies[v], c)
			}
		}
		if c.verbs == nil {
			t.any = append(t.any, c)
		}
	}
	return t
})

func newCondition(w when, r *rule) *condition {
	c := &condition{rule: r, variant: w.Case, from: cmp.Or(who.Named(w.From), who.Server), code: strings.Fields(w.Code), enhanced: strings.Fields(w.Enhanced), loose: w.Loose, notTo: strings.Fields(w.NotTo)}
	c.text, c.said, c.unless = newPattern(w.Text), newPattern(w.Said), newPattern(w.Unless)
	for _, p := range strings.Fields(w.By) {
		c.by = append(c.by, provider(p))
	}
	if w.Also != "" {
		c.also = named[predicate](w.Also, predicates)
	}
	if w.To != "" {
		c.verbs = map[string]bool{}
		for _, verb := range strings.Fields(w.To) {
			c.verbs[verb] = true
		}
	}
	c.weak = w.Weak || w.Text == "" && w.By == "" && w.Also == "" && w.Unless == "" && w.NotTo == "" && commonCode(c.code) && (len(c.enhanced) == 0 || meaning.Known(r.ID))
	return c
}

// commonCode reports codes that servers use for many things.
func commonCode(codes []string) bool {
	if len(codes) == 0 {
		return true
	}
	return slices.ContainsFunc(codes, func(c string) bool {
		switch c {
		case "421", "450", "451", "452", "454", "500", "501", "502", "503", "504", "530", "535", "550", "551", "552", "553", "554", "555":
			return true
		}
		return strings.Contains(c, "x")
	})
}

// fits reports whether a code is one of the patterns.
func fits(code string, patterns []string) bool {
	for _, p := range patterns {
		if sameDigits(code, p) {
			return true
		}
	}
	return false
}

// sameDigits compares a code with a pattern in which x is any digit.
func sameDigits(code, pattern string) bool {
	if len(code) != len(pattern) {
		return false
	}
	for i := range pattern {
		if pattern[i] != code[i] && (pattern[i] != 'x' || code[i] < '0' || code[i] > '9') {
			return false
		}
	}
	return true
}

// mayHold reports whether everything holds that can be told from the reply by
// itself.
func (c *condition) mayHold(r *reply) bool {
	switch {
	case c.from != r.by:
		return false
	case len(c.code) == 0 && r.code < 400:
		return false
	case len(c.code) > 0 && !fits(r.codeText, c.code):
		return false
	case len(c.enhanced) > 0 && !fits(r.enhanced, c.enhanced):
		return false
	}
	return c.text == nil || c.text.match(r.folded())
}

// holds reports whether what depends on the session holds too.
func (c *condition) holds(s *session, r *reply) bool {
	if len(c.by) > 0 && !slices.ContainsFunc(c.by, s.isAt) {
		return false
	}
	if slices.Contains(c.notTo, r.verb) || c.unless != nil && c.unless.match(r.folded()) {
		return false
	}
	return c.also == nil || c.also(s, r)
}

// heard reports whether the condition holds for what a client's log says.
func (c *condition) heard(s *session, said *statement) bool {
	p := c.said
	if p == nil {
		p = c.text
	}
	if (c.from == who.Smtptap) != (said.by == who.Smtptap) || len(c.by) > 0 && !slices.ContainsFunc(c.by, s.isAt) {
		return false
	}
	return p.match(said.folded)
}
