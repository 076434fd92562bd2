package tui

import (
	"context"
	"io"
	"os"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/findings"
	"smtptap/recordings"
	"smtptap/recordings/query"
	"smtptap/recordings/transcript"
	"smtptap/tui/draw"
	"smtptap/tui/keys"
	"smtptap/tui/panes"
)

// model is the screen as a whole: it owns the panes, gives them their places,
// and routes keys and messages.
type model struct {
	ctx      context.Context
	options  Options
	terminal io.Writer // for what is no frame, such as the clipboard
	theme    *draw.Theme

	width, height int
	list          *panes.List
	detail        *panes.Detail
	places        places
	checked       map[string]string // rows of the last frame, and what safeRow made of them
	inDetail      bool              // the detail has the focus
	zoomed        bool              // one pane, though there is room for two
	stacked       *bool

	overlay     overlay // shown in place of the panes
	prompt      prompt  // has the bottom line
	note        note    // on the bottom line until the next key
	mouse       bool
	lateAnswers keys.LateAnswers

	filter      string // as typed, good and applied
	filterOff   string // switched off by hand, to be switched on again
	state       transcript.State
	choice      panes.Choice
	notes       map[string]recordings.Notes
	held        []panes.Held // lines that wait to be let go
	holding     string       // WHEN of the rule that the screen has set to hold
	changes     <-chan struct{}
	unsubscribe func()
	ticking     bool   // a message with the time is on its way
	loading     string // id of the session that is being read
	stale       bool   // it has changed meanwhile
	shown       string // id of the session that the detail shows, or failed to
	done        bool
}

// An overlay takes the place of the panes while it is open.
type overlay interface {
	SetSize(width, height int)
	Key(tea.KeyMsg) (open bool, cmd tea.Cmd)
	Update(tea.Msg) tea.Cmd
	View() []string
	Hint() string // what the bottom line says
}

// A note is a short answer to what the user did.
type note struct {
	text  string
	style draw.Style
}

func newModel(ctx context.Context, o Options, terminal io.Writer) *model {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	t := draw.NewTheme(toneOf(o), o.ASCII)
	t.Lang = o.Lang
	m := &model{ctx: ctx, options: o, terminal: terminal, theme: &t, mouse: o.Mouse}
	m.list = panes.NewList(o.Set, m.findingsOf, m.theme, o.View)
	m.detail = panes.NewDetail(m.theme, o.Verify)
	m.state = o.Set.State()
	m.focus(o.View && o.Set.Len() == 1) // a list of one is not what was asked for
	return m
}

// findingsOf tells a filter what was found in a session. It runs beside the
// screen.
func (m *model) findingsOf(s transcript.Summary) []query.Finding {
	t, err := m.options.Set.Open(s.ID)
	if err != nil {
		return nil
	}
	return query.Findings(findings.Analyze(t, m.options.Lang))
}

// Messages of the model to itself.
type (
	changed struct{} // the set has
	tick    struct{ now time.Time }
	loaded  struct {
		id      string
		session *panes.Session
		err     error
	}
	searchStep struct{}            // a search goes on
	resumed    struct{ err error } // after Ctrl-Z
	noted      struct{ note note }
)

// frame is the least time between two looks at what has changed.
const frame = time.Second / fps

// begin starts what goes on beside the keys.
func (m *model) begin() tea.Cmd {
	m.changes, m.unsubscribe = m.options.Set.Subscribe()
	var mouse tea.Cmd
	if m.mouse {
		mouse = tea.EnableMouseCellMotion
	}
	return tea.Batch(m.watch(), m.refresh(), m.readNotes(nil), m.remember(), mouse)
}

// close ends what begin started.
func (m *model) close() {
	if m.unsubscribe != nil {
		m.unsubscribe()
	}
	m.detail.Clear()
}

// watch waits until something has changed.
func (m *model) watch() tea.Cmd {
	return func() tea.Msg {
		pause := time.NewTimer(frame)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-m.ctx.Done():
			return nil
		}
		select {
		case <-m.changes:
			return changed{}
		case <-m.ctx.Done():
			return nil
		}
	}
}

// clock tells the time once a second while sessions run.
func (m *model) clock() tea.Cmd {
	if m.ticking || m.state.Live == 0 {
		return nil
	}
	m.ticking = true
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tick{m.options.Now()} })
}

// tick tells those who count it the time.
func (m *model) tick(now time.Time) {
	m.list.Tick(now)
	m.detail.Tick(now)
	m.lookHeld(now)
}

// refresh looks at what is new in the set.
func (m *model) refresh() tea.Cmd {
	m.state = m.options.Set.State()
	m.tick(m.options.Now())
	scan := m.list.Refresh()
	if first := m.options.First; first != nil && m.list.Select(first) {
		m.options.First = nil
		m.focus(true)
		m.arrange()
	}
	return tea.Batch(scan, m.sync(true), m.clock())
}

// sync makes the detail show the selected session. With again, one that runs
// is read again.
func (m *model) sync(again bool) tea.Cmd {
	if !m.places.detail.shown() {
		return nil
	}
	sum, ok := m.list.Selected()
	if !ok {
		m.shown = ""
		m.detail.Clear()
		return nil
	}
	current := m.detail.Session()
	fresh := current != nil && current.Summary.ID == sum.ID && (current.Ended || !again)
	switch {
	case m.shown == sum.ID && (fresh || current == nil && !again):
		return nil
	case m.loading != "":
		m.stale = true
		return nil
	}
	if m.shown != sum.ID {
		m.detail.Loading()
	}
	m.loading = sum.ID
	set := m.options.Set
	return func() tea.Msg {
		t, err := set.Open(sum.ID)
		if err != nil {
			return loaded{id: sum.ID, err: err}
		}
		return loaded{id: sum.ID, session: panes.NewSession(t, sum, current, m.options.Lang)}
	}
}

// apply sets the filter of the list.
func (m *model) apply(text string) tea.Cmd {
	f, err := query.Parse(text)
	if err != nil {
		return nil // the last good one stays
	}
	m.filter = text
	cmd := m.list.SetFilter(f)
	return tea.Batch(cmd, m.sync(false))
}

func (m *model) focus(detail bool) {
	m.inDetail = detail
	m.list.Focus(!detail)
	m.detail.Focus(detail)
}

func (m *model) say(text string, style draw.Style) { m.note = note{text, style} }
