package panes

import (
	"bytes"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/tui/draw"
)

// Len is the number of entries and of held lines.
func (m *dialoguePane) Len() int {
	if m.session == nil {
		return 0
	}
	return len(m.session.Entries) + len(m.held)
}

// Text is what a search sees of an entry.
func (m *dialoguePane) Text(i int) string {
	if n := len(m.session.Entries); i >= n {
		return m.held[i-n].Text()
	}
	e := m.session.Entries[i]
	v := annotate.View{Lang: m.session.Lang, Reveal: m.reveal, Marks: m.view == asRaw}
	parts := v.Raw(e)
	for _, l := range v.Entry(e) {
		parts = append(parts, l.Text)
	}
	for _, f := range m.session.Under[i] {
		parts = append(parts, m.session.Report.Findings[f].Text)
	}
	if b := m.session.bodies[i]; b != nil {
		parts = append(parts, b.lines...)
	}
	if start, ok := m.session.Starts[i]; ok {
		parts = append(parts, visible.Lines(string(start))...)
	}
	return strings.Join(parts, "\n")
}

// Item lays an entry out.
func (m *dialoguePane) Item(i, width int) draw.Item {
	if n := len(m.session.Entries); i >= n {
		return m.heldItem(&m.held[i-n], width)
	}
	e := m.session.Entries[i]
	l := dialogueItem{dialoguePane: m, i: i, entry: e, dialogueColumns: dialogueColumnsFor(width)}
	l.lead()
	if !l.tlsRule() {
		l.said()
		l.meaning()
	}
	l.findings()
	return l.item
}

// dialogueColumns are the widths left of the text. Narrow panes do without some.
type dialogueColumns struct{ width, clock, took, who int }

func dialogueColumnsFor(width int) dialogueColumns {
	c := dialogueColumns{width: width, clock: 9, took: 9, who: 4}
	if width < 64 {
		c.took = 0
	}
	if width < 44 {
		c.clock = 0
	}
	return c
}

func (c dialogueColumns) text() int { return c.clock + c.took + c.who }

// A dialogueItem is an item in the making.
type dialogueItem struct {
	*dialoguePane
	dialogueColumns
	i     int
	entry decode.Entry
	item  draw.Item
}

// longWait is how long a silence must be to be drawn.
const longWait = time.Second

// lead draws what lies between the entry before and this one.
func (l *dialogueItem) lead() {
	if l.i == 0 {
		if n := l.session.Earlier; n > 0 {
			text := l.theme.Count("earlier", n)
			l.item.Lead = append(l.item.Lead, l.rule(text, l.theme.Marks.Wait, l.theme.Dim))
		}
		return
	}
	before := l.session.Entries[l.i-1]
	begin := l.entry.At
	if ev := l.entry.Event; ev != nil {
		begin = min(ev.Begin, l.entry.At)
	}
	if wait := begin - before.At; wait >= longWait {
		text := l.theme.Say("waited-"+l.waitedFor(before), "time", l.theme.Time(wait))
		l.item.Lead = append(l.item.Lead, l.rule(text, l.theme.Marks.Wait, l.theme.Warn))
	}
	if ev := l.entry.Event; ev != nil && ev.TLS && !l.tlsBefore() {
		l.item.Lead = append(l.item.Lead, l.rule(l.theme.Say("tls-begins"), l.theme.Marks.Rule, l.theme.Good))
	}
}

// waitedFor is who was idle before this entry: the one who then spoke. When it
// was smtptap, it waited itself for whoever had been asked, unless a rule made it
// wait.
func (l *dialogueItem) waitedFor(before decode.Entry) string {
	if n, ok := before.Fact.(*facts.Note); ok && (n.ID == facts.NoteRuleHeld || n.ID == facts.NoteRuleDelayed) {
		return "rule"
	}
	switch l.entry.From {
	case who.Client:
		return "client"
	case who.Server:
		return "server"
	}
	if before.From == who.Client || before.To == who.Server {
		return "server"
	}
	return "client"
}

// tlsBefore reports whether the leg spoke TLS already.
func (l *dialogueItem) tlsBefore() bool {
	for j := l.i - 1; j >= 0; j-- {
		e := l.session.Entries[j]
		if e.Event != nil && e.Leg == l.entry.Leg {
			return e.Event.TLS
		}
	}
	return false
}

// rule draws a line over the text's columns with words in it.
func (l *dialogueItem) rule(text, mark string, style draw.Style) string {
	text = " " + draw.Cut(text, max(l.width-8, 1), l.theme.Marks.Ellipsis) + " "
	left := min(max(l.text()-3, 2), max(l.width/4, 0))
	right := max(l.width-left-visible.Width(text), 0)
	return l.theme.Dim.Paint(draw.Rule(mark, left)) + style.Paint(text) + l.theme.Dim.Paint(draw.Rule(mark, right))
}

