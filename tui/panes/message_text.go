package panes

import (
	"context"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode"
	"smtptap/decode/lang"
	mime "smtptap/decode/message"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/tui/draw"
)

// A target is what Enter opens on a line: another message, or a part.
type target struct{ message, part int }

var noTarget = target{-1, -1}

// enter opens what the line under the cursor stands for.
func (m *messagePane) enter() tea.Cmd {
	at := m.pager.Cursor()
	if m.view != decoded || at >= len(m.targets) {
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
		return m.command(func(ctx context.Context, s *Session, r *reading, generation int) tea.Msg {
			p, err := readPart(ctx, s, r, t.part)
			return partRead{generation, t.part, p, err}
		})
	}
	return nil
}

// goToPart puts the cursor on the heading of a part's text.
func (m *messagePane) goToPart(part int) {
	for i := len(m.targets) - 1; i >= 0; i-- {
		if m.targets[i].part == part && strings.HasPrefix(m.text.Lines[i].Label, m.theme.Marks.Rule) {
			m.pager.Go(i)
			return
		}
	}
}

func (m *messagePane) add(l draw.Line, t target) {
	m.text.Lines = append(m.text.Lines, l)
	m.targets = append(m.targets, t)
}

func (m *messagePane) say(text string) { m.add(draw.TextLine(text, m.theme.Meaning), noTarget) }

func (m *messagePane) blank() { m.add(draw.Line{}, noTarget) }

// heading is a rule with words in it.
func (m *messagePane) heading(text, more string, t target) {
	m.add(draw.Line{
		Label: draw.Rule(m.theme.Marks.Rule, 2) + " " + text + " ", LabelStyle: m.theme.Strong,
		Text: more, Style: m.theme.Dim, Cut: true,
	}, t)
}

// rebuild writes the text anew around the cursor.
func (m *messagePane) rebuild() {
	m.build()
	m.pager.Changed(0)
}

// build writes the decoded view.
func (m *messagePane) build() {
	m.text.Lines, m.targets = m.text.Lines[:0], m.targets[:0]
	switch {
	case m.session == nil:
		return
	case len(m.session.Mail) == 0:
		m.say(m.theme.Say("no-message"))
		return
	}
	m.list()
	msg := &m.session.Mail[m.which]
	if !msg.Complete {
		m.add(draw.TextLine(m.incomplete(msg), m.theme.Warn), noTarget)
	}
	switch {
	case m.session.Bytes == nil:
		m.fieldsOfEvents(msg)
		m.blank()
		m.say(m.theme.Say("message-not-kept"))
	case m.reading == nil:
		m.say(m.theme.Say("reading") + " " + m.theme.Marks.Ellipsis)
	default:
		m.authentication()
		if m.reading.err != nil {
			m.add(draw.TextLine(m.theme.Say("message-unreadable", "why", visible.Text(lang.Of(m.theme.Lang, m.reading.err))), m.theme.Bad), noTarget)
		}
		if m.reading.tree != nil && len(m.reading.tree.Parts) > 0 {
			m.header(m.reading.tree.Parts[0].Header)
			m.blank()
			if m.reading.begun {
				m.heading(m.theme.Say("parts"), m.theme.Say("reading")+" "+units.Bytes(msg.Size())+" "+m.theme.Marks.Ellipsis, noTarget)
				return
			}
			m.parts()
			m.contents()
		}
	}
}

func (m *messagePane) incomplete(msg *decode.Message) string {
	if m.session.Ended {
		return m.theme.Say("message-cut", "size", units.Bytes(msg.Size()))
	}
	return m.theme.Say("message-coming", "size", units.Bytes(msg.Size()))
}

// list names the messages when there are several.
func (m *messagePane) list() {
	if len(m.session.Mail) < 2 {
		return
	}
	m.heading(m.theme.Say("messages"), m.theme.Say("messages-hint"), noTarget)
	for i := range m.session.Mail {
		msg := &m.session.Mail[i]
		text := units.Bytes(msg.Size())
		if msg.Reply >= 0 {
			text += "  " + visible.Text(strings.TrimSpace(string(m.session.raw(msg.Reply, false))))
		}
		mark, style := "  ", m.theme.Plain
		if i == m.which {
			mark, style = m.theme.Marks.Bullet+" ", m.theme.Strong
		}
		m.add(draw.Line{Label: mark + strconv.Itoa(i+1), LabelWidth: 6, LabelStyle: style, Text: text, Style: style, Cut: true}, target{i, -1})
	}
	m.blank()
}

const fieldWidth = 18

func (m *messagePane) header(h mime.Header) {
	m.heading(m.theme.Say("header"), m.theme.Count("fields", len(h)), noTarget)
	for i := range h {
		f := &h[i]
		t := f.Text()
		m.field(f.Name, f.Value, t)
		if f.Cut {
			m.warn(m.theme.Say("field-cut"))
		}
	}
}

