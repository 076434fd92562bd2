package tui

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/visible"
	"smtptap/tui/draw"
	"smtptap/tui/panes"
)

// columnsPrompt asks by which column to sort, or which to show.
type columnsPrompt struct{ sort bool }

func (p columnsPrompt) typing() bool { return false }

// key takes the number of a column. The same column once more sorts the other way
// round.
func (p columnsPrompt) key(m *model, msg tea.KeyMsg) tea.Cmd {
	n, err := strconv.Atoi(msg.String())
	if err != nil {
		m.prompt = nil
		return nil
	}
	column, c := panes.Columns[(n+9)%10], m.choice
	switch {
	case p.sort && cmp.Or(c.Sort, "time") == column:
		c.Sort, c.Reverse = column, !c.Reverse
	case p.sort:
		c.Sort, c.Reverse = column, false
	case slices.Contains(c.Hidden, column):
		c.Hidden = slices.DeleteFunc(slices.Clone(c.Hidden), func(s string) bool { return s == column })
	default:
		c.Hidden = append(slices.Clone(c.Hidden), column)
	}
	if c.Sort == "time" && !c.Reverse {
		c.Sort = "" // as sessions come
	}
	if p.sort {
		m.prompt = nil
	}
	return m.choose(c)
}

func (p columnsPrompt) view(m *model, width int) string {
	title := m.theme.Say("columns-prompt")
	if p.sort {
		title = m.theme.Say("sort-prompt")
	}
	var r draw.Row
	r.Put(" "+draw.Cut(title, width/5, m.theme.Marks.Ellipsis), m.theme.Plain)
	room := max((width-r.Width())/len(panes.Columns)-3, 1)
	for i, column := range panes.Columns {
		style := m.theme.Plain
		name := draw.Cut(m.theme.Say("column-"+column), room, "")
		if p.sort && m.choice.Sort == column || !p.sort && slices.Contains(m.choice.Hidden, column) {
			mark := "-"
			if p.sort {
				mark = m.theme.Marks.Bullet
			}
			name, style = mark+draw.Cut(name, max(room-1, 0), ""), m.theme.Dim
		}
		r.Put(" "+strconv.Itoa((i+1)%10), m.theme.Key)
		r.Put(name, style)
	}
	return draw.Cut(r.String(), width, "")
}

// choose shows the list in another way, and remembers it.
func (m *model) choose(c panes.Choice) tea.Cmd {
	m.choice = c
	path := m.options.Memory
	save := func() tea.Msg {
		if path == "" {
			return nil
		}
		data, err := json.Marshal(c)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o700)
		}
		if err == nil {
			err = os.WriteFile(path, append(data, '\n'), 0o600)
		}
		if err != nil {
			return noted{note{m.theme.Say("not-done", "why", visible.Text(err.Error())), m.theme.Warn}}
		}
		return nil
	}
	return tea.Batch(m.list.Arrange(c), m.sync(false), save)
}

// remember shows the list as it was when the screen was last used.
func (m *model) remember() tea.Cmd {
	data, err := os.ReadFile(m.options.Memory)
	if err != nil || json.Unmarshal(data, &m.choice) != nil {
		m.choice = panes.Choice{} // there is nothing to remember, or nothing that can be read
		return nil
	}
	return m.list.Arrange(m.choice)
}
