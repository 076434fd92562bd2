package panes

import (
	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/lang"
	"smtptap/recordings/query"
	"smtptap/tui/draw"
	"smtptap/tui/keys"
)

// A Help shows what the keys do. It is made from the table of keys, so it
// can't be out of date. Create it with NewHelp.
type Help struct {
	theme *draw.Theme
	text  draw.Text
	pager *draw.Pager
}

// NewHelp returns the help. The title names the program.
func NewHelp(t *draw.Theme, title string, l lang.Lang) *Help {
	m := &Help{theme: t, text: draw.Text{Theme: t}}
	m.build(title, l)
	m.pager = draw.NewPager(&m.text, t)
	return m
}

const keyWidth = 20

func (m *Help) build(title string, l lang.Lang) {
	arrows := m.theme.Marks.Arrow != ">"
	m.add(draw.TextLine(title, m.theme.Strong))
	group := ""
	for _, b := range keys.Table {
		if b.Group != group {
			group = b.Group
			m.add(draw.Line{})
			m.add(draw.TextLine(draw.Rule(m.theme.Marks.Rule, 2)+" "+group, m.theme.Strong))
		}
		m.add(draw.Line{Indent: 3, Label: b.Names(arrows), LabelWidth: keyWidth, LabelStyle: m.theme.Key, Text: b.Does})
	}
	m.add(draw.Line{})
	m.add(draw.TextLine(draw.Rule(m.theme.Marks.Rule, 2)+" Filter", m.theme.Strong))
	for _, row := range query.Help() {
		m.add(draw.Line{Indent: 3, Label: row.Example, LabelWidth: keyWidth + 2, LabelStyle: m.theme.Key, Text: row.In(l)})
	}
	m.add(draw.Line{})
	m.add(draw.TextLine(draw.Rule(m.theme.Marks.Rule, 2)+" Signs", m.theme.Strong))
	marks := m.theme.Marks
	for _, s := range [][2]string{
		{marks.Sent + " sent", "every message and recipient was accepted"},
		{marks.Partly + " partly", "some were, some were not"},
		{marks.Refused + " refused", "the server said no"},
		{marks.Failed + " failed", "connection, TLS or smtptap failed"},
		{marks.Abandoned + " gave up", "abandoned by the client"},
		{marks.Nothing + " nothing", "the client did not try to send"},
		{marks.Nothing + " opaque", "inside TLS that was not opened"},
		{marks.Unknown + " unknown", "the recording stops before"},
		{marks.Running + " running", "in progress"},
		{"C:  S:  tap", "the client, the server, smtptap itself"},
	} {
		m.add(draw.Line{Indent: 3, Label: s[0], LabelWidth: keyWidth, Text: s[1]})
	}
}

func (m *Help) add(l draw.Line) { m.text.Lines = append(m.text.Lines, l) }

// SetSize says how much room there is.
func (m *Help) SetSize(width, height int) { m.pager.SetSize(width, height) }

// Key takes a key and reports whether the help stays open.
func (m *Help) Key(msg tea.KeyMsg) (open bool, cmd tea.Cmd) {
	switch a := keys.Lookup(msg.String(), keys.InSession); a {
	case keys.Help, keys.Back, keys.Quit, keys.Open:
		return false, nil
	default:
		m.pager.Move(a)
	}
	return true, nil
}

// Update takes messages; the help has none.
func (m *Help) Update(tea.Msg) tea.Cmd { return nil }

// View is the help: exactly as many lines as it is high.
func (m *Help) View() []string { return m.pager.View() }

// Hint is for the bottom line.
func (m *Help) Hint() string { return "Esc closes the help, j k move" }
