package tui

import (
	"context"
	"io"

	tea "github.com/charmbracelet/bubbletea"
)

// Frame draws what a screen of that size shows after some keys were pressed,
// named as Bubble Tea names them. There is no terminal and no waiting: every
// command is carried out at once. It is for pictures of the screen.
func Frame(o Options, width, height int, keys ...string) string {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := newModel(ctx, o, io.Discard)
	defer m.close()
	m.ticking = true // no clock: time stands still
	m.carryOut(m.refresh())
	m.take(tea.WindowSizeMsg{Width: width, Height: height})
	for _, k := range keys {
		m.take(keyNamed(k))
	}
	return m.view()
}

// take gives the model a message and carries out what comes of it.
func (m *model) take(msg tea.Msg) { m.carryOut(m.update(msg)) }

// carryOut does what a command asks for, and all that comes of it.
func (m *model) carryOut(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			m.carryOut(c)
		}
	default:
		m.take(msg)
	}
}

// keyNamed is the key of a name; what is no name is text being typed.
func keyNamed(name string) tea.KeyMsg {
	for t := tea.KeyF20; t <= tea.KeyBackspace; t++ {
		if k := (tea.KeyMsg{Type: t}); t != tea.KeyRunes && k.String() == name {
			return k
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}
