package message

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode"
	mime "smtptap/decode/message"
	"smtptap/decode/visible"
	"smtptap/tui/amount"
	"smtptap/tui/cells"
	"smtptap/tui/lines"
	"smtptap/tui/session"
)

// A target is what Enter opens on a line: another message, or a part.
type target struct{ message, part int }

var nothing = target{-1, -1}

// enter opens what the line under the cursor stands for.
func (m *Model) enter() tea.Cmd {
	at := m.pager.Cursor()
	if m.view != Decoded || at >= len(m.targets) {
		return nil
	}
	switch t := m.targets[at]; {
	case t.message >= 0 && t.message != m.which:
		m.which = t.message
		return m.load()
	case t.part >= 0:
		if _, known := m.reading.previews[t.part]; known {
			m.goToPart(t.part)
			return nil
		}
		if m.reading.tree.Parts[t.part].Container {
			return nil
		}
		return m.command(func(ctx context.Context, s *session.Session, r *reading, era int) tea.Msg {
			p, err := readPart(ctx, s, r, t.part)
			return partRead{era, t.part, p, err}
		})
	}
	return nil
}

// goToPart puts the cursor on the heading of a part's text.
func (m *Model) goToPart(part int) {
	for i := len(m.targets) - 1; i >= 0; i-- {
		if m.targets[i].part == part && strings.HasPrefix(m.text.Lines[i].Label, m.theme.Marks.Rule) {
			m.pager.Go(i)
			return
		}
	}
}

func (m *Model) add(l lines.Line, t target) {
	m.text.Lines = append(m.text.Lines, l)
	m.targets = append(m.targets, t)
}

func (m *Model) say(text string) { m.add(lines.Text(text, m.theme.Meaning), nothing) }

func (m *Model) blank() { m.add(lines.Line{}, nothing) }

// heading is a rule with words in it.
func (m *Model) heading(text, more string, t target) {
	m.add(lines.Line{
		Label: cells.Line(m.theme.Marks.Rule, 2) + " " + text + " ", LabelStyle: m.theme.Strong,
		Text: more, Style: m.theme.Dim, Cut: true,
	}, t)
}

// rebuild writes the text anew around the cursor.
func (m *Model) rebuild() {
	m.build()
	m.pager.Changed(0)
}

// build writes the decoded view.
func (m *Model) build() {
	m.text.Lines, m.targets = m.text.Lines[:0], m.targets[:0]
	switch {
	case m.session == nil:
		return
	case len(m.session.Mail) == 0:
		m.say("The client sent no message in this session.")
		return
	}
	m.list()
	msg := &m.session.Mail[m.which]
	if !msg.Complete {
		m.add(lines.Text(m.incomplete(msg), m.theme.Warn), nothing)
	}
	switch {
	case m.session.Bytes == nil:
		m.fieldsOfEvents(msg)
		m.blank()
		m.say("The bytes of the message were not kept, so its parts can't be shown.")
	case m.reading == nil:
		m.say("reading the message " + m.theme.Marks.Ellipsis)
	default:
		if m.reading.err != nil {
			m.add(lines.Text("reading the message: "+visible.Text(m.reading.err.Error()), m.theme.Bad), nothing)
		}
		if m.reading.tree != nil && len(m.reading.tree.Parts) > 0 {
			m.header(m.reading.tree.Parts[0].Header)
			m.blank()
			if m.reading.begun {
				m.heading("Parts", "reading "+amount.Bytes(msg.Size())+" "+m.theme.Marks.Ellipsis, nothing)
				return
			}
			m.parts()
			m.contents()
		}
	}
}

func (m *Model) incomplete(msg *decode.Message) string {
	if m.session.Ended {
		return "The message was cut off after " + amount.Bytes(msg.Size()) + "."
	}
	return "The message is still being sent: " + amount.Bytes(msg.Size()) + " so far."
}

// list names the messages when there are several.
func (m *Model) list() {
	if len(m.session.Mail) < 2 {
		return
	}
	m.heading("Messages", "Enter opens one", nothing)
	for i := range m.session.Mail {
		msg := &m.session.Mail[i]
		text := amount.Bytes(msg.Size())
		if msg.Reply >= 0 {
			text += "  " + visible.Text(strings.TrimSpace(string(m.session.Raw(msg.Reply, false))))
		}
		mark, style := "  ", m.theme.Plain
		if i == m.which {
			mark, style = m.theme.Marks.Bullet+" ", m.theme.Strong
		}
		m.add(lines.Line{Label: mark + strconv.Itoa(i+1), LabelWidth: 6, LabelStyle: style, Text: text, Style: style, Cut: true}, target{i, -1})
	}
	m.blank()
}

const fieldWidth = 18

func (m *Model) header(h mime.Header) {
	m.heading("Header", fmt.Sprintf("%d fields", len(h)), nothing)
	for i := range h {
		f := &h[i]
		t := f.Text()
		m.field(f.Name, f.Value, t)
		if f.Cut {
			m.warn("the field is longer than what is shown")
		}
	}
}

// field shows a header field decoded, and as sent where that differs.
func (m *Model) field(name, value string, t mime.Text) {
	label := visible.Text(name)
	m.add(lines.Line{Label: label, LabelWidth: fieldWidth, LabelStyle: m.theme.Client, Text: visible.Text(t.Value)}, nothing)
	if t.Value != value {
		sent := visible.Text(value)
		if t.Guessed != "" {
			sent += "  (no charset declared; read as " + visible.Text(t.Guessed) + ")"
		}
		m.add(lines.Line{Indent: fieldWidth, Text: sent, Style: m.theme.Dim, AsSent: true}, nothing)
	}
	for _, p := range t.Problems {
		m.warn(visible.Text(p.Text))
	}
}

