package findings

import (
	"bytes"
	"cmp"
	"embed"
	"maps"
	"regexp"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
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

	When []when `toml:"when"` // conditions on one reply, or on what the client's log says
	Find string `toml:"find"` // evidence of another kind: a finder of the registry
	Lint struct {
		Find     string   `toml:"find"`
		Severity Severity `toml:"severity"`
	} `toml:"lint"` // the milder form: the bytes show the mistake, and no server has refused them yet

	Sources []string `toml:"sources"`
	En      words    `toml:"en"`

	// At is what differs at a provider: parts that are empty stay as they are.
	At map[provider]struct {
		En words `toml:"en"`
	} `toml:"at"`

	// Case is what differs in a case that the finder or the condition tells
	// apart: text, reason and fix; a fix of its own goes without those of
	// clients that are not said again.
	Case map[string]struct {
		En words `toml:"en"`
	} `toml:"case"`

	find, lint finder // of Find and Lint
}

// words are what an entry says in one language.
type words struct {
	Title  string            `toml:"title"` // what it is, in a few words
	Text   string            `toml:"text"`  // what happened in this session; see session.fill
	Lint   string            `toml:"lint"`  // the same, where no server has refused it
	Why    string            `toml:"why"`
	Fix    string            `toml:"fix"`
	Client map[string]string `toml:"client"` // the fix in the terms of clients
}

// A role says how a finding stands to the verdict.
type role string

const (
	decides   role = ""          // may decide the verdict
	lastHope  role = "last-hope" // says little: only when nothing else was found
	aftermath role = "aftermath" // follows from something before it: decides only when it is alone
	beside    role = "beside"    // tells more about a reply that another rule explains
)

// A finder looks for evidence in a session. It returns nil when there is none.
type finder = func(*session) *sighting

// A sighting is what a finder found.
type sighting struct {
	entries  []int             // that prove it
	words    map[string]string // for the rule's text
	severity Severity          // "" for the rule's own
	variant  string            // which of the rule's cases it is, "" for none
	mild     bool              // no server has minded it
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

// as says which of the rule's cases it is.
func (g *sighting) as(variant string) *sighting {
	g.variant = variant
	return g
}

// parts are the files of the catalogue, more particular findings first: a reply
// is explained by the first rule that recognises it.
var parts = []string{
	"step", "own", "client", "connect", "tls", "helo",
	"token", "credentials", "login-providers", "login", "sender-providers", "sender", "limits", "authenticity", "recipients",
	"data", "message", "content", "sequence", "closing", "time", "delivery", "generic",
}

// catalogue holds all rules. It is read when it is first asked for.
var catalogue = sync.OnceValue(func() []rule {
	var all []rule
	for _, part := range parts {
		var file struct {
			Finding []rule `toml:"finding"`
		}
		readCatalogue(part, &file)
		all = append(all, file.Finding...)
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
	Title    string // what it is, in a few words
	Severity Severity
	Text     string // what a finding says, with an ellipsis for what is different in each session
	Cause    string
	Fix      Fix
	Sources  []string
}

func (r *rule) entry() Entry {
	w := r.in("", "")
	return Entry{r.ID, w.Title, r.Severity, bare(w.Text), w.Why, w.asFix(), r.Sources}
}

// in is what the entry says in that case of a session with that provider's
// server.
func (r *rule) in(p provider, variant string) words {
	w := r.En
	if c, found := r.Case[variant]; found {
		w.Text, w.Why = cmp.Or(c.En.Text, w.Text), cmp.Or(c.En.Why, w.Why)
		if c.En.Fix != "" {
			w.Fix, w.Client = c.En.Fix, c.En.Client
		}
		return w
	}
	at, found := r.At[p]
	if !found {
		return w
	}
	if at.En.Why != "" {
		w.Why = at.En.Why
	}
	if at.En.Fix != "" {
		w.Fix = at.En.Fix
	}
	if len(at.En.Client) > 0 {
		w.Client = maps.Clone(w.Client)
		if w.Client == nil {
			w.Client = map[string]string{}
		}
		maps.Copy(w.Client, at.En.Client)
	}
	return w
}

func (w *words) asFix() Fix {
	return Fix{w.Fix, w.Client["phpmailer"], w.Client["nodemailer"], w.Client["python"], w.Client["symfony"], w.Client["wordpress"], w.Client["other"]}
}

var optional = regexp.MustCompile(`\[[^\[\]]*\{[^\[\]]*\]`)

// bare is a rule's text without the parts that are different in each session.
func bare(text string) string {
	return placeholder.ReplaceAllString(optional.ReplaceAllString(text, ""), "…")
}

// Catalogue lists everything that can be recognised.
func Catalogue() []Entry {
	rules := catalogue()
	all := make([]Entry, 0, len(rules))
	for i := range rules {
		all = append(all, rules[i].entry())
	}
	return all
}

// Find returns the catalogue's entry with that id, in any case.
func Find(id string) (Entry, bool) {
	if i, found := orders()[strings.ToUpper(strings.TrimSpace(id))]; found {
		return catalogue()[i].entry(), true
	}
	return Entry{}, false
}
