//go:build !unix

package proxy

// openFileLimit is not known here; such systems have none that matters.
func openFileLimit() (n int, known bool) { return 0, false }
