package transcript_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// keptSummaryOf is what Summaries opened anew say of the recording at path, and
// saves them.
func keptSummaryOf(t *testing.T, path string) transcript.Summary {
	t.Helper()
	all := transcript.OpenSummaries(filepath.Dir(path), 1)
	sum, err := all.Summarize(path)
	if err != nil {
		t.Fatal(err)
	}
	all.Save()
	return sum
}

// A summary that was kept counts while its recording is as it was, and not a
// moment longer.
func TestSummariesAreKept(t *testing.T) {
	recorded, err := os.ReadFile("testdata/version1.smtptap")
	if err != nil {
		t.Fatal(err)
	}
	cut := recorded[:len(recorded)/2]
	dir := t.TempDir()
	path, kept := filepath.Join(dir, "a.smtptap"), filepath.Join(dir, recordings.SummariesName)
	then := time.Unix(1_700_000_000, 0)
	write := func(p []byte, at time.Time) {
		t.Helper()
		if err := os.WriteFile(path, p, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write(recorded, then)
	whole, err := transcript.Summarize(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := keptSummaryOf(t, path); got != whole {
		t.Fatalf("%+v, want %+v", got, whole)
	}

	write(bytes.Repeat([]byte{' '}, len(recorded)), then)
	if got := keptSummaryOf(t, path); got.Outcome != whole.Outcome {
		t.Errorf("not kept: %+v, want %+v", got, whole)
	}
	write(cut, then)
	if got := keptSummaryOf(t, path); got.Outcome == whole.Outcome {
		t.Errorf("the recording was cut, but not what is said of it: %+v", got)
	}
	write(recorded, then.Add(time.Nanosecond))
	if got := keptSummaryOf(t, path); got.Outcome != whole.Outcome {
		t.Errorf("the recording is whole again, but not what is said of it: %+v", got)
	}

	for name, damage := range map[string]func(p []byte) []byte{
		"cut":             func(p []byte) []byte { return p[:len(p)-3] },
		"another program": func(p []byte) []byte { p[len(p)/4] ^= 1; return p },
		"empty":           func(p []byte) []byte { return nil },
	} {
		p, err := os.ReadFile(kept)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(kept, damage(p), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := keptSummaryOf(t, path); got.Outcome != whole.Outcome {
			t.Errorf("%s: %+v, want %+v", name, got, whole)
		}
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	transcript.OpenSummaries(dir, 1).Save()
	if p, err := os.ReadFile(kept); err != nil || bytes.Contains(p, []byte("a.smtptap")) {
		t.Errorf("what is said of a deleted recording stays: %v", err)
	}
}
