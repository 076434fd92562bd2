// Package terminal is the terminal that the screen is drawn on, and its
// clipboard. It gives the terminal back as it was found, also when nothing can
// be written to it any more, or it has gone.
package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/charmbracelet/x/term"
)

// ErrGone says that the terminal takes no more output.
var ErrGone = errors.New("the terminal takes no output")

// A Terminal writes to a terminal from a goroutine of its own, so that one that
// has stopped reading stops nobody else. It is safe for concurrent use.
type Terminal struct {
	in, out  *os.File
	ownInput bool // in was opened by us
	saved    *term.State

	writes chan write
	gone   chan struct{} // closed by Abandon
	done   chan struct{} // closed when the writer has ended
	abort  sync.Once

	lent atomic.Bool // to a program

	mu       sync.Mutex
	restored bool
	alt      bool // the alternate screen is on
}

type write struct {
	p    []byte
	done chan error
}

// Open takes the terminal over. When in is no terminal, keys come from the one
// that controls the process. Call Close when done.
func Open(in, out *os.File) (*Terminal, error) {
	t := &Terminal{in: in, out: out, writes: make(chan write), gone: make(chan struct{}), done: make(chan struct{})}
	if !term.IsTerminal(in.Fd()) {
		tty, err := os.Open("/dev/tty")
		if err != nil {
			return nil, fmt.Errorf("no terminal to read keys from: %w", err)
		}
		t.in, t.ownInput = tty, true
	}
	var err error
	if t.saved, err = term.GetState(t.in.Fd()); err != nil {
		return nil, fmt.Errorf("state of the terminal: %w", err)
	}
	go t.writer()
	t.Write([]byte(noWrap))
	return t, nil
}

const (
	// noWrap: a row that the terminal finds wider than we do must not run
	// into the next.
	noWrap = "\x1b[?7l"
	wrap   = "\x1b[?7h"

	leaveAlt = "\x1b[?1049l"
	enterAlt = "\x1b[?1049h"

	// reset switches off what the screen may have switched on: mouse,
	// bracketed paste, colours; and on: the cursor, auto-wrap.
	reset = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?7h"
)

// In is where keys come from.
func (t *Terminal) In() *os.File { return t.in }

// writer writes what it is given, until the terminal is abandoned.
func (t *Terminal) writer() {
	defer close(t.done)
	for {
		select {
		case w := <-t.writes:
			_, err := t.out.Write(w.p)
			w.done <- err
		case <-t.gone:
			return
		}
	}
}

// Write writes p, or fails once the terminal was abandoned.
func (t *Terminal) Write(p []byte) (int, error) {
	select {
	case <-t.gone:
		return 0, ErrGone
	default:
	}
	t.note(p)
	w := write{bytes.Clone(p), make(chan error, 1)}
	select {
	case t.writes <- w:
	case <-t.gone:
		return 0, ErrGone
	}
	select {
	case err := <-w.done:
		if err != nil {
			return 0, err
		}
		return len(p), nil
	case <-t.gone:
		return 0, ErrGone
	}
}

// note follows whether the alternate screen is on: leaving it twice moves the
// cursor of some terminals.
func (t *Terminal) note(p []byte) {
	on, off := bytes.LastIndex(p, []byte(enterAlt)), bytes.LastIndex(p, []byte(leaveAlt))
	if on == off {
		return
	}
	t.mu.Lock()
	t.alt = on > off
	t.mu.Unlock()
}

// Fd is the output's descriptor. Bubble Tea asks for the size by it.
func (t *Terminal) Fd() uintptr { return t.out.Fd() }

// Read reads from the output's file, which nobody does.
func (t *Terminal) Read(p []byte) (int, error) { return t.out.Read(p) }

// restoreTimeout is how long a terminal may take to read the last few bytes.
const restoreTimeout = 500 * time.Millisecond

// Abandon makes every write that waits, and every one to come, fail.
func (t *Terminal) Abandon() { t.abort.Do(func() { close(t.gone) }) }

// Restore gives the terminal back as it was found. It may be called more than
// once. It reports whether the terminal took what was written to it.
func (t *Terminal) Restore() bool {
	t.mu.Lock()
	if t.restored {
		t.mu.Unlock()
		return true
	}
	t.restored = true
	last := reset
	if t.alt {
		last = leaveAlt + reset
	}
	t.mu.Unlock()
	took := t.writeInTime([]byte(last))
	term.Restore(t.in.Fd(), t.saved) // a terminal that has gone needs no restoring
	return took
}

// writeInTime writes unless the terminal is stuck. It does not rely on the
// writer, which may be what is stuck.
func (t *Terminal) writeInTime(p []byte) bool {
	took := make(chan bool, 1)
	go func() {
		_, err := t.out.Write(p)
		took <- err == nil
	}()
	late := time.NewTimer(restoreTimeout)
	defer late.Stop()
	select {
	case ok := <-took:
		return ok
	case <-late.C:
		return false
	}
}

// Close restores the terminal and ends the writer. A write that is stuck in the
// terminal can't be ended: it is abandoned, and the error says so.
func (t *Terminal) Close() error {
	took := t.Restore()
	t.Abandon()
	if t.ownInput {
		t.in.Close()
	}
	late := time.NewTimer(restoreTimeout)
	defer late.Stop()
	select {
	case <-t.done:
	case <-late.C:
		return ErrGone
	}
	if !took {
		return ErrGone
	}
	return nil
}
