package findings

import (
	"slices"
	"testing"

	"smtptap/decode"
)

// Claims calls claimed for each reply of a session that several rules recognise
// with equal right: the one that is taken, and which of the others no declaration
// puts after it.
func Claims(t *decode.Transcript, claimed func(reply, taken string, others, undecided []string)) {
	s := gather(t)
	for _, r := range s.spoken {
		if !worthReading(r) {
			continue
		}
		held := slices.DeleteFunc(conditions().read(r).mayHold, func(c *condition) bool { return c.rule.Role == supplement || !c.holds(s, r) })
		for _, weak := range []bool{false, true} {
			var claims []*rule
			for _, c := range held {
				if c.weak == weak && !slices.Contains(claims, c.rule) {
					claims = append(claims, c.rule)
				}
			}
			if len(claims) < 2 {
				continue
			}
			var others, undecided []string
			for _, o := range claims[1:] {
				others = append(others, o.ID)
				if !claims[0].goesBefore(o) {
					undecided = append(undecided, o.ID)
				}
			}
			claimed(r.codeText+" "+r.text(), claims[0].ID, others, undecided)
		}
	}
}

// goesBefore reports that the catalogue puts r before o, wherever they stand in
// their files.
func (r *rule) goesBefore(o *rule) bool {
	if r.part != o.part {
		return slices.Index(parts(), r.part) < slices.Index(parts(), o.part)
	}
	return o.Role == lastHope && r.Role != lastHope || slices.Contains(r.Over, o.ID)
}

// What the catalogue declares holds, whichever entry stands first in its file.
func TestOrderOfEntries(t *testing.T) {
	files := map[string][]rule{}
	for _, r := range catalogue() {
		files[r.part] = append(files[r.part], r)
	}
	for _, rules := range files {
		for range 2 {
			place := map[string]int{}
			for i, r := range byPrecedence(rules) {
				place[r.ID] = i
			}
			for _, r := range rules {
				for _, o := range r.Over {
					if at, found := place[o]; !found || at < place[r.ID] {
						t.Errorf("%s is to go before %s of the same file, and does not", r.ID, o)
					}
				}
			}
			slices.Reverse(rules)
		}
	}
}
