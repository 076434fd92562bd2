package panes

import (
	"context"
	"maps"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode"
	"smtptap/tui/draw"
)

// Verify judges the authentication of a message of a transcript. It asks the DNS,
// so it is called only when a user wants it.
type Verify func(ctx context.Context, t *decode.Transcript, message int) []decode.Check

// verified tells what a message of a session was judged to be.
type verified struct {
	session string
	message int
	checks  []decode.Check
}

// ask has the message at hand judged.
func (m *messagePane) ask() tea.Cmd {
	if m.verify == nil || !m.hasBytes() || m.asked[m.which] {
		return nil
	}
	m.asked[m.which] = true
	m.rebuild()
	ctx, verify, t, which := m.alsoWanted(), m.verify, m.session.Transcript, m.which
	return func() tea.Msg { return verified{t.ID, which, verify(ctx, t, which)} }
}

// take notes the verdicts, for the findings too.
func (m *Detail) take(v verified) tea.Cmd {
	if m.session == nil || m.session.ID != v.session {
		return nil
	}
	delete(m.message.asked, v.message)
	checks := maps.Clone(m.session.Checks)
	if checks == nil {
		checks = map[int][]decode.Check{}
	}
	checks[v.message] = v.checks
	s := *m.session
	s.Transcript = withChecks(s.Transcript, checks)
	s.judge()
	cmd := m.Show(&s)
	m.message.session = &s
	m.message.rebuild()
	return cmd
}

func withChecks(t *decode.Transcript, checks map[int][]decode.Check) *decode.Transcript {
	with := *t
	with.Checks = checks
	return &with
}

// authentication writes the verdicts on the message at hand.
func (m *messagePane) authentication() {
	checks, asked := m.session.Checks[m.which], m.asked[m.which]
	if len(checks) == 0 && !asked {
		return
	}
	m.heading(m.theme.Say("authentication"), "", noTarget)
	if asked {
		m.say(m.theme.Say("asking-dns") + " " + m.theme.Marks.Ellipsis)
	}
	for _, c := range checks {
		style := m.theme.Plain
		switch {
		case c.Failed:
			style = m.theme.Bad
		case c.Result == "pass":
			style = m.theme.Good
		}
		m.add(draw.Line{Indent: 2, Label: c.Name + " " + c.Result, LabelWidth: fieldWidth, LabelStyle: style, Text: c.Text}, noTarget)
	}
	m.blank()
}
