package export

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/muesli/termenv"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// TextOptions say how the text form looks.
type TextOptions struct {
	Lang    lang.Lang
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
		p.say(t, "=== "+words.Say(p.o.Lang, "too-fast", "count", strconv.Itoa(t.Earlier-p.done)), p.warn)
		p.done = t.Earlier
	}
	// While a session runs its findings wait: what is still to come may make
	// good what went wrong.
	var report findings.Report
	var under map[int][]findings.Finding
	if t.Ended || t.Source == decode.SourceLog {
		report = findings.Analyze(t, p.o.Lang)
		under = p.findingsUnder(t, report)
	}
	for ; p.done < t.Earlier+len(t.Entries); p.done++ {
		i := p.done - t.Earlier
		p.entry(t, i)
		for _, f := range under[i] {
			p.finding(t, f, report.Client)
		}
	}
	return p.err
}

// End writes the verdict.
func (p *TextPrinter) End(t *decode.Transcript) error {
	report := findings.Analyze(t, p.o.Lang)
	for _, f := range report.Findings {
		if !p.told[f.ID] {
			p.finding(t, f, report.Client)
		}
	}
	for _, s := range t.CannotShow {
		p.say(t, "=== "+words.Say(p.o.Lang, "not-shown", "what", visible.Text(s.In(p.o.Lang))), p.dim)
	}
	p.say(t, "=== "+report.Verdict.Text, p.severity(report.Verdict.Severity))
	return p.err
}

func (p *TextPrinter) title(t *decode.Transcript) {
	var parts []string
	if t.ID != "" {
		parts = append(parts, words.Say(p.o.Lang, "session", "id", t.ID))
	}
	if t.Dialect != "" {
		parts = append(parts, words.Say(p.o.Lang, "read-as", "dialect", t.Dialect))
	}
	if !t.Started.IsZero() {
		parts = append(parts, t.Started.Local().Format(time.DateTime))
	}
	if t.Target != "" {
		parts = append(parts, words.Say(p.o.Lang, "to", "target", t.Target))
	}
	p.say(t, "=== "+visible.Text(strings.Join(parts, words.Say(p.o.Lang, "comma"))), p.dim)
	if t.SecretsKept {
		p.say(t, "=== "+words.Say(p.o.Lang, "holds-passwords"), p.bad)
	}
	if t.SecretsTaken {
		p.say(t, "=== "+words.Say(p.o.Lang, "passwords-left-out"), p.bad)
	}
}

// findingsUnder sorts the findings by the entry that they are printed under:
// the last one that proves them.
func (p *TextPrinter) findingsUnder(t *decode.Transcript, report findings.Report) map[int][]findings.Finding {
	under := map[int][]findings.Finding{}
	for _, f := range report.Findings {
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
	for n, l := range (annotate.View{Lang: p.o.Lang}).Entry(e) {
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
		p.say(t, stamp+" "+mark+" "+words.Say(p.o.Lang, "more", "size", units.Bytes(rest)), p.dim)
	}
}

// indent leads to where the text of a line begins, and a step further.
const indent = "                  "

// stampOf is a time since the session began.
func stampOf(at time.Duration) string { return fmt.Sprintf("%9s s", units.Clock(at)) }

// Line is an entry in one line, as Text begins it: when, who, and what was said.
func Line(t *decode.Transcript, i int, l lang.Lang) string {
	e := t.Entries[i]
	said := annotate.Raw(e)
	if len(said) == 0 {
		for _, line := range (annotate.View{Lang: l}).Entry(e) {
			said = append(said, line.Text)
		}
	}
	return strings.TrimSpace(strings.Join(append([]string{stampOf(e.At), arrow(e)}, said[:min(len(said), 1)]...), " "))
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

// finding prints what happened, why, and the steps that fix it; the code is
// that of the client that the session shows, or of PHPMailer.
func (p *TextPrinter) finding(t *decode.Transcript, f findings.Finding, client string) {
	p.told[f.ID] = true
	p.say(t, fmt.Sprintf("%s!! %s [%s]", indent[:15], headline(f.Severity, f.Text, p.o.Lang), f.ID), p.severity(f.Severity))
	p.labelled(t, words.Say(p.o.Lang, "why"), f.Why)
	p.labelled(t, words.Say(p.o.Lang, "fix"), f.Fix.Steps...)
	if own, found := f.Fix.For(cmp.Or(client, "phpmailer")); found {
		p.say(t, indent+own.Name+":", p.dim)
		p.labelled(t, "", own.Steps...)
		for line := range strings.Lines(own.Code) {
			p.say(t, indent+"  "+strings.TrimSuffix(line, "\n"), p.plain)
		}
	}
}

// labelled prints paragraphs under a finding, the first with a label.
func (p *TextPrinter) labelled(t *decode.Transcript, label string, paragraphs ...string) {
	const width, column = 78, 6
	lead := ""
	if label != "" {
		lead = label + strings.Repeat(" ", max(column-runewidth.StringWidth(label), 0))
	}
	for _, text := range paragraphs {
		for _, line := range annotate.Fold(text, width) {
			p.say(t, indent+lead+line, p.dim)
			lead = strings.Repeat(" ", runewidth.StringWidth(lead))
		}
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
