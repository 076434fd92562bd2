package findings_test

import (
	"slices"
	"testing"

	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/recordings/redact"
)

// takenOut are the sessions whose finding rests on the very name that a level
// takes out: how it is spelled, or whose it is.
var takenOut = map[string][]string{
	"another server than Gmail's":         {"hosts", "all"},
	"a hidden banner proves nothing":      {"hosts", "all"},
	"wrong name at Gmail's":               {"hosts", "all"},
	"a name of the machine":               {"hosts", "all"},
	"Proton and LOGIN":                    {"hosts", "all"},
	"UTF-8 without SMTPUTF8":              {"addresses", "all"},
	"UTF-8 taken all the same":            {"addresses", "all"},
	"SMTPUTF8 that sticks":                {"addresses", "all"},
	"a long command":                      {"addresses", "all"},
	"a visitor as sender":                 {"addresses", "hosts", "all"},
	"a visitor is refused":                {"addresses", "hosts", "all"},
	"a host below the domain":             {"addresses", "hosts", "all"},
	"an international address is dropped": {"addresses", "hosts", "all"},
	"clear text after STARTTLS":           redact.Names(), // its notes rest on nothing that was said
}

// Whoever is shown a redacted session is told what its owner was told: no level
// changes the verdict or the findings, but for what it takes out.
func TestRedactionKeepsFindings(t *testing.T) {
	for _, c := range allRulings {
		tr := c.session(t)
		want := foundIn(findings.Analyze(tr, lang.English))
		for _, level := range redact.Names() {
			levels, err := redact.Parse([]string{level})
			if err != nil {
				t.Fatal(err)
			}
			redacted, err := redact.Apply(tr, levels)
			if err != nil {
				t.Errorf("%s, --redact %s: %v", c.name, level, err)
				continue
			}
			got := foundIn(findings.Analyze(redacted, lang.English))
			if expected := !slices.Contains(takenOut[c.name], level); expected != slices.Equal(got, want) {
				t.Errorf("%s, --redact %s: found\n%v, of the session itself\n%v; that they are the same is expected: %v", c.name, level, got, want, expected)
			}
		}
	}
}

// foundIn are the ids of a report, that of the verdict first.
func foundIn(r findings.Report) []string {
	all := []string{r.Verdict.ID}
	for _, f := range r.Findings {
		all = append(all, f.ID)
	}
	slices.Sort(all[1:])
	return slices.Compact(all)
}
