package logs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"smtptap/decode"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
)

// TestCorpusVerdicts scores the verdicts over real logs. A verdict is right
// when it names the cause that the log's description names, or one that the
// description says stands beside it: several rules may describe one cause.
func TestCorpusVerdicts(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
	failing, right, exact := 0, 0, 0
	eachReal(t, func(name string, d described, tr *decode.Transcript) {
		v := findings.Analyze(tr, lang.English).Verdict
		mark := "ok"
		switch {
		case d.Outcome != "failure":
			if v.Severity == findings.Failure {
				mark = "FALSE"
				t.Errorf("%s did not fail, and the verdict is %s: %s", name, v.ID, v.Text)
			}
		case v.ID == d.DiagnosisID:
			failing, right, exact = failing+1, right+1, exact+1
		case slices.Contains(d.Secondary, v.ID):
			failing, right, mark = failing+1, right+1, "beside"
		default:
			failing, mark = failing+1, "NO"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", mark, name, d.DiagnosisID, v.ID)
	})
	w.Flush()
	t.Logf("%d failing logs, the verdict is right for %d, the same id for %d\n%s", failing, right, exact, table.String())
	if right*10 < failing*9 {
		t.Errorf("the verdict is right for %d of %d logs, want 90 %%", right, failing)
	}
}
