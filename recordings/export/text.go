package export

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/muesli/termenv"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/findings"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// TextOptions say how the text form looks.
type TextOptions struct {
	Color   bool
	Session bool // begin each line with the session's short id, for several at once
}

// Text writes the session as annotated text: who said what and when, as sent,
// with its meaning and the findings that it proves under it.
//
// Lines are marked as swaks does: " ->" the client, "<- " the server, "~" in
// place of "-" inside TLS, "=" in place of it where smtptap spoke or kept
// bytes back itself, "===" for what smtptap has to say.
func Text(w io.Writer, t *decode.Transcript, o TextOptions) error {
	p := NewTextPrinter(w, o)
	p.Print(t)
	p.End(t)
	return p.err
}

// A TextPrinter writes a session as it goes on.
type TextPrinter struct {
	w    io.Writer
	o    TextOptions
	err  error
	done int             // entries printed, those no longer held included
	told map[string]bool // findings printed
	head bool
	paint
}

// NewTextPrinter returns a printer of one session.
func NewTextPrinter(w io.Writer, o TextOptions) *TextPrinter {
	return &TextPrinter{w: w, o: o, told: map[string]bool{}, paint: newPaint(o.Color)}
}

// Print writes what t holds beyond what was printed before. Each t is a later
// state of the same session.
func (p *TextPrinter) Print(t *decode.Transcript) error {
	if !p.head {
		p.head = true
		p.title(t)
	}
	if p.done >= t.Earlier+len(t.Entries) {
		return p.err
	}
	if p.done < t.Earlier {
		p.say(t, fmt.Sprintf("=== %d lines went by faster than they could be shown; the recording has them", t.Earlier-p.done), p.warn)
		p.done = t.Earlier
	}
	// While a session runs its findings wait: what is still to come may make
	// good what went wrong.
	var under map[int][]findings.Finding
	if t.Ended || t.Source == decode.SourceLog {
		under = p.findingsUnder(t)
	}
	for ; p.done < t.Earlier+len(t.Entries); p.done++ {
		i := p.done - t.Earlier
		p.entry(t, i)
		for _, f := range under[i] {
			p.finding(t, f)
		}
	}
	return p.err
}

// End writes the verdict.
func (p *TextPrinter) End(t *decode.Transcript) error {
	report := findings.Analyze(t)
	for _, f := range report.Findings {
		p.findingOnce(t, f)
	}
	for _, s := range t.CannotShow {
		p.say(t, "=== not shown: "+visible.Text(s), p.dim)
	}
	p.say(t, "=== "+report.Verdict.Text, p.severity(report.Verdict.Severity))
	return p.err
}

func (p *TextPrinter) title(t *decode.Transcript) {
	var parts []string
	if t.ID != "" {
		parts = append(parts, "session "+t.ID)
	}
	if t.Dialect != "" {
		parts = append(parts, "read as "+t.Dialect)
	}
	if !t.Started.IsZero() {
		parts = append(parts, t.Started.Local().Format(time.DateTime))
	}
	if t.Target != "" {
		parts = append(parts, "to "+t.Target)
	}
	p.say(t, "=== "+visible.Text(strings.Join(parts, ", ")), p.dim)
	if t.SecretsKept {
		p.say(t, "=== this recording holds passwords: do not share it", p.bad)
	}
	if t.SecretsTaken {
		p.say(t, "=== the recording holds passwords, which are not shown here: share this and not the recording", p.bad)
	}
}

// findingsUnder sorts the findings by the entry that they are printed under:
// the last one that proves them.
func (p *TextPrinter) findingsUnder(t *decode.Transcript) map[int][]findings.Finding {
	under := map[int][]findings.Finding{}
	for _, f := range findings.Analyze(t).Findings {
		if len(f.Entries) == 0 || p.told[f.ID] {
			continue
		}
		at := max(f.Entries[len(f.Entries)-1], p.done-t.Earlier)
		under[at] = append(under[at], f)
	}
	return under
}

