package findings

import (
	"regexp"
	"strings"
	"sync"
)

// A rule recognises one thing. It says where to look in a table, or in code
// where a table can't say it.
type rule struct {
	id       string
	severity Severity
	title    string // what it is, in a few words
	role     role

	when []when // conditions on one reply, or on what the client's log says
	find finder // evidence of another kind
	lint lint   // what shows it before a server has minded

	text    string // what happened in this session; see words.fill
	cause   string
	fix     Fix
	sources []string
}

// A role says how a finding stands to the verdict.
type role uint8

const (
	decides   role = iota // may decide the verdict
	lastHope              // says little: only when nothing else was found
	aftermath             // follows from something before it: decides only when it is alone
	beside                // tells more about a reply that another rule explains
)

// A finder looks for evidence in a session. It returns nil when there is none.
type finder func(*session) *sighting

// A sighting is what a finder found.
type sighting struct {
	entries  []int             // that prove it
	words    map[string]string // for the rule's text
	severity Severity          // "" for the rule's own
}

// A lint is a rule's milder form: the bytes show the mistake, and no server has
// refused them yet.
type lint struct {
	find     finder
	severity Severity
	text     string
}

// see is a sighting of these entries; nil without any.
func see(entries ...int) *sighting {
	if len(entries) == 0 {
		return nil
	}
	return &sighting{entries: entries}
}

// with adds a word for the rule's text.
func (g *sighting) with(name, word string) *sighting {
	if g.words == nil {
		g.words = map[string]string{}
	}
	g.words[name] = word
	return g
}

// catalogue holds all rules, more particular ones first: a reply is explained
// by the first rule that recognises it.
var catalogue = joined(
	outOfStepRules, ownRules, clientRules, connectRules, tlsRules, heloRules,
	tokenRules, microscopeRules, providerLoginRules, loginRules, providerSenderRules, senderRules, limitRules, authenticityRules, recipientRules,
	dataRules, messageRules, contentRules, sequenceRules, closingRules, timeRules, deliveryRules, genericRules,
)

func joined(groups ...[]rule) []rule {
	var all []rule
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// orders are the places of the rules in the catalogue by id.
var orders = sync.OnceValue(func() map[string]int {
	all := map[string]int{}
	for i := range catalogue {
		all[catalogue[i].id] = i
	}
	return all
})

// An Entry is a rule of the catalogue, for reading.
type Entry struct {
	ID       string
	Title    string // what it is, in a few words
	Severity Severity
	Text     string // what a finding says, with an ellipsis for what is different in each session
	Cause    string
	Fix      Fix
	Sources  []string
}

func (r *rule) entry() Entry {
	return Entry{r.id, r.title, r.severity, bare(r.text), r.cause, r.fix, r.sources}
}

var optional = regexp.MustCompile(`\[[^\[\]]*\{[^\[\]]*\]`)

// bare is a rule's text without the parts that are different in each session.
func bare(text string) string {
	return placeholder.ReplaceAllString(optional.ReplaceAllString(text, ""), "…")
}

// Catalogue lists everything that can be recognised.
func Catalogue() []Entry {
	all := make([]Entry, 0, len(catalogue))
	for i := range catalogue {
		all = append(all, catalogue[i].entry())
	}
	return all
}

// Find returns the catalogue's entry with that id, in any case.
func Find(id string) (Entry, bool) {
	if i, found := orders()[strings.ToUpper(strings.TrimSpace(id))]; found {
		return catalogue[i].entry(), true
	}
	return Entry{}, false
}
