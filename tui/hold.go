package tui

import (
	"os"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/smtp"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/tui/keys"
	"smtptap/tui/panes"
)

// A Holder holds lines of sessions until somebody lets them go.
type Holder interface {
	Attend() (leave func()) // somebody is there; with the last who leaves goes all that is held, unchanged
	Hold(when string) error // what is held from now on, besides what it was told before; "" for nothing
	Held() []panes.Held     // the oldest first; a note in its session tells of each
	LetGo(panes.Held) error // unchanged
	Edit(panes.Held, []byte) error
	CheckAnswer(h panes.Held, reply string) error
	Answer(h panes.Held, reply string) error // in the server's place
	Drop(panes.Held) error                   // both connections are closed
}

// lookHeld looks at what is held at a time.
func (m *model) lookHeld(now time.Time) {
	if m.options.Holder == nil {
		return
	}
	m.held = m.options.Holder.Held()
	m.list.Hold(m.held)
	m.detail.Hold(m.held, now)
}

func (m *model) doHold(a keys.Action) tea.Cmd {
	holder := m.options.Holder
	h, on := m.detail.Held()
	switch {
	case holder == nil:
		m.say(m.theme.Say("nothing-runs"), m.theme.Dim)
	case a == keys.Hold:
		m.askHold()
	case a == keys.LetAllGo && len(m.held) == 0:
		m.say(m.theme.Say("nothing-held"), m.theme.Dim)
	case a == keys.LetAllGo:
		return m.release(m.held, holder.LetGo)
	case !on:
	case a == keys.LetGo:
		return m.release([]panes.Held{h}, holder.LetGo)
	case a == keys.EditHeld:
		return m.editHeld(h)
	case a == keys.AnswerHeld:
		m.askAnswer(h)
	case a == keys.DropHeld:
		m.prompt = confirmPrompt{m.theme.Say("drop-held"), []string{"x", "y", "enter"}, func() tea.Cmd { return m.release([]panes.Held{h}, holder.Drop) }}
	}
	return nil
}

// release does something with lines beside the screen.
func (m *model) release(lines []panes.Held, how func(panes.Held) error) tea.Cmd {
	return func() tea.Msg {
		for _, h := range lines {
			if err := how(h); err != nil && len(lines) == 1 {
				return noted{note{m.theme.Say("not-let-go", "why", visible.Text(err.Error())), m.theme.Warn}}
			}
		}
		return nil
	}
}

// askHold asks what to hold.
func (m *model) askHold() {
	p := &linePrompt{name: m.theme.Say("hold-prompt"), hint: m.theme.Say("hold-hint"), line: panes.NewInput(m.sensibleHold())}
	p.take = func(when string) (bool, tea.Cmd) {
		if err := m.options.Holder.Hold(when); err != nil {
			p.trouble = visible.Text(err.Error())
			return false, nil
		}
		m.holding = when
		if when == "" {
			m.say(m.theme.Say("holds-nothing"), m.theme.Plain)
		} else {
			m.say(m.theme.Say("holds", "when", visible.Text(when)), m.theme.Plain)
		}
		return true, nil
	}
	m.prompt = p
}

// sensibleHold is what is likely to be held: what is held already, the command
// under the cursor, or else each recipient.
func (m *model) sensibleHold() string {
	if m.holding != "" {
		return m.holding
	}
	if s, i := m.detail.Session(), m.detail.Entry(); m.inDetail && s != nil && i >= 0 && i < len(s.Entries) {
		if e := s.Entries[i].Event; e != nil && e.Command != nil && e.Command.Verb != "" {
			return e.Command.Verb
		}
	}
	return "RCPT"
}

// editHeld edits a line: in place, or one of several in the user's editor.
func (m *model) editHeld(h panes.Held) tea.Cmd {
	if editor := m.editor(); editor != nil && len(h.Lines()) > len(smtp.TrimEnd([]byte(h.Lines()))) {
		return m.editInEditor(h)
	}
	m.askEdit(h, h.Text(), "")
	return nil
}

func (m *model) askEdit(h panes.Held, text, trouble string) {
	p := &linePrompt{name: m.theme.Say("edit-prompt"), hint: m.theme.Say("edit-hint-line"), line: panes.NewInput(text), trouble: trouble}
	p.line.Escapes = true
	p.take = func(text string) (bool, tea.Cmd) { return m.takeEdited(p, h, text) }
	if m.editor() != nil {
		p.hint = m.theme.Say("edit-hint")
		p.edit = func() tea.Cmd { return m.editInEditor(h) }
	}
	m.prompt = p
}

// takeEdited lets a line go on as it was edited.
func (m *model) takeEdited(p *linePrompt, h panes.Held, text string) (bool, tea.Cmd) {
	line, err := h.Edited(text)
	if err != nil {
		p.trouble = m.theme.Say(err.Error())
		return false, nil
	}
	return true, m.release([]panes.Held{h}, func(h panes.Held) error { return m.options.Holder.Edit(h, line) })
}

// editInEditor has the user's editor edit a line, which is held meanwhile.
func (m *model) editInEditor(h panes.Held) tea.Cmd {
	path, err := temporary("held-*.txt", []byte(h.Lines()+"\n"))
	if err != nil {
		return m.fail(err)
	}
	return m.lend(append(m.editor(), path), func(err error) tea.Msg {
		defer os.Remove(path)
		var text []byte
		if err == nil {
			text, err = os.ReadFile(path)
		}
		return lineEdited{h, panes.OfLines(string(text)), err}
	})
}

// lineEdited says what the user's editor has made of a line.
type lineEdited struct {
	held panes.Held
	text string
	err  error
}

// lineEdited asks once more, with what has been edited.
func (m *model) lineEdited(msg lineEdited) tea.Cmd {
	switch _, bad := msg.held.Edited(msg.text); {
	case msg.err != nil:
		return tea.Batch(m.returned(), m.fail(msg.err))
	case bad != nil:
		m.askEdit(msg.held, msg.text, m.theme.Say(bad.Error()))
	default:
		m.askEdit(msg.held, msg.text, "")
	}
	return m.returned()
}

// askAnswer asks for a reply to a line, which goes no further.
func (m *model) askAnswer(h panes.Held) {
	p := &linePrompt{name: m.theme.Say("answer-prompt"), hint: m.theme.Say("answer-hint"), line: panes.NewInput(sensibleAnswer(h))}
	p.take = func(reply string) (bool, tea.Cmd) {
		if err := m.options.Holder.CheckAnswer(h, reply); err != nil {
			p.trouble = visible.Text(err.Error())
			return false, nil
		}
		return true, m.release([]panes.Held{h}, func(h panes.Held) error { return m.options.Holder.Answer(h, reply) })
	}
	m.prompt = p
}

// sensibleAnswer is what a client is likely to be tried with.
func sensibleAnswer(h panes.Held) string {
	if h.From == who.Client && smtp.ReadCommand(h.Line).Verb == "RCPT" {
		return "550 5.1.1 no such user"
	}
	return "451 4.3.0 try again later"
}
