// Package annotate puts into words what an entry of a transcript means: what a
// reply code says, what an AUTH step holds, how a subject reads, what the
// resolver answered, how TLS was agreed. The screen, the text and the pages all
// show these lines, so that they say the same. The words are data, in English
// and Chinese: annotate.toml and notes.toml.
//
// Everything that comes out has been through decode/visible and is fit for a
// terminal. Secrets are left out unless a View reveals them.
package annotate

import (
	"bytes"
	_ "embed"
	"strconv"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/units"
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

	// Routine is a meaning that nobody misses who knows SMTP: of a command,
	// an extension, a reply that says yes.
	Routine bool
}

// A View is a way to look at entries. The zero value speaks English, hides
// secrets and leaves line ends out.
type View struct {
	Lang   lang.Lang
	Reveal bool // show secrets, where they were kept
	Marks  bool // show every byte: line ends as \r\n, backslashes unambiguous
}

//go:embed annotate.toml
var document []byte

var texts = lang.NewTexts(document)

// Raw is what was said in an entry, one string for each line on the wire, with
// decode.MaskText for secrets. It is nil for facts and for message bodies,
// which Transcript.Bytes reads.
func Raw(e decode.Entry) []string { return View{}.Raw(e) }

// Entry explains an entry: its meaning, then what was noticed about it. The
// first line of a fact is the fact itself.
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
		lines[len(lines)-1] += " … +" + units.Bytes(over)
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
func (x *explainer) say(kind, key string, words ...string) {
	x.tell(kind, x.text(key, words...))
}

// tell adds a line whose words are there already.
func (x *explainer) tell(kind, text string) {
	x.lines = append(x.lines, Line{Kind: kind, Text: visible.Text(text)})
}

// mean adds a line that says what the entry means.
func (x *explainer) mean(key string, words ...string) { x.say(Meaning, key, words...) }

// routine adds a meaning that is usual.
func (x *explainer) routine(text string) {
	x.lines = append(x.lines, Line{Meaning, visible.Text(text), true})
}

// text looks a text up and fills it: name, word, name, word.
func (x *explainer) text(key string, words ...string) string {
	return texts.Say(x.view.Lang, key, words...)
}

// known is the text with that key, or "".
func (x *explainer) known(key string) string {
	text, _ := texts.Find(x.view.Lang, key)
	return text
}

// either is the key, or the other one where there is no text with it.
func (x *explainer) either(key, other string) string {
	if x.known(key) == "" {
		return other
	}
	return key
}

// notes adds what the decoder noticed.
func (x *explainer) notes(notes []decode.Note) {
	for _, n := range notes {
		kind := Note
		if n.Level == decode.Violation {
			kind = Warning
		}
		times := ""
		if n.Count > 1 {
			times = strconv.Itoa(n.Count)
		}
		x.say(kind, "note", "text", NoteText(x.view.Lang, &n), "times", times, "ref", n.Ref)
	}
}

// lineCount is a number of lines in words.
func (x *explainer) lineCount(n int64) string {
	if n == 1 {
		return x.text("line")
	}
	return x.text("lines", "n", strconv.FormatInt(n, 10))
}
