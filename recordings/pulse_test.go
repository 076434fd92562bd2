package recordings_test

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"smtptap/decode/who"
	"smtptap/recordings"
)

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: ", what)
		}
	}
}

func beating(t *testing.T, dir string, busy func() bool) *recordings.Pulse {
	t.Helper()
	f, err := recordings.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := f.NewPulse(busy)
	p.Start()
	t.Cleanup(func() { p.Close(); f.Close() })
	return p
}

func pulses(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, ".recorder-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPulse(t *testing.T) {
	dir := t.TempDir()
	var busy atomic.Bool
	busy.Store(true)
	p := beating(t, dir, busy.Load)
	if !recordings.Running(dir, p.ID()) {
		t.Error("a recorder at work is not heard")
	}
	if info, err := os.Stat(pulses(t, dir)[0]); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, other := range []string{"", recordings.NewID(time.Now()), "../" + filepath.Base(dir) + "/.recorder-" + p.ID(), p.ID() + "/"} {
		if recordings.Running(dir, other) {
			t.Errorf("%q is heard", other)
		}
	}
	if recordings.Running(t.TempDir(), p.ID()) {
		t.Error("it is heard in another folder")
	}
	busy.Store(false)
	eventually(t, "the pulse ends with the last session", func() bool { return !recordings.Running(dir, p.ID()) })
	busy.Store(true)
	p.Start()
	if !recordings.Running(dir, p.ID()) {
		t.Error("it is not heard when it begins again")
	}
	p.Close()
	if left := pulses(t, dir); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A recorder that was killed is silent; one whose machine has another time is
// not.
func TestPulseTimes(t *testing.T) {
	dir := t.TempDir()
	id := recordings.NewID(time.Now())
	path := filepath.Join(dir, ".recorder-"+id)
	set := func(age time.Duration) {
		t.Helper()
		at := time.Now().Add(-age)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		age  time.Duration
		want bool
	}{{time.Hour, false}, {time.Hour - time.Second, true}, {-time.Hour, true}} {
		set(c.age)
		if got := recordings.Running(dir, id); got != c.want {
			t.Errorf("the beat of %v ago: %v, want %v", c.age, got, c.want)
		}
	}
	os.Remove(path)
	recordings.Running(dir, id) // sees that it is gone
	set(10 * time.Second)
	if recordings.Running(dir, id) {
		t.Error("one that has been silent for ten seconds is heard")
	}
	set(3 * time.Second)
	if !recordings.Running(dir, id) {
		t.Error("one that is late is not heard")
	}
}

// A recorder takes away what those left that were killed, and nothing else.
func TestPulseTidies(t *testing.T) {
	dir := t.TempDir()
	old, young := filepath.Join(dir, ".recorder-"+recordings.NewID(time.Now())), filepath.Join(dir, ".recorder-"+recordings.NewID(time.Now()))
	keep := filepath.Join(dir, "mine"+recordings.Ext)
	long := time.Now().Add(-time.Hour)
	for _, path := range []string{old, young, keep} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{old, keep} {
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
	}
	beating(t, dir, func() bool { return true })
	exists := func(path string) bool { _, err := os.Lstat(path); return err == nil }
	eventually(t, "the old pulse is gone", func() bool { return !exists(old) })
	if !exists(young) || !exists(keep) {
		t.Error("too much is gone")
	}
}

// Sessions that run are not pruned, however long nothing was said in them.
func TestPruneLeavesRunning(t *testing.T) {
	dir := t.TempDir()
	p := beating(t, dir, func() bool { return true })
	long := time.Now().Add(-48 * time.Hour)
	record := func(recorder string, records ...recordings.Record) string {
		t.Helper()
		id := recordings.NewID(long)
		path := filepath.Join(dir, id+recordings.Ext)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := recordings.NewWriter(f, recordings.Header{ID: id, Started: long, Recorder: recorder})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if err := w.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
		return id
	}
	end := recordings.Record{Type: recordings.TypeEnd, From: who.Smtptap, To: who.Smtptap, Data: []byte("{}")}
	running := record(p.ID())
	ended, killed, older := record(p.ID(), end), record(recordings.NewID(long)), record("")
	f, err := recordings.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	old, err := f.Old(time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, r := range old {
		got[r.ID] = true
	}
	if got[running] || !got[ended] || !got[killed] || !got[older] || len(got) != 3 {
		t.Errorf("to be pruned %v; running %s, ended %s, killed %s, of an older version %s", got, running, ended, killed, older)
	}
}
