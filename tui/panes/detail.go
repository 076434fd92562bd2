package panes

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/recordings"
	"smtptap/tui/draw"
	"smtptap/tui/keys"
)

// A pane is what a tab shows.
type pane interface {
	SetSize(width, height int)
	Show(*Session) tea.Cmd
	Grow(*Session) tea.Cmd // a later state of the session that is shown
	Do(keys.Action) tea.Cmd
	Update(tea.Msg) tea.Cmd
	View() []string
	State() string // how it is being shown, in words
	Pager() *draw.Pager
}

// The tabs.
const (
	tabDialogue = iota
	tabMessage
	tabTLS
	tabFindings
	tabTiming
)

var titles = [...]string{"dialogue", "message", "tls", "findings", "timing"} // ends of their texts' keys

var tabKeys = [...]keys.Action{keys.Dialogue, keys.Message, keys.TLS, keys.Findings, keys.Timing}

// A Detail shows one session: the verdict, and under it one of several panes
// in tabs. Create it with NewDetail.
type Detail struct {
	theme         *draw.Theme
	width, height int
	focused       bool

	session  *Session
	failure  string // why there is none
	loading  bool
	dialogue *dialoguePane
	message  *messagePane
	timing   *timingPane
	now      time.Time
	notes    map[string]recordings.Notes
	panes    [len(titles)]pane
	shown    [len(titles)]*Session // what each pane knows
	tab      int
	ends     []int // columns where the titles of the tabs end
}

// NewDetail returns an empty pane.
func NewDetail(t *draw.Theme, verify Verify) *Detail {
	m := &Detail{theme: t, dialogue: newDialoguePane(t), message: newMessagePane(t, verify), timing: newTimingPane(t)}
	m.panes = [...]pane{m.dialogue, m.message, newTLSPane(t), newFindingsPane(t), m.timing}
	return m
}

// SetSize says how much room there is.
func (m *Detail) SetSize(width, height int) {
	m.width, m.height = width, height
	m.layout()
}

// layout gives the open tab what the head leaves.
func (m *Detail) layout() {
	rows := max(m.height-len(m.head()), 0)
	for _, p := range m.panes {
		p.SetSize(m.width, rows)
	}
}

// Tick tells the time, for a session that runs.
func (m *Detail) Tick(now time.Time) {
	m.now = now
	if m.session != nil && m.session.turn != nil {
		m.timing.Tick(now)
		m.layout()
	}
}

// Hold tells which lines are held at a time, of any session.
func (m *Detail) Hold(all []Held, now time.Time) {
	var held []Held
	for _, h := range all {
		if m.session != nil && h.Session == m.session.ID {
			held = append(held, h)
		}
	}
	m.dialogue.hold(held, now)
}

// SetNotes says what people say of sessions, by their ids.
func (m *Detail) SetNotes(all map[string]recordings.Notes) {
	m.notes = all
	m.layout()
}

// Part is the part of a message that can be taken out now.
func (m *Detail) Part() (Part, bool) {
	if m.session == nil || m.tab != tabMessage {
		return Part{}, false
	}
	return m.message.Part()
}

// Held is the held line under the cursor of the dialogue.
func (m *Detail) Held() (Held, bool) {
	if m.tab != tabDialogue {
		return Held{}, false
	}
	return m.dialogue.heldLine()
}

// Focus says whether the pane has the keys.
func (m *Detail) Focus(on bool) { m.focused = on }

// Session is what is shown, nil for nothing.
func (m *Detail) Session() *Session { return m.session }

// Entry is the entry under the cursor of the dialogue, -1 for none.
func (m *Detail) Entry() int {
	if m.session == nil {
		return -1
	}
	return m.dialogue.Cursor()
}

// Revealed reports whether secrets are shown.
func (m *Detail) Revealed() bool { return m.dialogue.Revealed() }

// Loading tells that another session is being read.
func (m *Detail) Loading() { m.loading = true }

// Fail tells why a session can't be shown. The text must be safe to print.
func (m *Detail) Fail(why string) {
	m.Clear()
	m.failure = why
}

// Clear shows nothing.
func (m *Detail) Clear() {
	m.message.Close()
	m.session, m.failure, m.loading = nil, "", false
	m.shown = [len(titles)]*Session{}
	m.layout()
}

// Show shows a session, from its start unless it is the one that is shown.
func (m *Detail) Show(s *Session) tea.Cmd {
	same := m.session != nil && s.ID != "" && m.session.ID == s.ID
	m.session, m.failure, m.loading = s, "", false
	if !same {
		m.message.Close()
		m.shown = [len(titles)]*Session{}
	}
	m.layout()
	return m.catchUp()
}

// catchUp tells the open tab what it does not know. The others are told when
// they are opened.
func (m *Detail) catchUp() tea.Cmd {
	known := m.shown[m.tab]
	if m.session == nil || known == m.session {
		return nil
	}
	m.shown[m.tab] = m.session
	if known == nil {
		return m.panes[m.tab].Show(m.session)
	}
	return m.panes[m.tab].Grow(m.session)
}

// Do takes an action. Those that it does not know go to the open tab.
func (m *Detail) Do(a keys.Action) tea.Cmd {
	for i, k := range tabKeys {
		if a == k {
			return m.open(i)
		}
	}
	switch {
	case a == keys.NextTab:
		return m.open((m.tab + 1) % len(titles))
	case a == keys.PrevTab:
		return m.open((m.tab + len(titles) - 1) % len(titles))
	case m.session == nil:
		return nil
	}
	return m.panes[m.tab].Do(a)
}

// Can reports whether an action of the open tab would do something.
func (m *Detail) Can(a keys.Action) bool {
	switch {
	case m.session == nil:
		return false
	case a == keys.Follow:
		return m.tab == tabDialogue && !m.session.Ended
	case a == keys.Explain:
		return m.tab == tabDialogue && m.dialogue.view == decoded
	case a == keys.Verify:
		return m.tab == tabMessage && m.message.verify != nil && m.message.hasBytes()
	case a == keys.NextView:
		return m.tab == tabDialogue || m.tab == tabMessage && m.message.hasBytes()
	}
	return true
}

func (m *Detail) open(tab int) tea.Cmd {
	query := m.Pager().Query()
	m.tab = tab
	m.Pager().Search(query)
	m.layout()
	return m.catchUp()
}

// Update hands messages to the panes.
func (m *Detail) Update(msg tea.Msg) tea.Cmd {
	if to, ok := msg.(GoTo); ok {
		cmd := m.open(tabDialogue)
		m.dialogue.Go(to.Entry)
		return cmd
	}
	if v, ok := msg.(verified); ok {
		return m.take(v)
	}
	var all []tea.Cmd
	for i, p := range m.panes {
		if m.shown[i] != nil {
			all = append(all, p.Update(msg))
		}
	}
	return tea.Batch(all...)
}

// Pager is the window of the open tab.
func (m *Detail) Pager() *draw.Pager { return m.panes[m.tab].Pager() }

// Click takes a press of the mouse.
func (m *Detail) Click(column, row int) tea.Cmd {
	if row == 0 {
		for i, end := range m.ends {
			if column < end {
				return m.open(i)
			}
		}
		return nil
	}
	if m.session != nil && row >= len(m.head()) {
		m.Pager().Click(row - len(m.head()))
	}
	return nil
}

// View is the pane: exactly as many lines as it is high.
func (m *Detail) View() []string {
	lines := m.head()
	if m.session != nil {
		lines = append(lines, m.panes[m.tab].View()...)
	}
	for len(lines) < m.height {
		lines = append(lines, "")
	}
	return lines[:max(m.height, 0)]
}
