// Package telemetry tells monitoring systems of sessions: Prometheus, which asks,
// and OpenTelemetry collectors, which are sent traces.
//
// It reads transcripts of sessions that have ended. No session waits for it, nor
// for whom it tells: what can't be told in time is dropped and counted.
package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	"smtptap/decode"
	"smtptap/recordings/transcript"
)

const (
	// pace is the least time between two looks at the sessions.
	pace = 200 * time.Millisecond
	// patience is how long a session of which only a part is held in memory may
	// take to be recorded before that part is all that is told of it.
	patience = 15 * time.Second
	// maxBehind is how many sessions may wait to be told of.
	maxBehind = 50_000
)

// A Follower tells of each session once, when it has ended.
type Follower struct {
	set     *transcript.Set
	tell    []func(*decode.Transcript)
	missed  atomic.Int64
	next    int       // the first session that was not looked at
	waiting []waiting // of those before it
	stop    context.CancelFunc
	done    chan struct{}
}

// waiting is a session that is still to be told of.
type waiting struct {
	at    int // its place in the set
	ended time.Time
}

// Follow begins to tell of the sessions of the set. Nothing else must be in the
// set than what is relayed.
func Follow(set *transcript.Set, tell ...func(*decode.Transcript)) *Follower {
	ctx, stop := context.WithCancel(context.Background())
	f := &Follower{set: set, tell: tell, stop: stop, done: make(chan struct{})}
	go f.run(ctx)
	return f
}

// Missed is how many sessions could not be told of.
func (f *Follower) Missed() int64 { return f.missed.Load() }

// Close tells of what is left, for no longer than within, and returns. Call it
// when the set is closed.
func (f *Follower) Close(within time.Duration) {
	f.stop()
	select {
	case <-f.done:
	case <-time.After(within):
	}
}

func (f *Follower) run(ctx context.Context) {
	defer close(f.done)
	changed, cancel := f.set.Subscribe()
	defer cancel()
	for ctx.Err() == nil {
		f.look(false)
		select {
		case <-changed:
		case <-ctx.Done():
		}
		select {
		case <-time.After(pace):
		case <-ctx.Done():
		}
	}
	f.look(true)
}

// look tells of the sessions that have ended since the last look; of those that
// wait for the disk too if it is the last one.
func (f *Follower) look(last bool) {
	for n := f.set.Len(); f.next < n; f.next++ {
		f.waiting = append(f.waiting, waiting{at: f.next})
	}
	if excess := len(f.waiting) - maxBehind; excess > 0 {
		f.missed.Add(int64(excess))
		f.waiting = f.waiting[excess:]
	}
	still := f.waiting[:0]
	for _, w := range f.waiting {
		if !f.session(&w, last) {
			still = append(still, w)
		}
	}
	f.waiting = still
}

// session tells of a session, and reports whether it need not be looked at again.
func (f *Follower) session(w *waiting, last bool) bool {
	if f.set.Runs(w.at) {
		return false
	}
	t, err := f.set.Open(f.set.Summary(w.at).ID)
	switch {
	case err != nil:
		f.missed.Add(1)
		return true
	case t.Earlier > 0 && f.set.State().Recording && !last:
		if w.ended.IsZero() {
			w.ended = time.Now()
		}
		if time.Since(w.ended) < patience {
			return false
		}
	}
	for _, tell := range f.tell {
		f.guarded(tell, t)
	}
	return true
}

// guarded keeps what goes wrong in the telling of one session from all others.
func (f *Follower) guarded(tell func(*decode.Transcript), t *decode.Transcript) {
	defer func() {
		if recover() != nil {
			f.missed.Add(1)
		}
	}()
	tell(t)
}
