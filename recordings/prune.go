package recordings

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Old returns the recordings that neither began nor were written to since
// before, newest first. Sessions that run are not among them. Recordings that somebody renamed are never among them:
// a name of one's own means that it is to be kept.
func (f *Folder) Old(before time.Time) ([]Info, error) {
	list, err := f.List()
	if err != nil {
		return nil, err
	}
	var old []Info
	for _, r := range list {
		if !r.Ours || !r.Started.Before(before) {
			continue
		}
		if _, modified, err := r.Stat(); err == nil && modified.Before(before) && !Runs(r.Path) {
			old = append(old, r)
		}
	}
	return old, nil
}

// Runs reports whether the session of a recording still runs.
func Runs(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	r, err := NewReader(f)
	if err != nil || !Running(filepath.Dir(path), r.Header().Recorder) {
		return false
	}
	for err == nil {
		_, err = r.Next()
	}
	damage, ok := errors.AsType[*Damage](err)
	return ok && damage.Torn
}

// Prune deletes recordings that Old returned and says which are gone. It goes on
// after one that can't be deleted. What SummariesName says of them goes as well.
func (f *Folder) Prune(old []Info) ([]Info, error) {
	var gone []Info
	var failed []error
	for _, r := range old {
		if err := f.Remove(r.ID); err != nil {
			failed = append(failed, err)
			continue
		}
		gone = append(gone, r)
	}
	if len(gone) > 0 {
		f.opened().Remove(SummariesName) // there may be none
	}
	return gone, errors.Join(failed...)
}
