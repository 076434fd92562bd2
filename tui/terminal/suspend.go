package terminal

import (
	"errors"
	"io"
)

// ErrNoJobControl says that nothing would continue a process that was stopped.
var ErrNoJobControl = errors.New("there is no shell here that would continue it")

// Suspend is a command for tea.Exec that stops the process until its shell
// continues it, as the terminal's suspend key does.
type Suspend struct{ Terminal io.Writer }

// Run stops the process. Bubble Tea has given the terminal back, but for what
// Open switched off.
func (s Suspend) Run() error {
	io.WriteString(s.Terminal, wrap)
	defer io.WriteString(s.Terminal, noWrap)
	return stop()
}

// SetStdin does nothing: there is no program that would read.
func (Suspend) SetStdin(io.Reader) {}

// SetStdout does nothing.
func (Suspend) SetStdout(io.Writer) {}

// SetStderr does nothing.
func (Suspend) SetStderr(io.Writer) {}
