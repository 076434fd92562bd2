//go:build unix

package proxy

import (
	"io/fs"
	"syscall"
)

// withMask sets what is left out of the mode of new files, until undo is called.
func withMask(mask fs.FileMode) (undo func()) {
	old := syscall.Umask(int(mask))
	return func() { syscall.Umask(old) }
}
