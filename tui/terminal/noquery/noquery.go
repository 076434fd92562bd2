// Package noquery keeps Bubble Tea v1 from querying the terminal for its
// background colour in an init function. Every command would send that query,
// `smtptap list` too, and would wait five seconds on a terminal that does not
// answer. The library has no option for it, and a terminal is left alone only
// when TERM is "dumb", so that is its value while packages are initialised.
//
// Go initialises, of the packages whose imports are ready, the one with the
// first import path. This package imports nothing but os, so it is ready before
// the packages that Bubble Tea needs, such as "strings".
// TestOnlyTheScreenAsksTheTerminal fails when that no longer holds.
package noquery

import "os"

var term, set = os.LookupEnv("TERM")

func init() { os.Setenv("TERM", "dumb") }

// Restore sets TERM as it was. Call it from the init function of a package that
// imports Bubble Tea, which therefore runs after Bubble Tea's own.
func Restore() {
	if set {
		os.Setenv("TERM", term)
	} else {
		os.Unsetenv("TERM")
	}
}
