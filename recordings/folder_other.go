//go:build !unix

package recordings

import "io/fs"

// owned can't be told from the file mode where owners are not numbers.
func owned(fs.FileInfo) bool { return true }

// private can't be told from the file mode where rights are lists.
func private(fs.FileInfo) bool { return true }

// othersWrite can't be told here: access lists decide.
func othersWrite(fs.FileInfo) bool { return false }
