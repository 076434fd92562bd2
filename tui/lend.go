package tui

import (
	"os"
	"os/exec"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/visible"
	"smtptap/tui/terminal"
)

// editor is the user's editor with its arguments, nil for none.
func (m *model) editor() []string { return m.program("VISUAL", "EDITOR") }

// program is what the first of these variables that is set names.
func (m *model) program(variables ...string) []string {
	for _, v := range variables {
		if words := strings.Fields(m.options.Getenv(v)); len(words) > 0 {
			return words
		}
	}
	return nil
}

// lend gives the terminal to a program until it ends.
func (m *model) lend(command []string, then func(error) tea.Msg) tea.Cmd {
	return tea.Exec(&terminal.Program{Cmd: exec.Command(command[0], command[1:]...)}, then)
}

// returned switches on what Bubble Tea does not when it has the terminal back.
func (m *model) returned() tea.Cmd {
	if m.mouse {
		return tea.EnableMouseCellMotion
	}
	return nil
}

// fail says why something was not done.
func (m *model) fail(err error) tea.Cmd {
	m.say(m.theme.Say("not-done", "why", visible.Text(err.Error())), m.theme.Warn)
	return nil
}

// temporary writes a file that others can't read, and that whoever asks removes.
func temporary(pattern string, data []byte) (path string, err error) {
	f, err := os.CreateTemp("", "smtptap-"+pattern)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}
