package recordings

import (
	"errors"
	"time"
)

// Old returns the recordings that neither began nor were written to since
// before, newest first. Recordings that somebody renamed are never among them:
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
		if _, modified, err := r.Stat(); err == nil && modified.Before(before) {
			old = append(old, r)
		}
	}
	return old, nil
}

// Prune deletes recordings that Old returned and says which are gone. It goes on
// after one that can't be deleted.
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
	return gone, errors.Join(failed...)
}
