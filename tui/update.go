package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"smtptap/tui/draw"
	"smtptap/tui/keys"
	"smtptap/tui/panes"
	"smtptap/tui/terminal"
)

// update takes a message and gives what is to be done beside the screen.
func (m *model) update(msg tea.Msg) tea.Cmd {
	cmd := m.receive(msg)
	if m.grown() {
		m.arrange()
		return tea.Batch(cmd, m.sync(false))
	}
	return cmd
}

func (m *model) receive(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = max(msg.Width, 0), max(msg.Height, 0)
		m.arrange()
		return m.sync(false)
	case tea.KeyMsg:
		return m.keys(msg)
	case tea.MouseMsg:
		return m.mouseEvent(tea.MouseEvent(msg))
	case changed:
		return tea.Batch(m.refresh(), m.watch())
	case tick:
		m.ticking = false
		m.tick(msg.now)
		return m.clock()
	case loaded:
		return m.loadedOne(msg)
	case resumed:
		return m.resume(msg)
	case searchStep:
		return m.find()
	case noted:
		m.note = msg.note
		return nil
	case lineEdited:
		return m.lineEdited(msg)
	case notesRead:
		return m.showNotes(msg)
	case deleted:
		return m.takeDeleted(msg)
	case partReady:
		return m.showPart(msg)
	case panes.GoTo:
		return m.detail.Update(msg)
	case panes.Opened:
		return m.opened(msg)
	}
	var all []tea.Cmd
	if m.overlay != nil {
		all = append(all, m.overlay.Update(msg))
	}
	all = append(all, m.list.Update(msg), m.detail.Update(msg), m.sync(false))
	return tea.Batch(all...)
}

// loadedOne shows a session that was read, if it is still the selected one.
func (m *model) loadedOne(msg loaded) tea.Cmd {
	m.loading = ""
	again := m.stale
	m.stale = false
	sum, ok := m.list.Selected()
	if !ok || sum.ID != msg.id {
		return m.sync(again)
	}
	m.shown = msg.id
	defer func() { m.detail.Hold(m.held, m.options.Now()) }()
	if msg.err != nil {
		m.detail.Fail(m.theme.Say("not-shown", "why", visible.Text(lang.Of(m.theme.Lang, msg.err))))
		return nil
	}
	return tea.Batch(m.detail.Show(msg.session), m.sync(again))
}

// keys takes what one read of the terminal brought.
func (m *model) keys(msg tea.KeyMsg) tea.Cmd {
	if m.lateAnswers.Drop(msg) {
		return nil
	}
	if m.takesText() {
		return m.key(msg)
	}
	var all []tea.Cmd
	for _, k := range keys.Split(msg) {
		all = append(all, m.key(k))
	}
	return tea.Batch(all...)
}

// takesText reports whether text is being typed, so that a word is a word.
func (m *model) takesText() bool {
	if m.prompt != nil {
		return m.prompt.typing()
	}
	t, ok := m.overlay.(interface{ Typing() bool })
	return ok && t.Typing()
}

// key takes one key.
func (m *model) key(msg tea.KeyMsg) tea.Cmd {
	if m.done {
		return nil
	}
	name := msg.String()
	if name == "ctrl+c" {
		return m.interrupt()
	}
	if name == "ctrl+z" {
		return m.suspend()
	}
	m.note = note{}
	switch {
	case m.prompt != nil:
		return m.prompt.key(m, msg)
	case m.overlay != nil:
		open, cmd := m.overlay.Key(msg)
		if !open {
			m.overlay = nil
		}
		return cmd
	case m.tooSmall() && name != "q":
		return nil
	}
	return m.do(keys.Lookup(name, m.where()))
}

// where is the place of the keys.
func (m *model) where() keys.Place {
	if !m.inDetail {
		return keys.InList
	}
	if _, held := m.detail.Held(); held {
		return keys.OnHeld
	}
	return keys.InSession
}

// do takes an action.
func (m *model) do(a keys.Action) tea.Cmd {
	switch a {
	case keys.None:
		return nil
	case keys.Quit:
		return m.quitOrBack()
	case keys.Back:
		return m.back()
	case keys.Help:
		m.open(newHelp(m))
		return nil
	case keys.NextPane, keys.PrevPane:
		return m.show(!m.inDetail)
	case keys.Zoom:
		m.zoomed = !m.zoomed
		m.arrange()
		return m.sync(false)
	case keys.Layout:
		stacked := m.sideBySide()
		m.stacked = &stacked
		m.arrange()
		return m.sync(false)
	case keys.Mouse:
		return m.switchMouse()
	case keys.Copy:
		m.askCopy()
		return nil
	case keys.Export:
		return m.askExport()
	case keys.Hold, keys.LetGo, keys.EditHeld, keys.AnswerHeld, keys.DropHeld, keys.LetAllGo:
		return m.doHold(a)
	case keys.CloseSession:
		m.askClose()
		return nil
	case keys.Mark, keys.Tag, keys.Note, keys.Delete:
		return m.annotate(a)
	case keys.TakePart:
		return m.askPart()
	}
	if m.inDetail {
		return m.doInDetail(a)
	}
	return m.doInList(a)
}

func (m *model) doInList(a keys.Action) tea.Cmd {
	switch a {
	case keys.Open:
		if _, ok := m.list.Selected(); ok {
			return m.show(true)
		}
		return nil
	case keys.Search:
		m.askFilter()
		return nil
	case keys.ToggleFilter:
		return m.switchFilter()
	case keys.Sort, keys.ShowColumns:
		m.prompt = columnsPrompt{a == keys.Sort}
		return nil
	case keys.Compare:
		return m.mark()
	case keys.OpenFile:
		return m.askOpen()
	case keys.Dialogue, keys.Message, keys.TLS, keys.Findings, keys.Timing:
		return m.openTab(a)
	}
	if m.list.Do(a) {
		return m.sync(false)
	}
	return nil
}

