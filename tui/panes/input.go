package panes

import (
	"strings"

	"github.com/charmbracelet/bubbles/cursor"
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/visible"
	"smtptap/tui/draw"
)

// maxRunes bounds what a paste may bring.
const maxRunes = 1 << 12

// An Input is a line of text that is being typed. It is edited by bubbles, but
// drawn here: what is pasted is made visible as what peers send is. Create it
// with NewInput.
type Input struct {
	Escapes bool // the text holds escapes, which are shown as they are

	model textinput.Model
}

// NewInput returns a line with a text and the cursor after it.
func NewInput(text string) Input {
	m := textinput.New()
	m.CharLimit = maxRunes
	m.KeyMap.Paste.SetEnabled(false) // terminals paste; bubbles would run a program for it
	m.Cursor.SetMode(cursor.CursorStatic)
	m.Focus()
	m.SetValue(text)
	return Input{model: m}
}

// Value is the text.
func (in *Input) Value() string { return in.model.Value() }

// Set replaces the text and puts the cursor after it.
func (in *Input) set(text string) {
	in.model.SetValue(text)
	in.model.CursorEnd()
}

// Update takes a key and reports whether the text changed.
func (in *Input) Update(msg tea.KeyMsg) bool {
	before := in.Value()
	in.model, _ = in.model.Update(msg)
	return in.Value() != before
}

func (in *Input) shown(runes []rune) string {
	if !in.Escapes {
		return visible.Text(string(runes))
	}
	parts := strings.Split(string(runes), `\`)
	for i := range parts {
		parts[i] = visible.Text(parts[i])
	}
	return strings.Join(parts, `\`)
}

// View shows the text in at most width columns, the cursor always among them.
func (in *Input) View(width int, s draw.Style, m draw.Marks) string {
	runes, at := []rune(in.Value()), in.model.Position()
	before, after := in.shown(runes[:at]), in.shown(runes[at:])
	room := width - visible.Width(m.Caret)
	if room < 0 {
		return ""
	}
	before = draw.CutLeft(before, room, m.Ellipsis)
	after = draw.Cut(after, room-visible.Width(before), m.Ellipsis)
	return s.Paint(before) + m.Caret + s.Paint(after)
}
