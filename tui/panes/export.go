package panes

import (
	"fmt"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"smtptap/recordings/export"
	"smtptap/recordings/redact"
	"smtptap/tui/draw"
	"smtptap/tui/keys"
)

// A redaction is something that can be left out.
type redaction struct {
	key, name string // the name is the end of its texts' keys
	of        func(*redact.Levels) *bool
}

var redactions = []redaction{
	{"a", "addresses", func(l *redact.Levels) *bool { return &l.Addresses }},
	{"d", "local-parts", func(l *redact.Levels) *bool { return &l.KeepDomains }},
	{"h", "hosts", func(l *redact.Levels) *bool { return &l.Hosts }},
	{"b", "body", func(l *redact.Levels) *bool { return &l.Body }},
	{"t", "links", func(l *redact.Levels) *bool { return &l.Links }},
}

// An ExportForm asks in which form a session is to be written to a file and
// what is to be left out, and says what the file will hold before it is
// written. Create it with NewExportForm.
type ExportForm struct {
	theme *draw.Theme
	open  func() (*decode.Transcript, error)
	title string
	dir   string // where files go unless a path is given

	width, height int
	formats       []string
	format        int
	levels        redact.Levels
	name          Input
	base          string // of the name, until somebody types another
	typed         bool
	naming        bool // keys go to the name

	generation int
	holds      string // what the file will hold; "" while that is being found out
	trouble    string
	written    string
}

// NewExportForm returns the question about one session. name is that of the file without
// its ending, dir the folder for it. Start begins to find out what it holds.
func NewExportForm(t *draw.Theme, title, dir, name string, open func() (*decode.Transcript, error)) *ExportForm {
	m := &ExportForm{theme: t, open: open, title: title, dir: dir, base: name, formats: export.Formats(), name: NewInput("")}
	m.rename()
	return m
}

// rename gives the file the ending of its format.
func (m *ExportForm) rename() {
	if !m.typed {
		m.name.set(filepath.Join(m.dir, m.base+export.Extension(m.formats[m.format])))
	}
}

// answers of commands
type (
	counted struct {
		model      *ExportForm
		generation int
		holds      string
		err        error
	}
	written struct {
		model *ExportForm
		what  string
		err   error
	}
)

// Start finds out what the file will hold.
func (m *ExportForm) Start() tea.Cmd {
	m.generation++
	m.holds, m.trouble, m.written = "", "", ""
	generation, levels, open, l := m.generation, m.levels, m.open, m.theme.Lang
	return func() tea.Msg {
		t, _, err := redacted(open, levels)
		if err != nil {
			return counted{m, generation, "", err}
		}
		return counted{m, generation, redact.Count(t).In(l), nil}
	}
}

// SetSize says how much room there is.
func (m *ExportForm) SetSize(width, height int) { m.width, m.height = width, height }

// Typing reports whether keys are text.
func (m *ExportForm) Typing() bool { return m.naming }

// Key takes a key and reports whether the question stays open.
func (m *ExportForm) Key(msg tea.KeyMsg) (open bool, cmd tea.Cmd) {
	name := msg.String()
	switch {
	case name == "enter":
		return true, m.write()
	case name == "tab":
		m.naming = !m.naming
		return true, nil
	case m.naming && name == "esc":
		m.naming = false
		return true, nil
	case m.naming:
		if m.name.Update(msg) {
			m.typed, m.trouble, m.written = true, "", ""
		}
		return true, nil
	}
	for _, l := range redactions {
		if l.key == name {
			on := l.of(&m.levels)
			*on = !*on
			return true, m.Start()
		}
	}
	switch keys.Lookup(name, keys.InList) {
	case keys.Down:
		m.choose(m.format + 1)
	case keys.Up:
		m.choose(m.format - 1)
	case keys.Back, keys.Quit:
		return false, nil
	}
	return true, nil
}

func (m *ExportForm) choose(format int) {
	m.format = min(max(format, 0), len(m.formats)-1)
	m.trouble, m.written = "", ""
	m.rename()
}

func (m *ExportForm) write() tea.Cmd {
	m.trouble, m.written = "", ""
	j := exportJob{open: m.open, levels: m.levels, format: m.formats[m.format], theme: m.theme, path: strings.TrimSpace(m.name.Value())}
	return func() tea.Msg {
		what, err := j.run()
		return written{m, what, err}
	}
}

