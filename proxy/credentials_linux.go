package proxy

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// credentials are who is at the other end of a unix socket, "" if that is not
// known.
func credentials(conn *net.UnixConn) (who string) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return ""
	}
	raw.Control(func(fd uintptr) {
		if c, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			who = fmt.Sprintf("pid=%d,uid=%d", c.Pid, c.Uid)
		}
	})
	return who
}
