package terminal

import (
	"io"
	"os"
	"os/exec"
)

// Program is a command for tea.Exec: a program that has the terminal until it
// ends. What the keyboard interrupts meanwhile is the program.
type Program struct {
	Cmd      *exec.Cmd
	terminal *Terminal
}

// Run runs the program. Bubble Tea has given the terminal back, but for what
// Open switched off.
func (p *Program) Run() error {
	if t := p.terminal; t != nil {
		t.lent.Store(true)
		defer t.lent.Store(false)
		t.Write([]byte(wrap))
		defer t.Write([]byte(noWrap))
	}
	return p.Cmd.Run()
}

// SetStdin has the program read the keys.
func (p *Program) SetStdin(r io.Reader) {
	if f, ok := r.(*os.File); ok {
		p.Cmd.Stdin = f
	}
}

// SetStdout has the program write to the terminal itself, not through us.
func (p *Program) SetStdout(w io.Writer) {
	if t, ok := w.(*Terminal); ok {
		p.terminal, p.Cmd.Stdout = t, t.out
	}
}

// SetStderr likewise.
func (p *Program) SetStderr(io.Writer) { p.Cmd.Stderr = p.Cmd.Stdout }

// Lent reports whether a program has the terminal.
func (t *Terminal) Lent() bool { return t.lent.Load() }
