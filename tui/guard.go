package tui

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/tui/terminal"
)

// current is the terminal that the screen is on, for Restore.
var current atomic.Pointer[terminal.Terminal]

// A guard stands between Bubble Tea and the model. A panic in the model or in
// one of its commands ends the screen in an orderly way; Bubble Tea's own
// handling would print the panic's value as it is.
type guard struct {
	model    *model
	quitting func() // called once the end has begun
	kill     func() // ends the program at once

	mu   sync.Mutex
	died *Panic
}

func (g *guard) panic() *Panic {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.died
}

func (g *guard) recovered(value any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.died == nil {
		g.died = &Panic{value, debug.Stack()}
	}
	g.kill()
}

// Init begins the model's work.
func (g *guard) Init() tea.Cmd { return g.wrap(g.model.begin()) }

// Update hands a message to the model.
func (g *guard) Update(msg tea.Msg) (next tea.Model, cmd tea.Cmd) {
	defer func() {
		if v := recover(); v != nil {
			g.recovered(v)
			next, cmd = g, nil
		}
	}()
	if g.panic() != nil {
		return g, nil
	}
	cmd = g.model.update(msg)
	if g.model.done {
		return g, g.quit
	}
	return g, g.wrap(cmd)
}

func (g *guard) quit() tea.Msg {
	g.quitting()
	return tea.Quit()
}

// View draws the model.
func (g *guard) View() (view string) {
	defer func() {
		if v := recover(); v != nil {
			g.recovered(v)
			view = " "
		}
	}()
	if g.panic() != nil {
		return " "
	}
	return g.model.view()
}

// wrap makes a command's panic a message.
func (g *guard) wrap(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer func() {
			if v := recover(); v != nil {
				g.recovered(v)
				msg = nil
			}
		}()
		msg = cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			wrapped := make(tea.BatchMsg, len(batch))
			for i, c := range batch {
				wrapped[i] = g.wrap(c)
			}
			return wrapped
		}
		return msg
	}
}

// grace is how long a terminal may take to let the screen end.
const grace = 2 * time.Second

// A watchdog abandons a terminal that keeps the screen from ending.
type watchdog struct {
	terminal *terminal.Terminal

	mu    sync.Mutex
	timer *time.Timer
	off   bool
}

func newWatchdog(t *terminal.Terminal) *watchdog { return &watchdog{terminal: t} }

func (w *watchdog) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil && !w.off {
		w.timer = time.AfterFunc(grace, w.terminal.Abandon)
	}
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off = true
	if w.timer != nil {
		w.timer.Stop()
	}
}
