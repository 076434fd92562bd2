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
	n   int
	err error
}

func newRawReader(raw syscall.RawConn) *rawReader {
	r := &rawReader{raw: raw}
	r.try = r.tryRead
	return r
}

func (r *rawReader) read() ([]byte, error) {
	r.n, r.err = 0, nil
	if err := r.raw.Read(r.try); err != nil {
		return nil, err
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.buf[:r.n], nil
}

// tryRead returns false when there is nothing to read yet.
func (r *rawReader) tryRead(fd uintptr) (done bool) {
	if r.buf == nil {
		r.buf = buffers.Get().(*buffer)
	}
	for {
		n, err := syscall.Read(int(fd), r.buf[:])
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
		r.buf = nil
	}
}
