package findings

import (
	"cmp"
	"slices"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/meaning"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
)

// A found is a finding with what is needed to rank it.
type found struct {
	Finding
	rule  *rule
	place int  // where it counts from
	heard bool // only the client's own log tells it

	// inferred: neither words that say it nor a code with the command that it
	// answers, but what both make likely.
	inferred bool
}

// examine asks every rule, and returns the findings, the decisive one first.
func (s *session) examine(l lang.Lang) []found {
	x := &examination{session: s, lang: l, seen: map[string]int{}}
	x.replies()
	x.finders()
	x.statements()
	x.lints()
	x.recover()
	x.rank()
	return x.found
}

// An examination gathers the findings of a session, one for each rule.
type examination struct {
	*session
	lang  lang.Lang
	found []found
	seen  map[string]int // index by id
}

// add notes a finding. Evidence of the same rule goes to one finding.
func (x *examination) add(r *rule, g *evidence, place int) *found {
	if i, again := x.seen[r.ID]; again {
		f := &x.found[i]
		f.Entries = merged(f.Entries, g.entries)
		f.place = min(f.place, place)
		return f
	}
	x.seen[r.ID] = len(x.found)
	g.entries = merged(g.entries, nil)
	w, code := r.in(x.lang, x.provider, g.variant)
	title := w.Title
	if g.mild {
		title = cmp.Or(w.Lint, w.Title)
	}
	remedy := r.Remedy
	if g.variant != "" {
		remedy = "" // a case of its own, which the client may have no part in
	}
	by, leg := x.shownBy(g)
	x.found = append(x.found, found{
		Finding: Finding{
			By: by, Leg: leg, ID: r.ID, Severity: cmp.Or(g.severity, r.Severity), Retry: r.Retry, Entries: slices.Clone(g.entries), Text: title,
			Why: x.fill(w.Why, g, x.lang), Fix: w.fix(code, remedy, x.port()), Sources: r.Sources,
		},
		rule: r, place: place,
	})
	return &x.found[len(x.found)-1]
}

// shownBy is who said or did what is the evidence, and on which connection.
func (s *session) shownBy(g *evidence) (who.Party, who.Leg) {
	if len(g.entries) == 0 {
		return 0, 0
	}
	e := &s.t.Entries[placeOf(g)]
	switch f := e.Fact.(type) {
	case nil:
		return e.Author(), e.Leg
	case *facts.TLS:
		return cmp.Or(f.By, who.Smtptap), f.Leg
	case *facts.Closed:
		return f.Leg.Peer(), f.Leg
	}
	return e.From, e.Leg
}

// merged joins proofs, which stay short.
func merged(a, b []int) []int {
	all := slices.Concat(a, b)
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), 2*mostNoted)]
}

// mostExplained bounds how many different refusals are read; a session with
// more of them has been explained long before.
const mostExplained = 400

// replies explains each reply by what recognises it best.
func (x *examination) replies() {
	all := conditions()
	held := map[string]*reading{} // by what the reply says
	for _, r := range x.spoken {
		if !worthReading(r) || x.became.Consequence(r.entry) || x.follows(r) || r.by == who.Smtptap && x.toldByFacts() {
			continue
		}
		key := r.by.String() + " " + r.verb + " " + r.stage() + " " + r.codeText + " " + r.enhanced + " " + withoutNames(r.folded())
		read, found := held[key]
		if !found {
			if len(held) >= mostExplained {
				continue
			}
			read = all.read(r)
			held[key] = read
		}
		x.explain(r, read)
	}
}

// toldByFacts reports a session in which a fact, a rule's note, or the server's reply to
// smtptap, tells why smtptap refused what the client wanted: its words to the
// client repeat that.
func (s *session) toldByFacts() bool {
	if s.pasted() {
		return false
	}
	return len(s.ruled) > 0 || s.dialFault != nil || s.tlsFault != nil || slices.ContainsFunc(s.asked, func(i int) bool {
		r := s.answer(i)
		return r != nil && r.code/100 == 4
	})
}

// worthReading leaves out what says yes and nothing more. A greeting, a
// challenge and the reply to DATA may say no with a code that says yes.
func worthReading(r *reply) bool {
	return !r.positive() || r.verb == toGreeting || r.verb == "EHLO" || r.verb == "DATA" || r.code == 221 || r.code == 334
}

// A reading is what can be told from a reply by itself.
type reading struct {
	mayHold []*condition      // in the order of the catalogue
	means   []meaning.Reading // the likeliest first
}

func (t *table) read(r *reply) *reading {
	candidates, listed := t.replies[r.verb]
	switch {
	case r.rcpt >= 0: // about one recipient, or about the message
		candidates = slices.Concat(t.replies["RCPT"], candidates)
	case !listed:
		candidates = t.any
	}
	read := &reading{}
	for _, c := range candidates {
		if c.mayHold(r) {
			read.mayHold = append(read.mayHold, c)
		}
	}
	if r.code >= 400 && r.by == who.Server {
		read.means = meaning.Of(meaning.Reply{Stage: r.stage(), Code: r.code, Enhanced: r.enhanced, Words: r.text()})
	}
	return read
}

// stage is what a reply answers in the terms of package meaning.
func (r *reply) stage() string {
	switch {
	case r.rcpt >= 0:
		return "RCPT"
	case r.verb == "BDAT":
		return toMessage
	}
	return r.verb
}

