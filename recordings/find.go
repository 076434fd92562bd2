package recordings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"smtptap/decode/visible"
	"strings"
	"time"
)

// Info is what a folder knows of a recording without reading it.
type Info struct {
	ID      string // name without Ext
	Path    string
	Started time.Time // from the name, or when it was last written to when somebody renamed it
	Ours    bool      // it still has the name that NewID gave it
}

// Stat says how large the recording is and when it was last written to.
func (i *Info) Stat() (size int64, modified time.Time, err error) {
	info, err := os.Stat(i.Path)
	if err != nil {
		return 0, time.Time{}, err
	}
	return info.Size(), info.ModTime(), nil
}

// List returns the recordings in dir, newest first. A folder that does not
// exist holds none. It looks at no file that tells its time by its name.
func List(dir string) ([]Info, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, words.Error("list", "why", plain(err))
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, words.Error("list", "why", plain(err))
	}
	list := make([]Info, 0, len(entries))
	for _, e := range entries {
		id, found := strings.CutSuffix(e.Name(), Ext)
		if !found || !e.Type().IsRegular() {
			continue
		}
		started, ours := parseID(id)
		if !ours {
			info, err := e.Info()
			if err != nil {
				continue // deleted since
			}
			started = info.ModTime()
		}
		list = append(list, Info{ID: id, Path: filepath.Join(dir, e.Name()), Started: started, Ours: ours})
	}
	slices.SortFunc(list, func(a, b Info) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	return list, nil
}

// List returns the folder's recordings, newest first.
func (f *Folder) List() ([]Info, error) { return List(f.dir) }

// Find returns the path of the folder's recording that ref means.
func (f *Folder) Find(ref string) (string, error) { return Find(f.dir, ref) }

// Find returns the path of the recording that ref means: a path, an id, the
// beginning of an id or of its last part if only one recording has it, or
// "latest" or "" for the newest in dir.
func Find(dir, ref string) (string, error) {
	if strings.ContainsRune(ref, filepath.Separator) || strings.HasSuffix(ref, Ext) {
		return findPath(dir, ref)
	}
	list, err := List(dir)
	if err != nil {
		return "", err
	}
	if ref == "" || ref == "latest" {
		if len(list) == 0 {
			return "", words.Error("none-yet", "folder", visible.Text(dir))
		}
		return list[0].Path, nil
	}
	hits := match(list, ref)
	switch len(hits) {
	case 0:
		if info, err := os.Stat(ref); err == nil && info.Mode().IsRegular() {
			return ref, nil
		}
		return "", words.Error("no-such", "folder", visible.Text(dir), "ref", visible.Text(ref))
	case 1:
		return hits[0].Path, nil
	}
	return "", ambiguous(ref, hits)
}

// findPath takes ref as a path, and as a name in dir when there is no such path.
func findPath(dir, ref string) (string, error) {
	_, err := os.Stat(ref)
	if err == nil {
		return ref, nil
	}
	if inside := filepath.Join(dir, ref); filepath.Base(ref) == ref {
		if _, err := os.Stat(inside); err == nil {
			return inside, nil
		}
	}
	return "", words.Error("recording", "why", plain(err))
}

// match returns the recordings whose id or short id is ref or, when none is,
// those whose id or short id begins with it.
func match(list []Info, ref string) []Info {
	var whole, begun []Info
	for _, r := range list {
		short := ShortID(r.ID)
		switch {
		case r.ID == ref || short == ref:
			whole = append(whole, r)
		case strings.HasPrefix(r.ID, ref) || strings.HasPrefix(short, ref):
			begun = append(begun, r)
		}
	}
	if len(whole) > 0 {
		return whole
	}
	return begun
}

func ambiguous(ref string, hits []Info) error {
	const shown = 4
	var names []string
	for _, r := range hits[:min(len(hits), shown)] {
		names = append(names, visible.Text(r.ID))
	}
	if len(hits) > shown {
		return words.Error("ambiguous-more", "ref", visible.Text(ref), "n", len(hits), "names", names, "more", len(hits)-shown)
	}
	return words.Error("ambiguous", "ref", visible.Text(ref), "n", len(hits), "names", names)
}
