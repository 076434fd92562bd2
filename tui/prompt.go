package tui

import (
	"errors"
	"slices"
	"strconv"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/recordings/query"
	"smtptap/tui/draw"
	"smtptap/tui/panes"
)

// A prompt has the bottom line, and the keys while it is there.
type prompt interface {
	typing() bool // text is being typed
	key(*model, tea.KeyMsg) tea.Cmd
	view(*model, int) string
}

// filterPrompt is a filter being typed. It picks as it goes; while it can't be
// understood the last good one stays.
type filterPrompt struct {
	line   panes.Input
	before string // filter to go back to
	err    *query.Error
}

func (m *model) askFilter() {
	m.prompt = &filterPrompt{before: m.filter, line: panes.NewInput(m.filter)}
}

func (p *filterPrompt) typing() bool { return true }

func (p *filterPrompt) key(m *model, msg tea.KeyMsg) tea.Cmd {
	switch msg.String() {
	case "enter":
		if p.err == nil {
			m.prompt = nil
		}
		return nil
	case "esc":
		m.prompt = nil
		return m.apply(p.before)
	}
	if !p.line.Update(msg) {
		return nil
	}
	p.err = nil
	if _, err := query.Parse(p.line.Value()); errors.As(err, &p.err) {
		return nil
	}
	return m.apply(p.line.Value())
}

func (p *filterPrompt) view(m *model, width int) string {
	style, after := m.theme.Plain, m.picked()
	if p.err != nil {
		style, after = m.theme.Bad, p.err.What.In(m.options.Lang)
	}
	return promptLine(m, "/", &p.line, after, style, width)
}

// picked says how many sessions the filter picks.
func (m *model) picked() string {
	on, seen := m.list.Filtered()
	total := m.list.Total()
	switch {
	case !on:
		return m.theme.Count("sessions", total)
	case seen < total && m.list.Busy():
		return m.theme.Say("picked-so-far", "n", strconv.Itoa(m.list.Len()), "all", strconv.Itoa(total), "seen", strconv.Itoa(seen))
	}
	return m.theme.Say("n-of", "n", strconv.Itoa(m.list.Len()), "all", strconv.Itoa(total))
}

// searchPrompt is what to search for in the session, being typed.
type searchPrompt struct {
	line   panes.Input
	before string
}

func (m *model) askSearch() {
	m.prompt = &searchPrompt{before: m.detail.Pager().Query(), line: panes.NewInput("")}
}

func (p *searchPrompt) typing() bool { return true }

func (p *searchPrompt) key(m *model, msg tea.KeyMsg) tea.Cmd {
	pager := m.detail.Pager()
	switch msg.String() {
	case "enter":
		m.prompt = nil
		if p.line.Value() == "" {
			pager.Search(p.before)
			return nil
		}
		pager.Begin(false, true)
		return m.find()
	case "esc":
		m.prompt = nil
		pager.Search(p.before)
		return nil
	}
	if p.line.Update(msg) {
		pager.Search(p.line.Value())
	}
	return nil
}

func (p *searchPrompt) view(m *model, width int) string {
	return promptLine(m, m.theme.Say("search-prompt"), &p.line, m.theme.Say("search-hint"), m.theme.Plain, width)
}

// A linePrompt is a line being typed that is taken as a whole.
type linePrompt struct {
	name    string // before the line
	hint    string
	line    panes.Input
	trouble string                       // why it was not taken
	take    func(string) (bool, tea.Cmd) // reports whether that ends the prompt
	edit    func() tea.Cmd               // on Tab; nil for nothing
}

func (p *linePrompt) typing() bool { return true }

func (p *linePrompt) key(m *model, msg tea.KeyMsg) tea.Cmd {
	switch name := msg.String(); {
	case name == "esc":
		m.prompt = nil
	case name == "enter":
		done, cmd := p.take(p.line.Value())
		if done && m.prompt == prompt(p) {
			m.prompt = nil
		}
		return cmd
	case name == "tab" && p.edit != nil:
		m.prompt = nil
		return p.edit()
	default:
		if p.line.Update(msg) {
			p.trouble = ""
		}
	}
	return nil
}

func (p *linePrompt) view(m *model, width int) string {
	after, style := p.hint, m.theme.Dim
	if p.trouble != "" {
		after, style = p.trouble, m.theme.Bad
	}
	return promptLine(m, p.name, &p.line, after, style, width)
}

// A confirmPrompt says what will happen, and has it happen on one of its keys.
type confirmPrompt struct {
	text string
	keys []string
	do   func() tea.Cmd
}

func (p confirmPrompt) typing() bool { return false }

func (p confirmPrompt) key(m *model, msg tea.KeyMsg) tea.Cmd {
	m.prompt = nil
	if slices.Contains(p.keys, msg.String()) {
		return p.do()
	}
	return nil
}

func (p confirmPrompt) view(m *model, width int) string {
	return m.theme.Warn.Paint(draw.Cut(" "+p.text, width, m.theme.Marks.Ellipsis))
}

// quitPrompt asks whether to end while sessions run.
type quitPrompt struct{ confirmPrompt }

func (m *model) askQuit() {
	m.prompt = quitPrompt{confirmPrompt{
		m.theme.Count("quit", m.state.Live) + "  " + m.theme.Say("quit-hint"), []string{"q", "y", "enter"},
		func() tea.Cmd { m.done = true; return nil },
	}}
}

// closable is the id of the session that is selected, if it runs and can be ended.
func (m *model) closable() string {
	sum, ok := m.list.Selected()
	if !ok || !sum.Live || m.options.Close == nil {
		return ""
	}
	return sum.ID
}

// askClose asks whether to end a session.
func (m *model) askClose() {
	id, end := m.closable(), m.options.Close
	if id == "" {
		m.say(m.theme.Say("not-closable"), m.theme.Dim)
		return
	}
	m.prompt = confirmPrompt{m.theme.Say("close-session", "id", visible.Text(recordings.ShortID(id))), []string{"X", "y", "enter"}, func() tea.Cmd {
		return func() tea.Msg {
			if err := end(id); err != nil {
				return noted{note{m.theme.Say("not-closed", "why", visible.Text(err.Error())), m.theme.Warn}}
			}
			return nil
		}
	}}
}

// promptLine is a line being typed, with something to say about it to the right.
func promptLine(m *model, name string, line *panes.Input, after string, style interface{ Paint(string) string }, width int) string {
	room := width - visible.Width(name) - 2
	typed := line.View(max(room*3/5, 1), m.theme.Plain, m.theme.Marks)
	var r draw.Row
	r.Put(" "+name, m.theme.Key)
	r.Put(typed, m.theme.Plain)
	rest := width - r.Width() - 2
	if rest > 8 {
		r.Put("  ", m.theme.Plain)
		return r.String() + style.Paint(draw.Cut(after, rest, m.theme.Marks.Ellipsis))
	}
	return r.String()
}
