package proxy

import (
	"net"
	"sync"
)

// A reader reads from one peer. What read returns is valid until release, which
// gives the buffer away. A session that waits thus holds little memory, and one
// that moves a message reads it in large pieces.
type reader interface {
	read() ([]byte, error)
	release()
}

// Buffers hold what one read takes: a common one while bytes flow, a bulk one
// once a common one was filled.
type (
	buffer     [64 << 10]byte
	bulkBuffer [256 << 10]byte
)

var (
	buffers     = sync.Pool{New: func() any { return new(buffer) }}
	bulkBuffers = sync.Pool{New: func() any { return new(bulkBuffer) }}
)

// idleBuffer is what a plainReader holds while it waits.
const idleBuffer = 4 << 10

// A plainReader reads from a connection that can't tell whether there is
// something to read, such as one inside TLS. It waits with a small buffer and
// goes over to a large one when that was filled.
type plainReader struct {
	conn  net.Conn
	small []byte
	buf   *buffer
	last  int // bytes of the last read
}

func (r *plainReader) read() (p []byte, err error) {
	if r.buf != nil {
		r.last, err = r.conn.Read(r.buf[:])
		return r.buf[:r.last], err
	}
	if r.small == nil {
		r.small = make([]byte, idleBuffer)
	}
	n, err := r.conn.Read(r.small)
	if n == len(r.small) {
		r.buf, r.last = buffers.Get().(*buffer), n
	}
	return r.small[:n], err
}

func (r *plainReader) release() {
	if r.buf != nil && r.last < idleBuffer {
		buffers.Put(r.buf)
		r.buf = nil
	}
}
