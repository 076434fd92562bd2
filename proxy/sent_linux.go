package proxy

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A reset destroys what the kernel has not yet sent, which may be the reply
// that explains it. A peer that reads takes it within this time.
const longestUnsent = time.Second

// waitSent waits until the peer has taken all that was written to it.
func waitSent(conn net.Conn) {
	raw := rawOf(conn)
	if raw == nil {
		return
	}
	wait := time.Millisecond / 4
	for begun := time.Now(); unsent(raw) && time.Since(begun) < longestUnsent; wait *= 2 {
		time.Sleep(wait)
	}
}

func unsent(raw syscall.RawConn) bool {
	n := 0
	err := raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return err == nil && n > 0
}
