package diff

import (
	"fmt"
	"io"
	"strconv"

	"smtptap/decode/lang"
	"smtptap/decode/visible"

	"github.com/muesli/termenv"
)

// Text writes the result for people: the first difference, then what follows, each difference as a line of A and a line of B.
func (r *Result) Text(w io.Writer, color bool) error {
	profile := termenv.Ascii
	if color {
		profile = termenv.ANSI
	}
	out := &printer{w: w}
	paint := func(s, colour string) string { return profile.String(s).Foreground(profile.Color(colour)).String() }
	say := Options{Lang: r.Lang}.say
	if r.Same() {
		out.line(say("same"))
	} else {
		out.line(paint("--- A: "+r.A, "1"))
		out.line(paint("+++ B: "+r.B, "2"))
	}
	for i := range r.Differences {
		switch i {
		case 0:
			out.line(say("first"))
		case 1:
			out.line(say("then"))
		}
		out.difference(&r.Differences[i], say, paint)
	}
	for _, b := range r.Bodies {
		out.line(say("body", "n", strconv.Itoa(b.Message), "what", b.Means(r.Lang)))
	}
	for _, n := range r.NotCompared {
		out.line(say("not-compared", "what", n))
	}
	return out.err
}

// Means is what the comparison means for a DKIM signature.
func (b Body) Means(l lang.Lang) string { return words.Say(l, b.key()) }

func (b Body) key() string {
	switch {
	case b.Wire:
		return "body-wire"
	case b.Even:
		return "body-even"
	case b.Simple:
		return "body-simple"
	case b.Relaxed:
		return "body-relaxed"
	}
	return "body-different"
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
func (p *printer) difference(d *Difference, say func(key string, filling ...string) string, paint func(s, colour string) string) {
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
		p.line("    " + say("line", "n", strconv.Itoa(d.Line.Number)))
		p.line(paint("    - "+d.Line.A, "1"))
		p.line(paint("    + "+d.Line.B, "2"))
	}
}

func (p *printer) line(s string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, s)
	}
}
