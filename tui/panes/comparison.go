package panes

import (
	"strconv"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"smtptap/recordings/diff"
	"smtptap/recordings/transcript"
	"smtptap/tui/draw"
	"smtptap/tui/keys"
)

// A Comparison shows the first difference of two sessions, and what follows
// from there. Create it with NewComparison.
type Comparison struct {
	theme      *draw.Theme
	open       func(id string) (*decode.Transcript, error)
	sides      [2]transcript.Summary
	all        bool // also what differs in any two sessions
	generation int

	text  draw.Text
	pager *draw.Pager
}

// NewComparison returns the comparison of two sessions. Start begins to read them.
func NewComparison(t *draw.Theme, a, b transcript.Summary, open func(id string) (*decode.Transcript, error)) *Comparison {
	m := &Comparison{theme: t, open: open, sides: [2]transcript.Summary{a, b}, text: draw.Text{Theme: t}}
	m.pager = draw.NewPager(&m.text, t)
	m.build(nil, nil)
	return m
}

// compared is the answer of a comparison.
type compared struct {
	model      *Comparison
	generation int
	result     *diff.Result
	err        error
}

// Start compares.
func (m *Comparison) Start() tea.Cmd {
	m.generation++
	generation, sides, open, all, l := m.generation, m.sides, m.open, m.all, m.theme.Lang
	return func() tea.Msg {
		var both [2]*decode.Transcript
		for i, s := range sides {
			t, err := open(s.ID)
			if err != nil {
				return compared{m, generation, nil, err}
			}
			both[i] = t
		}
		r, err := diff.Compare(both[0], both[1], diff.Options{All: all, Lang: l})
		return compared{m, generation, r, err}
	}
}

// SetSize says how much room there is.
func (m *Comparison) SetSize(width, height int) { m.pager.SetSize(width, height) }

// Key takes a key and reports whether the comparison stays open.
func (m *Comparison) Key(msg tea.KeyMsg) (open bool, cmd tea.Cmd) {
	if msg.String() == "a" {
		m.all = !m.all
		return true, m.Start()
	}
	switch a := keys.Lookup(msg.String(), keys.InSession); a {
	case keys.Back, keys.Quit:
		return false, nil
	default:
		m.pager.Move(a)
	}
	return true, nil
}

// Update takes the answer of a comparison.
func (m *Comparison) Update(msg tea.Msg) tea.Cmd {
	if c, ok := msg.(compared); ok && c.model == m && c.generation == m.generation {
		m.build(c.result, c.err)
		m.pager.Reset()
	}
	return nil
}

// View is the comparison: exactly as many lines as it is high.
func (m *Comparison) View() []string { return m.pager.View() }

// Hint is for the bottom line.
func (m *Comparison) Hint() string {
	if m.all {
		return m.theme.Say("compare-hint-all")
	}
	return m.theme.Say("compare-hint")
}

func (m *Comparison) add(l draw.Line) { m.text.Lines = append(m.text.Lines, l) }

func (m *Comparison) build(r *diff.Result, err error) {
	m.text.Lines = m.text.Lines[:0]
	for i, s := range m.sides {
		m.add(draw.Line{
			Label: string("AB"[i]), LabelWidth: 3, LabelStyle: m.side(i), Cut: true,
			Text: s.Started.Local().Format("2006-01-02 15:04:05") + "  " + draw.Fit(m.theme.Say("state-"+string(s.Outcome)), 8, "") + " " + visible.Text(s.Subject),
		})
	}
	m.add(draw.Line{})
	switch {
	case err != nil:
		m.add(draw.TextLine(m.theme.Say("compare-failed", "why", visible.Text(lang.Of(m.theme.Lang, err))), m.theme.Bad))
	case r == nil:
		m.add(draw.TextLine(m.theme.Say("reading")+" "+m.theme.Marks.Ellipsis, m.theme.Meaning))
	default:
		m.result(r)
	}
}

// side is the style of one side's lines.
func (m *Comparison) side(i int) draw.Style {
	if i == 0 {
		return m.theme.Client
	}
	return m.theme.Own
}

func (m *Comparison) result(r *diff.Result) {
	if r.Same() {
		m.add(draw.TextLine(m.theme.Marks.Sent+" "+m.theme.Say("compare-same"), m.theme.Good))
	}
	for i, d := range r.Differences {
		if i == 0 {
			m.add(draw.TextLine(m.theme.Say("compare-first"), m.theme.Strong))
		}
		m.difference(d)
		if i == 0 && len(r.Differences) > 1 {
			m.add(draw.Line{})
			m.add(draw.TextLine(m.theme.Say("compare-next"), m.theme.Strong))
		}
	}
	for i, b := range r.Bodies {
		if i == 0 {
			m.add(draw.Line{})
		}
		m.add(draw.Line{Label: m.theme.Say("compare-body", "n", strconv.Itoa(b.Message)), LabelWidth: 14, LabelStyle: m.theme.Dim, Text: b.Means(m.theme.Lang)})
	}
	for i, s := range r.NotCompared {
		if i == 0 {
			m.add(draw.Line{})
		}
		m.add(draw.Line{Label: m.theme.Say("compare-not"), LabelWidth: 14, LabelStyle: m.theme.Dim, Text: visible.Text(s), Style: m.theme.Dim})
	}
}

// difference shows one thing as a line of each side.
func (m *Comparison) difference(d diff.Difference) {
	m.add(draw.Line{Indent: 2, Text: visible.Text(d.Section + ": " + d.Key), Style: m.theme.Meaning})
	for i, text := range [2]string{d.A, d.B} {
		style := m.theme.Plain
		if text == "" {
			text, style = m.theme.Say("compare-nothing"), m.theme.Dim
		}
		m.add(draw.Line{Indent: 4, Label: string("AB"[i]), LabelWidth: 3, LabelStyle: m.side(i), Text: draw.Cut(text, 2000, m.theme.Marks.Ellipsis), Style: style, AsSent: true})
	}
	if d.Line == nil {
		return
	}
	m.add(draw.Line{Indent: 4, Text: m.theme.Say("compare-line", "n", strconv.Itoa(d.Line.Number)), Style: m.theme.Dim})
	for i, text := range [2]string{d.Line.A, d.Line.B} {
		m.add(draw.Line{Indent: 4, Label: string("AB"[i]), LabelWidth: 3, LabelStyle: m.side(i), Text: text, Style: m.theme.Plain, AsSent: true})
	}
}
