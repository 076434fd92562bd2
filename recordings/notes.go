package recordings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// notesExt ends the name of the file that stands beside a recording and holds
// what people say of it.
const notesExt = ".notes"

// Notes are what people say of a recording.
type Notes struct {
	Marked bool     `json:"marked,omitempty"`
	Note   string   `json:"note,omitempty"`
	Tags   []string `json:"tags,omitempty"`
}

// Empty reports whether nothing is said.
func (n Notes) Empty() bool { return !n.Marked && n.Note == "" && len(n.Tags) == 0 }

func notesPath(recording string) string { return strings.TrimSuffix(recording, Ext) + notesExt }

// maxNotes bounds what is read of a file of notes.
const maxNotes = 1 << 20

// ReadNotes reads what is said of the recording at a path: nothing where there
// is no file of notes, or none that can be read.
func ReadNotes(recording string) (n Notes) {
	path := notesPath(recording)
	if info, err := os.Stat(path); recording == "" || err != nil || info.Size() > maxNotes || !info.Mode().IsRegular() {
		return n
	}
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &n) != nil {
		return Notes{}
	}
	return n
}

// WriteNotes replaces what is said of the recording at a path.
func WriteNotes(recording string, n Notes) error {
	path := notesPath(recording)
	if n.Empty() {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("notes: %w", plain(err))
		}
		return nil
	}
	data, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("notes: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("notes: %w", plain(err))
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("notes: %w", plain(err))
	}
	return nil
}

// AllNotes reads what is said of the recordings in a folder, by their ids.
func AllNotes(dir string) map[string]Notes {
	all := map[string]Notes{}
	names, _ := filepath.Glob(filepath.Join(escapeGlob.Replace(dir), "*"+notesExt))
	for _, name := range names {
		id := strings.TrimSuffix(filepath.Base(name), notesExt)
		if n := ReadNotes(filepath.Join(dir, id+Ext)); !n.Empty() {
			all[id] = n
		}
	}
	return all
}

var escapeGlob = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)
