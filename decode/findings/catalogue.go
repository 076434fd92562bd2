package findings

import (
	"bytes"
	"cmp"
	"embed"
	"maps"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"smtptap/decode/lang"
)

// The catalogue is data: one entry holds everything about one finding. See
// catalogue/README.md.
//
//go:embed catalogue/*.toml
var files embed.FS

// A rule recognises one thing. It says where to look in conditions, or names
// code where a condition can't say it.
type rule struct {
	ID       string   `toml:"id"`
	Severity Severity `toml:"severity"`
	Role     role     `toml:"role"`
	Over     []string `toml:"over"` // rules of the same file that it goes before, where several recognise a reply

	When []when `toml:"when"` // conditions on one reply, or on what the client's log says
	Find string `toml:"find"` // evidence of another kind: a finder of the registry
	Lint struct {
		Find     string   `toml:"find"`
		Severity Severity `toml:"severity"`
	} `toml:"lint"` // the milder form: the bytes show the mistake, and no server has refused them yet

	// Retry says whether the same mail can be tried again.
	Retry Retry `toml:"retry"`

	Remedy string `toml:"remedy"` // of clients.toml: the fix for clients to whom nothing more particular is said

	Sources []string          `toml:"sources"`
	En      words             `toml:"en"`
	Zh      words             `toml:"zh"`
	Code    map[string]string `toml:"code"` // the fix in the code or settings of clients

	// At is what differs at a provider: parts that are empty stay as they are.
	At map[provider]variation `toml:"at"`

	// Case is what differs in a case that the finder or the condition tells
	// apart: title, reason and fix. A fix of its own goes without those of
	// clients that are not given again.
	Case map[string]variation `toml:"case"`

	find, lint finder // of Find and Lint
	part       string // of the catalogue
}

// A variation is what an entry says differently.
type variation struct {
	En   words             `toml:"en"`
	Zh   words             `toml:"zh"`
	Code map[string]string `toml:"code"`
}

// words are what an entry says in one language.
type words struct {
	Title  string            `toml:"title"`  // what happened, as a verdict names it
	Lint   string            `toml:"lint"`   // the title of the milder form
	Why    string            `toml:"why"`    // see session.fill for what may stand in braces
	Fix    string            `toml:"fix"`    // steps, one a line
	Client map[string]string `toml:"client"` // steps for one client, beside its code
}

// A role says how a finding stands to the verdict.
type role string

const (
	decides    role = ""           // may decide the verdict
	lastHope   role = "last-hope"  // says little: only when nothing else was found
	aftermath  role = "aftermath"  // follows from something before it: decides only when it is alone
	supplement role = "supplement" // tells more about a reply that another rule explains
	stands     role = "stands"     // a failure also where all went as the client meant
)

// A finder looks for evidence in a session. It returns nil when there is none.
type finder = func(*session) *evidence

// Evidence is what a finder found.
type evidence struct {
	entries  []int             // that prove it
	words    map[string]string // for the rule's text
	problem  lang.Text         // a word of it that has been said in both languages
	severity Severity          // "" for the rule's own
	variant  string            // which of the rule's cases it is, "" for none
	mild     bool              // no server has minded it
}

// see is evidence of these entries; nil without any.
func see(entries ...int) *evidence {
	if len(entries) == 0 {
		return nil
	}
	return &evidence{entries: entries}
}

// with adds a word for the rule's text.
func (g *evidence) with(name, word string) *evidence {
	if g.words == nil {
		g.words = map[string]string{}
	}
	g.words[name] = word
	return g
}

// as says which of the rule's cases it is.
func (g *evidence) as(variant string) *evidence {
	g.variant = variant
	return g
}

// parts are the files of the catalogue that hold rules, in the order of
// precedence.
var parts = sync.OnceValue(func() []string {
	var precedence struct {
		Files []string `toml:"files"`
	}
	readCatalogue("precedence", &precedence)
	return precedence.Files
})

// catalogue holds all rules in the order of precedence: a reply is explained by
// the first rule that recognises it. It is read when it is first asked for.
var catalogue = sync.OnceValue(func() []rule {
	var all []rule
	for _, part := range parts() {
		var file struct {
			Finding []rule `toml:"finding"`
		}
		readCatalogue(part, &file)
		for i := range file.Finding {
			file.Finding[i].part = part
		}
		all = append(all, byPrecedence(file.Finding)...)
	}
	for i := range all {
		r := &all[i]
		if r.Find != "" {
			r.find = named[finder](r.Find, finders)
		}
		if r.Lint.Find != "" {
			r.lint = named[finder](r.Lint.Find, finders)
		}
	}
	return all
})

