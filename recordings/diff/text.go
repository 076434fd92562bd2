package diff

import (
	"fmt"
	"io"

	"smtptap/decode/visible"

	"github.com/muesli/termenv"
)

// Text writes the result for people: where the sessions part, then what
// follows, each difference as a line of A and a line of B.
func (r *Result) Text(w io.Writer, color bool) error {
	profile := termenv.Ascii
	if color {
		profile = termenv.ANSI
	}
	out := &printer{w: w}
	paint := func(s, colour string) string { return profile.String(s).Foreground(profile.Color(colour)).String() }
	if r.Same() {
		out.line("no meaningful differences")
	}
	if !r.Same() {
		out.line(paint("--- A: "+r.A, "1"))
		out.line(paint("+++ B: "+r.B, "2"))
	}
	for i := range r.Differences {
		switch i {
		case 0:
			out.line("they part at:")
		case 1:
			out.line("and then:")
		}
		out.difference(&r.Differences[i], paint)
	}
	for _, b := range r.Bodies {
		out.line(b.String())
	}
	for _, n := range r.NotCompared {
		out.line("not compared: " + n)
	}
	return out.err
}

// String says what the comparison of two bodies means for a DKIM signature.
func (b Body) String() string {
	head := fmt.Sprintf("message %d: ", b.Message)
	switch {
	case b.Wire:
		return head + "the bodies are the same bytes"
	case b.Even:
		return head + "the bodies are the same but for the boundaries that the mail program made up; a DKIM signature of one does not fit the other"
	case b.Simple:
		return head + "the bodies differ in bytes that no DKIM signature minds"
	case b.Relaxed:
		return head + "the bodies differ in white space: a DKIM signature with simple canonicalization breaks, with relaxed it holds"
	}
	return head + "the bodies differ: a DKIM signature of one does not fit the other"
}

// JSON writes the result as one object.
func (r *Result) JSON(w io.Writer) error {
	return visible.WriteJSON(w, struct {
		Same bool `json:"same"`
		*Result
	}{r.Same(), r}, "  ")
}

// A printer writes lines until one fails.
type printer struct {
	w   io.Writer
	err error
}

// difference is told in one line where only one side has it, and otherwise as a
// line of each.
func (p *printer) difference(d *Difference, paint func(s, colour string) string) {
	switch {
	case d.EntryB < 0:
		p.line(paint("- "+d.Key+": "+d.A, "1"))
		return
	case d.EntryA < 0:
		p.line(paint("+ "+d.Key+": "+d.B, "2"))
		return
	}
	p.line("  " + d.Key)
	p.line(paint("  - "+d.A, "1"))
	p.line(paint("  + "+d.B, "2"))
	if d.Line != nil {
		p.line(fmt.Sprintf("    first in line %d:", d.Line.Number))
		p.line(paint("    - "+d.Line.A, "1"))
		p.line(paint("    + "+d.Line.B, "2"))
	}
}

func (p *printer) line(s string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, s)
	}
}
