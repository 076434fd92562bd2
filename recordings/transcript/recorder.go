package transcript

import (
	"cmp"
	"container/list"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/units"
	"smtptap/recordings"
)

const (
	// defaultQueue is how many bytes may wait for the disk.
	defaultQueue = 16 << 20
	// writers is how many goroutines write for all sessions.
	writers = 4
	// flushDelay is how long few notes wait for company. A killed program
	// loses what waits.
	flushDelay = 80 * time.Millisecond
	// tick is the least time between two looks at what is due.
	tick = 5 * time.Millisecond
	// maxOpen is how many files may stay open between two writes.
	maxOpen = 128
	// scratchSize bounds the small blocks that are written in one go.
	scratchSize = 64 << 10

	// A recording that can't be written is tried again after retryDelay.
	// When its session has ended it is given up after patience, and when
	// the program wants to end it is tried and given up sooner.
	retryDelay   = time.Second
	patience     = 10 * time.Second
	lastRetry    = 100 * time.Millisecond
	lastPatience = time.Second
)

// A recorder decodes and writes what all sessions of a Set have noted, in
// the background, with a few goroutines and bounded memory.
type recorder struct {
	folder  *recordings.Folder          // nil: nothing is written
	pulse   *recordings.Pulse           // of the folder
	tell    func(err error, lost int64) // of trouble that begins (err) or is over (nil)
	limit   int64                       // bytes that may wait
	used    atomic.Int64                // bytes that wait, as capacity of blocks
	written atomic.Int64
	lost    atomic.Int64

	mu      sync.Mutex
	ready   list.List // of *recording: to be written now
	timed   list.List // soon, earliest first
	failed  list.List // again, earliest first
	active  int       // recordings in a list or in hand
	closing bool
	stopped bool
	err     error         // why the newest failure; nil after a success
	gaveUp  error         // why the first recording was given up; nil for none
	why     error         // something was lost, the newest; nil when nothing was
	open    int           // files that stay open between two writes
	work    *sync.Cond    // ready or stopped has changed
	rest    *sync.Cond    // active has become 0
	poke    chan struct{} // the clock has something new to wait for
	begin   sync.Once
	running sync.WaitGroup
}

// urgency says when a recording wants to be written.
type urgency uint8

const (
	none urgency = iota
	soon
	atOnce
)

// scheduled is a recording's place in its recorder.
type scheduled struct {
	in        *list.List // nil: nowhere, or in a writer's hand
	element   *list.Element
	inHand    bool
	again     urgency // asked for while in hand
	due       time.Time
	staysOpen bool
	waiters   []chan struct{} // told when nothing waits
}

func newRecorder(folder *recordings.Folder, limit int, busy func() bool, tell func(error, int64)) *recorder {
	if limit <= 0 {
		limit = defaultQueue
	}
	r := &recorder{folder: folder, tell: tell, limit: int64(limit), poke: make(chan struct{}, 1)}
	if folder != nil {
		r.pulse = folder.NewPulse(busy)
	}
	r.work, r.rest = sync.NewCond(&r.mu), sync.NewCond(&r.mu)
	return r
}

// id names the recorder in its recordings.
func (r *recorder) id() string {
	if r.pulse == nil {
		return ""
	}
	return r.pulse.ID()
}

// newTape begins a recording. Without one, no goroutine runs.
func (r *recorder) newRecording(l *Log) *recording {
	r.begin.Do(func() {
		for range writers {
			r.running.Go(r.writer)
		}
		r.running.Go(r.clock)
	})
	return &recording{recorder: r, log: l, file: file{header: l.header()}}
}

// reserve takes size bytes of the queue for a recording that holds some already.
func (r *recorder) reserve(size, held int, matters bool) bool {
	limit := r.limit
	switch {
	case matters:
		limit += limit / 4
	case held > 0 && int64(held+size) > limit/2:
		// A large message on a slow disk leaves room for the others.
		return false
	}
	if r.used.Add(int64(size)) > limit {
		r.used.Add(-int64(size))
		return false
	}
	return true
}

// release gives a block back to the queue.
func (r *recorder) release(b *block) {
	r.used.Add(-int64(cap(b.buf)))
	b.free()
}

