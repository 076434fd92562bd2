package panes

import (
	"strings"
	"time"

	"smtptap/decode/units"
	"smtptap/tui/draw"
)

// A timingPane shows who kept whom waiting, as a waterfall.
type timingPane struct {
	page
	theme   *draw.Theme
	session *Session
	steps   []step
	total   time.Duration
	now     time.Time
}

// newTimingPane returns an empty pane.
func newTimingPane(t *draw.Theme) *timingPane {
	m := &timingPane{theme: t}
	m.page = newPage(m, t, m.build, m.entryAt)
	return m
}

func (m *timingPane) build(s *Session) {
	m.session, m.total = s, 0
	m.steps = stepsOf(m.theme, s, s.at(m.now))
	for _, step := range m.steps {
		m.total = max(m.total, step.end)
	}
}

// Tick counts the step that is open.
func (m *timingPane) Tick(now time.Time) {
	m.now = now
	if m.session != nil {
		m.build(m.session)
		m.pager.Changed(0)
	}
}

// entryAt is the entry that ended the step on a line.
func (m *timingPane) entryAt(line int) int {
	if at := line - heads; at >= 0 && at < len(m.steps) {
		return m.steps[at].entry
	}
	return -1
}

// heads are the lines above the steps: the sums, and the scale.
const heads = 2

// Len is the number of lines.
func (m *timingPane) Len() int { return len(m.steps) + heads }

// Text is what a search sees of a line.
func (m *timingPane) Text(i int) string {
	if i < heads {
		return ""
	}
	s := m.steps[i-heads]
	return s.label + " " + m.whose(s.who)
}

// Item lays a line out.
func (m *timingPane) Item(i, width int) draw.Item {
	c := timingColumnsFor(width)
	switch i {
	case 0:
		return draw.Item{Rows: []string{m.sums(width)}}
	case 1:
		return draw.Item{Rows: []string{m.scale(c)}}
	}
	return draw.Item{Rows: []string{m.step(c, m.steps[i-heads])}}
}

type timingColumns struct{ label, who, took, bar int }

func timingColumnsFor(width int) timingColumns {
	c := timingColumns{label: 26, who: 8, took: 9}
	if width < 50 {
		c.label, c.who = 12, 0
	}
	c.bar = max(width-c.label-c.who-c.took, 1)
	return c
}

// sums says how long each was waited for.
func (m *timingPane) sums(width int) string {
	var by [waitCauses]time.Duration
	for _, s := range m.steps {
		by[s.who] += s.took()
	}
	parts := []string{m.theme.Say("timing-all", "time", units.Time(m.total))}
	for w, d := range by {
		if d > 0 {
			parts = append(parts, m.theme.Say("timing-"+waitCause(w).String(), "time", units.Time(d)))
		}
	}
	text := strings.Join(parts, m.theme.Say("list-separator"))
	return m.theme.Strong.Paint(draw.Cut(text, width, m.theme.Marks.Ellipsis))
}

func (m *timingPane) whose(w waitCause) string { return m.theme.Say("cause-" + w.String()) }

// scale names the ends of the bars.
func (m *timingPane) scale(c timingColumns) string {
	end := units.Time(m.total)
	if c.bar < len(end)+2 {
		return ""
	}
	return draw.Blanks(c.label+c.who+c.took) +
		m.theme.Dim.Paint("0"+draw.Blanks(c.bar-1-len(end))+end)
}

func (m *timingPane) step(c timingColumns, s step) string {
	var r draw.Row
	mark := m.theme.Marks.Ellipsis
	r.Cell(draw.Cut(s.label, c.label-1, mark), c.label, m.theme.Plain, mark)
	style := m.style(s.who)
	if c.who > 0 {
		r.Put(draw.Fit(m.whose(s.who), c.who, mark), style)
	}
	took := m.theme.Plain
	if s.took() >= time.Second {
		took = m.theme.Warn
	}
	r.Put(draw.FitRight(units.Time(s.took()), c.took-2, mark)+"  ", took)
	from, to := m.place(s, c.bar)
	r.Skip(from)
	r.Put(draw.Rule(m.theme.Marks.Bar, to-from), style)
	return r.String()
}

// place is where a step's bar begins and ends, at least one column.
func (m *timingPane) place(s step, width int) (from, to int) {
	if m.total <= 0 {
		return 0, 1
	}
	at := func(d time.Duration) int { return int(float64(d) / float64(m.total) * float64(width)) }
	from = min(at(s.begin), width-1)
	return from, min(max(at(s.end), from+1), width)
}

func (m *timingPane) style(w waitCause) draw.Style {
	switch w {
	case waitServer:
		return m.theme.Server
	case waitClient:
		return m.theme.Client
	}
	return m.theme.Own
}
