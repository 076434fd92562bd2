// Package annotate puts into words what an entry of a transcript means: what a
// reply code says, what an AUTH step holds, how a subject reads, what the
// resolver answered, how TLS was agreed. The screen, the text and the pages all
// show these lines, so that they say the same.
//
// Everything that comes out has been through decode/visible and is fit for a
// terminal. Secrets are left out unless a View reveals them.
package annotate

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/visible"
)

// What a Line is.
const (
	Meaning = "meaning" // what the entry says
	Note    = "note"    // something worth a look
	Warning = "warning" // something that is wrong
)

// A Line is one line of explanation.
type Line struct {
	Kind string // Meaning, Note or Warning
	Text string // safe to print
}

// A View is a way to look at entries. The zero value hides secrets and leaves
// line ends out.
type View struct {
	Reveal bool // show secrets, where they were kept
	Marks  bool // show every byte: line ends as \r\n, backslashes unambiguous
}

// Entry explains an entry: its meaning, then what was noticed about it. The
// first line of a fact is the fact itself.
func Entry(e decode.Entry) []Line { return View{}.Entry(e) }

// Raw is what was said in an entry, one string for each line on the wire, with
// decode.MaskText for secrets. It is nil for facts and for message bodies,
// which Transcript.Bytes reads.
func Raw(e decode.Entry) []string { return View{}.Raw(e) }

// Entry explains an entry.
func (v View) Entry(e decode.Entry) []Line {
	x := explainer{view: v}
	switch {
	case e.Event != nil:
		x.event(e.Event)
	case e.Fact != nil:
		x.fact(e.Fact)
	}
	return x.lines
}

// Raw is what was said in an entry.
func (v View) Raw(e decode.Entry) []string {
	if e.Event == nil || e.Event.Raw == nil {
		return nil
	}
	raw := v.raw(e.Event)
	var lines []string
	for line := range bytes.Lines(raw) {
		if v.Marks {
			lines = append(lines, visible.Raw(line))
			continue
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		lines = append(lines, visible.Bytes(bytes.TrimSuffix(line, []byte("\r"))))
	}
	if over := e.Event.Span.Len() - int64(len(e.Event.Raw)); over > 0 && len(lines) > 0 {
		lines[len(lines)-1] += fmt.Sprintf(" … +%d bytes", over)
	}
	return lines
}

// raw are the bytes of an event with its secrets masked as the view wants.
func (v View) raw(e *decode.Event) []byte {
	if v.Reveal || len(e.Secrets) == 0 {
		return e.Raw
	}
	var b []byte
	done := int64(0)
	for _, s := range e.Secrets {
		from, to := s.Start-e.Span.Start, s.End-e.Span.Start
		from = min(max(from, done), int64(len(e.Raw)))
		to = min(max(to, from), int64(len(e.Raw)))
		b = append(b, e.Raw[done:from]...)
		b = append(b, decode.MaskText...)
		done = to
	}
	return append(b, e.Raw[done:]...)
}

// An explainer collects the lines of one entry.
type explainer struct {
	view  View
	lines []Line
}

// say adds a line. This is where everything is made visible.
func (x *explainer) say(kind, text string) {
	x.lines = append(x.lines, Line{kind, visible.Text(text)})
}

func (x *explainer) mean(text string) { x.say(Meaning, text) }

// notes adds what the decoder noticed.
func (x *explainer) notes(notes []decode.Note) {
	for _, n := range notes {
		text := n.Text
		if n.Count > 1 {
			text += ", " + strconv.Itoa(n.Count) + " times"
		}
		if n.Ref != "" {
			text += " (" + n.Ref + ")"
		}
		kind := Note
		if n.Level == decode.Violation {
			kind = Warning
		}
		x.say(kind, text)
	}
}

// Duration writes a time for people, in the two largest units that matter:
// "0.4 ms", "12 ms", "1.4 s", "2 m 5 s", "3 h 20 m".
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	switch {
	case d < time.Millisecond:
		return tenths(d, time.Millisecond) + " ms"
	case d < time.Second-time.Millisecond/2:
		return strconv.FormatInt(int64(d.Round(time.Millisecond)/time.Millisecond), 10) + " ms"
	case d < time.Minute-time.Second/20:
		return tenths(d, time.Second) + " s"
	case d < time.Hour-time.Second/2:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d m %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %d m", d/time.Hour, d%time.Hour/time.Minute)
}

// tenths writes d in a unit with one digit behind the point, none if it is 0.
func tenths(d, unit time.Duration) string {
	return strings.TrimSuffix(strconv.FormatFloat(float64(d)/float64(unit), 'f', 1, 64), ".0")
}

// count writes a number with its noun: "1 line", "2 lines".
func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.FormatInt(n, 10) + " " + noun
}
