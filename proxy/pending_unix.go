//go:build unix

package proxy

import (
	"net"
	"syscall"
)

// pending reads what waits in a socket, and does not wait for more.
func pending(conn net.Conn) (p []byte) {
	raw := rawOf(conn)
	if raw == nil {
		return nil
	}
	raw.Read(func(fd uintptr) (done bool) {
		buf := make([]byte, idleBuffer)
		for len(p) < maxPending {
			n, err := syscall.Read(int(fd), buf)
			if err == syscall.EINTR {
				continue
			}
			if n <= 0 || err != nil {
				break // an end or an error is met again by who reads next
			}
			p = append(p, buf[:n]...)
		}
		return true
	})
	return p
}

// maxPending bounds what is taken of a peer that goes on and on.
const maxPending = 64 << 10