// byPrecedence puts the rules of a file in order: each before those that it is
// over, and those that are a last hope after the others.
func byPrecedence(rules []rule) []rule {
	above := map[string][]*rule{} // those that go before a rule
	for i := range rules {
		for _, id := range rules[i].Over {
			above[id] = append(above[id], &rules[i])
		}
	}
	ordered := make([]rule, 0, len(rules))
	placed := map[string]bool{}
	var place func(*rule)
	place = func(r *rule) {
		if placed[r.ID] {
			return
		}
		placed[r.ID] = true
		for _, a := range above[r.ID] {
			place(a)
		}
		ordered = append(ordered, *r)
	}
	for _, last := range []bool{false, true} {
		for i := range rules {
			if last == (rules[i].Role == lastHope) {
				place(&rules[i])
			}
		}
	}
	return ordered
}

// readCatalogue reads a file of the catalogue. It is part of the program, so
// that a mistake in it is one in the program; the tests read all of it.
func readCatalogue(part string, into any) {
	data, err := files.ReadFile("catalogue/" + part + ".toml")
	if err == nil {
		err = toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(into)
	}
	if err != nil {
		panic("catalogue/" + part + ".toml: " + err.Error())
	}
}

// orders are the places of the rules in the catalogue by id.
var orders = sync.OnceValue(func() map[string]int {
	all := map[string]int{}
	for i, r := range catalogue() {
		all[r.ID] = i
	}
	return all
})

// An Entry is a rule of the catalogue, for reading.
type Entry struct {
	ID       string
	Severity Severity
	Retry    Retry
	Title    string // what happened
	Why      string // with an ellipsis for what is different in each session
	Fix      Fix
	Sources  []string
}

func (r *rule) entry(l lang.Lang) Entry {
	w, code := r.in(l, "", "")
	return Entry{r.ID, r.Severity, r.Retry, w.Title, lang.Bare(w.Why), w.fix(code, r.Remedy, ""), r.Sources}
}

// in is what the entry says in that case of a session with that provider's
// server, and the code of clients.
func (r *rule) in(l lang.Lang, p provider, variant string) (words, map[string]string) {
	w, code := r.En, r.Code
	if l == lang.Chinese {
		w = r.Zh
	}
	if c, found := r.Case[variant]; found {
		other := c.in(l)
		w.Title, w.Why = cmp.Or(other.Title, w.Title), cmp.Or(other.Why, w.Why)
		if other.Fix != "" {
			w.Fix, w.Client, code = other.Fix, other.Client, c.Code
		}
		return w, code
	}
	at := r.At[p]
	other := at.in(l)
	w.Why, w.Fix = cmp.Or(other.Why, w.Why), cmp.Or(other.Fix, w.Fix)
	w.Client = overlaid(w.Client, other.Client)
	return w, overlaid(code, at.Code)
}

func (v variation) in(l lang.Lang) words {
	if l == lang.Chinese {
		return v.Zh
	}
	return v.En
}

func overlaid(below, above map[string]string) map[string]string {
	if len(above) == 0 {
		return below
	}
	all := map[string]string{}
	maps.Copy(all, below)
	maps.Copy(all, above)
	return all
}

// Catalogue lists everything that can be recognised.
func Catalogue(l lang.Lang) []Entry {
	rules := catalogue()
	all := make([]Entry, 0, len(rules))
	for i := range rules {
		all = append(all, rules[i].entry(l))
	}
	return all
}

// Words are all texts of the catalogue: what may stand in any report.
func Words() string {
	var b strings.Builder
	entries, _ := files.ReadDir("catalogue") // embedded: it can be read
	for _, e := range entries {
		text, _ := files.ReadFile("catalogue/" + e.Name())
		b.Write(text)
	}
	return b.String()
}

// Find returns the catalogue's entry with that id, in any case.
func Find(id string, l lang.Lang) (Entry, bool) {
	if i, found := orders()[strings.ToUpper(strings.TrimSpace(id))]; found {
		return catalogue()[i].entry(l), true
	}
	return Entry{}, false
}
