package agent

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/decode/lang"
	"smtptap/decode/lang/langtest"
	"smtptap/recordings/redact"
)

func TestTexts(t *testing.T) { langtest.Texts(t, words) }

// Logs of every program can be explained without what is to be left out.
func TestExplainLogs(t *testing.T) {
	files, err := filepath.Glob("../../recordings/logs/testdata/logs/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no logs")
	}
	for _, file := range files {
		log, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := &server{Options: Options{Lang: lang.English, Redact: redact.Levels{Addresses: true, Body: true}}}
		var b bytes.Buffer
		if err := s.explain(context.Background(), explainInput{Log: string(log)}, &b); err != nil || b.Len() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestPages(t *testing.T) {
	s := &server{}
	whole := strings.Repeat("一行 of text\n", 200) + strings.Repeat("x", 3000)
	for _, pieces := range []int{1, 7, 100_000} {
		for _, most := range []int{leastPage, 501, 2000, mostPage} {
			var all strings.Builder
			for range 50 {
				w := page{size{most}, all.Len()}.window()
				for rest := whole; rest != ""; {
					n := min(pieces, len(rest))
					fmt.Fprint(w, rest[:n])
					rest = rest[n:]
				}
				text, _, more := strings.Cut(s.page(w), "... ")
				if all.WriteString(text); !more {
					break
				}
			}
			if all.String() != whole {
				t.Errorf("in pieces of %d and pages of %d: %d B, want %d", pieces, most, all.Len(), len(whole))
			}
		}
	}
	empty := size{}.window()
	if got := s.page(empty); got != "" {
		t.Errorf("an empty answer: %q", got)
	}
	fmt.Fprint(empty, strings.Repeat("row\n", usualPage))
	if got := s.page(empty); !strings.Contains(got, "cut after 8000 of 32000 B") {
		t.Errorf("a long one: %q", got[len(got)-100:])
	}
}

func TestTail(t *testing.T) {
	for _, piece := range []int{1, 3, 10, 100} {
		k := &tail{most: 10}
		for rest := strings.Repeat("abcdefg", 9); rest != ""; {
			n := min(piece, len(rest))
			fmt.Fprint(k, rest[:n])
			rest = rest[n:]
		}
		if got := string(k.held); got != "efgabcdefg" || k.total != 63 {
			t.Errorf("in pieces of %d: %q of %d", piece, got, k.total)
		}
	}
}
