package proxy_test

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var updateFaults = flag.Bool("update", false, "write .github/FAULTS.md anew")

// TestFaults proves that each fault has a test that exists, and that the page of
// faults says what testdata/faults.txt does.
func TestFaults(t *testing.T) {
	tests := declaredTests(t)
	var page bytes.Buffer
	page.WriteString(`# Faults

What goes wrong on the way of a mail, what smtptap does then, and what proves it. The page is
written by ` + "`go test ./proxy -run TestFaults -update`" + ` from ` + "`proxy/testdata/faults.txt`" + `.
All tests run in ` + "`.ci/run`" + `, which no change gets past: that a row is here says that it holds.

Beside its own tests, this is tried for every dialogue in ` + "`proxy/testdata/dialogues`" + `, cut into
segments in six ways: what one side sent is what the other heard (` + "`TestExact`" + `), over TLS too
(` + "`TestExactOverTLS`" + `), with no room on the disk (` + "`TestExactWithoutRecording`" + `), and in the
recording (` + "`TestRecordingIsExact`" + `).

Every session of every test in ` + "`proxy`" + ` is checked when the test is over: its recording reads to
its end, which is one end record; it holds what either side was seen to say; no output has a
password; no goroutine and no open file is left (` + "`invariants_test.go`" + `).
`)
	data, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if title, found := strings.CutPrefix(line, "= "); found {
			fmt.Fprintf(&page, "\n## %s\n\n| | fault | what happens | proof |\n|---|---|---|---|\n", title)
		}
		if line == "" || line[0] == '#' || line[0] == '=' {
			continue
		}
		n++
		fields := strings.Split(line, " | ")
		if len(fields) != 4 || fields[0] != fmt.Sprint(n) {
			t.Fatalf("%q is not fault %d", line, n)
		}
		var proofs []string
		for _, name := range strings.Fields(fields[3]) {
			if !strings.Contains(name, ".") {
				readDialogue(t, name)
				name = "dialogue " + name
			} else if !tests[name] {
				t.Errorf("fault %d: there is no test %s", n, name)
			}
			proofs = append(proofs, "`"+name+"`")
		}
		fmt.Fprintf(&page, "| %d | %s | %s | %s |\n", n, fields[1], fields[2], strings.Join(proofs, ", "))
	}
	const path = "../.github/FAULTS.md"
	if *updateFaults {
		if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, page.Bytes()) {
		t.Errorf("%s does not say what testdata/faults.txt does (%v): run this test with -update", path, err)
	}
}

// declaredTests are the tests of the module, as PACKAGE.Name.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			abs, _ := filepath.Abs(path)
			found[filepath.Base(filepath.Dir(abs))+"."+string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
