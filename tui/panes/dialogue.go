package panes

import (
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/findings"
	"smtptap/tui/draw"
	"smtptap/tui/keys"
)

// A dialoguePane shows who said what and when, as it was sent and what it
// means.
type dialoguePane struct {
	theme    *draw.Theme
	session  *Session
	pager    *draw.Pager
	view     view
	explains explaining
	reveal   bool
	cut      bool         // long lines are cut off, not broken
	unfolded map[int]bool // entries that are shown in full
	held     []Held       // stand after the entries
	now      time.Time
}

// explaining is how much is said about what was said.
type explaining uint8

const (
	everything explaining = iota
	unusual               // what isn't routine
	nothing
	explainings
)

func (e explaining) String() string { return [...]string{"everything", "unusual", "nothing"}[e] }

// of leaves of the lines about an entry those that are wanted. The first line
// about a fact is the fact.
func (e explaining) of(entry decode.Entry, lines []annotate.Line) []annotate.Line {
	if e == everything {
		return lines
	}
	var wanted []annotate.Line
	for i, l := range lines {
		if i == 0 && entry.Fact != nil || e == unusual && !l.Routine {
			wanted = append(wanted, l)
		}
	}
	return wanted
}

// newDialoguePane returns an empty pane.
func newDialoguePane(t *draw.Theme) *dialoguePane {
	m := &dialoguePane{theme: t, unfolded: map[int]bool{}}
	m.pager = draw.NewPager(m, t)
	m.pager.Pair = func(i int) int {
		if m.session == nil {
			return -1
		}
		return m.session.Partner(i)
	}
	return m
}

// Pager is the window of the pane.
func (m *dialoguePane) Pager() *draw.Pager { return m.pager }

// SetSize says how much room there is.
func (m *dialoguePane) SetSize(width, height int) { m.pager.SetSize(width, height) }

// Show shows a session: one that failed where it failed, one that runs at its
// end, which is followed, others from the start.
func (m *dialoguePane) Show(s *Session) tea.Cmd {
	m.session, m.held = s, nil
	clear(m.unfolded)
	m.pager.Reset()
	m.pager.Follow(!s.Ended)
	if at := failure(s); at >= 0 && s.Ended {
		m.pager.Go(at)
	}
	return nil
}

// failure is the entry that completes the proof of what went wrong, or -1.
func failure(s *Session) int {
	if len(s.Report.Findings) == 0 || s.Report.Findings[0].Severity != findings.Failure {
		return -1
	}
	at := -1
	for _, entry := range s.Report.Findings[0].Entries {
		at = max(at, entry)
	}
	return at
}

// Grow shows a later state of the same session.
func (m *dialoguePane) Grow(s *Session) tea.Cmd {
	old := m.session
	m.session = s
	if gone := s.Earlier - old.Earlier; gone != 0 {
		at := m.pager.Cursor() - gone
		clear(m.unfolded)
		m.pager.Changed(0)
		m.pager.Go(at)
		return nil
	}
	m.pager.Changed(m.firstChange(old, s))
	return nil
}

// firstChange is the first entry that looks different now: the first new one,
// or one that a finding has been found under.
func (m *dialoguePane) firstChange(old, s *Session) int {
	first := max(len(old.Entries)-1, 0)
	for entry, now := range s.Under {
		if entry < first && fmt.Sprint(now) != fmt.Sprint(old.Under[entry]) {
			first = entry
		}
	}
	for entry := range old.Under {
		if _, still := s.Under[entry]; !still {
			first = min(first, entry)
		}
	}
	return first
}

// Do takes an action that the pane knows.
func (m *dialoguePane) Do(a keys.Action) tea.Cmd {
	switch a {
	case keys.NextView:
		m.view = (m.view + 1) % views
	case keys.Explain:
		m.explains = (m.explains + 1) % explainings
	case keys.Wrap:
		m.cut = !m.cut
	case keys.Reveal:
		m.reveal = !m.reveal && m.session != nil && !m.session.NoReveal
	case keys.Open:
		m.unfolded[m.pager.Cursor()] = !m.unfolded[m.pager.Cursor()]
	case keys.Follow:
		m.pager.Follow(!m.pager.Following())
		return nil
	default:
		m.pager.Move(a)
		return nil
	}
	m.pager.Changed(0)
	return nil
}

// State says in words how lines are being shown.
func (m *dialoguePane) State() string {
	s := m.theme.Say("view-" + m.view.String())
	if m.view == decoded && m.explains != everything {
		s += m.theme.Say("list-separator") + m.theme.Say("explained-"+m.explains.String())
	}
	if m.reveal {
		s += m.theme.Say("list-separator") + m.theme.Say("secrets-shown")
	}
	if m.cut {
		s += m.theme.Say("list-separator") + m.theme.Say("lines-cut")
	}
	return s
}

// hold shows which lines of the session are held at a time.
func (m *dialoguePane) hold(held []Held, now time.Time) {
	if m.session == nil || len(held)+len(m.held) == 0 {
		return
	}
	m.held, m.now = held, now
	m.pager.Changed(len(m.session.Entries))
}

// heldLine is the held line under the cursor.
func (m *dialoguePane) heldLine() (Held, bool) {
	if m.session == nil {
		return Held{}, false
	}
	if i := m.pager.Cursor() - len(m.session.Entries); i >= 0 && i < len(m.held) {
		return m.held[i], true
	}
	return Held{}, false
}

// Revealed reports whether secrets are shown.
func (m *dialoguePane) Revealed() bool { return m.reveal }

// Cursor is the entry under the cursor, -1 for none.
func (m *dialoguePane) Cursor() int {
	if m.session == nil || len(m.session.Entries) == 0 {
		return -1
	}
	return m.pager.Cursor()
}

// Go puts the cursor on an entry.
func (m *dialoguePane) Go(entry int) { m.pager.Go(entry) }

// View is the pane: exactly as many lines as it is high.
func (m *dialoguePane) View() []string { return m.pager.View() }

// Update takes messages; the pane has none.
func (m *dialoguePane) Update(tea.Msg) tea.Cmd { return nil }