func (p *TextPrinter) entry(t *decode.Transcript, i int) {
	e := t.Entries[i]
	mark := arrow(e)
	style := p.plain
	if e.Event != nil && e.Event.Side == who.Server {
		style = p.server
	}
	stamp := stampOf(e.At)
	for _, raw := range annotate.Raw(e) {
		p.say(t, fmt.Sprintf("%s %s %s", stamp, mark, raw), style)
		stamp = strings.Repeat(" ", len(stamp))
	}
	if e.Event != nil && e.Event.Kind == decode.KindBody {
		p.body(t, e, stamp, mark)
	}
	wordless := e.Fact != nil || e.Event.Kind == decode.KindMissing
	for n, l := range annotate.Entry(e) {
		if wordless && n == 0 {
			p.say(t, fmt.Sprintf("%s %s %s", stampOf(e.At), mark, l.Text), p.dim)
			continue
		}
		style := p.dim
		if l.Kind == annotate.Warning {
			style = p.warn
		}
		p.say(t, indent+l.Text, style)
	}
}

// shownBody is how many bytes of a body are printed.
const shownBody = 4 << 10

// body prints the beginning of a body, as far as its bytes are there: what a
// live session has just said may not be in its recording yet.
func (p *TextPrinter) body(t *decode.Transcript, e decode.Entry, stamp, mark string) {
	if t.Bytes == nil {
		return
	}
	head, err := io.ReadAll(io.LimitReader(t.Reader(e.Leg, e.Event.Side, e.Event.Span), shownBody))
	if err != nil {
		return
	}
	lines := visible.Lines(strings.TrimSuffix(strings.TrimSuffix(string(head), "\n"), "\r"))
	for _, line := range lines {
		p.say(t, fmt.Sprintf("%s %s %s", stamp, mark, line), p.plain)
		stamp = strings.Repeat(" ", len(stamp))
	}
	if rest := e.Event.Span.Len() - int64(len(head)); rest > 0 {
		p.say(t, fmt.Sprintf("%s %s … %d more bytes", stamp, mark, rest), p.dim)
	}
}

// indent leads to where the text of a line begins, and a step further.
const indent = "                  "

// stampOf is a time since the session began, in milliseconds.
func stampOf(at time.Duration) string {
	return fmt.Sprintf("%+11.3f", float64(at.Microseconds())/1000)
}

// arrow is the mark of who speaks to whom.
func arrow(e decode.Entry) string {
	if e.Event == nil {
		return "==="
	}
	line := "-"
	switch {
	case e.From == who.Smtptap || e.To == who.Smtptap:
		line = "="
	case e.Event.TLS:
		line = "~"
	}
	if e.Event.Side == who.Client {
		return " " + line + ">"
	}
	return "<" + line + " "
}

func (p *TextPrinter) findingOnce(t *decode.Transcript, f findings.Finding) {
	if !p.told[f.ID] {
		p.finding(t, f)
	}
}

func (p *TextPrinter) finding(t *decode.Transcript, f findings.Finding) {
	p.told[f.ID] = true
	style := p.severity(f.Severity)
	p.say(t, fmt.Sprintf("%s!! %s: %s [%s]", indent[:15], f.Severity, f.Text, f.ID), style)
	p.wrap(t, "cause: ", f.Cause)
	p.wrap(t, "mend:  ", f.Fix.General)
	client := findings.Client(t)
	if text := f.Fix.For(client); text != "" {
		p.wrap(t, client+": ", text)
	} else if f.Fix.PHPMailer != "" {
		p.wrap(t, "PHPMailer: ", f.Fix.PHPMailer)
	}
}

// wrap prints a paragraph under a finding.
func (p *TextPrinter) wrap(t *decode.Transcript, label, text string) {
	if text == "" {
		return
	}
	const width = 78
	for _, line := range annotate.Fold(text, width) {
		p.say(t, indent+label+line, p.dim)
		label = strings.Repeat(" ", len(label))
	}
}

// say writes one line.
func (p *TextPrinter) say(t *decode.Transcript, line string, style termenv.Style) {
	if p.err != nil {
		return
	}
	if p.o.Session {
		line = shortID(t.ID) + " " + line
	}
	_, p.err = fmt.Fprintln(p.w, style.Styled(strings.TrimRight(line, " ")))
}

func shortID(id string) string {
	if i := strings.LastIndexByte(id, '-'); i >= 0 {
		return id[i+1:]
	}
	return id
}
