// Package lines is text for a pager: lines of our own with a label, an indent
// and a style, broken into rows where they are too long.
package lines

import (
	"strings"

	"smtptap/decode/visible"
	"smtptap/tui/cells"
	"smtptap/tui/pager"
	"smtptap/tui/theme"
)

// A Line is one paragraph. Its text must be safe to print.
type Line struct {
	Indent     int
	Label      string // left of the text
	LabelWidth int    // columns of the label with the blanks behind it; 0: as long as it is
	LabelStyle theme.Style
	Text       string
	Style      theme.Style
	AsSent     bool // broken at the last column only, blanks kept
	Cut        bool // cut off instead of broken
}

// Text is a line without a label.
func Text(text string, style theme.Style) Line { return Line{Text: text, Style: style} }

// List is a source of lines.
type List struct {
	Theme *theme.Theme
	Lines []Line
}

// Len is the number of lines.
func (l *List) Len() int { return len(l.Lines) }

// Text is what a search sees.
func (l *List) Text(i int) string { return l.Lines[i].Label + " " + l.Lines[i].Text }

// Item lays a line out.
func (l *List) Item(i, width int) pager.Item {
	return pager.Item{Rows: l.Lines[i].Rows(width, l.Theme.Marks.Ellipsis)}
}

// narrow is how few columns of text are too few to keep an indent for.
const narrow = 16

// Rows are the rows of the line in width columns.
func (l *Line) Rows(width int, ellipsis string) []string {
	label, indent := l.Label, l.Indent
	labelWidth := visible.Width(label)
	if l.LabelWidth > 0 {
		labelWidth = max(l.LabelWidth, labelWidth+1)
	}
	if width-indent-labelWidth < narrow {
		indent = min(indent, max(width-labelWidth-narrow, 0))
		labelWidth = min(labelWidth, max(width-indent-narrow, 0))
		label = cells.Cut(label, labelWidth, ellipsis)
	}
	room := max(width-indent-labelWidth, 1)
	var text []string
	switch {
	case l.Cut:
		text = []string{cells.Cut(l.Text, room, ellipsis)}
	case l.AsSent:
		text = cells.Fill(l.Text, room)
	default:
		text = cells.Wrap(l.Text, room)
	}
	first := cells.Blanks(indent) + l.LabelStyle.Paint(label) + cells.Blanks(labelWidth-visible.Width(label))
	rest := cells.Blanks(indent + labelWidth)
	for i, row := range text {
		if i == 0 {
			text[i] = first + l.Style.Paint(row)
		} else {
			text[i] = rest + l.Style.Paint(row)
		}
		text[i] = strings.TrimRight(text[i], " ")
	}
	return text
}