// tlsRule draws a handshake that succeeded as the boundary that it is.
func (l *dialogueItem) tlsRule() bool {
	f, ok := l.entry.Fact.(*facts.TLS)
	if !ok || f.Err != "" {
		return false
	}
	lines := l.explains.of(l.entry, annotate.View{Lang: l.session.Lang}.Entry(l.entry))
	if len(lines) == 0 {
		return false
	}
	style := l.theme.Good
	if f.Leg == who.ServerLeg && !f.Verified {
		style = l.theme.Warn
	}
	l.item.Rows = append(l.item.Rows, l.rule(lines[0].Text, l.theme.Marks.Rule, style))
	for n, line := range lines[1:] {
		if last := n == len(lines)-2; last || line.Kind != annotate.Meaning || l.unfolded[l.i] {
			l.explain(line) // the last one judges the certificate, those before describe it
		}
	}
	return true
}

// said shows the entry as it passed.
func (l *dialogueItem) said() {
	lines := l.raw()
	if len(lines) == 0 {
		return
	}
	lines, left := l.fold(lines)
	for n, line := range lines {
		rows := draw.Fill(line, max(l.width-l.text(), 1))
		if l.cut {
			rows = []string{draw.Cut(line, l.width-l.text(), l.theme.Marks.Ellipsis)}
		}
		if folded := len(rows) - maxRows; folded > 0 && !l.unfolded[l.i] {
			rows, left = rows[:maxRows], left+1
		}
		for j, row := range rows {
			l.row(row, n == 0 && j == 0)
		}
	}
	if left > 0 {
		l.aside(l.theme.Marks.Ellipsis+" "+l.theme.Count("folded", left), l.theme.Dim)
	}
	if b := l.decodedBody(); b != nil {
		l.aside(l.theme.Marks.Meaning+" "+l.theme.Say("body-decoded", "encoding", b.encodings), l.theme.Meaning)
	}
}

// How much of an entry is shown until it is unfolded.
const (
	maxRows  = 4  // of one line
	maxLines = 30 // of a reply
	maxBody  = 6  // of a message

	maxMeanings = 2 // lines about one entry; notes and warnings are all shown
)

func (l *dialogueItem) fold(lines []string) (shown []string, left int) {
	limit := maxLines
	if l.entry.Event.Kind == decode.KindBody {
		limit = maxBody
	}
	if l.unfolded[l.i] || len(lines) <= limit {
		return lines, 0
	}
	return lines[:limit], len(lines) - limit
}

// raw are the lines of the entry in the pane's view.
func (l *dialogueItem) raw() []string {
	e := l.entry.Event
	if e == nil {
		return nil
	}
	start, body := l.session.Starts[l.i]
	switch {
	case l.view == asHex && body:
		return draw.HexLines(start, l.entry.Event.Span.Start)
	case l.view == asHex:
		return draw.HexLines(l.session.raw(l.i, l.reveal), l.entry.Event.Span.Start)
	case body && l.view == asRaw:
		var lines []string
		for line := range bytes.Lines(start) {
			lines = append(lines, visible.Raw(line))
		}
		return lines
	case l.decodedBody() != nil:
		return l.decodedBody().lines
	case body:
		return visible.Lines(string(start))
	}
	return annotate.View{Reveal: l.reveal, Marks: l.view == asRaw}.Raw(l.entry)
}

// decodedBody is the body of the entry in the decoded view, nil where nothing in
// it is encoded.
func (l *dialogueItem) decodedBody() *readableBody {
	if l.view != decoded {
		return nil
	}
	return l.session.bodies[l.i]
}

// row writes a line of what was said; the first has time and speaker.
func (l *dialogueItem) row(text string, first bool) {
	var r draw.Row
	style := l.theme.Plain
	if first {
		l.margin(&r)
	} else {
		r.Skip(l.text())
	}
	if e := l.entry.Event; e != nil {
		style = l.saidStyle(e)
	}
	r.Put(text, style)
	l.item.Rows = append(l.item.Rows, r.String())
}

// saidStyle paints refusals, and keeps the mass of a message in the background.
func (l *dialogueItem) saidStyle(e *decode.Event) draw.Style {
	switch {
	case e.Reply != nil && e.Reply.Code >= 400:
		return l.theme.Bad
	case e.Reply != nil && e.Reply.Positive() && e.Reply.ToVerb == ".":
		return l.theme.Good
	case e.Kind == decode.KindMissing:
		return l.theme.Warn
	}
	return l.theme.Plain
}

