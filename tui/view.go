package tui

import (
	"fmt"
	"strings"

	"smtptap/decode/visible"
	"smtptap/tui/draw"
	"smtptap/tui/keys"
)

// toneOf picks the colours. Without a theme they are for a dark background.
func toneOf(o Options) draw.Tone {
	switch {
	case o.NoColor || o.Theme == "mono":
		return draw.Mono
	case o.Theme == "light":
		return draw.Light
	}
	return draw.Dark
}

// view is the whole screen: as many lines as it is high, none wider than it is.
func (m *model) view() string {
	var lines []string
	switch {
	case m.width <= 0 || m.height <= 0:
		return ""
	case m.tooSmall():
		lines = m.tooSmallView()
	default:
		lines = append(append(m.body(), m.noticeRows()...), m.status(), m.bottom())
	}
	for len(lines) < m.height {
		lines = append(lines, "")
	}
	checked := make(map[string]string, len(lines))
	for i, l := range lines {
		row, known := m.checked[l]
		if !known {
			row = m.safeRow(l)
		}
		lines[i], checked[l] = row, row
	}
	m.checked = checked
	return strings.Join(lines, "\n")
}

// safeRow makes sure of a row, whatever is in it. A row with letters that
// terminals disagree about is drawn on a cleared line, or what they leave out
// would show what was there before.
func (m *model) safeRow(row string) string {
	if draw.IsASCII(row) && len(row) <= m.width {
		return row
	}
	row = visible.Truncate(row, m.width, "")
	if draw.IsASCII(row) {
		return row
	}
	return clearLine + row
}

const (
	clearLine  = "\x1b[2K"
	clearRight = "\x1b[K"
)

func (m *model) tooSmallView() []string {
	text := m.theme.Say("too-small", "need", fmt.Sprintf("%dx%d", minWidth, minHeight), "now", fmt.Sprintf("%dx%d", m.width, m.height))
	lines := draw.Fill(text, m.width)
	return lines[:min(len(lines), m.height)]
}

// body is everything above the status line.
func (m *model) body() []string {
	rows := m.rowsAbove()
	if m.overlay != nil {
		return fill(m.overlay.View(), rows)
	}
	if m.list.Total() == 0 {
		return fill(m.emptyScreen(m.width, rows), rows)
	}
	p := m.places
	switch {
	case !p.detail.shown():
		return fill(m.listView(), rows)
	case !p.list.shown():
		return fill(m.detail.View(), rows)
	case p.detail.x > 0:
		return m.join(fill(m.listView(), rows), fill(m.detail.View(), rows))
	}
	return append(fill(m.listView(), p.list.height), fill(m.detail.View(), p.detail.height)...)
}

// noticeRows are the notice, in up to a fifth of the screen.
func (m *model) noticeRows() []string {
	if m.options.Notice == "" || m.width <= minWidth/2 {
		return nil
	}
	text := m.theme.Marks.Note + " " + visible.Text(m.options.Notice) + m.theme.Say("notice-closes")
	rows := draw.Wrap(text, m.width-2)
	if most := max(m.height/5, 1); len(rows) > most {
		rows = append(rows[:most-1], draw.Cut(strings.Join(rows[most-1:], " "), m.width-2, m.theme.Marks.Ellipsis))
	}
	for i, row := range rows {
		rows[i] = " " + m.theme.Key.Paint(row)
	}
	return rows
}

// listView is the list, or why it is empty.
func (m *model) listView() []string {
	lines := m.list.View()
	if m.list.Len() == 0 && len(lines) > 2 {
		text := m.theme.Say("none-match", "picked", m.picked(), "filter", visible.Text(m.filter))
		lines[2] = "  " + m.theme.Meaning.Paint(draw.Cut(text, m.places.list.width-2, m.theme.Marks.Ellipsis))
	}
	return lines
}

// join puts the detail beside the list, at its column whatever the terminal
// makes of the letters to the left.
func (m *model) join(left, right []string) []string {
	lines := make([]string, len(left))
	x := m.places.detail.x
	for i := range left {
		pad := draw.Blanks(x - visible.Width(left[i]))
		if draw.IsASCII(left[i]) {
			lines[i] = left[i] + pad + right[i]
		} else {
			lines[i] = left[i] + pad + clearRight + draw.Column(x) + right[i]
		}
	}
	return lines
}

func fill(lines []string, n int) []string {
	for len(lines) < n {
		lines = append(lines, "")
	}
	return lines[:n]
}

// bottom is the last line: a prompt, an answer, or what can be done.
func (m *model) bottom() string {
	switch {
	case m.prompt != nil:
		return m.prompt.view(m, m.width)
	case m.note.text != "":
		return " " + m.note.style.Paint(draw.Cut(m.note.text, m.width-1, m.theme.Marks.Ellipsis))
	case m.overlay != nil:
		return " " + m.theme.Dim.Paint(draw.Cut(m.overlay.Hint(), m.width-1, m.theme.Marks.Ellipsis))
	}
	return m.hints()
}

// can reports whether an action would do something now.
func (m *model) can(a keys.Action) bool {
	switch a {
	case keys.Help, keys.Quit, keys.OpenFile:
		return true
	case keys.Hold:
		return m.options.Holder != nil
	case keys.TakePart:
		_, there := m.detail.Part()
		return there
	case keys.LetAllGo:
		return len(m.held) > 0
	case keys.Copy:
		return m.detail.Session() != nil
	case keys.Export:
		return m.list.Len() > 0
	case keys.CloseSession:
		return m.closable() != ""
	}
	if m.inDetail {
		return m.detail.Can(a)
	}
	switch a {
	case keys.Search, keys.Follow:
		return m.list.Total() > 0
	case keys.Compare:
		return m.list.Total() > 1 && m.list.Len() > 0
	}
	return m.list.Len() > 0
}

// hints are what can be done now.
func (m *model) hints() string {
	var r draw.Row
	for _, b := range keys.Hints(m.where()) {
		if !m.can(b.Action) {
			continue
		}
		key := keys.Name(b.Keys[0])
		hint := m.theme.Say("hint-" + b.Text())
		if r.Width()+len(key)+visible.Width(hint)+4 > m.width {
			break
		}
		r.Put(" "+key, m.theme.Key)
		r.Put(" "+hint+" ", m.theme.Dim)
	}
	return r.String()
}
