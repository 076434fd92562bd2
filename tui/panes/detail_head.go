package panes

import (
	"strconv"
	"strings"

	"smtptap/decode/outcome"
	"smtptap/decode/visible"
	"smtptap/tui/draw"
)

// head is what stands above the tab: the tabs, the verdict, and air where
// there is room for it.
func (m *Detail) head() []string {
	lines := []string{m.tabs()}
	text := m.verdict()
	if m.height < 8 {
		text = text[:min(len(text), 1)]
	}
	lines = append(lines, text...)
	if m.height >= 16 {
		lines = append(lines, "")
	}
	return lines
}

// tabs is a rule with the titles of the tabs in it.
func (m *Detail) tabs() string {
	var r draw.Row
	rule := m.theme.Marks.Rule
	r.Put(draw.Rule(rule, 1)+" ", m.theme.Dim)
	m.ends = m.ends[:0]
	for i, name := range m.titles() {
		if r.Width()+visible.Width(name)+2 > m.width {
			break
		}
		style := m.theme.Dim
		if i == m.tab {
			style = m.theme.Strong
			if m.focused {
				style = m.theme.Tab
			}
		}
		r.Put(name, style)
		m.ends = append(m.ends, r.Width()+1)
		r.Put("  ", m.theme.Dim)
	}
	state := m.state()
	fill := m.width - r.Width() - visible.Width(state) - 3
	if state != "" && fill > 0 {
		r.Put(draw.Rule(rule, fill)+" ", m.theme.Dim)
		r.Put(state, m.theme.Dim)
		r.Put(" "+rule, m.theme.Dim)
	} else {
		r.Put(draw.Rule(rule, m.width-r.Width()), m.theme.Dim)
	}
	return r.String()
}

// titles names the tabs, as long as all find room: the open one always in full,
// the others then in four letters or by their numbers alone.
func (m *Detail) titles() (names [len(titles)]string) {
	for _, letters := range []int{maxTitle, 4, 0} {
		width := 2
		for i := range titles {
			names[i] = m.title(i, letters)
			width += visible.Width(names[i]) + 2
		}
		if width <= m.width {
			break
		}
	}
	return names
}

const maxTitle = 1 << 8

// title names a tab. The open one is told by brackets too, for screens without
// underlines.
func (m *Detail) title(i, letters int) string {
	title := m.theme.Say("tab-" + titles[i])
	if i != m.tab {
		title = draw.Cut(title, letters, "")
	}
	if i == tabFindings && (i == m.tab || letters > 0) && m.session != nil && len(m.session.Report.Findings) > 0 {
		title += " " + strconv.Itoa(len(m.session.Report.Findings))
	}
	title = strings.TrimSpace(strconv.Itoa(i+1) + " " + title)
	if i == m.tab {
		return "[" + title + "]"
	}
	return title
}

// state says how the tab is shown, and how far down.
func (m *Detail) state() string {
	if m.session == nil {
		return ""
	}
	s := m.panes[m.tab].State()
	p := m.Pager()
	if n := p.Len(); n > 0 {
		if s != "" {
			s += m.theme.Say("list-separator")
		}
		s += m.theme.Say("n-of", "n", strconv.Itoa(p.Cursor()+1), "all", strconv.Itoa(n))
	}
	return s
}

// verdict answers whether it was sent, and if not why.
func (m *Detail) verdict() []string {
	indent := 2
	switch {
	case m.failure != "":
		return m.wrapped(m.theme.Marks.Failed+" ", m.failure, m.theme.Bad, indent)
	case m.session == nil && m.loading:
		return []string{"  " + m.theme.Meaning.Paint(m.theme.Say("reading")+" "+m.theme.Marks.Ellipsis)}
	case m.session == nil:
		return []string{""}
	}
	mark, style := m.mark()
	text := m.session.Report.Verdict.Text
	awaited, running := m.awaited()
	if running && m.session.Summary.Outcome == outcome.Running {
		text = awaited
	}
	rows := m.wrapped(mark+" "+text, "", style, indent)
	if running && text != awaited {
		rows = append(rows, m.wrapped(m.theme.Marks.Running+" "+awaited, "", m.theme.Key, indent)...)
	}
	if n := m.notes[m.session.ID]; !n.Empty() {
		words := visible.Text(strings.TrimSpace(strings.Join(n.Tags, " ") + "  " + n.Note))
		rows = append(rows, "  "+m.theme.Meaning.Paint(draw.Cut(m.theme.Marks.Bullet+" "+words, m.width-3, m.theme.Marks.Ellipsis)))
	}
	if m.session.SecretsKept {
		rows = append(rows, m.wrapped(m.theme.Marks.Failed, m.theme.Say("holds-passwords"), m.theme.Warn, indent)...)
	}
	return rows
}

// awaited says whose turn it is in a session that runs.
func (m *Detail) awaited() (words string, running bool) {
	if m.session.turn == nil {
		return "", false
	}
	return m.session.turn.words(m.theme, m.session.at(m.now)), true
}

// maxVerdict is how many rows the verdict may take.
const maxVerdict = 3

func (m *Detail) wrapped(word, text string, style draw.Style, indent int) []string {
	first := word
	if text != "" {
		first += "  " + text
	}
	rows := draw.Wrap(first, max(m.width-indent-1, 1))
	if len(rows) > maxVerdict {
		rest := strings.Join(rows[maxVerdict-1:], " ")
		rows = append(rows[:maxVerdict-1], draw.Cut(rest, m.width-indent-1, m.theme.Marks.Ellipsis))
	}
	for i, row := range rows {
		if head, found := strings.CutPrefix(row, word); i == 0 && found {
			row = style.Paint(word) + m.theme.Strong.Paint(head)
		} else {
			row = m.theme.Strong.Paint(row)
		}
		rows[i] = draw.Blanks(indent) + row
	}
	return rows
}

// mark is how the verdict is marked.
func (m *Detail) mark() (mark string, style draw.Style) {
	marks := m.theme.Marks
	switch m.session.Summary.Outcome {
	case outcome.Partly:
		return marks.Partly, m.theme.Warn
	case outcome.Disputed:
		return marks.Unknown, m.theme.Warn
	case outcome.Refused, outcome.Failed, outcome.Abandoned:
		return marks.Refused, m.theme.Bad
	case outcome.Running:
		return marks.Running, m.theme.Key
	case outcome.Sent:
		return marks.Sent, m.theme.Good
	case outcome.Nothing:
		return marks.Nothing, m.theme.Strong
	}
	return marks.Nothing, m.theme.Warn
}
