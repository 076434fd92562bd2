//go:build unix

package recordings

import (
	"io/fs"
	"os"
	"syscall"
)

// owned reports whether the file belongs to the user that runs the program.
func owned(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// private reports whether group and others have no right at all.
func private(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }

// othersWrite reports whether group or others may write.
func othersWrite(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }
