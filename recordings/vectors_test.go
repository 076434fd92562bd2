package recordings_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/recordings"
)

// read says what a reader finds, in the words of the test vectors.
func read(t testing.TB, file []byte) string {
	t.Helper()
	var b strings.Builder
	rd, err := recordings.NewReader(bytes.NewReader(file))
	if err == nil {
		fmt.Fprintf(&b, "expect: header %s\n", rd.Header().ID)
		for err == nil {
			var r recordings.Record
			if r, err = rd.Next(); err == nil {
				ns := r.At.Nanoseconds()
				fmt.Fprintf(&b, "expect: %s %d.%09d %c %c %d\n", r.Type, ns/1e9, ns%1e9, r.From.Letter(), r.To.Letter(), len(r.Data))
			}
		}
	}
	var damage *recordings.Damage
	switch {
	case err == io.EOF:
		b.WriteString("expect: whole\n")
	case errors.As(err, &damage) && damage.Torn:
		fmt.Fprintf(&b, "expect: torn %d\n", damage.Offset)
	case errors.As(err, &damage):
		fmt.Fprintf(&b, "expect: damaged %d\n", damage.Offset)
	case errors.Is(err, recordings.ErrNotRecording):
		b.WriteString("expect: not a recording\n")
	case errors.Is(err, recordings.ErrVersion):
		b.WriteString("expect: another version\n")
	default:
		t.Fatal(err)
	}
	return b.String()
}

// vectors returns the test vectors' recordings with what is expected of them.
func vectors(t testing.TB) map[string]struct {
	want string
	file []byte
} {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "vectors", "*.txt"))
	if err != nil || len(names) == 0 {
		t.Fatal("no test vectors", err)
	}
	all := map[string]struct {
		want string
		file []byte
	}{}
	for _, name := range names {
		p, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, file, found := bytes.Cut(p, []byte("---\n"))
		if !found {
			t.Fatalf("%s has no line ---", name)
		}
		v := all[filepath.Base(name)]
		v.want, v.file = string(want), file
		all[filepath.Base(name)] = v
	}
	return all
}

func TestVectors(t *testing.T) {
	for name, v := range vectors(t) {
		t.Run(name, func(t *testing.T) {
			if got := read(t, v.file); got != v.want {
				t.Errorf("got\n%swant\n%s", got, v.want)
			}
		})
	}
}

// The worked example of FORMAT.md is what it says it is.
func TestWorkedExample(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(doc), "\n## Worked example\n")
	if !found {
		t.Fatal("FORMAT.md has no worked example")
	}
	_, rest, _ = strings.Cut(rest, "\n    ")
	var file strings.Builder
	for line := range strings.Lines("    " + rest) {
		text, indented := strings.CutPrefix(line, "    ")
		if !indented && line != "\n" {
			break
		}
		file.WriteString(strings.ReplaceAll(text, "␍", "\r"))
	}
	example := file.String() // the empty line before the next paragraph is the last record's
	want := "expect: header 20261122-235912-417-k3f9x\n" +
		"expect: open 0.000000000 C P 54\n" +
		"expect: dial 0.000310274 P S 41\n" +
		"expect: data 0.291000183 S C 28\n" +
		"expect: data 0.291822004 C S 12\n" +
		fmt.Sprintf("expect: torn %d\n", len(example))
	if got := read(t, []byte(example)); got != want {
		t.Errorf("got\n%swant\n%s\nof\n%s", got, want, example)
	}
}