// lose counts bytes that could not be recorded, and keeps why.
func (r *recorder) lose(n int64, why error) {
	r.mu.Lock()
	r.why = why
	r.mu.Unlock()
	r.lost.Add(n)
	r.wakeClock()
}

// failure is why the disk takes nothing now; nil when it does.
func (r *recorder) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// errSlow is why something is lost while the disk takes what it is given.
var errSlow error = facts.Sentence("disk-slow")

// obstacle is why records find no room.
func (r *recorder) obstacle() error {
	if err := r.failure(); err != nil {
		return err
	}
	return errSlow
}

// schedule lets a recording be written soon or at once.
func (r *recorder) schedule(t *recording, want urgency) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped:
	case t.inHand:
		t.again = max(t.again, want)
	case t.in == nil:
		r.active++
		r.enqueue(t, want)
	case t.in == &r.timed && want == atOnce:
		r.enqueue(t, want)
	}
}

// enqueue puts a recording into the list that it belongs in. r.mu is held.
func (r *recorder) enqueue(t *recording, want urgency) {
	if want == soon && !r.closing {
		t.due = time.Now().Add(flushDelay)
		r.move(t, &r.timed)
		if r.timed.Len() == 1 {
			r.wakeClock()
		}
		return
	}
	r.move(t, &r.ready)
	r.work.Signal()
}

func (r *recorder) move(t *recording, to *list.List) {
	if t.in != nil {
		t.in.Remove(t.element)
	}
	if t.in = to; to != nil {
		t.element = to.PushBack(t)
	}
}

func (r *recorder) wakeClock() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// clock makes recordings ready when they are due, and tells of trouble.
func (r *recorder) clock() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var t trouble
	for {
		next, stopped := r.makeReady(time.Now())
		if stopped {
			return
		}
		if t.look(r) {
			next = min(next, calm)
		}
		timer.Reset(max(next, tick))
		select {
		case <-timer.C:
		case <-r.poke:
		}
	}
}

// makeReady moves what is due, and returns how long the next is not.
func (r *recorder) makeReady(now time.Time) (next time.Duration, stopped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next = time.Hour
	for _, l := range []*list.List{&r.timed, &r.failed} {
		for l.Len() > 0 {
			t := l.Front().Value.(*recording)
			if left := t.due.Sub(now); left > 0 {
				next = min(next, left)
				break
			}
			r.enqueue(t, atOnce)
		}
	}
	return next, r.stopped
}

// calm is how long nothing more must be lost for trouble to be over.
const calm = time.Second

// trouble is a time in which something could not be recorded.
type trouble struct {
	reason error // as told; nil when there is none
	lost   int64 // bytes by the last look
	grew   time.Time
}

// look tells of trouble that began, became another or ended since the last
// look, and reports whether there is some.
func (t *trouble) look(r *recorder) bool {
	now, lost := time.Now(), r.lost.Load()
	r.mu.Lock()
	reason, why := r.err, r.why
	r.mu.Unlock()
	if lost > t.lost {
		t.lost, t.grew = lost, now
	}
	if reason == nil && now.Sub(t.grew) < calm {
		reason = why
	}
	if (reason == nil) != (t.reason == nil) {
		r.tell(reason, lost)
	}
	t.reason = reason
	return reason != nil
}

// writer writes one recording after the other.
func (r *recorder) writer() {
	scratch := make([]byte, 0, scratchSize)
	for {
		t := r.next()
		if t == nil {
			return
		}
		r.serve(t, scratch)
	}
}

// next waits for a recording that is ready and takes it in hand.
func (r *recorder) next() *recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.ready.Len() == 0 {
		if r.stopped {
			return nil
		}
		r.work.Wait()
	}
	t := r.ready.Front().Value.(*recording)
	r.move(t, nil)
	t.inHand, t.again = true, none
	return t
}

// serve writes what waits on a recording, and decides what becomes of it.
func (r *recorder) serve(t *recording, scratch []byte) {
	blocks, ended, dead := t.takeAll()
	size := 0
	for _, b := range blocks {
		size += b.left()
	}
	if len(blocks) > 0 {
		r.pulse.Start()
		before := t.size
		left, err := t.write(r.folder, blocks, scratch, r.release)
		r.written.Add(max(t.size-before, 0))
		if t.gone > 0 {
			r.lose(t.gone, t.whyGone)
			t.gone = 0
		}
		if err != nil {
			t.giveBack(left)
			r.fail(t, ended, err)
			return
		}
		t.broken = time.Time{}
	}
	if size == 0 || ended || !r.mayStayOpen(t) {
		r.closeFile(t)
	}
	if ended {
		t.log.set.finish(t.log, !dead && r.folder != nil)
	}
	r.settle(t, ended, size > 0)
}

