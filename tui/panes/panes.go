// Package panes holds the parts of the screen: the list of sessions, the
// selected session in tabs, and the forms and pages that cover both. Each is a
// small model that is told its size, takes actions and the answers of its own
// commands, and gives its lines. None knows who shows it: what it wants of
// others it sends as a message.
package panes

// A view is the form in which lines are shown.
type view uint8

const (
	decoded view = iota // as text, with what it means
	asRaw               // every byte, line ends and all
	asHex
	views
)

func (v view) String() string { return [...]string{"decoded", "raw", "hex"}[v] }
