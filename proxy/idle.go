package proxy

import (
	"time"

	"smtptap/decode/facts"
)

// touch tells that bytes have moved.
func (d *driver) touch() { d.moved.Store(int64(time.Since(d.begun))) }

// watchIdle cuts the session off when nothing has moved in either direction for
// so long. Stop ends the watch.
func (d *driver) watchIdle(limit time.Duration) (stop func()) {
	d.touch()
	// The timer is not moved for every chunk: when it fires, it looks how
	// long ago the last one was.
	var t *time.Timer
	set := make(chan struct{})
	t = time.AfterFunc(limit, func() {
		<-set
		idle := time.Since(d.begun) - time.Duration(d.moved.Load())
		if left := limit - idle; left > 0 {
			t.Reset(left)
			return
		}
		d.cut(facts.End{Cause: facts.CauseIdle, Err: facts.Say("idle", "time", limit)})
	})
	close(set)
	return func() { t.Stop() }
}
