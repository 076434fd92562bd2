package tui

import (
	"strconv"
	"strings"

	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/tui/draw"
)

// A segment is a part of the status line. Where there is no room for all of
// them, the last ones go first.
type segment struct {
	text  string
	style draw.Style
}

// status is the line above the last: what smtptap is doing.
func (m *model) status() string {
	var r draw.Row
	r.Put(" ", m.theme.Plain)
	sep := "   "
	for i, s := range m.segments() {
		if s.text == "" {
			continue
		}
		room := m.width - r.Width()
		if i > 0 {
			room -= len(sep)
		}
		if room < 4 || i > 0 && visible.Width(s.text) > room {
			continue
		}
		if i > 0 {
			r.Put(sep, m.theme.Plain)
		}
		r.Cell(s.text, min(visible.Width(s.text), room), s.style, m.theme.Marks.Ellipsis)
	}
	return r.String()
}

// segments are in the order of what matters: what is wrong comes first.
func (m *model) segments() []segment {
	dim := m.theme.Dim
	return []segment{
		m.recording(),
		{m.heldWords(), m.theme.Warn},
		{m.route(), m.theme.Plain},
		{m.filterWords(), m.theme.Key},
		{m.counts(), m.theme.Plain},
		{m.following(), dim},
		{m.mouseWord(), dim},
		{m.policy(), dim},
	}
}

func (m *model) recording() segment {
	st := m.state
	switch {
	case m.options.View:
		return segment{m.theme.Say("status-view"), m.theme.Dim}
	case st.Detached != "":
		return segment{m.theme.Say("status-detached", "why", st.Detached), m.theme.Bad}
	case st.Err != "":
		return segment{m.theme.Say("status-failed", "why", visible.Text(st.Err)), m.theme.Bad}
	case st.Lost > 0:
		return segment{m.theme.Marks.Failed + " " + m.theme.Say("status-gaps", "size", units.Bytes(st.Lost)), m.theme.Warn}
	case !st.Recording:
		return segment{m.theme.Say("status-off"), m.theme.Dim}
	}
	rec := segment{m.theme.Marks.Record + " REC " + units.Bytes(st.Bytes), m.theme.Good}
	if st.Secrets {
		return segment{rec.text + " " + m.theme.Say("status-passwords"), m.theme.Warn}
	}
	return rec
}

func (m *model) route() string {
	if m.options.View {
		return draw.CutLeft(visible.Text(m.state.Folder), m.width/2, m.theme.Marks.Ellipsis)
	}
	if len(m.options.Listen) == 0 {
		return ""
	}
	return strings.Join(m.options.Listen, ", ") + " " + m.theme.Marks.Arrow + " " + visible.Text(m.options.Target)
}

func (m *model) counts() string {
	all := m.theme.Count("sessions", m.state.Total)
	switch {
	case m.options.View && m.state.Live == 0:
		return all
	case m.state.Live == 0:
		return all + m.theme.Say("status-inactive")
	}
	return all + m.theme.Say("status-active", "n", strconv.Itoa(m.state.Live))
}

// heldWords say what is being held, and how many lines are.
func (m *model) heldWords() string {
	switch {
	case len(m.held) > 0:
		return m.theme.Marks.Held + " " + m.theme.Count("status-held", len(m.held))
	case m.holding != "":
		return m.theme.Say("status-holding", "when", visible.Text(m.holding))
	}
	return ""
}

func (m *model) filterWords() string {
	if m.filter == "" {
		return ""
	}
	return "/" + visible.Text(m.filter) + " " + m.picked()
}

func (m *model) following() string {
	if c := m.choice; c.Sort != "" {
		key := "status-sorted"
		if c.Reverse {
			key = "status-sorted-down"
		}
		return m.theme.Say(key, "column", m.theme.Say("column-"+c.Sort))
	}
	if m.list.Following() {
		return m.theme.Say("status-follow")
	}
	return ""
}

func (m *model) policy() string {
	if m.options.TLS == "" {
		return ""
	}
	return "STARTTLS " + m.options.TLS
}

func (m *model) mouseWord() string {
	if m.mouse {
		return m.theme.Say("status-mouse")
	}
	return ""
}
