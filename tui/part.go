package tui

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/tui/draw"
	"smtptap/tui/panes"
)

// askPart asks where to save the part under the cursor, or to look at it.
func (m *model) askPart() tea.Cmd {
	part, ok := m.detail.Part()
	if !ok {
		m.say(m.theme.Say("no-part"), m.theme.Dim)
		return nil
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = ""
	}
	p := &linePrompt{name: m.theme.Say("part-prompt"), hint: m.theme.Say("part-hint-save"), line: panes.NewInput(filepath.Join(dir, part.Name))}
	p.take = func(path string) (bool, tea.Cmd) { return true, m.savePart(part, strings.TrimSpace(path)) }
	if pager := m.program("PAGER", "VISUAL", "EDITOR"); pager != nil {
		p.hint = m.theme.Say("part-hint", "program", visible.Text(pager[0]))
		p.edit = func() tea.Cmd { return m.viewPart(part, pager) }
	}
	m.prompt = p
	return nil
}

// savePart writes a part, decoded, to a new file.
func (m *model) savePart(part panes.Part, path string) tea.Cmd {
	theme := m.theme
	return func() tea.Msg {
		n, err := panes.Create(theme, path, func(w io.Writer) error {
			r, err := part.Open()
			if err == nil {
				_, err = io.Copy(w, r)
			}
			return err
		})
		if err != nil {
			return noted{note{theme.Say("not-done", "why", visible.Text(err.Error())), theme.Warn}}
		}
		return noted{note{theme.Say("part-saved", "size", units.Bytes(n), "file", visible.Text(path)), theme.Plain}}
	}
}

// maxViewed bounds what of a part a pager or editor is given.
const maxViewed = 16 << 20

// viewPart has the user's pager or editor show a part: text with its control
// characters made visible, anything else as hex.
func (m *model) viewPart(part panes.Part, program []string) tea.Cmd {
	file := func() (string, error) {
		r, err := part.Open()
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(io.LimitReader(r, maxViewed))
		if err != nil {
			return "", err
		}
		lines := draw.HexLines(data, 0)
		if part.Text {
			lines = visible.Lines(string(data))
		}
		return temporary("part-*.txt", []byte(strings.Join(lines, "\n")+"\n"))
	}
	return func() tea.Msg {
		path, err := file()
		return partReady{program, path, err}
	}
}

// partReady says that a part is in a file for a program.
type partReady struct {
	program []string
	path    string
	err     error
}

func (m *model) showPart(msg partReady) tea.Cmd {
	if msg.err != nil {
		return m.fail(msg.err)
	}
	return m.lend(append(msg.program[:len(msg.program):len(msg.program)], msg.path), func(err error) tea.Msg {
		if removed := os.Remove(msg.path); !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
		return resumed{err}
	})
}
