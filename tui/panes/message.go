package panes

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	mime "smtptap/decode/message"
	"smtptap/tui/draw"
	"smtptap/tui/keys"
)

// A messagePane shows the messages of a session: header fields as sent and
// decoded, the tree of parts, what they hold.
type messagePane struct {
	theme   *draw.Theme
	session *Session
	which   int // of the messages
	view    view
	cut     bool

	reading *reading
	raw     *rawSource
	text    draw.Text
	targets []target // what Enter does on a line of text

	pager         *draw.Pager
	source        switchable
	width, height int

	generation int
	cancel     context.CancelFunc

	verify Verify
	asked  map[int]bool // messages whose verdicts are awaited
}

// switchable is the source of the view that is open.
type switchable struct{ draw.Source }

// newMessagePane returns an empty pane.
func newMessagePane(t *draw.Theme, verify Verify) *messagePane {
	m := &messagePane{theme: t, text: draw.Text{Theme: t}, cancel: func() {}, verify: verify}
	m.source.Source = &m.text
	m.pager = draw.NewPager(&m.source, t)
	return m
}

// Pager is the window of the pane.
func (m *messagePane) Pager() *draw.Pager { return m.pager }

// SetSize says how much room there is.
func (m *messagePane) SetSize(width, height int) {
	m.width, m.height = width, height
	m.pager.SetSize(width, height)
}

// Show shows the first message of a session.
func (m *messagePane) Show(s *Session) tea.Cmd {
	m.session, m.which, m.view, m.asked = s, 0, decoded, map[int]bool{}
	return m.load()
}

// Grow takes a later state of the same session. A message is read again only
// when it has come to its end: reading it as it grows would cost more with
// every byte.
func (m *messagePane) Grow(s *Session) tea.Cmd {
	old := m.session
	m.session = s
	was := m.which < len(old.Mail) && old.Mail[m.which].Complete
	is := m.which < len(s.Mail) && s.Mail[m.which].Complete
	if is == was && len(old.Mail) == len(s.Mail) && old.Ended == s.Ended {
		return nil
	}
	return m.load()
}

// answers of commands.
type (
	messageRead struct {
		generation int
		reading    *reading
	}
	partRead struct {
		generation, part int
		preview          mime.Preview
		err              error
	}
	factsRead struct {
		generation int
		facts      map[int]mime.Facts
	}
	rawRead struct {
		generation int
		raw        *rawSource
		err        error
	}
)

// load reads the message anew.
func (m *messagePane) load() tea.Cmd {
	m.cancel()
	m.generation++
	m.reading, m.raw = nil, nil
	m.build()
	m.show()
	if m.which >= len(m.session.Mail) || m.session.Bytes == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	generation, s, which := m.generation, m.session, m.which
	return func() tea.Msg { return messageRead{generation, beginReading(ctx, s, which)} }
}

// Close ends what is being read.
func (m *messagePane) Close() { m.cancel() }

// Update takes the answers of commands.
func (m *messagePane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case messageRead:
		if msg.generation != m.generation {
			return nil
		}
		return m.take(msg.reading)
	case factsRead:
		if msg.generation == m.generation {
			m.reading.facts = msg.facts
			m.rebuild()
		}
	case partRead:
		if msg.generation == m.generation {
			if msg.err != nil {
				m.reading.err = msg.err
			} else {
				m.reading.previews[msg.part] = msg.preview
			}
			m.rebuild()
			m.goToPart(msg.part)
		}
	case rawRead:
		if msg.generation == m.generation {
			m.raw = msg.raw
			m.show()
		}
	}
	return nil
}

// take shows what was read and goes on: with the parts of a message of which
// only the beginning was read, or else with their checksums.
func (m *messagePane) take(r *reading) tea.Cmd {
	goesOn := m.reading != nil
	m.reading = r
	if goesOn {
		m.rebuild()
	} else {
		m.build()
		m.show()
	}
	if r.begun && r.err != nil {
		return nil
	}
	if r.begun {
		which := m.which
		return m.command(func(ctx context.Context, s *Session, _ *reading, generation int) tea.Msg {
			return messageRead{generation, readMessage(ctx, s, which)}
		})
	}
	return m.command(func(ctx context.Context, s *Session, r *reading, generation int) tea.Msg {
		facts, err := readFacts(ctx, s, r)
		if err != nil {
			return nil
		}
		return factsRead{generation, facts}
	})
}

// command makes a command that goes on with the message at hand.
func (m *messagePane) command(do func(context.Context, *Session, *reading, int) tea.Msg) tea.Cmd {
	if m.reading == nil || m.reading.tree == nil {
		return nil
	}
	ctx := m.alsoWanted()
	s, r, generation := m.session, m.reading, m.generation
	return func() tea.Msg { return do(ctx, s, r, generation) }
}

// alsoWanted ends with what is being read already.
func (m *messagePane) alsoWanted() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	before := m.cancel
	m.cancel = func() { cancel(); before() }
	return ctx
}

// Do takes an action that the pane knows.
func (m *messagePane) Do(a keys.Action) tea.Cmd {
	switch a {
	case keys.NextView:
		if !m.hasBytes() {
			return nil
		}
		m.view = (m.view + 1) % views
		m.show()
		if m.view == asRaw && m.raw == nil {
			return m.index()
		}
	case keys.Wrap:
		m.cut = !m.cut
		if m.raw != nil {
			m.raw.cut = m.cut
		}
		m.pager.Changed(0)
	case keys.Verify:
		return m.ask()
	case keys.Open:
		return m.enter()
	default:
		m.pager.Move(a)
	}
	return nil
}

// hasBytes reports whether there is a message to show as it passed.
func (m *messagePane) hasBytes() bool {
	return m.session != nil && len(m.session.Mail) > 0 && m.session.Bytes != nil
}

// index finds the lines of the raw view.
func (m *messagePane) index() tea.Cmd {
	if m.which >= len(m.session.Mail) {
		return nil
	}
	ctx := m.alsoWanted()
	generation, s, which, t, cut := m.generation, m.session, m.which, m.theme, m.cut
	return func() tea.Msg {
		r, err := newRawSource(ctx, newWire(s.Transcript, &s.Mail[which]), t)
		r.cut = cut
		return rawRead{generation, r, err}
	}
}

// show puts the source of the open view into the window.
func (m *messagePane) show() {
	switch {
	case m.view == asHex:
		m.source.Source = hexSource{newWire(m.session.Transcript, &m.session.Mail[m.which])}
	case m.view == asRaw && m.raw != nil:
		m.source.Source = m.raw
	default:
		m.source.Source = &m.text
	}
	m.pager.Reset()
}

// State says in words how the message is being shown.
func (m *messagePane) State() string { return m.theme.Say("view-" + m.view.String()) }

// View is the pane: exactly as many lines as it is high.
func (m *messagePane) View() []string { return m.pager.View() }
