package transcript

import (
	"sync"
	"sync/atomic"

	"smtptap/decode/facts"
	"smtptap/recordings"
)

// A recording is what a recorder has of a session: its Log, which it makes decode
// what was noted, and its recording: what waits for the disk, and the file
// that takes it. The Log appends; a writer of the recorder, one at a time, takes
// what waits and writes it.
type recording struct {
	recorder *recorder
	log      *Log
	asked    atomic.Uint32 // urgency with which the recorder was asked since it last had the recording in hand

	mu     sync.Mutex
	blocks []*block // what waits, oldest first
	bytes  int      // in blocks
	held   int      // capacity of blocks
	head   []byte   // the newest record's head line; its room is used again
	gap    gap
	ended  bool
	dead   bool // nothing more can be recorded

	scheduled // guarded by recorder.mu
	file      // touched only by the writer that has the recording in hand
}

// enough is how many waiting bytes make a writer start at once.
const enough = 128 << 10

// append puts a record after what waits. It never blocks: a record that finds
// no room is missed, and counted in the gap. When one finds room again, the
// recording is told of the gap before it, and so is the caller.
func (t *recording) append(r recordings.Record) (told *facts.Lost, missed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	told, missed = t.putRecord(r)
	if missed {
		t.gap.add(r)
		t.recorder.lose(int64(len(r.Data)), t.recorder.obstacle())
		t.dead = t.dead || r.Type == recordings.TypeEnd
	}
	return told, missed
}

// putRecord encodes a record into blocks, after the gap if there is one. What
// matters more than the bytes that passed may take from the recorder's reserve.
func (t *recording) putRecord(r recordings.Record) (told *facts.Lost, missed bool) {
	head, err := r.AppendHead(t.head[:0])
	t.head = head
	if err != nil {
		return nil, true
	}
	size := len(head) + len(r.Data) + 1
	if !t.gap.empty() {
		size += gapRoom
	}
	if !t.reserve(size, r.Type != recordings.TypeData) {
		return nil, true
	}
	if !t.gap.empty() {
		var records []byte
		records, told = t.gap.encode(r.At, t.recorder.obstacle())
		t.put(records)
		t.gap = gap{}
	}
	t.put(head)
	t.put(r.Data)
	t.put([]byte{'\n'})
	return told, false
}

// urgency is how soon what waits wants to be written.
func (t *recording) urgency() urgency {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bytes >= enough || t.recorder.used.Load() > t.recorder.limit/4 {
		return atOnce
	}
	return soon
}

// end tells that nothing more will be appended.
func (t *recording) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

// ask tells the recorder that there is something to do, unless it knows.
func (t *recording) ask(want urgency) {
	if uint32(want) > t.asked.Load() {
		t.asked.Store(uint32(want))
		t.recorder.schedule(t, want)
	}
}

// reserve makes room for n bytes, all or nothing.
func (t *recording) reserve(n int, matters bool) bool {
	if t.dead {
		return false
	}
	if last := len(t.blocks) - 1; last >= 0 {
		n -= t.blocks[last].room()
	}
	var more []*block
	size := 0
	for n > 0 {
		b := newBlock(n, t.held+size)
		more = append(more, b)
		size += cap(b.buf)
		n -= cap(b.buf)
	}
	if size > 0 && !t.recorder.reserve(size, t.held, matters) {
		for _, b := range more {
			b.free()
		}
		return false
	}
	t.blocks = append(t.blocks, more...)
	t.held += size
	return true
}

// put fills the blocks that reserve made.
func (t *recording) put(p []byte) {
	t.bytes += len(p)
	i := len(t.blocks) - 1
	for i > 0 && len(t.blocks[i].buf) == 0 && t.blocks[i-1].room() > 0 {
		i--
	}
	for len(p) > 0 {
		if t.blocks[i].room() == 0 {
			i++
		}
		p = t.blocks[i].fill(p)
	}
}

// takeAll hands what waits to a writer, and what was noted as well.
func (t *recording) takeAll() (blocks []*block, ended, dead bool) {
	t.asked.Store(uint32(none))
	t.log.decodeAll()
	t.mu.Lock()
	defer t.mu.Unlock()
	blocks = t.blocks
	t.blocks, t.bytes, t.held = nil, 0, 0
	return blocks, t.ended, t.dead
}

// giveBack puts blocks that could not be written before what waits.
func (t *recording) giveBack(blocks []*block) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range blocks {
		t.bytes += b.left()
		t.held += cap(b.buf)
	}
	t.blocks = append(blocks, t.blocks...)
}

// kill drops what waits and what will come, and returns how many bytes waited
// and whether the session has ended.
func (t *recording) kill() (dropped int, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dead = true
	for _, b := range t.blocks {
		dropped += b.left()
		t.recorder.release(b)
	}
	t.blocks, t.bytes, t.held = nil, 0, 0
	return dropped, t.ended
}
