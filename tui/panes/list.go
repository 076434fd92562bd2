package panes

import (
	"maps"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/recordings"
	"smtptap/recordings/query"
	"smtptap/recordings/transcript"
	"smtptap/tui/draw"
	"smtptap/tui/keys"
)

// A Source holds the sessions. Its methods may be called from any goroutine,
// and sessions are only ever added.
type Source interface {
	Len() int
	Summary(i int) transcript.Summary
}

// FindingsOf tells a session's findings. It may read a disk.
type FindingsOf func(transcript.Summary) []query.Finding

// A List shows sessions, oldest first, and follows the newest. It is a
// window over the set that holds them: it keeps no copies, and while a
// filter is on, the places of the sessions that it picks. Create it with
// NewList.
type List struct {
	source   Source
	findings FindingsOf
	theme    *draw.Theme

	width, height int
	focused       bool
	dates         bool
	now           time.Time
	slots         []columnSlot
	same          sameColumns

	first      int // sessions before it are forgotten by the source
	filter     *query.Filter
	picked     filtered
	generation int // of the scan that is under way; answers of others are stale
	busy       bool
	top        int // position of the first row
	cursor     int // position of the selected row
	follow     bool
	chosen     string // id of the session that is marked for a comparison
	held       map[string]bool
	notes      map[string]recordings.Notes
	choice     Choice
	hidden     map[string]bool // sessions whose recordings were deleted
}

// NewList returns the pane. With dates, the times of the list have their day.
func NewList(s Source, f FindingsOf, t *draw.Theme, dates bool) *List {
	return &List{source: s, findings: f, theme: t, dates: dates, follow: true, filter: &query.Filter{}}
}

// SetSize says how much room there is.
func (m *List) SetSize(width, height int) {
	if width != m.width {
		m.width = width
		m.arrange()
	}
	m.height = height
	m.settle()
}

// gutter is for the mark of the cursor and that of a comparison.
const gutter = 2

// Focus says whether the pane has the keys.
func (m *List) Focus(on bool) { m.focused = on }

// Tick tells the time, for sessions that run.
func (m *List) Tick(now time.Time) { m.now = now }

func (m *List) arrange() {
	m.slots = arrangeColumns(m.theme, m.width-gutter, m.dates, m.same.in, m.choice.hides)
}

// Refresh looks at what is new in the source.
func (m *List) Refresh() tea.Cmd {
	if m.same.look(m.source, m.theme) {
		m.arrange()
	}
	for m.first < m.source.Len() && m.source.Summary(m.first).ID == "" {
		m.first++
		m.cursor--
	}
	m.settle()
	return m.scan()
}

// whole reports whether every session of the source is in the list.
func (m *List) whole() bool { return m.filter.All() && len(m.hidden) == 0 && m.choice.Sort == "" }

// SetNotes says what people say of sessions, by their ids.
func (m *List) SetNotes(all map[string]recordings.Notes) { m.notes = all }

// Hide takes a session out of the list.
func (m *List) Hide(id string) tea.Cmd {
	hidden := maps.Clone(m.hidden)
	if hidden == nil {
		hidden = map[string]bool{}
	}
	hidden[id] = true
	m.hidden = hidden
	return m.SetFilter(m.filter)
}

// Len is how many sessions the filter picks.
func (m *List) Len() int {
	if m.whole() {
		return m.source.Len() - m.first
	}
	return len(m.picked.rows)
}

// Total is how many sessions there are.
func (m *List) Total() int { return m.source.Len() - m.first - len(m.hidden) }

// Selected is the session under the cursor.
func (m *List) Selected() (transcript.Summary, bool) {
	if m.cursor >= m.Len() {
		return transcript.Summary{}, false
	}
	return m.source.Summary(m.index(m.cursor)), true
}

// index is the place in the source of the session at a position of the list.
func (m *List) index(position int) int {
	if m.whole() {
		return m.first + position
	}
	if m.picked.order != nil {
		return int(m.picked.order[position])
	}
	return int(m.picked.rows[position])
}

// Following reports whether the newest session is being selected as it comes.
func (m *List) Following() bool { return m.follow }

// Choose marks a session for a comparison; "" marks none.
func (m *List) Choose(id string) { m.chosen = id }

// Chosen is the marked session, "" for none.
func (m *List) Chosen() string { return m.chosen }

// Hold tells which sessions hold a line.
func (m *List) Hold(all []Held) {
	m.held = map[string]bool{}
	for _, h := range all {
		m.held[h.Session] = true
	}
}

