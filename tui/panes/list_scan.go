package panes

import (
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/recordings/query"
)

// filtered is what a filter picked so far.
type filtered struct {
	rows  []int32 // places in the source, in order
	order []int32 // the same in the order that was chosen; nil for none
	seen  int     // how many sessions were looked at
	live  []int32 // those among them that ran: they are looked at again
}

// A scanResult is the answer of one scan.
type scanResult struct {
	generation int
	picked     filtered
	more       bool
}

// Steps of a scan: many sessions at once when their summaries say all, few
// when recordings must be read.
const (
	scanStep = 50_000
	readStep = 50
)

// SetFilter picks sessions by a filter from now on. Until it has looked at
// all, the list grows.
func (m *List) SetFilter(f *query.Filter) tea.Cmd {
	index := -1
	if m.cursor < m.Len() {
		index = m.index(m.cursor)
	}
	m.filter = f
	m.picked = filtered{}
	m.generation++
	m.busy = false
	if m.whole() && index >= 0 {
		m.cursor = index - m.first
	}
	m.settle()
	return m.scan()
}

// Filtered reports whether a filter is on, and how many sessions it has looked
// at so far.
func (m *List) Filtered() (on bool, seen int) {
	return !m.filter.All(), max(m.picked.seen-m.first, 0)
}

// Busy reports whether a scan is under way.
func (m *List) Busy() bool { return m.busy }

// scan looks at sessions that the filter has not seen, or that ran when it
// did. It works on the side and answers with a message.
func (m *List) scan() tea.Cmd {
	if m.whole() || m.busy || m.picked.seen == m.source.Len() && len(m.picked.live) == 0 {
		return nil
	}
	m.busy = true
	s := &scan{source: m.source, findings: m.findings, filter: m.filter, hidden: m.hidden, choice: m.choice, picked: filtered{
		rows: slices.Clone(m.picked.rows), seen: m.picked.seen, live: m.picked.live,
	}}
	generation := m.generation
	return func() tea.Msg {
		more := s.step()
		s.sort()
		return scanResult{generation, s.picked, more}
	}
}

// Update takes the answer of a scan.
func (m *List) Update(msg tea.Msg) tea.Cmd {
	answer, ok := msg.(scanResult)
	if !ok || answer.generation != m.generation {
		return nil
	}
	m.busy = false
	index := -1
	if m.cursor < m.Len() {
		index = m.index(m.cursor)
	}
	m.picked = answer.picked
	if index >= 0 && !m.follow {
		m.cursor = m.picked.position(index)
	}
	m.settle()
	if answer.more {
		return m.scan()
	}
	return nil
}

// A scan is a filter at work.
type scan struct {
	source   Source
	findings FindingsOf
	filter   *query.Filter
	hidden   map[string]bool
	choice   Choice
	picked   filtered
	look     query.Session // at the session at hand; here so that not each takes memory
}

// step looks again at the sessions that ran, and at some that are new. It
// reports whether there are more.
func (s *scan) step() (more bool) {
	live := s.picked.live
	s.picked.live = nil
	for _, i := range live {
		at, was := slices.BinarySearch(s.picked.rows, i)
		switch is := s.picks(int(i)); {
		case is && !was:
			s.picked.rows = slices.Insert(s.picked.rows, at, i)
		case was && !is:
			s.picked.rows = slices.Delete(s.picked.rows, at, at+1)
		}
	}
	step := scanStep
	if s.filter.NeedsFindings() {
		step = readStep
	}
	n := s.source.Len()
	for end := min(s.picked.seen+step, n); s.picked.seen < end; s.picked.seen++ {
		if s.picks(s.picked.seen) {
			s.picked.rows = append(s.picked.rows, int32(s.picked.seen))
		}
	}
	return s.picked.seen < n
}

// picks reports whether the filter picks session i, and remembers it while it
// runs.
func (s *scan) picks(i int) bool {
	s.look.Summary = s.source.Summary(i)
	if s.look.ID == "" || s.hidden[s.look.ID] {
		return false // forgotten
	}
	if s.look.Live {
		s.picked.live = append(s.picked.live, int32(i))
	}
	if s.filter.NeedsFindings() && s.findings != nil {
		s.look.Findings = s.findings(s.look.Summary)
	}
	return s.filter.Match(&s.look)
}
