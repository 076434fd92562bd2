// Package noquery keeps Bubble Tea from asking the terminal for its background
// colour when the program starts. It does so in an init function, whatever the
// command: `smtptap list` would send a question to the terminal, and would wait
// five seconds for the answer of one that gives none.
//
// Nothing is asked of a terminal that is called dumb, so that is what it is
// called until RestoreTerm. Of the packages that are ready, Go initialises the one
// with the first import path. This one needs os alone, and stands before
// "strings", without which nothing of Bubble Tea is ready.
package noquery

import "os"

var name, named = os.LookupEnv("TERM")

func init() { os.Setenv("TERM", "dumb") }

// RestoreTerm gives the terminal its name back. Call it from the init function of a
// package that imports Bubble Tea.
func RestoreTerm() {
	if named {
		os.Setenv("TERM", name)
	} else {
		os.Unsetenv("TERM")
	}
}