// Do takes an action and reports whether it was one of this pane's.
func (m *List) Do(a keys.Action) bool {
	page := max(m.height-2, 1)
	switch a {
	case keys.Down:
		m.move(1)
	case keys.Up:
		m.move(-1)
	case keys.PageDown:
		m.move(page)
	case keys.PageUp:
		m.move(-page)
	case keys.HalfDown:
		m.move(max(page/2, 1))
	case keys.HalfUp:
		m.move(-max(page/2, 1))
	case keys.Top:
		m.move(-m.Len())
	case keys.Bottom:
		m.move(m.Len())
	case keys.Follow:
		m.follow = !m.follow
		m.settle()
	default:
		return false
	}
	return true
}

// move moves the cursor by rows. Moving up ends following.
func (m *List) move(rows int) {
	m.cursor = min(max(m.cursor+rows, 0), max(m.Len()-1, 0))
	if rows < 0 {
		m.follow = false
	}
	m.settle()
}

// Scroll moves the cursor by rows.
func (m *List) Scroll(rows int) { m.move(rows) }

// Click selects the session at a row of the pane.
func (m *List) Click(row int) {
	if at := m.top + row - 1; row > 0 && at < m.Len() {
		m.follow = m.follow && at == m.Len()-1
		m.cursor = at
		m.settle()
	}
}

// settle makes the cursor and the window fit the list.
func (m *List) settle() {
	n, rows := m.Len(), max(m.height-1, 1)
	if m.follow {
		m.cursor = n - 1
	}
	m.cursor = min(max(m.cursor, 0), max(n-1, 0))
	m.top = max(min(m.top, m.cursor, n-rows), 0)
	m.top = max(m.top, m.cursor-rows+1)
}

// View is the pane: exactly as many lines as it is high.
func (m *List) View() []string {
	lines := make([]string, 0, m.height)
	if m.height > 0 {
		lines = append(lines, m.head())
	}
	l := listContext{theme: m.theme, now: m.now, dates: m.dates, held: m.held}
	for at := m.top; at < m.Len() && len(lines) < m.height; at++ {
		s := m.source.Summary(m.index(at))
		lines = append(lines, m.row(&s, &l, at == m.cursor))
	}
	for len(lines) < m.height {
		lines = append(lines, "")
	}
	return lines
}

func (m *List) head() string {
	var r draw.Row
	r.Skip(gutter)
	for i, s := range m.slots {
		if i > 0 {
			r.Skip(gap)
		}
		fit := draw.Fit
		if s.right {
			fit = draw.FitRight
		}
		style := m.theme.Dim
		if m.choice.Sort == s.name {
			style = m.theme.Key
		}
		r.Put(fit(s.title(m.theme), s.width, ""), style)
	}
	return r.String()
}

// row is a session. A selected row is painted as a whole, so its cells are not.
func (m *List) row(s *transcript.Summary, l *listContext, selected bool) string {
	var r draw.Row
	whole := draw.Style{}
	switch {
	case selected && m.focused:
		whole = m.theme.Cursor
	case selected:
		whole = m.theme.Resting
	}
	r.Put(m.gutter(s, selected), m.theme.Plain)
	for i, c := range m.slots {
		if i > 0 {
			r.Skip(gap)
		}
		style := draw.Style{}
		if c.style != nil && !selected {
			style = c.style(s, l)
		}
		text := c.text(s, l)
		if c.right {
			text = draw.FitRight(text, c.width, m.theme.Marks.Ellipsis)
		}
		r.Cell(text, c.width, style, m.theme.Marks.Ellipsis)
	}
	return whole.Paint(r.String())
}

func (m *List) gutter(s *transcript.Summary, selected bool) string {
	marks := [2]string{" ", " "}
	if selected {
		marks[0] = m.theme.Marks.Cursor
	}
	if m.notes[s.ID].Marked {
		marks[1] = m.theme.Marks.Bullet
	}
	if m.chosen != "" && s.ID == m.chosen {
		marks[1] = m.theme.Marks.Chosen
	}
	return marks[0] + marks[1]
}

// Select puts the cursor on the newest session that is wanted, if the list has
// one, and stops following.
func (m *List) Select(wanted func(*transcript.Summary) bool) bool {
	for at := m.Len() - 1; at >= 0; at-- {
		if s := m.source.Summary(m.index(at)); wanted(&s) {
			m.cursor, m.follow = at, false
			m.settle()
			return true
		}
	}
	return false
}

// position is where a session stands among those that are picked, or would.
func (f *filtered) position(index int) int {
	if f.order != nil {
		return max(slices.Index(f.order, int32(index)), 0)
	}
	at, _ := slices.BinarySearch(f.rows, int32(index))
	return at
}
