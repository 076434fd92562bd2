package draw

import (
	"strconv"
	"strings"

	"smtptap/decode/visible"
)

// Fit cuts text to width columns, with mark where something is cut off, and
// fills it up with blanks.
func Fit(text string, width int, mark string) string {
	if width <= 0 {
		return ""
	}
	text = Cut(text, width, mark)
	return text + Blanks(width-visible.Width(text))
}

// FitRight is Fit with the blanks on the left.
func FitRight(text string, width int, mark string) string {
	if width <= 0 {
		return ""
	}
	text = Cut(text, width, mark)
	return Blanks(width-visible.Width(text)) + text
}

// Cut cuts text to width columns, with mark where something is cut off.
func Cut(text string, width int, mark string) string {
	return visible.Truncate(text, max(width, 0), mark)
}

// CutLeft cuts text to width columns at its left, with mark where something is
// cut off: of a long path, the end says most.
func CutLeft(text string, width int, mark string) string {
	if visible.Width(text) <= width {
		return text
	}
	for i := range text {
		if rest := mark + text[i:]; visible.Width(rest) <= width {
			return rest
		}
	}
	return Cut(mark, width, "")
}

// Blanks is n blanks, none if n is negative.
func Blanks(n int) string { return strings.Repeat(" ", max(n, 0)) }

// Rule repeats a mark of one column to a line of n columns.
func Rule(mark string, n int) string { return strings.Repeat(mark, max(n, 0)) }

// Column moves the cursor to a column, counted from 0. It is written between
// text of a peer and what must stand at its place whatever width the terminal
// gives that text.
func Column(n int) string { return "\x1b[" + strconv.Itoa(n+1) + "G" }

// IsASCII reports whether every terminal agrees about the width of text.
func IsASCII(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// A Row is a line of the screen, written from left to right.
type Row struct {
	b    strings.Builder
	col  int  // where the next piece begins
	torn bool // the cursor may not be there, since terminals may disagree
}

// Put writes text that takes the columns that it should, such as our own words.
func (r *Row) Put(text string, s Style) {
	r.settle()
	r.b.WriteString(s.Paint(text))
	r.col += visible.Width(text)
}

// Cell writes text into a column of width, cut or filled up.
func (r *Row) Cell(text string, width int, s Style, mark string) {
	r.settle()
	fitted := Fit(text, width, mark)
	r.b.WriteString(s.Paint(fitted))
	r.col += width
	r.torn = !IsASCII(text)
}

// Skip leaves n columns blank.
func (r *Row) Skip(n int) {
	if n > 0 {
		r.settle()
		r.b.WriteString(Blanks(n))
		r.col += n
	}
}

func (r *Row) settle() {
	if r.torn {
		r.b.WriteString(Column(r.col))
		r.torn = false
	}
}

// Width is how many columns are written.
func (r *Row) Width() int { return r.col }

// String is the row.
func (r *Row) String() string { return r.b.String() }
