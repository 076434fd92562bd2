package panes

import (
	"fmt"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/lang"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/tui/draw"
)

// Opened says that a recording was added to the sessions.
type Opened struct{ Path string }

// A RecordingFolder lists recordings and finds them by what people type.
// *recordings.Folder is one.
type RecordingFolder interface {
	List() ([]recordings.Info, error)
	Find(ref string) (string, error)
}

// An OpenForm asks for a recording: by its path, or from those in the
// folder. Create it with NewOpenForm.
type OpenForm struct {
	theme  *draw.Theme
	folder RecordingFolder
	add    func(path string) error

	width, height int
	line          Input
	all           []recordings.Info
	hits          []recordings.Info
	cursor, top   int
	trouble       string
	reading       bool
}

// NewOpenForm returns the question. The folder may be nil: then only paths can be
// opened. Start begins to read it.
func NewOpenForm(t *draw.Theme, folder RecordingFolder, add func(path string) error) *OpenForm {
	return &OpenForm{theme: t, folder: folder, add: add, line: NewInput("")}
}

// answers of commands
type (
	listed struct {
		model *OpenForm
		all   []recordings.Info
		err   error
	}
	added struct {
		model *OpenForm
		path  string
		err   error
	}
)

// Start reads the folder.
func (m *OpenForm) Start() tea.Cmd {
	if m.folder == nil {
		return nil
	}
	m.reading = true
	return func() tea.Msg {
		all, err := m.folder.List()
		return listed{m, all, err}
	}
}

// SetSize says how much room there is.
func (m *OpenForm) SetSize(width, height int) {
	m.width, m.height = width, height
	m.settle()
}

// Typing reports that keys are text.
func (m *OpenForm) Typing() bool { return true }

// Key takes a key and reports whether the question stays open.
func (m *OpenForm) Key(msg tea.KeyMsg) (open bool, cmd tea.Cmd) {
	switch msg.String() {
	case "esc":
		return false, nil
	case "enter":
		return true, m.open()
	case "down", "ctrl+n":
		m.cursor++
	case "up", "ctrl+p":
		m.cursor--
	case "pgdown":
		m.cursor += max(m.rows()-1, 1)
	case "pgup":
		m.cursor -= max(m.rows()-1, 1)
	default:
		if m.line.Update(msg) {
			m.trouble = ""
			m.match()
		}
	}
	m.settle()
	return true, nil
}

// open adds what is typed, if that is a path, or else what is selected.
func (m *OpenForm) open() tea.Cmd {
	typed := strings.TrimSpace(m.line.Value())
	path := typed
	isPath := strings.ContainsRune(typed, '/') || strings.HasSuffix(typed, recordings.Ext)
	if !isPath {
		if m.cursor >= len(m.hits) {
			return nil
		}
		path = m.hits[m.cursor].Path
	}
	add, folder := m.add, m.folder
	return func() tea.Msg {
		if isPath && folder != nil {
			found, err := folder.Find(typed)
			if err != nil {
				return added{m, "", err}
			}
			path = found
		}
		return added{m, path, add(path)}
	}
}

// Update takes the answers of commands.
func (m *OpenForm) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case listed:
		if msg.model == m {
			m.reading, m.all = false, msg.all
			if msg.err != nil {
				m.trouble = visible.Text(lang.Of(m.theme.Lang, msg.err))
			}
			m.match()
			m.settle()
		}
	case added:
		if msg.model == m {
			if msg.err != nil {
				m.trouble = visible.Text(lang.Of(m.theme.Lang, msg.err))
				return nil
			}
			return func() tea.Msg { return Opened{msg.path} }
		}
	}
	return nil
}

// match keeps the recordings whose name holds what is typed.
func (m *OpenForm) match() {
	part := strings.ToLower(strings.TrimSpace(m.line.Value()))
	m.hits = m.hits[:0]
	for _, info := range m.all {
		if strings.Contains(strings.ToLower(info.ID), part) {
			m.hits = append(m.hits, info)
		}
	}
	m.cursor = 0
}

// headRows are the lines above the recordings.
const headRows = 4

func (m *OpenForm) rows() int { return max(m.height-headRows, 1) }

func (m *OpenForm) settle() {
	m.cursor = min(max(m.cursor, 0), max(len(m.hits)-1, 0))
	m.top = min(m.top, m.cursor)
	m.top = max(m.top, m.cursor-m.rows()+1)
}

// View is the question: exactly as many lines as it is high.
func (m *OpenForm) View() []string {
	t := m.theme
	label := " " + t.Say("open-prompt")
	all := []string{
		"",
		t.Strong.Paint(label) + m.line.View(max(m.width-visible.Width(label)-1, 1), t.Plain, t.Marks),
		"  " + m.state(),
		"",
	}
	for i := m.top; i < len(m.hits) && len(all) < m.height; i++ {
		all = append(all, m.row(i))
	}
	for len(all) < m.height {
		all = append(all, "")
	}
	return all[:max(m.height, 0)]
}

func (m *OpenForm) state() string {
	switch {
	case m.trouble != "":
		return m.theme.Bad.Paint(draw.Cut(m.trouble, m.width-2, m.theme.Marks.Ellipsis))
	case m.reading:
		return m.theme.Meaning.Paint(m.theme.Say("reading") + " " + m.theme.Marks.Ellipsis)
	}
	return m.theme.Meaning.Paint(m.theme.Say("open-state", "n", strconv.Itoa(len(m.hits)), "all", strconv.Itoa(len(m.all))))
}

func (m *OpenForm) row(i int) string {
	info := m.hits[i]
	mark, style := "  ", m.theme.Plain
	if i == m.cursor {
		mark, style = m.theme.Marks.Cursor+" ", m.theme.Cursor
	}
	size, _, _ := info.Stat() // of one that was deleted since it is 0
	text := fmt.Sprintf("%s%s  %7s  %s", mark, info.Started.Local().Format("2006-01-02 15:04:05"), units.Bytes(size), visible.Text(info.ID))
	return style.Paint(draw.Fit(text, m.width, m.theme.Marks.Ellipsis))
}

// Hint is for the bottom line.
func (m *OpenForm) Hint() string {
	return m.theme.Say("open-hint")
}