// openTab shows the selected session in a tab. The list keeps the keys while the
// session is in sight.
func (m *model) openTab(a keys.Action) tea.Cmd {
	if _, ok := m.list.Selected(); !ok {
		return nil
	}
	cmd := m.detail.Do(a)
	if m.places.detail.shown() {
		return cmd
	}
	return tea.Batch(cmd, m.show(true))
}

func (m *model) doInDetail(a keys.Action) tea.Cmd {
	switch a {
	case keys.Search:
		m.askSearch()
		return nil
	case keys.SearchNext, keys.SearchPrev:
		if m.detail.Pager().Query() == "" {
			m.say(m.theme.Say("no-search"), m.theme.Dim)
			return nil
		}
		m.detail.Pager().Begin(a == keys.SearchPrev, false)
		return m.find()
	case keys.Reveal:
		return m.reveal()
	}
	return m.detail.Do(a)
}

// find goes on with a search, a step at a time.
func (m *model) find() tea.Cmd {
	p := m.detail.Pager()
	switch p.Find() {
	case draw.Unfinished:
		return func() tea.Msg { return searchStep{} }
	case draw.NotFound:
		m.say(m.theme.Say("not-found", "what", visible.Text(p.Query())), m.theme.Warn)
	}
	return nil
}

// reveal shows secrets, or says why it can't.
func (m *model) reveal() tea.Cmd {
	s := m.detail.Session()
	if s != nil && s.NoReveal {
		m.say(m.theme.Say("secrets-not-kept"), m.theme.Warn)
		return nil
	}
	return m.detail.Do(keys.Reveal)
}

// show gives the focus to the detail, or to the list.
func (m *model) show(detail bool) tea.Cmd {
	m.focus(detail)
	m.arrange()
	return m.sync(false)
}

// back leaves one thing: a search, the session, the filter.
func (m *model) back() tea.Cmd {
	switch {
	case m.inDetail && m.detail.Pager().Query() != "":
		m.detail.Pager().Search("")
	case m.inDetail:
		return m.show(false)
	case m.list.Chosen() != "":
		m.list.Choose("")
	case m.filter != "":
		return m.apply("")
	case m.options.Notice != "":
		m.options.Notice = ""
		m.arrange()
	}
	return nil
}

// quitOrBack leaves the session, then the program. While sessions run it asks.
func (m *model) quitOrBack() tea.Cmd {
	if m.inDetail && !m.tooSmall() {
		return m.show(false)
	}
	if m.state.Live > 0 && m.owns() {
		m.askQuit()
		return nil
	}
	m.done = true
	return nil
}

// owns reports whether sessions run in this process and end with it.
func (m *model) owns() bool { return !m.options.View && !m.options.Remote }

// interrupt quits. While sessions run it asks once.
func (m *model) interrupt() tea.Cmd {
	if _, asked := m.prompt.(quitPrompt); asked || m.state.Live == 0 || !m.owns() {
		m.done = true
		return nil
	}
	m.overlay = nil
	m.askQuit()
	return nil
}

// suspend stops smtptap until the shell continues it, unless sessions would stop
// with it.
func (m *model) suspend() tea.Cmd {
	if m.owns() {
		m.say(m.theme.Say("not-suspended-live"), m.theme.Warn)
		return nil
	}
	return tea.Exec(terminal.Suspend{Terminal: m.terminal}, func(err error) tea.Msg { return resumed{err} })
}

// resume switches on what Bubble Tea does not.
func (m *model) resume(msg resumed) tea.Cmd {
	if msg.err != nil {
		m.say(m.theme.Say("not-suspended", "why", visible.Text(lang.Of(m.theme.Lang, msg.err))), m.theme.Warn)
	}
	return m.returned()
}

func (m *model) open(o overlay) {
	m.overlay = o
	m.arrange()
}

func (m *model) switchFilter() tea.Cmd {
	switch {
	case m.filter != "":
		m.filterOff = m.filter
		return m.apply("")
	case m.filterOff != "":
		return m.apply(m.filterOff)
	}
	m.say(m.theme.Say("no-filter"), m.theme.Dim)
	return nil
}

func (m *model) switchMouse() tea.Cmd {
	m.mouse = !m.mouse
	if m.mouse {
		m.say(m.theme.Say("mouse-on"), m.theme.Dim)
		return tea.EnableMouseCellMotion
	}
	m.say(m.theme.Say("mouse-off"), m.theme.Dim)
	return tea.DisableMouse
}

// mouseEvent takes a turn of the wheel or a click.
func (m *model) mouseEvent(e tea.MouseEvent) tea.Cmd {
	if m.overlay != nil || m.prompt != nil || e.Action != tea.MouseActionPress {
		return nil
	}
	const wheel = 3
	rows := map[tea.MouseButton]int{tea.MouseButtonWheelDown: wheel, tea.MouseButtonWheelUp: -wheel}[e.Button]
	switch {
	case m.places.list.holds(e.X, e.Y):
		if rows != 0 {
			m.list.Scroll(rows / wheel)
			return m.sync(false)
		}
		if e.Button == tea.MouseButtonLeft {
			m.list.Click(e.Y - m.places.list.y)
			return m.show(false)
		}
	case m.places.detail.holds(e.X, e.Y):
		if rows != 0 {
			m.detail.Pager().Scroll(rows)
			return nil
		}
		if e.Button == tea.MouseButtonLeft {
			cmd := m.detail.Click(e.X-m.places.detail.x, e.Y-m.places.detail.y)
			return tea.Batch(cmd, m.show(true))
		}
	}
	return nil
}
