//go:build !unix

package recordings

import (
	"io/fs"
	"os"
)

// open opens a file of the folder by a name without separators.
func (r *root) open(name string, flags int, mode uint32) (*os.File, error) {
	return r.OpenFile(name, flags, fs.FileMode(mode))
}

// owned can't be told from the file mode where owners are not numbers.
func owned(fs.FileInfo) bool { return true }

// private can't be told from the file mode where rights are lists.
func private(fs.FileInfo) bool { return true }

// othersWrite can't be told here: access lists decide.
func othersWrite(fs.FileInfo) bool { return false }
