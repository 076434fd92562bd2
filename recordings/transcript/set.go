// Package transcript is the one joint of recordings and decode: it holds
// sessions as transcripts, those that run now and those that recordings hold,
// and makes both in the same way.
package transcript

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"smtptap/decode"
	"smtptap/decode/visible"
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

	// Unwatched says that nobody looks at the sessions, neither while they run
	// nor later: none is held, and those that are not recorded not even decoded.
	Unwatched bool

	// Trouble is told when something can't be recorded, with the reason, and
	// with nil when everything can again; lost is how many bytes are missing
	// in recordings since the start. It may be nil.
	Trouble func(err error, lost int64)
}

const (
	// maxSummaries bounds the sessions that a Set remembers. The recordings
	// of older ones stay where they are.
	maxSummaries = 200_000
	// maxUnrecorded bounds the entries that are kept of ended sessions that
	// have no recording, in bytes.
	maxUnrecorded = 32 << 20
	// maxLive bounds the entries that are kept of sessions that run, in
	// bytes, all together; minShare is what each may keep all the same, and
	// maxShare what it may keep when it is alone.
	maxLive  = 64 << 20
	minShare = 32 << 10
	maxShare = 1 << 20
)

// A Set holds sessions, oldest first. All its methods may be called from any
// goroutine.
type Set struct {
	options     Options
	recorder    *recorder
	live        atomic.Int64
	noted       amount
	mirrored    atomic.Pointer[State] // of the Set in another process
	subscribers atomic.Pointer[[]chan struct{}]

	mu         sync.RWMutex
	slots      []*slot // nil: forgotten
	held       int     // slots that are not nil
	oldest     int     // no slot before it is held
	examined   int     // slots before it that are held were live when their turn to go came
	byID       map[string]*slot
	growing    map[string]*growing // recordings that others write, by id
	opened     *growing            // the one that was opened last
	watched    string              // folder from which recordings are added
	unrecorded []*Log              // ended, oldest first
	weight     int                 // of unrecorded, in bytes
}

// A slot is one session of a Set.
type slot struct {
	log     *Log    // while the session is held in memory
	summary Summary // otherwise
	unread  bool    // the summary has only what the folder knows
}

// NewSet returns an empty Set. Close it when the last session has ended.
func NewSet(o Options) *Set {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Set{options: o, byID: map[string]*slot{}, growing: map[string]*growing{}}
	s.subscribers.Store(new([]chan struct{}))
	s.recorder = newRecorder(o.Folder, o.Queue, func() bool { return s.live.Load() > 0 }, s.trouble)
	return s
}

// Begin adds a session that starts now. It does not wait for a disk.
func (s *Set) Begin(ses Session) *Log {
	l := &Log{started: s.options.Clock(), ses: ses, set: s}
	l.decoder = &decoder{keepSecrets: s.options.KeepSecrets, entry: l.add, fault: l.fault}
	l.decoder.begin(ses.SplitLegs)
	s.live.Add(1)
	s.mu.Lock()
	for l.id == "" || s.byID[l.id] != nil {
		l.id = recordings.NewID(l.started)
	}
	if s.options.Folder != nil {
		l.decoder.record = l.record
	}
	switch {
	case !s.options.Unwatched:
		l.recording = s.recorder.newRecording(l)
		s.add(l.id, &slot{log: l})
	case s.options.Folder != nil:
		l.recording = s.recorder.newRecording(l)
		s.byID[l.id] = &slot{log: l} // its name is taken until it is written
	}
	s.mu.Unlock()
	s.changed()
	return l
}

// trouble tells everybody who looks that sessions can't be recorded, or can
// again.
func (s *Set) trouble(err error, lost int64) {
	if told := s.options.Trouble; told != nil {
		told(err, lost)
	}
	s.changed()
}

// add puts a slot after the others. s.mu is held.
func (s *Set) add(id string, sl *slot) {
	s.slots = append(s.slots, sl)
	s.byID[id] = sl
	s.held++
	for ; s.held > maxSummaries && s.examined < len(s.slots)-1; s.examined++ {
		if old := s.slots[s.examined]; old.log == nil {
			delete(s.byID, old.summary.ID)
			delete(s.growing, old.summary.ID)
			s.slots[s.examined] = nil
			s.held--
		}
	}
	for s.slots[s.oldest] == nil {
		s.oldest++
	}
}

// finish takes over a session that has ended and, if whole, is recorded.
func (s *Set) finish(l *Log, whole bool) {
	s.live.Add(-1)
	if s.options.Unwatched {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.byID, l.id)
		return
	}
	if !whole && s.options.Folder != nil {
		l.incomplete()
	}
	sum := l.Summary()
	s.mu.Lock()
	sl := s.byID[l.id]
	sl.summary = intern(sum)
	var drop []*Log
	if whole {
		drop = append(drop, l)
		sl.log = nil
	} else {
		drop = s.keepUnrecorded(l)
	}
	s.mu.Unlock()
	for _, old := range drop {
		old.release()
	}
	s.changed()
}