// mayStayOpen decides whether a recording's file is kept open until the next write.
func (r *recorder) mayStayOpen(t *recording) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.staysOpen && r.open < maxOpen && !r.closing {
		t.staysOpen = true
		r.open++
	}
	return t.staysOpen && !r.closing
}

func (r *recorder) closeFile(t *recording) {
	err := t.close()
	if err == nil && !t.staysOpen {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.staysOpen {
		t.staysOpen = false
		r.open--
	}
	if err != nil && r.gaveUp == nil {
		r.gaveUp = fmt.Errorf("close a recording: %w", err)
	}
}

// settle puts a recording out of hand after a success. wrote says whether the disk
// was asked at all.
func (r *recorder) settle(t *recording, ended, wrote bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.inHand = false
	if wrote {
		r.err = nil
	}
	again := t.again
	if again == none && t.staysOpen {
		again = soon // to close it, if nothing comes
	}
	if t.again == none || ended {
		t.wakeWaiters()
	}
	if ended || again == none {
		r.leave()
		return
	}
	r.enqueue(t, again)
}

// leave counts a recording that wants nothing any more. r.mu is held.
func (r *recorder) leave() {
	r.active--
	if r.active == 0 {
		r.rest.Broadcast()
	}
}

// fail puts a recording out of hand that could not be written: to be tried again,
// or given up.
func (r *recorder) fail(t *recording, ended bool, err error) {
	r.closeFile(t)
	now := time.Now()
	if t.broken.IsZero() {
		t.broken = now
	}
	r.mu.Lock()
	r.err = err
	closing := r.closing
	r.wakeClock()
	r.mu.Unlock()
	delay, limit := retryDelay, patience
	if closing {
		delay, limit = lastRetry, lastPatience
	}
	if (ended || closing) && now.Sub(t.broken) >= limit {
		r.giveUp(t, err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t.inHand = false
	t.due = now.Add(delay)
	r.move(t, &r.failed)
	r.wakeClock()
}

// giveUp drops what waits on a recording for good.
func (r *recorder) giveUp(t *recording, err error) {
	dropped, ended := t.kill()
	r.lose(int64(dropped), err)
	if ended {
		t.log.set.finish(t.log, false)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gaveUp == nil {
		r.gaveUp = err
	}
	t.inHand = false
	t.wakeWaiters()
	r.leave()
}

// flush waits until what a recording holds is written, or until patience is over.
func (r *recorder) flush(t *recording, patience time.Duration) bool {
	r.mu.Lock()
	if t.in == nil && !t.inHand {
		r.mu.Unlock()
		return true
	}
	written := make(chan struct{})
	t.waiters = append(t.waiters, written)
	if t.in == &r.timed {
		r.enqueue(t, atOnce)
	}
	r.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-written:
		return true
	case <-timer.C:
		return false
	}
}

func (s *scheduled) wakeWaiters() {
	for _, w := range s.waiters {
		close(w)
	}
	s.waiters = nil
}

// close writes what waits and ends the goroutines. The error says what was
// lost since the start, and why.
func (r *recorder) close() error {
	r.mu.Lock()
	r.closing = true
	for _, l := range []*list.List{&r.timed, &r.failed} {
		for l.Len() > 0 {
			r.enqueue(l.Front().Value.(*recording), atOnce)
		}
	}
	for r.active > 0 {
		r.rest.Wait()
	}
	r.stopped = true
	r.work.Broadcast()
	reason := cmp.Or(r.gaveUp, r.why)
	r.mu.Unlock()
	r.wakeClock()
	r.running.Wait()
	if r.pulse != nil {
		r.pulse.Close()
	}
	lost := r.lost.Load()
	if lost == 0 {
		return reason
	}
	return words.Error("lost", "size", units.Exactly(lost), "why", reason)
}
