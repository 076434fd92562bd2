package findings

import (
	"regexp"
	"strings"
	"sync"
)

// A rule recognises one thing. It says where to look in a table, as any of
// several conditions on one reply or one error message of a client, or in code.
type rule struct {
	id       string
	severity Severity
	any      []when
	test     func(*view) []int // indexes of the entries that prove it; nil for none
	noise    bool              // what follows from another failure: never the verdict

	text    string // what happened; see view.fill for the words in braces
	cause   string
	fix     Fix
	sources []string
}

// A when is a condition on one reply, or on one line that a client wrote about
// its own failure. All that is given must hold.
type when struct {
	to       string // what the reply answers: verbs separated by blanks, "greeting", "." for a message; "" for anything
	code     string // of the reply: a regular expression for all of it
	enhanced string // likewise
	text     string // in the reply's text, in any case
	by       provider
	and      func(v *view, i int) bool

	client string // in what the client's own log says, in any case; replies are not looked at then
}

// A compiled when is ready to be matched.
type compiled struct {
	when
	rule                       *rule
	order                      int
	code, enhanced, text, says *regexp.Regexp
	verbs                      map[string]bool
}

// compiledRules are the conditions of all rules, in the order of the catalogue:
// the first that holds for a reply explains it.
var compiledRules = sync.OnceValue(func() []*compiled {
	var all []*compiled
	for order := range catalogue {
		r := &catalogue[order]
		for _, w := range r.any {
			c := &compiled{when: w, rule: r, order: order}
			c.code, c.enhanced = whole(w.code), whole(w.enhanced)
			c.text, c.says = anyCase(w.text), anyCase(w.client)
			if w.to != "" {
				c.verbs = map[string]bool{}
				for _, verb := range strings.Fields(w.to) {
					c.verbs[verb] = true
				}
			}
			all = append(all, c)
		}
	}
	return all
})

func whole(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	return regexp.MustCompile(`^(?:` + pattern + `)$`)
}

func anyCase(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	return regexp.MustCompile(`(?is)` + pattern)
}

// holds reports whether the condition holds for a reply.
func (c *compiled) holds(v *view, r *answer) bool {
	switch {
	case c.says != nil:
		return false
	case c.verbs != nil && !c.verbs[r.verb]:
		return false
	case c.by != "" && v.provider != c.by:
		return false
	case c.code != nil && !c.code.MatchString(r.code):
		return false
	case c.enhanced != nil && !c.enhanced.MatchString(r.enhanced):
		return false
	case c.text != nil && !c.text.MatchString(r.text):
		return false
	}
	return c.and == nil || c.and(v, r.entry)
}

// catalogue are all rules, more particular ones first: a reply is explained by
// the first rule that recognises it.
var catalogue = gather(clientRules, connectRules, tlsRules, heloRules, providerAuthRules, authRules, senderRules, recipientRules,
	contentRules, rateRules, messageRules, sessionRules, timeRules, genericRules)

func gather(groups ...[]rule) []rule {
	var all []rule
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// An Entry is a rule of the catalogue, for reading.
type Entry struct {
	ID       string
	Severity Severity
	Text     string
	Cause    string
	Fix      Fix
	Sources  []string
}

func (r *rule) entry() Entry {
	return Entry{r.id, r.severity, placeholders.ReplaceAllString(r.text, "…"), r.cause, r.fix, r.sources}
}

var placeholders = regexp.MustCompile(`\{[a-z]+\}`)

// Catalogue lists everything that can be recognised.
func Catalogue() []Entry {
	var all []Entry
	for i := range catalogue {
		all = append(all, catalogue[i].entry())
	}
	return all
}

// Find returns the catalogue's entry with that id, in any case.
func Find(id string) (Entry, bool) {
	for i := range catalogue {
		if strings.EqualFold(catalogue[i].id, id) {
			return catalogue[i].entry(), true
		}
	}
	return Entry{}, false
}
