package attach

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// checkOwner refuses the process at the other end of a unix socket unless it is
// this user's or root's, whatever its file permits.
func checkOwner(conn net.Conn) error {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	controlled := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(controlled, err); err != nil {
		return err
	}
	if peer.Uid != uint32(os.Geteuid()) && peer.Uid != 0 {
		return errors.New("the other end of the socket is another user's")
	}
	return nil
}
