package export

import (
	"cmp"
	_ "embed"
	"io"
	"iter"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
)

//go:embed words.toml
var wordTexts []byte

// words are what reports say around the session's own text.
var words = lang.NewTexts(wordTexts)

// langName is the language of a document's texts.
func langName(l lang.Lang) string { return string(cmp.Or(l, lang.English)) }

// headline is a finding in one row: its severity and title.
func headline(s findings.Severity, title string, l lang.Lang) string {
	return words.Say(l, "headline", "severity", severityWord(s, l), "title", title)
}

// severityWord names a severity for people.
func severityWord(s findings.Severity, l lang.Lang) string { return words.Say(l, string(s)) }

func findingsOf(r findings.Report) []finding {
	all := []finding{}
	for _, f := range r.Findings {
		all = append(all, finding{
			ID: f.ID, Severity: string(f.Severity), By: f.By, Leg: f.Leg, Lines: append([]int{}, f.Entries...), Retry: string(f.Retry), Text: f.Text,
			Cause: f.Why, Fix: fixOf(f.Fix), Sources: f.Sources,
		})
	}
	return all
}

// fixOf is a fix by client, without those for which nothing is known.
func fixOf(f findings.Fix) map[string]string {
	all := map[string]string{}
	if len(f.Steps) > 0 {
		all["general"] = strings.Join(f.Steps, "\n")
	}
	for _, c := range f.Clients {
		all[c.Client] = clientText(c)
	}
	return all
}

// clientText is what a client's fix says, its steps before its code.
func clientText(c findings.ClientFix) string {
	all := c.Steps
	if c.Code != "" {
		all = append(all[:len(all):len(all)], c.Code)
	}
	return strings.Join(all, "\n")
}

// ExplainJSON writes what a pasted log comes to as one JSON object: the verdict
// and the findings of its decisive session, and the dialogue of all.
func ExplainJSON(w io.Writer, all []*decode.Transcript, decisive int, l lang.Lang) error {
	t := all[decisive]
	report := findings.Analyze(t, l)
	doc := explained{Lang: langName(l), Dialect: t.Dialect, Outcome: string(report.Outcome.Outcome), Verdict: verdictOf(report), Findings: findingsOf(report), CannotShow: inWords(t.CannotShow, l), Dialogue: []entry{}}
	first := 0
	for n, t := range all {
		if len(all) == 1 {
			break
		}
		r := report
		if n == decisive {
			doc.moveFindings(first)
		} else {
			r = findings.Analyze(t, l)
		}
		doc.Sessions = append(doc.Sessions, part{n + 1, string(r.Outcome.Outcome), verdictOf(r)})
		first += len(t.Entries)
	}
	return visible.WriteJSONList(w, doc, "  ", dialogue(all, l))
}

// explained is what a pasted log comes to.
type explained struct {
	Lang       string    `json:"lang"` // of texts
	Dialect    string    `json:"dialect"`
	Outcome    string    `json:"outcome"` // as in the list of recordings
	Verdict    verdict   `json:"verdict"`
	Findings   []finding `json:"findings"`
	CannotShow []string  `json:"cannotShow"`
	Sessions   []part    `json:"sessions,omitempty"` // where the log holds several
	Dialogue   []entry   `json:"dialogue"`
}

// A part is one of several sessions in a log.
type part struct {
	Number  int     `json:"number"`
	Outcome string  `json:"outcome"`
	Verdict verdict `json:"verdict"`
}

// dialogue are the entries of all sessions, under their numbers if there are
// several.
func dialogue(all []*decode.Transcript, l lang.Lang) iter.Seq[any] {
	return func(yield func(any) bool) {
		first := 0
		for n, t := range all {
			for i := range t.Entries {
				e := lineOf(t, i, l)
				if e.N = first + i; len(all) > 1 {
					e.Part = n + 1
				}
				if e.Reply != nil && e.Reply.To != nil {
					*e.Reply.To += first
				}
				if !yield(e) {
					return
				}
			}
			first += len(t.Entries)
		}
	}
}

// moveFindings makes the findings' lines indexes of the whole dialogue, in
// which their session begins at first.
func (doc *explained) moveFindings(first int) {
	for _, f := range doc.Findings {
		for i := range f.Lines {
			f.Lines[i] += first
		}
	}
}

// inWords are sentences in one language.
func inWords(all []facts.Sentence, l lang.Lang) []string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = s.In(l)
	}
	return texts
}
