package draw

import (
	"strings"

	"smtptap/decode/visible"
)

// A Line is one paragraph. Its text must be safe to print.
type Line struct {
	Indent     int
	Label      string // left of the text
	LabelWidth int    // columns of the label with the blanks after it; 0: as long as it is
	LabelStyle Style
	Text       string
	Style      Style
	AsSent     bool // broken at the last column only, blanks kept
	Cut        bool // cut off instead of broken
}

// TextLine is a line without a label.
func TextLine(text string, style Style) Line { return Line{Text: text, Style: style} }

// Text is a source of lines.
type Text struct {
	Theme *Theme
	Lines []Line
}

// Len is the number of lines.
func (l *Text) Len() int { return len(l.Lines) }

// Text is what a search sees.
func (l *Text) Text(i int) string { return l.Lines[i].Label + " " + l.Lines[i].Text }

// Item lays a line out.
func (l *Text) Item(i, width int) Item {
	return Item{Rows: l.Lines[i].Rows(width, l.Theme.Marks.Ellipsis)}
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
		label = Cut(label, labelWidth, ellipsis)
	}
	room := max(width-indent-labelWidth, 1)
	var text []string
	switch {
	case l.Cut:
		text = []string{Cut(l.Text, room, ellipsis)}
	case l.AsSent:
		text = Fill(l.Text, room)
	default:
		text = Wrap(l.Text, room)
	}
	first := Blanks(indent) + l.LabelStyle.Paint(label) + Blanks(labelWidth-visible.Width(label))
	rest := Blanks(indent + labelWidth)
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