// field shows a header field decoded, and as sent where that differs.
func (m *messagePane) field(name, value string, t mime.Text) {
	label := visible.Text(name)
	m.add(draw.Line{Label: label, LabelWidth: fieldWidth, LabelStyle: m.theme.Client, Text: visible.Text(t.Value)}, noTarget)
	if t.Value != value {
		sent := visible.Text(value)
		if t.Guessed != "" {
			sent += "  " + m.theme.Say("charset-guessed", "charset", visible.Text(t.Guessed))
		}
		m.add(draw.Line{Indent: fieldWidth, Text: sent, Style: m.theme.Dim, AsSent: true}, noTarget)
	}
	for _, p := range t.Problems {
		m.warn(visible.Text(p.Text.In(m.session.Lang)))
	}
}

func (m *messagePane) warn(text string) {
	m.add(draw.Line{Indent: fieldWidth, Label: m.theme.Marks.Warning + " ", LabelStyle: m.theme.Warn, Text: text, Style: m.theme.Warn}, noTarget)
}

// fieldsOfEvents shows the header of a message whose bytes were not kept.
func (m *messagePane) fieldsOfEvents(msg *decode.Message) {
	m.heading(m.theme.Say("header"), "", noTarget)
	for _, i := range msg.Parts {
		if h := m.session.Entries[i].Event.Header; h != nil {
			m.field(h.Name, h.Value, mime.ReadText(h.Value))
		}
	}
}

// parts draws the tree.
func (m *messagePane) parts() {
	tree := m.reading.tree
	m.heading(m.theme.Say("parts"), m.theme.Say("size-in-all", "size", units.Bytes(tree.Size)), noTarget)
	for i := range tree.Parts {
		m.part(i)
	}
	if tree.Stopped != "" {
		m.add(draw.TextLine(visible.Text(tree.Stopped), m.theme.Warn), noTarget)
	}
}

func (m *messagePane) part(i int) {
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
		text += ", " + m.theme.Say("attachment")
	}
	style := m.theme.Plain
	if p.Container {
		style = m.theme.Dim
	}
	label := m.branch(i)
	if p.Number != "" {
		label += p.Number + " "
	}
	m.add(draw.Line{Label: label, LabelStyle: m.theme.Dim, Text: text, Style: style}, target{-1, i})
	indent := len(p.Number) + 3*p.Depth + 1
	if f, ok := m.reading.facts[i]; ok && p.Attachment() {
		m.add(draw.Line{Indent: indent, Text: "SHA-256 " + f.SHA256, Style: m.theme.Dim, AsSent: true}, noTarget)
	}
	for _, problem := range m.problems(i) {
		m.add(draw.Line{Indent: indent, Label: m.theme.Marks.Warning + " ", LabelStyle: m.theme.Warn, Text: visible.Text(problem.Text.In(m.session.Lang)), Style: m.theme.Warn}, noTarget)
	}
	if p.Stopped != "" {
		m.add(draw.Line{Indent: indent, Text: visible.Text(p.Stopped), Style: m.theme.Warn}, noTarget)
	}
}

// problems are those of a part's structure and, once read, of its content.
func (m *messagePane) problems(i int) []mime.Problem {
	p := &m.reading.tree.Parts[i]
	all := slices.Clone(p.Problems)
	if f, ok := m.reading.facts[i]; ok {
		all = append(all, f.Problems...)
	}
	if preview, ok := m.reading.previews[i]; ok {
		for _, problem := range preview.Problems {
			if !slices.ContainsFunc(all, func(p mime.Problem) bool { return p.ID == problem.ID }) {
				all = append(all, problem)
			}
		}
	}
	return all
}

// sizeOf is a part's size, decoded once that is known.
func (m *messagePane) sizeOf(i int) string {
	if f, ok := m.reading.facts[i]; ok {
		return units.Bytes(f.Size)
	}
	return m.theme.Say("size-encoded", "size", units.Bytes(m.reading.tree.Parts[i].Body.Len()))
}

// branch are the lines of the tree left of a part.
func (m *messagePane) branch(i int) string {
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
			line = draw.Blanks(3) + line
		} else {
			line = marks.Trunk + line
		}
	}
	return line
}

func (m *messagePane) lastChild(i int) bool {
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
func (m *messagePane) contents() {
	for i := range m.reading.tree.Parts {
		preview, ok := m.reading.previews[i]
		if !ok {
			continue
		}
		p := &m.reading.tree.Parts[i]
		m.blank()
		m.heading(m.theme.Say("part", "number", p.Number), m.contentLabel(p, preview), target{-1, i})
		text := visible.Lines(preview.Text)
		if !p.IsText() {
			text = nil
			m.say(m.theme.Say("part-no-text"))
		}
		for n, line := range text {
			if n == maxText {
				preview.Cut = true
				break
			}
			m.add(draw.Line{Text: line, AsSent: true}, noTarget)
		}
		if preview.Cut {
			m.say(m.theme.Say("part-cut"))
		}
	}
}

func (m *messagePane) contentLabel(p *mime.Part, preview mime.Preview) string {
	label := visible.Text(p.Type.Value)
	if p.Type.Value == "text/html" {
		label += " " + m.theme.Say("as-source")
	}
	if preview.Charset != "" {
		label += ", " + visible.Text(preview.Charset)
		if preview.Guessed {
			label += " " + m.theme.Say("guessed")
		}
	}
	return label
}
