package transcript

import (
	"bufio"
	"encoding/gob"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"smtptap/recordings"
	"sync"
)

// Summaries reads the summaries of the recordings in a folder, and keeps them
// for the next time in a file there. That file is not needed and never trusted
// over the recordings: what it says of one counts as long as the recording has
// the size and the time that it had when it was read, by the same program.
type Summaries struct {
	path string

	mu    sync.Mutex
	known map[string]*keptSummary // by name of the recording
	kept  int                     // how many the file holds
	fresh int                     // how many others there are
}

// A keptSummary is the summary of a recording as it was at that size and time.
type keptSummary struct {
	Name           string
	Size, Modified int64
	Summary        Summary

	used bool
}

// maxKept bounds what is read of the file for each recording, in bytes.
const maxKept = 8 << 10

// OpenSummaries reads the file in dir as far as it can, for so many recordings
// at most.
func OpenSummaries(dir string, most int) *Summaries {
	s := &Summaries{path: filepath.Join(dir, recordings.SummariesName), known: map[string]*keptSummary{}}
	f, err := os.Open(s.path)
	if err != nil {
		return s
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > int64(most)*maxKept {
		return s
	}
	var by string
	d := gob.NewDecoder(bufio.NewReader(f))
	if d.Decode(&by) != nil || by != thisProgram() {
		return s
	}
	for {
		k := new(keptSummary)
		if d.Decode(k) != nil {
			return s
		}
		s.known[k.Name] = k
		s.kept++
	}
}

// Summarize is the summary of the recording at path.
func (s *Summaries) Summarize(path string) (Summary, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Summary{}, fmt.Errorf("recording: %w", err)
	}
	name, size, modified := filepath.Base(path), info.Size(), info.ModTime().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.known[name]; k != nil && k.Size == size && k.Modified == modified {
		k.used, k.Summary.Path = true, path
		return k.Summary, nil
	}
	s.mu.Unlock()
	sum, err := Summarize(path)
	s.mu.Lock()
	if err == nil && !sum.Live {
		s.known[name] = &keptSummary{name, size, modified, sum, true}
		s.fresh++
	}
	return sum, err
}

// Save writes the summaries that were asked for, if many of them are not in the
// file or others are. It is no loss when they can't be written.
func (s *Summaries) Save() {
	maps.DeleteFunc(s.known, func(_ string, k *keptSummary) bool { return !k.used })
	if gone := s.kept + s.fresh - len(s.known); gone == 0 && s.fresh <= s.kept/8 {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), recordings.SummariesName+"-*")
	if err != nil {
		return
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriter(f)
	e := gob.NewEncoder(w)
	err = e.Encode(thisProgram())
	for _, k := range s.known {
		if err == nil {
			err = e.Encode(k)
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if closed := f.Close(); err == nil && closed == nil {
		os.Rename(f.Name(), s.path)
	}
}

// thisProgram tells the builds of smtptap apart: another one may see other
// things in a recording.
func thisProgram() string {
	name := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		name = info.String()
	}
	path, err := os.Executable()
	if err != nil {
		return name
	}
	info, err := os.Stat(path)
	if err != nil {
		return name
	}
	return fmt.Sprint(name, info.Size(), info.ModTime())
}
