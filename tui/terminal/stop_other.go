//go:build !unix

package terminal

func stop() error { return ErrNoJobControl }