// keepUnrecorded keeps the entries of a session that has no recording, and
// returns the sessions that have to go for it. s.mu is held.
func (s *Set) keepUnrecorded(l *Log) (drop []*Log) {
	s.unrecorded = append(s.unrecorded, l)
	s.weight += l.heldBytes()
	for s.weight > maxUnrecorded && len(s.unrecorded) > 1 {
		old := s.unrecorded[0]
		s.unrecorded = s.unrecorded[1:]
		s.weight -= old.heldBytes()
		if sl := s.byID[old.id]; sl != nil {
			sl.log = nil
		}
		drop = append(drop, old)
	}
	return drop
}

// intern lets summaries share strings that many sessions have in common.
func intern(sum Summary) Summary {
	for _, p := range []*string{&sum.Server, &sum.Target, &sum.User, &sum.From, &sum.Rcpt, &sum.Subject} {
		*p = unique.Make(*p).Value()
	}
	sum.Verdict = unique.Make(sum.Verdict).Value()
	if sum.Also != nil {
		also := *sum.Also
		for _, texts := range []*[]string{&also.From, &also.Rcpt, &also.Subject} {
			*texts = slices.Clone(*texts)
			for i, text := range *texts {
				(*texts)[i] = unique.Make(text).Value()
			}
		}
		sum.Also = &also
	}
	sum.Path = "" // follows from the id
	return sum
}

