package tui

import (
	"path/filepath"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
	"smtptap/tui/keys"
	"smtptap/tui/panes"
)

// notesRead are what people say of the recordings in the folder.
type notesRead struct {
	all map[string]recordings.Notes
	err error // of the writing before
}

// readNotes reads them beside the screen, after a change if there is one.
func (m *model) readNotes(change func() error) tea.Cmd {
	folder := m.options.Folder
	if folder == nil {
		return nil
	}
	return func() tea.Msg {
		var err error
		if change != nil {
			err = change()
		}
		return notesRead{recordings.AllNotes(folder.Dir()), err}
	}
}

// showNotes shows what is said, and picks anew where the filter may ask for it.
func (m *model) showNotes(msg notesRead) tea.Cmd {
	m.notes = msg.all
	m.list.SetNotes(msg.all)
	m.detail.SetNotes(msg.all)
	if msg.err != nil {
		return m.fail(msg.err)
	}
	if m.filter != "" {
		return m.apply(m.filter)
	}
	return nil
}

// recorded is the selected session, if it is a recording of the folder.
func (m *model) recorded() (transcript.Summary, bool) {
	s, ok := m.list.Selected()
	return s, ok && s.Path != "" && m.options.Folder != nil && filepath.Dir(s.Path) == m.options.Folder.Dir()
}

// annotate marks, tags, notes or deletes the selected session.
func (m *model) annotate(a keys.Action) tea.Cmd {
	s, ok := m.recorded()
	if !ok {
		m.say(m.theme.Say("not-in-folder"), m.theme.Dim)
		return nil
	}
	n := m.notes[s.ID]
	save := func(n recordings.Notes) tea.Cmd {
		return m.readNotes(func() error { return recordings.WriteNotes(s.Path, n) })
	}
	ask := func(prompt, hint, text string, take func(string)) {
		m.prompt = &linePrompt{name: m.theme.Say(prompt), hint: m.theme.Say(hint), line: panes.NewInput(text), take: func(text string) (bool, tea.Cmd) {
			take(strings.TrimSpace(text))
			return true, save(n)
		}}
	}
	switch a {
	case keys.Mark:
		n.Marked = !n.Marked
		return save(n)
	case keys.Tag:
		ask("tag-prompt", "tag-hint", strings.Join(n.Tags, " "), func(text string) {
			n.Tags = strings.Fields(text)
			slices.Sort(n.Tags)
			n.Tags = slices.Compact(n.Tags)
		})
	case keys.Note:
		ask("note-prompt", "note-hint", n.Note, func(text string) { n.Note = text })
	case keys.Delete:
		m.askDelete(s)
	}
	return nil
}

// askDelete asks whether to delete a recording.
func (m *model) askDelete(s transcript.Summary) {
	if s.Live {
		m.say(m.theme.Say("not-deleted-live"), m.theme.Warn)
		return
	}
	m.prompt = confirmPrompt{m.theme.Say("delete", "file", visible.Text(filepath.Base(s.Path))), []string{"D", "y"}, func() tea.Cmd {
		folder := m.options.Folder
		return func() tea.Msg {
			_, err := folder.Prune([]recordings.Info{{ID: s.ID}})
			return deleted{s.ID, err}
		}
	}}
}

// deleted says that a recording was.
type deleted struct {
	id  string
	err error
}

func (m *model) takeDeleted(msg deleted) tea.Cmd {
	if msg.err != nil {
		return m.fail(msg.err)
	}
	m.say(m.theme.Say("deleted"), m.theme.Plain)
	if m.inDetail {
		m.focus(false)
		m.arrange()
	}
	return tea.Batch(m.list.Hide(msg.id), m.sync(false))
}