func (m *Model) warn(text string) {
	m.add(lines.Line{Indent: fieldWidth, Label: m.theme.Marks.Warning + " ", LabelStyle: m.theme.Warn, Text: text, Style: m.theme.Warn}, nothing)
}

// fieldsOfEvents shows the header of a message whose bytes were not kept.
func (m *Model) fieldsOfEvents(msg *decode.Message) {
	m.heading("Header", "", nothing)
	for _, i := range msg.Parts {
		if h := m.session.Entries[i].Event.Header; h != nil {
			m.field(h.Name, h.Value, mime.ReadText(h.Value))
		}
	}
}

// parts draws the tree.
func (m *Model) parts() {
	tree := m.reading.tree
	m.heading("Parts", amount.Bytes(tree.Size)+" in all", nothing)
	for i := range tree.Parts {
		m.part(i)
	}
	if tree.Stopped != "" {
		m.add(lines.Text(visible.Text(tree.Stopped), m.theme.Warn), nothing)
	}
}

func (m *Model) part(i int) {
	p := &m.reading.tree.Parts[i]
	text := visible.Text(p.Type.Value)
	if cs := p.Type.Get("charset"); cs != "" {
		text += ", " + visible.Text(cs)
	}
	if !p.Container {
		text += ", " + visible.Text(p.Encoding) + ", " + m.sizeOf(i)
	}
	if p.Filename != "" {
		text += `, "` + visible.Text(p.Filename) + `"`
	}
	if p.Attachment() && !p.Container {
		text += ", attachment"
	}
	style := m.theme.Plain
	if p.Container {
		style = m.theme.Dim
	}
	label := m.branch(i)
	if p.Number != "" {
		label += p.Number + " "
	}
	m.add(lines.Line{Label: label, LabelStyle: m.theme.Dim, Text: text, Style: style}, target{-1, i})
	indent := len(p.Number) + 3*p.Depth + 1
	if f, ok := m.reading.facts[i]; ok && p.Attachment() {
		m.add(lines.Line{Indent: indent, Text: "SHA-256 " + f.SHA256, Style: m.theme.Dim, AsSent: true}, nothing)
	}
	for _, problem := range m.problems(i) {
		m.add(lines.Line{Indent: indent, Label: m.theme.Marks.Warning + " ", LabelStyle: m.theme.Warn, Text: visible.Text(problem.Text), Style: m.theme.Warn}, nothing)
	}
	if p.Stopped != "" {
		m.add(lines.Line{Indent: indent, Text: visible.Text(p.Stopped), Style: m.theme.Warn}, nothing)
	}
}

// problems are those of a part's structure and, once read, of its content.
func (m *Model) problems(i int) []mime.Problem {
	p := &m.reading.tree.Parts[i]
	all := append([]mime.Problem(nil), p.Problems...)
	if f, ok := m.reading.facts[i]; ok {
		all = append(all, f.Problems...)
	}
	if preview, ok := m.reading.previews[i]; ok {
		for _, problem := range preview.Problems {
			if !contains(all, problem) {
				all = append(all, problem)
			}
		}
	}
	return all
}

func contains(all []mime.Problem, p mime.Problem) bool {
	for _, q := range all {
		if q.ID == p.ID {
			return true
		}
	}
	return false
}

// sizeOf is a part's size, decoded once that is known.
func (m *Model) sizeOf(i int) string {
	if f, ok := m.reading.facts[i]; ok {
		return amount.Bytes(f.Size)
	}
	return amount.Bytes(m.reading.tree.Parts[i].Body.Len()) + " encoded"
}

// branch are the lines of the tree left of a part.
func (m *Model) branch(i int) string {
	parts := m.reading.tree.Parts
	if parts[i].Depth == 0 {
		return ""
	}
	marks := m.theme.Marks
	line := marks.Branch
	if m.lastChild(i) {
		line = marks.Last
	}
	for up := parts[i].Parent; up > 0; up = parts[up].Parent {
		if m.lastChild(up) {
			line = cells.Blanks(3) + line
		} else {
			line = marks.Trunk + line
		}
	}
	return line
}

func (m *Model) lastChild(i int) bool {
	parts := m.reading.tree.Parts
	for j := i + 1; j < len(parts) && parts[j].Depth >= parts[i].Depth; j++ {
		if parts[j].Parent == parts[i].Parent {
			return false
		}
	}
	return true
}

// maxText bounds the lines of one part that are shown decoded.
const maxText = 5000

// contents shows the text of the parts that were read.
func (m *Model) contents() {
	for i := range m.reading.tree.Parts {
		preview, ok := m.reading.previews[i]
		if !ok {
			continue
		}
		p := &m.reading.tree.Parts[i]
		m.blank()
		m.heading(strings.TrimSpace("Part "+p.Number), m.contentLabel(p, preview), target{-1, i})
		text := visible.Lines(preview.Text)
		if !p.IsText() {
			text = nil
			m.say("no text: the raw and the hex view show its bytes")
		}
		for n, line := range text {
			if n == maxText {
				preview.Cut = true
				break
			}
			m.add(lines.Line{Text: line, AsSent: true}, nothing)
		}
		if preview.Cut {
			m.say("the part goes on; the raw view shows all of it")
		}
	}
}

func (m *Model) contentLabel(p *mime.Part, preview mime.Preview) string {
	label := visible.Text(p.Type.Value)
	if p.Type.Value == "text/html" {
		label += " as source"
	}
	if preview.Charset != "" {
		label += ", " + visible.Text(preview.Charset)
		if preview.Guessed {
			label += " (guessed)"
		}
	}
	return label
}
