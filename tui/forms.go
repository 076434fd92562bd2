package tui

import (
	"os"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode"
	"smtptap/decode/visible"
	"smtptap/recordings/transcript"
	"smtptap/tui/panes"
)

// askExport asks how to write the selected session to a file.
func (m *model) askExport() tea.Cmd {
	sum, ok := m.list.Selected()
	if !ok {
		m.say(m.theme.Say("nothing-to-export"), m.theme.Dim)
		return nil
	}
	title := sum.Started.Local().Format("15:04:05") + " " + m.theme.Say("state-"+string(sum.Outcome)) + "  " + visible.Text(sum.Subject)
	dir, err := os.Getwd()
	if err != nil {
		dir = ""
	}
	set := m.options.Set
	e := panes.NewExportForm(m.theme, title, dir, sum.ID, func() (*decode.Transcript, error) { return set.Open(sum.ID) })
	m.open(e)
	return e.Start()
}

// askOpen asks which recording to open.
func (m *model) askOpen() tea.Cmd {
	var folder panes.RecordingFolder
	if m.options.Folder != nil {
		folder = m.options.Folder
	}
	o := panes.NewOpenForm(m.theme, folder, m.options.Set.Add)
	m.open(o)
	return o.Start()
}

// opened selects a recording that was opened.
func (m *model) opened(msg panes.Opened) tea.Cmd {
	m.overlay = nil
	refresh := m.refresh()
	found := m.list.Select(func(s *transcript.Summary) bool { return s.Path == msg.Path })
	if !found {
		m.say(m.theme.Say("open-but-hidden"), m.theme.Warn)
	}
	return tea.Batch(refresh, m.sync(false))
}

// mark marks a session for a comparison, or compares it with the marked one.
func (m *model) mark() tea.Cmd {
	sum, ok := m.list.Selected()
	if !ok {
		return nil
	}
	switch chosen := m.list.Chosen(); chosen {
	case "":
		m.list.Choose(sum.ID)
		m.say(m.theme.Say("marked"), m.theme.Plain)
		return nil
	case sum.ID:
		m.list.Choose("")
		return nil
	default:
		a, found := m.summaryOf(chosen)
		m.list.Choose("")
		if !found {
			m.say(m.theme.Say("mark-gone"), m.theme.Warn)
			return nil
		}
		c := panes.NewComparison(m.theme, a, sum, m.options.Set.Open)
		m.open(c)
		return c.Start()
	}
}

// summaryOf finds a session by its id.
func (m *model) summaryOf(id string) (transcript.Summary, bool) {
	for i := m.options.Set.Len() - 1; i >= 0; i-- {
		if s := m.options.Set.Summary(i); s.ID == id {
			return s, true
		}
	}
	return transcript.Summary{}, false
}
