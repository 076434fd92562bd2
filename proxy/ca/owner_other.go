//go:build !unix

package ca

import "io/fs"

// Where files have no Unix modes, the rights that a new file inherits from the
// user's profile decide.
func owned(fs.FileInfo) bool   { return true }
func private(fs.FileInfo) bool { return true }
