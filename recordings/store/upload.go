package store

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"smtptap/recordings"
)

const (
	pace       = time.Second
	lastDelay  = 30 * time.Second
	allowed    = time.Minute      // for one recording
	settled    = time.Second      // without a write, before a recording is looked at
	parallel   = 8                // requests at a time
	kept       = 10 * time.Minute // in the spool, for who looks at the session still
	lookAgain  = time.Minute      // at a session that ran, though nothing was written
	recordType = "text/plain; charset=utf-8"
)

// An Upload takes what is recorded into the spool to the store.
type Upload struct {
	store   *Store
	spool   *recordings.Folder
	trouble func(error)
	closing chan struct{}
	stop    context.CancelFunc
	done    chan struct{}

	sent map[string]time.Time // when a recording got there, by id
	runs map[string]ran       // of sessions that ran
}

// ran is how a recording was when its session ran.
type ran struct{ modified, seen time.Time }

// Upload begins to take recordings to the store. trouble is told when they don't get
// there, and with nil when they do again.
func (s *Store) Upload(spool *recordings.Folder, trouble func(error)) *Upload {
	ctx, stop := context.WithCancel(context.Background())
	u := &Upload{store: s, spool: spool, trouble: trouble, closing: make(chan struct{}), stop: stop, done: make(chan struct{}), sent: map[string]time.Time{}, runs: map[string]ran{}}
	go u.run(ctx)
	return u
}

// Close takes what is left to the store, for no longer than within, and returns how
// many recordings wait in the spool. Call it when no session is recorded any more.
func (u *Upload) Close(within time.Duration) int {
	timer := time.AfterFunc(within, u.stop)
	close(u.closing)
	<-u.done
	timer.Stop()
	u.stop()
	return len(u.due(true))
}

func (u *Upload) run(ctx context.Context) {
	defer close(u.done)
	failing, delay := false, pace
	for last := false; !last; {
		select {
		case <-time.After(delay):
		case <-u.closing:
			last = true
		}
		err := u.pass(ctx, last)
		if failing != (err != nil) {
			failing = err != nil
			u.trouble(err)
		}
		if failing {
			delay = min(2*delay, lastDelay)
		} else {
			delay = pace
		}
	}
}

// pass takes what is due to the store, and what is there long enough out of the spool.
func (u *Upload) pass(ctx context.Context, last bool) (failed error) {
	var mu sync.Mutex
	failures := 0
	each(u.due(last), func(r recordings.Info) {
		mu.Lock()
		hopeless := failures >= parallel
		mu.Unlock()
		if hopeless {
			return
		}
		err := u.put(ctx, r)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed, failures = err, failures+1
			return
		}
		u.sent[r.ID] = time.Now()
	})
	for id, at := range u.sent {
		if last || time.Since(at) > kept {
			os.Remove(u.spool.Path(id)) // what stays is sent again, which does no harm
			delete(u.sent, id)
		}
	}
	return failed
}

// each calls f for all items, several at a time.
func each[T any](items []T, f func(T)) {
	slots := make(chan struct{}, parallel)
	var running sync.WaitGroup
	for _, item := range items {
		slots <- struct{}{}
		running.Go(func() { f(item); <-slots })
	}
	running.Wait()
}

func (u *Upload) put(ctx context.Context, r recordings.Info) error {
	ctx, stop := context.WithTimeout(ctx, allowed)
	defer stop()
	_, err := u.store.client.FPutObject(ctx, u.store.bucket, u.store.prefix+r.ID+recordings.Ext, r.Path, minio.PutObjectOptions{ContentType: recordType})
	return err
}

// due are the recordings whose sessions have ended, the oldest first.
func (u *Upload) due(last bool) []recordings.Info {
	list, err := u.spool.List()
	if err != nil {
		return nil
	}
	slices.Reverse(list)
	return slices.DeleteFunc(list, func(r recordings.Info) bool {
		if _, there := u.sent[r.ID]; there {
			return true
		}
		_, modified, err := r.Stat()
		before := u.runs[r.ID]
		switch {
		case err != nil || !last && time.Since(modified) < settled:
			return true
		case !last && before.modified.Equal(modified) && time.Since(before.seen) < lookAgain:
			return true
		case recordings.Runs(r.Path):
			u.runs[r.ID] = ran{modified, time.Now()}
			return true
		}
		delete(u.runs, r.ID)
		return false
	})
}
