package transcript

import "sync"

// Blocks are the memory in which records wait for the disk. They come in three
// sizes, so that a short session does not set aside what a long one needs, and
// are used again and again.
const (
	smallBlock  = 4 << 10
	mediumBlock = 16 << 10
	largeBlock  = 64 << 10
)

// A block holds encoded records, or a part of one.
type block struct {
	buf  []byte // what is in it; its capacity is the block's size
	sent int    // how much of buf is in the file
	pool *sync.Pool
}

var (
	smallBlocks  = newPool(smallBlock)
	mediumBlocks = newPool(mediumBlock)
	largeBlocks  = newPool(largeBlock)
)

func newPool(size int) *sync.Pool {
	p := new(sync.Pool)
	p.New = func() any { return &block{buf: make([]byte, 0, size), pool: p} }
	return p
}

// newBlock returns an empty block: large enough for need bytes, as far as
// blocks are, and larger the more bytes wait already.
func newBlock(need, waiting int) *block {
	pool := largeBlocks
	switch n := max(need, waiting); {
	case n <= smallBlock:
		pool = smallBlocks
	case n <= mediumBlock:
		pool = mediumBlocks
	}
	return pool.Get().(*block)
}

// free lets the block be used again.
func (b *block) free() {
	b.buf, b.sent = b.buf[:0], 0
	b.pool.Put(b)
}

// room is how many bytes still fit.
func (b *block) room() int { return cap(b.buf) - len(b.buf) }

// left is how many bytes are not yet in the file.
func (b *block) left() int { return len(b.buf) - b.sent }

// fill puts as much of p into the block as fits and returns the rest.
func (b *block) fill(p []byte) []byte {
	n := min(b.room(), len(p))
	b.buf = append(b.buf, p[:n]...)
	return p[n:]
}
