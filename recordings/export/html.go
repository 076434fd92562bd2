package export

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

//go:embed session.html
var page string

// HTML writes the session as one page that needs nothing else: no script, no
// request, no style from elsewhere, and a policy that forbids them. Long
// bodies are folded; the time that each step took is drawn beside it.
func HTML(w io.Writer, t *decode.Transcript, l lang.Lang) error {
	return pageTemplate.Execute(w, pageOf(t, l))
}

// HTMLBody writes what such a page holds, for a page that has HTMLStyle.
func HTMLBody(w io.Writer, t *decode.Transcript, l lang.Lang) error {
	return pageTemplate.ExecuteTemplate(w, "body", pageOf(t, l))
}

// HTMLStyle is how such a page looks.
//
//go:embed page.css
var HTMLStyle string

var pageTemplate = template.Must(template.New("session").Parse(page))

// A htmlPage is what the template draws. Its strings are safe to show; the
// template escapes them for HTML.
type htmlPage struct {
	lang     lang.Lang
	Lang     string
	Title    string
	Verdict  string
	Severity string
	Head     []row
	Findings []htmlFinding
	Lines    []htmlLine
	Steps    []htmlStep
	Total    string
	Style    template.CSS
}

type htmlFinding struct {
	Severity, Headline, ID, Why string
	Lines                       []int
	Fix                         findings.Fix
	Own                         *findings.ClientFix // of the client that the session shows
	Others                      []findings.ClientFix
	Sources                     []string
}

type htmlLine struct {
	N       int
	At      string
	Mark    string // as in the text form
	Class   string // client, server, fact
	TLS     bool   // TLS begins here
	Wait    string // a long wait before it, and for whom
	Raw     []string
	Meaning []annotate.Line
	Folded  string // says how much is in Raw, when it is folded
	Found   []htmlFinding
}

// A htmlStep is a bar of the waterfall.
type htmlStep struct {
	Label       string
	Took        string
	Left, Width string // per cent of the whole
	Server      bool   // the server was waited for
}

// Say is a text of the page, in its language.
func (p htmlPage) Say(key string, more ...string) string { return words.Say(p.lang, key, more...) }

func pageOf(t *decode.Transcript, l lang.Lang) htmlPage {
	report := findings.Analyze(t, l)
	p := htmlPage{lang: l, Lang: langName(l), Title: words.Say(l, "title"), Verdict: report.Verdict.Text, Severity: string(report.Verdict.Severity), Head: headOf(t, l), Style: template.CSS(HTMLStyle)}
	if t.ID != "" {
		p.Title += " " + visible.Text(t.ID)
	}
	under := map[int][]htmlFinding{}
	for _, f := range report.Findings {
		h := htmlFinding{Severity: string(f.Severity), Headline: headline(f.Severity, f.Text, l), ID: f.ID, Why: f.Why, Lines: f.Entries, Fix: f.Fix, Sources: f.Sources}
		own, found := f.Fix.For(report.Client)
		if found {
			h.Own = &own
		}
		for _, c := range f.Fix.Clients {
			if c.Client != own.Client {
				h.Others = append(h.Others, c)
			}
		}
		p.Findings = append(p.Findings, h)
		if n := len(f.Entries); n > 0 {
			under[f.Entries[n-1]] = append(under[f.Entries[n-1]], h)
		}
	}
	tls := false
	for i := range t.Entries {
		line := htmlLineOf(t, i, l)
		line.Found = under[i]
		if e := t.Entries[i].Event; e != nil && e.TLS && !tls {
			line.TLS, tls = true, true
		}
		p.Lines = append(p.Lines, line)
	}
	p.Steps, p.Total = waterfall(t, l)
	return p
}

// longWait is a wait worth drawing as a gap.
const longWait = time.Second

func htmlLineOf(t *decode.Transcript, i int, l lang.Lang) htmlLine {
	e := t.Entries[i]
	line := htmlLine{N: i, At: units.Clock(e.At) + " s", Mark: arrow(e), Class: "fact", Raw: annotate.Raw(e), Meaning: annotate.View{Lang: l}.Entry(e)}
	if e.Event == nil {
		if len(line.Meaning) > 0 {
			line.Raw, line.Meaning = []string{line.Meaning[0].Text}, line.Meaning[1:]
		}
		return line
	}
	line.Class = e.Event.Side.String()
	if i > 0 {
		if wait := e.Event.Begin - t.Entries[i-1].At; wait > longWait {
			line.Wait = words.Say(l, "wait-"+e.Event.Side.String(), "took", units.Time(wait))
		}
	}
	if e.Event.Kind == decode.KindBody {
		lines, rest := bodyHead(t, e, htmlBody)
		line.Raw = lines
		line.Folded = words.Say(l, "body", "size", units.Bytes(e.Event.Span.Len()))
		if rest > 0 {
			line.Raw = append(line.Raw, words.Say(l, "more", "size", units.Bytes(rest)))
		}
	}
	return line
}

// htmlBody is how many bytes of a body the page holds.
const htmlBody = 64 << 10

// waterfall draws each question and its reply on one axis of time.
func waterfall(t *decode.Transcript, l lang.Lang) (steps []htmlStep, total string) {
	if t.Lack(decode.LackTimes) || len(t.Entries) == 0 {
		return nil, ""
	}
	end := t.Entries[len(t.Entries)-1].At
	if end <= 0 {
		return nil, ""
	}
	percent := func(d time.Duration) string { return fmt.Sprintf("%.3f", 100*float64(d)/float64(end)) }
	add := func(label string, from, to time.Duration, server bool) {
		if to > from && len(steps) < mostSteps {
			steps = append(steps, htmlStep{label, units.Time(to - from), percent(from), percent(to - from), server})
		}
	}
	last := time.Duration(0)
	for i, e := range t.Entries {
		if e.Event == nil || e.Leg == who.ServerLeg {
			continue
		}
		switch {
		case e.Event.Kind == decode.KindGreeting:
			add(words.Say(l, "step-greeting"), last, e.At, true)
		case e.Event.Reply != nil:
			if q := t.Question(i); q >= 0 {
				add(visible.Text(e.Event.Reply.ToVerb), t.Entries[q].At, e.At, true)
			}
		case e.Event.Side == who.Client && e.Event.Begin > last:
			add(words.Say(l, "step-client"), last, e.Event.Begin, false)
		}
		last = e.At
	}
	return steps, units.Time(end)
}

// mostSteps bounds the waterfall of a session with thousands of commands.
const mostSteps = 200