// Update takes the answers of commands.
func (m *ExportForm) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case counted:
		if msg.model == m && msg.generation == m.generation {
			m.holds = msg.holds
			if msg.err != nil {
				m.trouble = visible.Text(lang.Of(m.theme.Lang, msg.err))
			}
		}
	case written:
		if msg.model == m {
			m.written = msg.what
			if msg.err != nil {
				m.trouble = visible.Text(lang.Of(m.theme.Lang, msg.err))
			}
		}
	}
	return nil
}

// View is the question: exactly as many lines as it is high.
func (m *ExportForm) View() []string {
	all := m.whole()
	if len(all) > m.height {
		all = m.brief()
	}
	for len(all) < m.height {
		all = append(all, "")
	}
	return all[:max(m.height, 0)]
}

func (m *ExportForm) heading() string {
	return "  " + m.theme.Strong.Paint(draw.Cut(m.theme.Say("export-title")+"  "+m.title, m.width-2, m.theme.Marks.Ellipsis))
}

func (m *ExportForm) whole() []string {
	t := m.theme
	all := []string{"", m.heading(), ""}
	for i, f := range m.formats {
		all = append(all, m.choice(i, f))
	}
	all = append(all, "", "  "+t.Strong.Paint(t.Say("leave-out"))+t.Dim.Paint("  "+t.Say("leave-out-passwords")))
	for _, l := range redactions {
		all = append(all, m.leaving(l))
	}
	return append(append(all, "", m.file()), m.outcome()...)
}

// brief is the question on a screen that is too low for the whole.
func (m *ExportForm) brief() []string {
	all := []string{m.heading(), m.choice(m.format, m.formats[m.format])}
	var boxes []string
	for _, l := range redactions {
		boxes = append(boxes, l.key+m.box(l)+m.theme.Say("leave-"+l.name+"-short"))
	}
	for _, row := range draw.Wrap(strings.Join(boxes, "  "), max(m.width-4, 1)) {
		all = append(all, "    "+row)
	}
	return append(append(all, m.file()), m.outcome()...)
}

func (m *ExportForm) box(l redaction) string {
	if *l.of(&m.levels) {
		return "[x]"
	}
	return "[-]"
}

func (m *ExportForm) choice(i int, format string) string {
	t := m.theme
	text := fmt.Sprintf("%-11s", format)
	if i == m.format {
		text = "  " + t.Marks.Cursor + " " + text
		return t.Key.Paint(text) + draw.Cut(t.Say("format-"+format), m.width-len("    ")-11, t.Marks.Ellipsis)
	}
	return "    " + text + t.Dim.Paint(draw.Cut(t.Say("format-"+format), m.width-len("    ")-11, t.Marks.Ellipsis))
}

func (m *ExportForm) leaving(l redaction) string {
	t := m.theme
	style := t.Dim
	if *l.of(&m.levels) {
		style = t.Plain
	}
	return "  " + t.Key.Paint("  "+l.key) + " " + style.Paint(draw.Cut(m.box(l)+" "+t.Say("leave-"+l.name), m.width-6, t.Marks.Ellipsis))
}

func (m *ExportForm) file() string {
	t := m.theme
	label := "  " + t.Say("file") + "  "
	if m.naming {
		return t.Key.Paint(label) + m.name.View(max(m.width-visible.Width(label), 1), t.Plain, t.Marks)
	}
	return t.Strong.Paint(label) + draw.CutLeft(visible.Text(m.name.Value()), m.width-visible.Width(label), t.Marks.Ellipsis)
}

func (m *ExportForm) outcome() []string {
	t := m.theme
	text, style := t.Say("it-will-hold", "what", m.holds), t.Meaning
	switch {
	case m.trouble != "":
		text, style = m.trouble, t.Bad
	case m.written != "":
		text, style = t.Marks.Sent+" "+m.written, t.Good
	case m.holds == "":
		text = t.Say("reading") + " " + t.Marks.Ellipsis
	}
	rows := draw.Wrap(text, max(m.width-8, 1))
	for i, row := range rows {
		rows[i] = "        " + style.Paint(row)
	}
	return rows
}

// Hint is for the bottom line.
func (m *ExportForm) Hint() string {
	if m.naming {
		return m.theme.Say("export-hint-naming")
	}
	return m.theme.Say("export-hint")
}
