// Package page is what panes have in common that are written from a session as
// a whole, and wait for nothing: text in a window, some of whose lines lead to
// entries of the dialogue.
package page

import (
	tea "github.com/charmbracelet/bubbletea"

	"smtptap/tui/keys"
	"smtptap/tui/pager"
	"smtptap/tui/session"
	"smtptap/tui/theme"
)

// A Page is a part of a pane's Model. Create it with New.
type Page struct {
	pager   *pager.Pager
	write   func(*session.Session)
	entryAt func(line int) int
}

// New returns the window over a source. write writes the source anew from a
// session; entryAt tells which entry a line leads to, -1 for none, and is nil
// where no line does.
func New(source pager.Source, t *theme.Theme, write func(*session.Session), entryAt func(line int) int) Page {
	return Page{pager.New(source, t), write, entryAt}
}

// Pager is the window of the pane.
func (p *Page) Pager() *pager.Pager { return p.pager }

// SetSize says how much room there is.
func (p *Page) SetSize(width, height int) { p.pager.SetSize(width, height) }

// Show shows a session.
func (p *Page) Show(s *session.Session) tea.Cmd {
	p.write(s)
	p.pager.Reset()
	return nil
}

// Grow shows a later state of the same session.
func (p *Page) Grow(s *session.Session) tea.Cmd {
	p.write(s)
	p.pager.Changed(0)
	return nil
}

// Do takes an action that the pane knows.
func (p *Page) Do(a keys.Action) tea.Cmd {
	if a != keys.Open {
		p.pager.Move(a)
		return nil
	}
	if p.entryAt == nil {
		return nil
	}
	entry := p.entryAt(p.pager.Cursor())
	if entry < 0 {
		return nil
	}
	return func() tea.Msg { return session.GoTo{Entry: entry} }
}

// Update takes messages; the pane has none.
func (p *Page) Update(tea.Msg) tea.Cmd { return nil }

// State says nothing: there is one way to show this.
func (p *Page) State() string { return "" }

// View is the pane: exactly as many lines as it is high.
func (p *Page) View() []string { return p.pager.View() }
