package tui

import (
	"runtime/debug"
	"sync"

	tea "github.com/charmbracelet/bubbletea"
)

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

// catch, when deferred, ends the program after a panic.
func (g *guard) catch() {
	value := recover()
	if value == nil {
		return
	}
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
	next = g
	defer g.catch()
	if g.panic() != nil {
		return next, nil
	}
	then := g.model.update(msg)
	if g.model.done {
		return next, g.quit
	}
	return next, g.wrap(then)
}

func (g *guard) quit() tea.Msg {
	g.quitting()
	return tea.Quit()
}

// View draws the model.
func (g *guard) View() (view string) {
	view = " "
	defer g.catch()
	if g.panic() == nil {
		view = g.model.view()
	}
	return view
}

// wrap keeps a command's panic from Bubble Tea.
func (g *guard) wrap(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer g.catch()
		msg = cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i, c := range batch {
				batch[i] = g.wrap(c)
			}
		}
		return msg
	}
}
