package telemetry

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxQueued   = 20_000 // items that wait for the collector
	maxBatch    = 512    // items of one request
	maxAttempts = 6      // that a collector gets which says no
	firstRetry  = time.Second
	lastDelay   = 30 * time.Second
)

// errBehind is why items are dropped while the collector takes what it is sent.
var errBehind = errors.New("the collector does not keep up")

// rejected is how an exporter tells that a collector has taken a part.
var rejected = regexp.MustCompile(`OTLP partial success:.*?\((\d+) .* rejected\)`)

// A queue sends what waits in it to the collector, in batches. It is bounded: what
// does not fit is dropped and counted.
type queue[T any] struct {
	export  func(context.Context, []T) error
	trouble func(err error, dropped int64) // as in Options
	dropped atomic.Int64

	mu      sync.Mutex
	waiting []T
	closing bool
	wrong   bool // trouble was told

	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}
}

func newQueue[T any](export func(context.Context, []T) error, trouble func(error, int64)) *queue[T] {
	q := &queue[T]{export: export, trouble: trouble, wake: make(chan struct{}, 1), done: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	q.stop = stop
	go q.run(ctx)
	return q
}

// add lets items wait for the collector, all or none.
func (q *queue[T]) add(items []T) {
	q.mu.Lock()
	full := len(q.waiting)+len(items) > maxQueued
	if !full {
		q.waiting = append(q.waiting, items...)
	}
	q.mu.Unlock()
	if full {
		q.drop(len(items), errBehind)
		return
	}
	q.poke()
}

func (q *queue[T]) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run sends what waits.
func (q *queue[T]) run(ctx context.Context) {
	defer close(q.done)
	for {
		q.mu.Lock()
		batch := q.waiting[:min(len(q.waiting), maxBatch)]
		closing := q.closing
		q.mu.Unlock()
		switch {
		case len(batch) > 0:
			q.send(ctx, batch)
			q.mu.Lock()
			q.waiting = append(q.waiting[:0:0], q.waiting[len(batch):]...)
			q.mu.Unlock()
		case closing:
			return
		default:
			<-q.wake
		}
	}
}

// send sends a batch until it has arrived or is given up.
func (q *queue[T]) send(ctx context.Context, batch []T) {
	delay := firstRetry
	for attempt := 1; ; attempt++ {
		err := q.export(ctx, batch)
		if err == nil {
			q.tell(nil)
			return
		}
		if part := rejected.FindStringSubmatch(err.Error()); part != nil {
			n, _ := strconv.Atoi(part[1])
			q.drop(n, err)
			return
		}
		if q.isClosing() || attempt >= maxAttempts && !unreached(err) {
			q.drop(len(batch), err)
			return
		}
		q.tell(err)
		q.pause(ctx, delay)
		delay = min(2*delay, lastDelay)
	}
}

// unreached reports that no answer came, as when the collector is restarted.
func unreached(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok
}

// pause waits for the next attempt. The end of smtptap waits for none.
func (q *queue[T]) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for !q.isClosing() {
		select {
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-q.wake:
		}
	}
}

func (q *queue[T]) isClosing() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closing
}

func (q *queue[T]) drop(n int, why error) {
	q.dropped.Add(int64(n))
	q.tell(why)
}

// tell tells of trouble, once until it is over, which nil says.
func (q *queue[T]) tell(err error) {
	q.mu.Lock()
	news := q.wrong != (err != nil)
	q.wrong = err != nil
	q.mu.Unlock()
	if news && q.trouble != nil {
		q.trouble(err, q.dropped.Load())
	}
}

// close sends what waits, for no longer than within and only as long as the
// collector takes it.
func (q *queue[T]) close(within time.Duration) {
	q.mu.Lock()
	q.closing = true
	q.mu.Unlock()
	q.poke()
	timer := time.AfterFunc(within, q.stop)
	<-q.done
	timer.Stop()
	q.stop()
}
