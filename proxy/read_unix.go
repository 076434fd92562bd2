//go:build unix

package proxy

import (
	"io"
	"net"
	"os"
	"syscall"
)

// newReader returns the reader that suits conn.
func newReader(conn net.Conn) reader {
	if raw := rawOf(conn); raw != nil {
		return newRawReader(raw)
	}
	return &plainReader{conn: conn}
}

// rawOf is the socket of a connection that has nothing else between, nil for
// another.
func rawOf(conn net.Conn) syscall.RawConn {
	var raw syscall.RawConn
	switch c := conn.(type) {
	case *net.TCPConn:
		raw, _ = c.SyscallConn()
	case *net.UnixConn:
		raw, _ = c.SyscallConn()
	}
	return raw
}

// A rawReader reads from a socket and holds a buffer only while there are bytes
// in it: it takes one, tries to read, and gives it back before it waits. That
// is the same number of system calls as reading in the usual way.
type rawReader struct {
	raw syscall.RawConn
	try func(fd uintptr) bool
	buf *buffer
	big *bulkBuffer // in place of buf
	n   int
	err error
}

func newRawReader(raw syscall.RawConn) *rawReader {
	r := &rawReader{raw: raw}
	r.try = r.tryRead
	return r
}

func (r *rawReader) read() ([]byte, error) {
	r.err = nil
	if err := r.raw.Read(r.try); err != nil {
		return nil, err
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.room()[:r.n], nil
}

// room is what is read into: a bulk buffer where the last read filled a common one.
func (r *rawReader) room() []byte {
	switch {
	case r.big != nil:
		return r.big[:]
	case r.buf != nil:
		return r.buf[:]
	case r.n >= len(r.buf):
		r.big = bulkBuffers.Get().(*bulkBuffer)
		return r.big[:]
	}
	r.buf = buffers.Get().(*buffer)
	return r.buf[:]
}

// tryRead returns false when there is nothing to read yet.
func (r *rawReader) tryRead(fd uintptr) (done bool) {
	room := r.room()
	for {
		n, err := syscall.Read(int(fd), room)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			r.release()
			return false
		case err != nil:
			r.err = os.NewSyscallError("read", err)
		case n == 0:
			r.err = io.EOF
		}
		r.n = n
		return true
	}
}

func (r *rawReader) release() {
	if r.buf != nil {
		buffers.Put(r.buf)
	}
	if r.big != nil {
		bulkBuffers.Put(r.big)
	}
	r.buf, r.big = nil, nil
}
