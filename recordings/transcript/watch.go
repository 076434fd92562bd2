package transcript

import (
	"context"
	"errors"
	"os"
	"time"

	"smtptap/decode"
	"smtptap/recordings"
)

// A Watch says which recordings a Set takes in as others make them.
type Watch struct {
	Dir   string                     // the folder; "" for no new ones
	Known []recordings.Info          // those that were there and need no look
	Takes func(recordings.Info) bool // nil takes all
	Picks func(Summary) bool         // likewise
}

const (
	// leastPause and mostPause are between two looks. A look at a folder of
	// very many recordings takes time, and most of the time goes by without.
	leastPause = 250 * time.Millisecond
	mostPause  = 900 * time.Millisecond
	idle       = 10 // times what a look takes
	// unsure is how long after a change of the folder the file system may
	// give the same time to another.
	unsure = 2 * time.Second
	// mostLooks is how often a recording is looked at whose head is incomplete.
	mostLooks = 8
)

// Watch follows recordings that others write, until ctx is done: sessions that
// run grow, and new ones are added.
func (s *Set) Watch(ctx context.Context, w Watch) {
	f := &folderWatch{set: s, Watch: w, known: map[string]bool{}, torn: map[string]int{}}
	for _, r := range w.Known {
		f.known[r.Path] = true
	}
	f.Known = nil
	s.mu.Lock()
	s.watched = w.Dir
	s.mu.Unlock()
	s.changed()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		began := time.Now()
		f.look()
		s.grow()
		pause.Reset(min(max(idle*time.Since(began), leastPause), mostPause))
	}
}

// A folderWatch finds the recordings that are new in a folder.
type folderWatch struct {
	set *Set
	Watch
	known    map[string]bool
	modified time.Time      // the folder, as the file system says
	changed  time.Time      // when that was another
	waiting  int            // recordings that are not known yet
	torn     map[string]int // looks at those whose head is being written
}

func (f *folderWatch) look() {
	if f.Dir == "" {
		return
	}
	info, err := os.Stat(f.Dir)
	if err != nil {
		return // it may come back
	}
	if !info.ModTime().Equal(f.modified) {
		f.modified, f.changed = info.ModTime(), time.Now()
	}
	if f.waiting == 0 && time.Since(f.changed) > unsure {
		return
	}
	all, err := recordings.List(f.Dir)
	if err != nil {
		return
	}
	f.waiting = 0
	for i := len(all) - 1; i >= 0; i-- {
		if r := all[i]; !f.known[r.Path] {
			f.known[r.Path] = f.add(r)
			if !f.known[r.Path] {
				f.waiting++
			}
		}
	}
}

// take adds a recording, unless that is not wanted. It reports whether it need
// not be looked at again.
func (f *folderWatch) add(r recordings.Info) bool {
	if f.Takes != nil && !f.Takes(r) {
		return true
	}
	sum, err := Summarize(r.Path)
	if err != nil {
		if damage, ok := errors.AsType[*recordings.Damage](err); ok && damage.Torn && f.torn[r.Path] < mostLooks {
			f.torn[r.Path]++
			return false
		}
		delete(f.torn, r.Path)
		f.set.AddUnread(r) // it says why
		return true
	}
	if f.Picks != nil && !f.Picks(sum) {
		return !sum.Live // it may become what is wanted
	}
	f.set.AddSummary(sum, r.Path)
	return true
}

// grow looks at the recordings that others write.
func (s *Set) grow() {
	s.mu.RLock()
	all := make(map[string]*growing, len(s.growing))
	for id, g := range s.growing {
		all[id] = g
	}
	s.mu.RUnlock()
	for id, g := range all {
		switch g.look() {
		case longer:
			s.replace(id, g, g.summary())
		case ended:
			s.stopGrowing(id, g, true)
		case cutOff:
			s.stopGrowing(id, g, false)
		}
	}
}

// replace gives a session that grows its summary.
func (s *Set) replace(id string, g *growing, sum Summary) {
	s.mu.Lock()
	if sl := s.byID[id]; sl != nil && sl.log == nil && s.growing[id] == g {
		sum.ID = id
		s.put(sl, sum, g.path)
	}
	s.mu.Unlock()
	s.changed()
}

// stopGrowing takes what a recording has become. One that is cut off is looked at
// again: its recorder may only have been stopped for a while.
func (s *Set) stopGrowing(id string, g *growing, forGood bool) {
	sum, err := Summarize(g.path)
	if err != nil {
		sum = Summary{ID: id, Source: decode.SourceRecording}
		sum.unreadable(err)
	}
	if !sum.Live && forGood {
		s.mu.Lock()
		delete(s.growing, id)
		if s.opened != nil && s.opened.path == g.path {
			s.opened = nil
		}
		s.mu.Unlock()
	}
	s.AddSummary(sum, g.path)
}
