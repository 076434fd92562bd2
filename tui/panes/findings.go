package panes

import (
	"strings"

	"smtptap/decode/annotate"
	"smtptap/decode/findings"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/tui/draw"
)

// A findingsPane shows what was found in a session: what happened, what
// proves it, why it happens and how to fix it.
type findingsPane struct {
	page
	theme   *draw.Theme
	session *Session
	text    draw.Text
	entries []int // that a line of text quotes, -1 for none
}

// newFindingsPane returns an empty pane.
func newFindingsPane(t *draw.Theme) *findingsPane {
	m := &findingsPane{theme: t, text: draw.Text{Theme: t}}
	m.page = newPage(&m.text, t, m.build, m.entryAt)
	return m
}

// entryAt is the entry that a line of text quotes.
func (m *findingsPane) entryAt(line int) int {
	if line < len(m.entries) {
		return m.entries[line]
	}
	return -1
}

func (m *findingsPane) add(l draw.Line, entry int) {
	m.text.Lines = append(m.text.Lines, l)
	m.entries = append(m.entries, entry)
}

func (m *findingsPane) build(s *Session) {
	m.session = s
	m.text.Lines, m.entries = m.text.Lines[:0], m.entries[:0]
	if len(s.Report.Findings) == 0 {
		m.add(draw.TextLine(m.theme.Say("no-findings"), m.theme.Meaning), -1)
	}
	for i, f := range s.Report.Findings {
		if i > 0 {
			m.add(draw.Line{}, -1)
		}
		m.finding(f)
	}
	for i, gap := range s.CannotShow {
		if i == 0 {
			m.add(draw.Line{}, -1)
		}
		m.labelled(m.theme.Say("label-not-shown"), visible.Text(gap.In(m.theme.Lang)), m.theme.Dim)
	}
}

func (m *findingsPane) finding(f findings.Finding) {
	mark, style := m.theme.Marks.Bullet, m.theme.Meaning
	switch f.Severity {
	case findings.Failure:
		mark, style = m.theme.Marks.Refused, m.theme.Bad
	case findings.Warning:
		mark, style = m.theme.Marks.Failed, m.theme.Warn
	}
	m.add(draw.Line{Label: mark + " ", LabelStyle: style, Text: f.Text, Style: style}, -1)
	m.add(draw.Line{Indent: 2, Text: m.theme.Say("severity-"+string(f.Severity)) + "  " + f.ID, Style: m.theme.Dim}, -1)
	for n, entry := range f.Entries {
		if entry >= 0 && entry < len(m.session.Entries) {
			m.evidence(entry, n == 0)
		}
	}
	m.labelled(m.theme.Say("label-why"), f.Why, m.theme.Plain)
	m.fix(f.Fix)
	m.labelled(m.theme.Say("label-see"), strings.Join(f.Sources, ", "), m.theme.Dim)
}

// evidence quotes an entry. Enter leads to it.
func (m *findingsPane) evidence(i int, first bool) {
	e := m.session.Entries[i]
	text := strings.Join(annotate.Raw(e), " ")
	if text == "" {
		for _, l := range (annotate.View{Lang: m.session.Lang}).Entry(e) {
			text = l.Text
			break
		}
	}
	label := ""
	if first {
		label = m.theme.Say("label-seen")
	}
	m.add(draw.Line{
		Indent: 2, Label: label, LabelWidth: findingLabelWidth, LabelStyle: m.theme.Dim,
		Text: units.Clock(e.At) + "  " + draw.Cut(text, 400, m.theme.Marks.Ellipsis), Style: m.theme.Server,
	}, i)
}

const findingLabelWidth = 12

func (m *findingsPane) labelled(label, text string, style draw.Style) {
	if text != "" {
		m.add(draw.Line{Indent: 2, Label: label, LabelWidth: findingLabelWidth, LabelStyle: m.theme.Dim, Text: text, Style: style}, -1)
	}
}

// fix shows how to fix it: in general, and for the client of the session.
func (m *findingsPane) fix(f findings.Fix) {
	for i, step := range f.Steps {
		m.labelled([]string{m.theme.Say("label-fix"), " "}[min(i, 1)], step, m.theme.Plain)
	}
	if own, found := f.For(m.session.Report.Client); found {
		m.client(own)
	}
}

func (m *findingsPane) client(c findings.ClientFix) {
	label := c.Name
	for _, text := range append(c.Steps[:len(c.Steps):len(c.Steps)], strings.Split(c.Code, "\n")...) {
		m.labelled(label, text, m.theme.Plain)
		label = " "
	}
}
