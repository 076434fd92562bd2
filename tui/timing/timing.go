// Package timing is the pane that shows who kept whom waiting, as a waterfall.
package timing

import (
	"time"

	"smtptap/tui/amount"
	"smtptap/tui/cells"
	"smtptap/tui/page"
	"smtptap/tui/pager"
	"smtptap/tui/session"
	"smtptap/tui/theme"
)

// A Model is the pane. Create it with New.
type Model struct {
	page.Page
	theme   *theme.Theme
	session *session.Session
	steps   []step
	total   time.Duration
}

// New returns an empty pane.
func New(t *theme.Theme) *Model {
	m := &Model{theme: t}
	m.Page = page.New(m, t, m.build, m.entryAt)
	return m
}

func (m *Model) build(s *session.Session) {
	m.session, m.steps, m.total = s, stepsOf(s), 0
	for _, e := range s.Entries {
		m.total = max(m.total, e.At)
	}
}

// entryAt is the entry that ended the step on a line.
func (m *Model) entryAt(line int) int {
	if at := line - heads; at >= 0 && at < len(m.steps) {
		return m.steps[at].entry
	}
	return -1
}

// heads are the lines above the steps: the sums, and the scale.
const heads = 2

// Len is the number of lines.
func (m *Model) Len() int { return len(m.steps) + heads }

// Text is what a search sees of a line.
func (m *Model) Text(i int) string {
	if i < heads {
		return ""
	}
	s := m.steps[i-heads]
	return s.label + " " + s.who.String()
}

// Item lays a line out.
func (m *Model) Item(i, width int) pager.Item {
	c := columnsFor(width)
	switch i {
	case 0:
		return pager.Item{Rows: []string{m.sums(width)}}
	case 1:
		return pager.Item{Rows: []string{m.scale(c)}}
	}
	return pager.Item{Rows: []string{m.step(c, m.steps[i-heads])}}
}

type columns struct{ label, who, took, bar int }

func columnsFor(width int) columns {
	c := columns{label: 20, who: 8, took: 9}
	if width < 50 {
		c.label, c.who = 12, 0
	}
	c.bar = max(width-c.label-c.who-c.took, 1)
	return c
}

// sums says how long each was waited for.
func (m *Model) sums(width int) string {
	var by [whos]time.Duration
	for _, s := range m.steps {
		by[s.who] += s.took()
	}
	text := amount.Time(m.total) + " in all"
	for _, w := range []cause{server, client, setup} {
		if by[w] > 0 {
			text += ", " + amount.Time(by[w]) + " " + m.whose(w)
		}
	}
	return m.theme.Strong.Paint(cells.Cut(text, width, m.theme.Marks.Ellipsis))
}

func (m *Model) whose(w cause) string {
	if w == setup {
		return "setting up"
	}
	return "for the " + w.String()
}

// scale names the ends of the bars.
func (m *Model) scale(c columns) string {
	end := amount.Time(m.total)
	if c.bar < len(end)+2 {
		return ""
	}
	return cells.Blanks(c.label+c.who+c.took) +
		m.theme.Dim.Paint("0"+cells.Blanks(c.bar-1-len(end))+end)
}

func (m *Model) step(c columns, s step) string {
	var r cells.Row
	mark := m.theme.Marks.Ellipsis
	r.Cell(cells.Cut(s.label, c.label-1, mark), c.label, m.theme.Plain, mark)
	style := m.style(s.who)
	if c.who > 0 {
		r.Put(cells.Fit(s.who.String(), c.who, mark), style)
	}
	took := m.theme.Plain
	if s.took() >= time.Second {
		took = m.theme.Warn
	}
	r.Put(cells.FitRight(amount.Time(s.took()), c.took-2, mark)+"  ", took)
	from, to := m.place(s, c.bar)
	r.Skip(from)
	r.Put(cells.Line(m.theme.Marks.Bar, to-from), style)
	return r.String()
}

// place is where a step's bar begins and ends, at least one column.
func (m *Model) place(s step, width int) (from, to int) {
	if m.total <= 0 {
		return 0, 1
	}
	at := func(d time.Duration) int { return int(float64(d) / float64(m.total) * float64(width)) }
	from = min(at(s.begin), width-1)
	return from, min(max(at(s.end), from+1), width)
}

func (m *Model) style(w cause) theme.Style {
	switch w {
	case server:
		return m.theme.Server
	case client:
		return m.theme.Client
	}
	return m.theme.Own
}
