package logs_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/decode/who"
	"smtptap/recordings/logs"
)

// TestPastes reads dialogues in forms that no table knows, damaged as people
// damage them. Beside each lies what must come of it: the verdict, and who
// said what, in order. A side's line that is not in the text must not be in
// the dialogue.
func TestPastes(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/pastes/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no pastes: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all, err := logs.ParseAll(strings.NewReader(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			want, said := wanted(t, strings.TrimSuffix(name, ".txt")+".want")
			if got := verdict(all[logs.Decisive(all)]); got != want {
				t.Errorf("verdict %s, want %s", got, want)
			}
			var got []string
			for _, tr := range all {
				for _, e := range tr.Entries {
					if e.Event == nil {
						continue
					}
					side := "C "
					if e.Event.Side == who.Server {
						side = "S "
					}
					for _, l := range strings.Split(strings.TrimRight(string(e.Event.Raw), "\r\n"), "\n") {
						got = append(got, side+strings.TrimSpace(l))
					}
				}
			}
			rest := said
			for _, l := range got {
				if len(rest) > 0 && strings.HasPrefix(l, rest[0]) {
					rest = rest[1:]
				}
			}
			if len(rest) > 0 {
				t.Errorf("%q is not said in its place:\n%s\nof\n%s", rest[0], strings.Join(got, "\n"), text)
			}
			if n := len(got); len(said) > 0 && n > 2*len(said)+10 {
				t.Errorf("%d lines for %d:\n%s", n, len(said), strings.Join(got, "\n"))
			}
		})
	}
}

// wanted reads what must come of a paste.
func wanted(t *testing.T, name string) (verdict string, said []string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if v, is := strings.CutPrefix(lines.Text(), "verdict "); is {
			verdict = v
		} else {
			said = append(said, lines.Text())
		}
	}
	return verdict, said
}
