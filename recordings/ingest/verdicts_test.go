package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"text/tabwriter"

	"smtptap/decode/findings"
	"smtptap/recordings/ingest"
)

// TestCorpusVerdicts scores the verdicts over real logs. A verdict is right
// when it names the cause that the log's description names, or one that the
// description says stands beside it: several rules may describe one cause.
func TestCorpusVerdicts(t *testing.T) {
	all := corpus(t)
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	sort.Strings(names)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
	failing, right, exact := 0, 0, 0
	for _, name := range names {
		d := all[name]
		f, err := os.Open(filepath.Join(corpusFolder, name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		tr, err := ingest.Parse(f)
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v := findings.Analyze(tr).Verdict
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
	}
	w.Flush()
	t.Logf("%d failing logs, the verdict is right for %d, the same id for %d\n%s", failing, right, exact, table.String())
	if right*10 < failing*9 {
		t.Errorf("the verdict is right for %d of %d logs, want 90 %%", right, failing)
	}
}
