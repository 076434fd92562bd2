package findings

import "sort"

// found is a finding with what is needed to rank it.
type found struct {
	Finding
	rule  *rule
	order int // in the catalogue
}

// match asks every rule, and returns the findings, the decisive one first.
func (v *view) match() []found {
	var all []found
	seen := map[string]int{}
	add := func(r *rule, order int, entries []int) {
		if at, again := seen[r.id]; again {
			all[at].Entries = merge(all[at].Entries, entries)
			return
		}
		seen[r.id] = len(all)
		all = append(all, found{Finding: Finding{ID: r.id, Severity: r.severity, Entries: entries, Cause: r.cause, Fix: r.fix, Sources: r.sources}, rule: r, order: order})
	}
	for n := range v.answers {
		if c := v.explain(&v.answers[n]); c != nil {
			add(c.rule, c.order, v.proof(&v.answers[n]))
		}
	}
	for _, s := range v.says {
		if c := v.explainSays(s); c != nil {
			add(c.rule, c.order, []int{s.entry})
		}
	}
	for order := range catalogue {
		if r := &catalogue[order]; r.test != nil {
			if entries := r.test(v); entries != nil {
				add(r, order, entries)
			}
		}
	}
	for i := range all {
		all[i].Text = v.fill(all[i].rule.text, all[i].Entries)
	}
	return v.rank(all)
}

// explain finds the first rule that recognises a reply. Replies that say yes
// need no explaining.
func (v *view) explain(a *answer) *compiled {
	if a.reply.Positive() && a.verb != "greeting" && a.verb != "EHLO" && a.reply.Code != 334 {
		return nil
	}
	for _, c := range compiledRules() {
		if c.holds(v, a) {
			return c
		}
	}
	return nil
}

func (v *view) explainSays(s says) *compiled {
	for _, c := range compiledRules() {
		if c.says != nil && c.says.MatchString(s.text) && (c.and == nil || c.and(v, s.entry)) {
			return c
		}
	}
	return nil
}

// proof are the entries that prove what a reply shows: what was asked, and the
// reply.
func (v *view) proof(a *answer) []int {
	if a.asked >= 0 {
		return []int{a.asked, a.entry}
	}
	return []int{a.entry}
}

func merge(a, b []int) []int {
	all := append(append([]int(nil), a...), b...)
	sort.Ints(all)
	out := all[:0]
	for i, n := range all {
		if i == 0 || n != all[i-1] {
			out = append(out, n)
		}
	}
	return out
}

// rank puts the finding that decided the session first, then the others by
// weight and place. In a session that succeeded in the end nothing is a
// failure.
func (v *view) rank(all []found) []found {
	sent := v.outcome() == allSent
	for i := range all {
		if all[i].Severity == Failure && (sent || all[i].rule.noise) {
			all[i].Severity = Warning
		}
	}
	weight := map[Severity]int{Failure: 0, Warning: 1, Advice: 2}
	sort.SliceStable(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		if weight[a.Severity] != weight[b.Severity] {
			return weight[a.Severity] < weight[b.Severity]
		}
		if d := v.place(a) - v.place(b); d != 0 {
			return d < 0
		}
		return a.order < b.order
	})
	return all
}

// place is where a finding counts from: the last entry that proves it, so that
// a refusal counts from its reply. What a client's log says of itself comes
// behind what the dialogue shows.
func (v *view) place(f *found) int {
	if len(f.Entries) == 0 {
		return len(v.t.Entries)
	}
	first := f.Entries[len(f.Entries)-1]
	if len(f.Entries) > 2 {
		first = f.Entries[min(1, len(f.Entries)-1)]
	}
	if v.t.Entries[first].Event == nil && v.isSays(first) {
		return len(v.t.Entries) + first
	}
	return first
}

func (v *view) isSays(i int) bool {
	for _, s := range v.says {
		if s.entry == i {
			return true
		}
	}
	return false
}