// share is how many bytes of entries a session that holds so many may keep.
func (s *Set) share(holds int) int {
	if holds <= minShare {
		return minShare
	}
	return min(max(maxLive/int(max(s.live.Load(), 1)), minShare), maxShare)
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

// AddUnread adds a recording that is read when somebody asks for its summary. Of
// one that can't be read the summary says why.
func (s *Set) AddUnread(r recordings.Info) {
	s.AddSummary(Summary{ID: r.ID, Started: r.Started, Source: decode.SourceRecording}, r.Path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl := s.byID[r.ID]; sl.summary.Path == r.Path {
		sl.unread = true
	}
}

// readSummary reads the recording of a slot.
func (s *Set) readSummary(sl *slot, path string) {
	sum, err := Summarize(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !sl.unread {
		return // somebody else did it meanwhile
	}
	sl.unread = false
	if err != nil {
		sl.summary.unreadable(err)
		return
	}
	sum.ID = sl.summary.ID
	s.put(sl, sum, path)
}

// put replaces the summary of a recording. s.mu is held.
func (s *Set) put(sl *slot, sum Summary, path string) {
	sl.summary = intern(sum)
	sl.summary.Path = path
	if sum.Live && s.growing[sum.ID] == nil {
		s.growing[sum.ID] = newGrowing(path, 0)
	}
}

// AddSummary adds a recording whose summary is known. When it is there already
// the summary is replaced; another of the same id gets a number after it.
func (s *Set) AddSummary(sum Summary, path string) {
	sum.Path = path
	s.mu.Lock()
	name := sum.ID
	for n := 2; s.byID[sum.ID] != nil && s.pathOf(s.byID[sum.ID]) != path; n++ {
		sum.ID = fmt.Sprintf("%s (%d)", name, n)
	}
	switch sl := s.byID[sum.ID]; {
	case sl == nil:
		sl = &slot{}
		s.put(sl, sum, path)
		s.add(sum.ID, sl)
	case sl.log == nil:
		s.put(sl, sum, path)
	}
	s.mu.Unlock()
	s.changed()
}

// Mirror adds a session of a Set in another process, or takes what became of it:
// sum tells that, and whether it runs. Its recording is at path as far as somebody
// has copied it there.
func (s *Set) Mirror(sum Summary, path string) {
	sum.bound()
	s.AddSummary(sum, path)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch g := s.growing[sum.ID]; {
	case g == nil || g.path != path:
	case sum.Live:
		g.told = true
	default:
		delete(s.growing, sum.ID)
		if s.opened != nil && s.opened.path == path {
			s.opened = nil
		}
	}
}

// MirrorState makes the state of a Set in another process that of this one.
func (s *Set) MirrorState(st State) {
	s.mirrored.Store(&st)
	s.changed()
}

// Subscribe returns a channel that gets a value when the Set has changed since
// the last value was taken. It never holds more than one. Call cancel when
// done; the channel is not closed.
func (s *Set) Subscribe() (ch <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	s.subscribe(func(all []chan struct{}) []chan struct{} { return append(slices.Clone(all), c) })
	return c, func() {
		s.subscribe(func(all []chan struct{}) []chan struct{} {
			return slices.DeleteFunc(slices.Clone(all), func(other chan struct{}) bool { return other == c })
		})
	}
}

// subscribe replaces the list of subscribers. Readers of the old one are not
// disturbed.
func (s *Set) subscribe(change func([]chan struct{}) []chan struct{}) {
	for {
		old := s.subscribers.Load()
		all := change(*old)
		if s.subscribers.CompareAndSwap(old, &all) {
			return
		}
	}
}

// changed wakes the subscribers that are not awake. It never blocks.
func (s *Set) changed() {
	for _, c := range *s.subscribers.Load() {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Len is the number of sessions so far, those that the Set has forgotten
// included.
func (s *Set) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.slots)
}

// Summary returns the i-th session's summary, oldest first. It is empty for a
// session that the Set has forgotten.
func (s *Set) Summary(i int) Summary {
	s.mu.RLock()
	sl := s.slots[i]
	s.mu.RUnlock()
	sum, _ := s.summarize(sl)
	return sum
}

// Runs reports whether the i-th session began here and has not ended. Unlike its
// summary, that takes no time of the session's.
func (s *Set) Runs(i int) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	sl := s.slots[i]
	return sl != nil && sl.log != nil && !sl.log.isOver()
}

// Summaries returns the summaries of the sessions from the i-th on, without
// those that the Set has forgotten.
func (s *Set) Summaries(from int) []Summary {
	s.mu.RLock()
	from = min(max(from, s.oldest), len(s.slots))
	slots := slices.Clone(s.slots[from:])
	s.mu.RUnlock()
	all := make([]Summary, 0, len(slots))
	for _, sl := range slots {
		if sum, ok := s.summarize(sl); ok {
			all = append(all, sum)
		}
	}
	return all
}

func (s *Set) summarize(sl *slot) (Summary, bool) {
	if sl == nil {
		return Summary{}, false
	}
	s.mu.RLock()
	l, sum, path, unread := sl.log, sl.summary, s.pathOf(sl), sl.unread
	s.mu.RUnlock()
	if unread {
		s.readSummary(sl, path)
		return s.summarize(sl)
	}
	if l != nil {
		return l.Summary(), true
	}
	sum.Path = path
	return sum, true
}

// pathOf is where a session's recording is, or will be. s.mu is held.
func (s *Set) pathOf(sl *slot) string {
	id := sl.summary.ID
	switch {
	case sl.log != nil:
		id = sl.log.id
	case sl.summary.Source != decode.SourceLive:
		return sl.summary.Path
	}
	if s.options.Folder == nil {
		return ""
	}
	return s.options.Folder.Path(id)
}

// Open returns the session of that id: a snapshot while it is held in memory,
// what its recording holds later.
func (s *Set) Open(id string) (*decode.Transcript, error) {
	s.mu.RLock()
	sl := s.byID[id]
	var l *Log
	if sl != nil {
		l = sl.log
	}
	s.mu.RUnlock()
	if l != nil {
		if t, held := l.snapshot(); held {
			return t, nil
		}
	}
	path := s.Path(id)
	if t := s.openGrowing(id); t != nil {
		return t, nil
	}
	switch {
	case path != "":
		t, _, err := Load(path)
		return t, err
	case sl != nil:
		return nil, words.Error("gone", "id", visible.Text(id))
	}
	return nil, words.Error("no-such", "id", visible.Text(id))
}

// openGrowing is Open for a session that another smtptap records; nil if that
// does not run.
func (s *Set) openGrowing(id string) *decode.Transcript {
	s.mu.Lock()
	g := s.growing[id]
	if g != nil && (s.opened == nil || s.opened.path != g.path) {
		s.opened = newGrowing(g.path, maxLoaded)
		s.opened.told = g.told
	}
	opened := s.opened
	s.mu.Unlock()
	if g == nil {
		return nil
	}
	return opened.transcript()
}

// others says how many sessions run that others record, and which folder of theirs
// is watched.
func (s *Set) others() (live int, folder string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id := range s.growing {
		if s.byID[id].summary.Live {
			live++
		}
	}
	return live, s.watched
}

// Path is where the recording of the session of that id is, or will be; "" if
// there is none.
func (s *Set) Path(id string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if sl := s.byID[id]; sl != nil {
		return s.pathOf(sl)
	}
	return ""
}

// A State says how recording goes.
type State struct {
	Recording bool   // sessions are being recorded
	Secrets   bool   // with their passwords
	Folder    string // where, or which folder is watched
	Bytes     int64  // written since the start
	Waiting   int64  // bytes of memory that hold what waits for the disk
	Lost      int64  // bytes that could not be recorded, since the start
	Err       string // why not, while something can't be recorded
	Live      int    // sessions that run
	Total     int    // sessions in the Set
	Detached  string // why sessions of another process are not followed now; "" while they are
}

// State says how recording goes.
func (s *Set) State() State {
	st := State{Secrets: s.options.KeepSecrets, Total: s.Len()}
	others, watched := s.others()
	if m := s.mirrored.Load(); m != nil {
		st = *m
		st.Total, st.Live = s.Len(), others
		return st
	}
	st.Live, st.Folder = int(s.live.Load())+others, watched
	if r := s.recorder; s.options.Folder != nil {
		st.Recording, st.Folder = true, s.options.Folder.Dir()
		st.Bytes, st.Waiting, st.Lost = r.written.Load(), r.used.Load(), r.lost.Load()
		if err := r.failure(); err != nil {
			st.Err = err.Error()
		}
	}
	return st
}

// Close waits until every session that has ended is written, or given up. The
// error says what could not be recorded since the start.
func (s *Set) Close() error { return s.recorder.close() }
