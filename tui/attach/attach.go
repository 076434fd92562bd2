// Package attach shows the sessions of one smtptap on the screen of another: at
// another terminal, in another container, on another machine.
//
// A Server answers HTTP at a unix socket, or at a TCP address inside TLS by which
// both ends prove that they know a Secret. A viewer is told of sessions as they
// change, one JSON object a line, and fetches of a recording what it lacks, so that
// it shows what it has copied with the same code as what was recorded where it runs.
//
// Nothing waits for a viewer. It is told what has changed since it was last told
// something, at its own pace, and one that does not read is dropped. Neither end
// trusts the other with more memory, disk or time than it has set aside.
package attach

import (
	"time"

	"smtptap/recordings/transcript"
)

// protocol is the version of what is said. Additions keep it.
const protocol = 1

// A Hello is the first thing that a viewer hears.
type Hello struct {
	Protocol int
	Instance string // of the process; sessions of another are others
	Program  string // its name and version
	Now      time.Time
	Listen   []string // as in tui.Options, likewise the others
	Target   string
	TLS      string
}

// A news is a line that a viewer hears. One of its fields is set.
type news struct {
	Hello   *Hello              `json:",omitempty"`
	State   *transcript.State   `json:",omitempty"`
	Session *transcript.Summary `json:",omitempty"`
	Bytes   int64               `json:",omitempty"` // of its recording
}

const (
	// beat is how often a viewer hears something at least.
	beat = 5 * time.Second
	// silence is how long it may hear nothing.
	silence = 3 * beat
	// maxLine bounds a line in bytes.
	maxLine = 256 << 10
)
