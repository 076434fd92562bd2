// Package expect holds sessions to queries that they must fulfil, and reports
// what does not: as lines, to GitHub, as JUnit XML and as JSON.
package expect

import (
	"cmp"
	_ "embed"
	"slices"
	"strconv"
	"time"

	"smtptap/decode"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/recordings/export"
	"smtptap/recordings/query"
	"smtptap/recordings/redact"
	"smtptap/recordings/transcript"
)

//go:embed words.toml
var wordTexts []byte

var words = lang.NewTexts(wordTexts)

// A Judge holds sessions to what is expected of each of them.
type Judge struct {
	Queries []*query.Filter
	Lang    lang.Lang
	Redact  redact.Levels // what reports leave out of what they quote, besides passwords
}

// A Report is what a number of sessions came to.
type Report struct {
	Lang     lang.Lang
	Ended    time.Time
	Sessions []Session
	Misses   []string // what no session is to blame for
}

// A Session is what one came to.
type Session struct {
	ID, Path string // the path is that of its recording, "" for none
	Started  time.Time
	Took     time.Duration
	Outcome  outcome.Outcome
	Verdict  findings.Verdict
	Checks   []Check // one for each query
}

// A Check is one query and one session.
type Check struct {
	Query  string
	Misses []Miss
}

// A Miss is a part of a query that does not hold. Its texts are safe to print.
type Miss struct {
	Part    string // of the query
	Got     string // what the session has in its place; "" for nothing
	Finding string // id of the finding that should not be there, or that tells why; "" for none
	Title   string // of that finding
	Line    int    // entry that proves it, -1 for none
	Text    string // that entry in one line
	Message string // all of it in one line, without the session
}

// Session judges one session. sum is its summary: t may hold a part only.
func (j *Judge) Session(t *decode.Transcript, sum transcript.Summary) Session {
	report := findings.Analyze(t, j.Lang)
	whole := query.Session{Summary: sum, Findings: query.Findings(report)}
	if t.Earlier == 0 && t.Became == "" {
		whole.Also = tallied(t).Also // all of it
	}
	s := Session{ID: sum.ID, Path: sum.Path, Started: sum.Started, Took: sum.Took, Outcome: sum.Outcome, Verdict: report.Verdict}
	var shown *shown
	for _, q := range j.Queries {
		c := Check{Query: q.String()}
		if !q.Match(&whole) && shown == nil {
			shown = j.show(t, whole)
		}
		if shown != nil {
			for _, m := range q.Misses(&whole, &shown.session) {
				c.Misses = append(c.Misses, j.misses(m, shown)...)
			}
		}
		s.Checks = append(s.Checks, c)
	}
	return s
}

// tallied is the summary of what a transcript holds.
func tallied(t *decode.Transcript) transcript.Summary {
	tally := transcript.Tally{Whole: true}
	for _, e := range t.Entries {
		tally.Add(e)
	}
	return tally.Summary()
}

// A shown is a session as reports quote it.
type shown struct {
	transcript *decode.Transcript
	session    query.Session
	report     findings.Report
}

// show takes out of a session what reports leave out: of what can't be rewritten,
// nothing is quoted. No report quotes a message.
func (j *Judge) show(t *decode.Transcript, whole query.Session) *shown {
	levels := j.Redact
	levels.Body = levels != (redact.Levels{})
	r, err := redact.Apply(t, levels)
	if err != nil {
		r = &decode.Transcript{Ended: true}
	}
	sum := tallied(r)
	sum.ID, sum.Mode, sum.Target = whole.ID, whole.Mode, r.Target
	sum.Outcome, sum.Took = whole.Outcome, whole.Took
	return &shown{r, query.Session{Summary: sum, Findings: whole.Findings}, findings.Analyze(r, j.Lang)}
}

// misses are what a part of a query that does not hold comes to: one for each
// finding that should not be there.
func (j *Judge) misses(m query.Miss, s *shown) []Miss {
	if len(m.Findings) == 0 {
		return []Miss{j.miss(m, "", s.transcript, s.report)}
	}
	var all []Miss
	for _, id := range m.Findings {
		all = append(all, j.miss(m, id, s.transcript, s.report))
	}
	return all
}

// miss tells of a part that does not hold: of the finding with that id, or of
// what decided the session when it failed.
func (j *Judge) miss(q query.Miss, id string, t *decode.Transcript, r findings.Report) Miss {
	m := Miss{Part: visible.Text(q.Part), Got: visible.Truncate(visible.Text(q.Saw), widest, "…"), Finding: id, Line: -1}
	if id == "" && r.Failed() {
		m.Finding, m.Line = r.Verdict.ID, r.Outcome.Decided.Entry
	}
	if i := slices.IndexFunc(r.Findings, func(f findings.Finding) bool { return f.ID == m.Finding }); i >= 0 {
		m.Title = r.Findings[i].Text
		if proof := r.Findings[i].Entries; len(proof) > 0 {
			m.Line = proof[len(proof)-1]
		}
	} else if m.Finding == r.Verdict.ID {
		m.Title = r.Verdict.Text
	}
	if m.Line >= 0 && m.Line < len(t.Entries) {
		m.Text = visible.Truncate(export.Line(t, m.Line, j.Lang), widest, "…")
	}
	m.Message = words.Say(j.Lang, "miss", "part", m.Part, "got", m.Got, "title", m.Title, "finding", m.Finding, "line", m.Text)
	return m
}

// widest is how much of a session a report quotes at once, in columns.
const widest = 160

// Add adds a session to the report.
func (r *Report) Add(s Session) { r.Sessions = append(r.Sessions, s) }

// Unjudged notes a session that can't be judged.
func (r *Report) Unjudged(id string, why error) {
	r.Misses = append(r.Misses, words.Say(r.Lang, "unjudged", "id", id, "why", visible.Text(why.Error())))
}

// Few notes that fewer sessions came than had to: one at least. within is how
// long they were waited for, 0 for as long as they liked.
func (r *Report) Few(wanted int, within time.Duration) {
	came, wanted := len(r.Sessions), max(wanted, 1)
	if came >= wanted {
		return
	}
	key, limit := "few", ""
	if came == 0 {
		key = "none"
	}
	if within > 0 {
		limit = units.Time(within)
	}
	r.Misses = append(r.Misses, words.Say(r.Lang, key, "came", strconv.Itoa(came), "wanted", strconv.Itoa(wanted), "within", limit))
}

// Passed reports that nothing was missed.
func (r *Report) Passed() bool { return len(r.Lines()) == 0 }

// Lines are all misses, one a line.
func (r *Report) Lines() []string {
	lines := slices.Clone(r.Misses)
	for _, s := range r.Sessions {
		for _, m := range s.misses() {
			lines = append(lines, s.line(m, r.Lang))
		}
	}
	return lines
}

func (s *Session) line(m Miss, l lang.Lang) string {
	return words.Say(l, "session", "id", recordings.ShortID(s.ID), "message", m.Message)
}

func (s *Session) misses() []Miss {
	var all []Miss
	for _, c := range s.Checks {
		all = append(all, c.Misses...)
	}
	return all
}

// langName is the language of a document's texts.
func (r *Report) langName() string { return string(cmp.Or(r.Lang, lang.English)) }
