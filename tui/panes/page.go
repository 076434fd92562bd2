package panes

import (
	tea "github.com/charmbracelet/bubbletea"

	"smtptap/tui/draw"
	"smtptap/tui/keys"
)

// A page is what panes have in common that are written from a session as a
// whole, and wait for nothing: text in a window, some of whose lines lead to
// entries of the dialogue.
type page struct {
	pager   *draw.Pager
	write   func(*Session)
	entryAt func(line int) int
}

// newPage returns the window over a source. write writes the source anew from a
// session; entryAt tells which entry a line leads to, -1 for none, and is nil
// where no line does.
func newPage(source draw.Source, t *draw.Theme, write func(*Session), entryAt func(line int) int) page {
	return page{draw.NewPager(source, t), write, entryAt}
}

// Pager is the window of the pane.
func (p *page) Pager() *draw.Pager { return p.pager }

// SetSize says how much room there is.
func (p *page) SetSize(width, height int) { p.pager.SetSize(width, height) }

// Show shows a session.
func (p *page) Show(s *Session) tea.Cmd {
	p.write(s)
	p.pager.Reset()
	return nil
}

// Grow shows a later state of the same session.
func (p *page) Grow(s *Session) tea.Cmd {
	p.write(s)
	p.pager.Changed(0)
	return nil
}

// Do takes an action that the pane knows.
func (p *page) Do(a keys.Action) tea.Cmd {
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
	return func() tea.Msg { return GoTo{Entry: entry} }
}

// Update takes messages; the pane has none.
func (p *page) Update(tea.Msg) tea.Cmd { return nil }

// State says nothing: there is one way to show this.
func (p *page) State() string { return "" }

// View is the pane: exactly as many lines as it is high.
func (p *page) View() []string { return p.pager.View() }