// margin writes when, after how long, and who.
func (l *dialogueItem) margin(r *draw.Row) {
	e := l.entry
	mark := l.theme.Marks.Ellipsis
	if l.clock > 0 {
		clock := units.Clock(e.At)
		if l.inMessage() && clock == units.Clock(l.session.Entries[l.i-1].At) {
			clock = ""
		}
		r.Put(draw.FitRight(clock, l.clock-1, mark)+" ", l.theme.Dim)
	}
	if l.took > 0 {
		text, style := "", l.theme.Dim
		if since, ok := l.session.waited(l.i); ok {
			d := e.At - l.session.Entries[since].At
			text = "+" + units.Time(d)
			if d >= longWait {
				style = l.theme.Warn
			}
		}
		r.Put(draw.FitRight(text, l.took-1, mark)+" ", style)
	}
	name, style := l.speaker()
	r.Put(draw.Fit(name, l.who, mark), style)
}

// inMessage reports whether the entry goes on with a message that the entry
// before belongs to.
func (l *dialogueItem) inMessage() bool {
	return l.i > 0 && isMessage(l.entry) && isMessage(l.session.Entries[l.i-1])
}

func isMessage(e decode.Entry) bool {
	if e.Event == nil {
		return false
	}
	switch e.Event.Kind {
	case decode.KindHeader, decode.KindBody, decode.KindEndOfData:
		return true
	}
	return false
}

func (l *dialogueItem) speaker() (string, draw.Style) {
	switch l.entry.From {
	case who.Client:
		return "C:", l.theme.Client
	case who.Server:
		if l.entry.Fact == nil {
			return "S:", l.theme.Server
		}
	}
	return "tap", l.theme.Own
}

// meaning shows what the entry means. A fact has nothing else to show.
func (l *dialogueItem) meaning() {
	if l.entry.Event != nil && l.view != decoded {
		return
	}
	lines := l.explains.of(l.entry, annotate.View{Lang: l.session.Lang, Reveal: l.reveal}.Entry(l.entry))
	if len(lines) == 1 && l.beside(lines[0]) {
		return
	}
	meant := 0
	for n, line := range lines {
		if line.Kind == annotate.Meaning && len(l.item.Rows) > 0 && !l.unfolded[l.i] {
			if meant++; meant > maxMeanings && len(lines) > maxMeanings+1 {
				continue
			}
		}
		if n == 0 && len(l.item.Rows) == 0 {
			for j, row := range draw.Wrap(line.Text, max(l.width-l.text(), 1)) {
				l.row(l.kindStyle(line.Kind).Paint(row), j == 0)
			}
			continue
		}
		l.explain(line)
	}
	if more := meant - maxMeanings; more > 0 && len(lines) > maxMeanings+1 {
		l.aside(l.theme.Marks.Ellipsis+" "+l.theme.Count("unexplained", more), l.theme.Dim)
	}
}

// beside writes what a line means after it, where that is all there is to say
// and both find room. Where terminals may disagree about widths it goes below.
func (l *dialogueItem) beside(line annotate.Line) bool {
	if len(l.item.Rows) != 1 || line.Kind != annotate.Meaning || l.entry.Event == nil {
		return false
	}
	text := "  " + l.theme.Marks.Meaning + " " + line.Text
	row := l.item.Rows[0]
	if !draw.IsASCII(row) || visible.Width(row)+visible.Width(text) > l.width {
		return false
	}
	l.item.Rows[0] = row + l.theme.Meaning.Paint(text)
	return true
}

func (l *dialogueItem) explain(line annotate.Line) {
	mark := l.theme.Marks.Meaning
	switch line.Kind {
	case annotate.Note:
		mark = l.theme.Marks.Note
	case annotate.Warning:
		mark = l.theme.Marks.Warning
	}
	l.aside(mark+" "+line.Text, l.kindStyle(line.Kind))
}

func (l *dialogueItem) kindStyle(kind string) draw.Style {
	switch kind {
	case annotate.Note, annotate.Warning:
		return l.theme.Warn
	}
	return l.theme.Meaning
}

// aside writes under what was said. Its first two columns are a mark.
func (l *dialogueItem) aside(text string, style draw.Style) {
	indent := min(l.text(), l.width/2)
	for n, row := range draw.Wrap(text, max(l.width-indent-2, 1)) {
		pad := draw.Blanks(indent)
		if n > 0 {
			pad += "  "
		}
		l.item.Rows = append(l.item.Rows, pad+style.Paint(row))
	}
}

// findings shows what was found, under the entry that completes the proof.
func (l *dialogueItem) findings() {
	if l.explains == nothing {
		return
	}
	for _, n := range l.session.Under[l.i] {
		f := l.session.Report.Findings[n]
		style := l.theme.Meaning
		switch f.Severity {
		case findings.Failure:
			style = l.theme.Bad
		case findings.Warning:
			style = l.theme.Warn
		}
		l.aside(l.theme.Marks.Finding+" "+f.Text, style)
		if f.Severity == findings.Failure && f.Why != "" {
			l.aside("  "+f.Why, l.theme.Plain)
		}
	}
}
