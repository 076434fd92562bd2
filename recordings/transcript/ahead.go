package transcript

import (
	"sync"

	"smtptap/recordings"
)

// Batches of records that are read ahead: so many bytes of data in each, and
// so many batches. A record may be larger than a batch; it is one alone then.
const (
	batchBytes = 64 << 10
	batches    = 4
)

// A batch is some records and what came after them.
type batch struct {
	records []located
	data    []byte // of all of them
	err     error  // nil when another batch follows
}

var batchPool = sync.Pool{New: func() any { return &batch{} }}

// free lets a batch be used for another recording, unless it is large.
func (b *batch) free() {
	if cap(b.data) <= 4*batchBytes {
		batchPool.Put(b)
	}
}

// A located record begins at offset. Its data is a part of its batch's.
type located struct {
	recordings.Record
	offset   int64
	from, to int
}

// An ahead reads a recording beside whoever decodes it. Reading and decoding
// each take about half of the time that it costs to open a large message.
type ahead struct {
	full  chan *batch
	empty chan *batch
}

// readAhead begins to read. Its goroutine ends with the recording, or when stop
// is closed, and closes the channel of full batches then. A batch that is done
// with goes back to the empty ones.
func readAhead(records *recordings.Reader, stop <-chan struct{}) *ahead {
	a := &ahead{full: make(chan *batch, batches), empty: make(chan *batch, batches)}
	for range batches {
		a.empty <- &batch{}
	}
	go a.run(records, stop)
	return a
}

func (a *ahead) run(records *recordings.Reader, stop <-chan struct{}) {
	defer close(a.full)
	for {
		var b *batch
		select {
		case b = <-a.empty:
		case <-stop:
			return
		}
		b.fill(records)
		a.full <- b // there is room for all batches
		if b.err != nil {
			return
		}
	}
}

// fill reads records until the batch is full or the recording ends.
func (b *batch) fill(records *recordings.Reader) {
	b.records, b.data, b.err = b.records[:0], b.data[:0], nil
	for len(b.data) < batchBytes && b.err == nil {
		offset := records.Offset()
		rec, err := records.Next()
		if b.err = err; err == nil {
			from := len(b.data)
			b.data = append(b.data, rec.Data...)
			b.records = append(b.records, located{rec, offset, from, len(b.data)})
		}
	}
}

// record is the i-th record of the batch.
func (b *batch) record(i int) (rec recordings.Record, offset int64) {
	l := &b.records[i]
	rec = l.Record
	rec.Data = b.data[l.from:l.to:l.to]
	return rec, l.offset
}