// explain finds what recognises a reply: a condition that says much; what its
// words mean; a condition that says little.
func (x *examination) explain(r *reply, read *reading) {
	explained := false
	try := func(c *condition) {
		if explained && c.rule.Role != supplement || !c.holds(x.session, r) {
			return
		}
		f := x.add(c.rule, see(r.proof()...).as(c.variant), r.entry)
		f.inferred = f.inferred || c.weak && c.verbs != nil && r.asked < 0 && r.verb != toGreeting
		explained = explained || c.rule.Role != supplement
	}
	for _, c := range read.mayHold {
		if !c.weak {
			try(c)
		}
	}
	if rule := meant(read.means); rule != nil && !explained {
		f := x.add(rule, see(r.proof()...), r.entry)
		f.inferred = f.inferred || !meaning.Sure(read.means)
		explained = rule.Role != supplement
	}
	for _, c := range read.mayHold {
		if c.weak {
			try(c)
		}
	}
}

// meant is the rule for the likeliest meaning; nil for none.
func meant(readings []meaning.Reading) *rule {
	if len(readings) == 0 {
		return nil
	}
	return &catalogue()[orders()[readings[0].ID]]
}

// withoutNames is a text without what differs between replies that mean the
// same: addresses, host names in brackets, numbers.
func withoutNames(folded string) string {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(folded); i++ {
		switch c := folded[i]; {
		case c == '<' || c == '[':
			depth++
		case c == '>' || c == ']':
			depth = max(depth-1, 0)
		case depth == 0 && (c < '0' || c > '9'):
			b.WriteByte(c)
		}
	}
	if depth > 0 {
		return folded
	}
	return b.String()
}

// finders asks the rules that look for other evidence.
func (x *examination) finders() {
	rules := catalogue()
	for i := range rules {
		r := &rules[i]
		if r.find == nil || r.part == "time" && x.byRule(slowRules...) != nil {
			continue
		}
		if g := r.find(x.session); g != nil {
			x.add(r, g, placeOf(g))
		}
	}
}

// placeOf is where evidence counts from: its last entry, so that a refusal
// counts from its reply.
func placeOf(g *evidence) int {
	if len(g.entries) == 0 {
		return 0
	}
	return g.entries[len(g.entries)-1]
}

// statements reads what the client's log says itself. It counts where the
// dialogue does not tell why: tools repeat there, in vaguer words, what the
// server said.
func (x *examination) statements() {
	explained := x.became.Outcome == outcome.Sent || slices.ContainsFunc(x.found, func(f found) bool { return f.Severity == Failure && f.rule.Role == decides })
	var best heard
	for i := range x.says {
		if h := x.hear(&x.says[i]); h.weight() > best.weight() {
			best = h
		}
	}
	if best.rule != nil && !explained {
		f := x.add(best.rule, see(best.entry).as(best.variant), best.entry)
		f.heard, f.inferred = true, !best.sure
	}
}

// A heard is what a statement of the client tells.
type heard struct {
	rule    *rule
	variant string
	entry   int
	score   int
	sure    bool
}

// exact is the score of a statement that a condition of the catalogue knows.
const exact = 1 << 10

// weight puts what says much before what says little.
func (h *heard) weight() int {
	switch {
	case h.rule == nil:
		return -1
	case h.rule.Role == lastHope:
		return 0
	}
	return h.score
}

// hear finds what a statement tells of a failure. What else it tells is noted at
// once.
func (x *examination) hear(said *statement) heard {
	var h heard
	for _, c := range conditions().says {
		if !c.heard(x.session, said) {
			continue
		}
		if c.rule.Severity != Failure || c.rule.Role == aftermath {
			x.add(c.rule, see(said.entry), said.entry).heard = true
			continue
		}
		if h.rule == nil || h.rule.Role == lastHope {
			h = heard{c.rule, c.variant, said.entry, exact, true}
		}
	}
	if said.set || said.by == who.Smtptap || h.weight() > 0 {
		return h
	}
	if all := meaning.Said(said.text); len(all) > 0 {
		h = heard{meant(all), "", said.entry, all[0].Score, meaning.Sure(all)}
	}
	return h
}

// lints adds mistakes that no server has minded. Where one has, they tell why.
func (x *examination) lints() {
	rules := catalogue()
	for i := range rules {
		r := &rules[i]
		if r.lint == nil {
			continue
		}
		g := r.lint(x.session)
		if g == nil {
			continue
		}
		if at, refused := x.seen[r.ID]; refused {
			x.found[at].Entries = merged(x.found[at].Entries, g.entries)
			continue
		}
		g.severity, g.mild = cmp.Or(g.severity, r.Lint.Severity), true
		x.add(r, g, placeOf(g))
	}
}

// rank puts the finding that decided the session first, then the others by
// weight and place.
func (x *examination) rank() {
	strong := slices.ContainsFunc(x.found, func(f found) bool { return f.Severity == Failure && f.rule.Role != lastHope })
	if strong {
		x.found = slices.DeleteFunc(x.found, func(f found) bool { return f.rule.Role == lastHope })
	}
	order := orders()
	slices.SortStableFunc(x.found, func(a, b found) int {
		return cmp.Or(
			cmp.Compare(weight(a.Severity), weight(b.Severity)),
			cmp.Compare(standing(&a), standing(&b)),
			cmp.Compare(a.place, b.place),
			cmp.Compare(order[a.ID], order[b.ID]),
		)
	})
}

func weight(s Severity) int {
	switch s {
	case Failure:
		return 0
	case Warning:
		return 1
	}
	return 2
}

// standing puts causes before what follows from them, and what the dialogue
// shows before what only the client says.
func standing(f *found) int {
	n := 0
	switch f.rule.Role {
	case supplement:
		n = 1
	case aftermath:
		n = 2
	}
	if f.heard {
		n += 3
	}
	return n
}
