//go:build unix

package recordings

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// open opens a file of the folder by a name without separators. That is what
// os.Root does, without the five system calls that it needs for any name. A
// symbolic link is not followed.
func (r *root) open(name string, flags int, mode uint32) (*os.File, error) {
	conn, err := r.dir.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	closed := conn.Control(func(dir uintptr) { // it stays open meanwhile
		for err = unix.EINTR; err == unix.EINTR; {
			fd, err = unix.Openat(int(dir), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		}
	})
	switch {
	case closed != nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrClosed}
	case err != nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// owned reports whether the file belongs to the user that runs the program.
func owned(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// private reports whether group and others have no right at all.
func private(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }

// othersWrite reports whether group or others may write.
func othersWrite(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }
