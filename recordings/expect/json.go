package expect

import (
	"io"
	"time"

	"smtptap/decode/visible"
)

type (
	jsonReport struct {
		Lang     string        `json:"lang"` // of texts
		Passed   bool          `json:"passed"`
		Misses   []string      `json:"misses"` // what no session is to blame for
		Sessions []jsonSession `json:"sessions"`
	}
	jsonSession struct {
		ID       string      `json:"id"`
		Path     string      `json:"path,omitempty"` // of the recording
		Started  time.Time   `json:"started"`
		Seconds  float64     `json:"seconds"`
		Outcome  string      `json:"outcome"`
		Verdict  jsonVerdict `json:"verdict"`
		Expected []jsonCheck `json:"expected"`
	}
	jsonVerdict struct {
		ID       string `json:"id"`
		Severity string `json:"severity"`
		Text     string `json:"text"`
	}
	jsonCheck struct {
		Query  string     `json:"query"`
		Passed bool       `json:"passed"`
		Misses []jsonMiss `json:"misses"`
	}
	jsonMiss struct {
		Part    string `json:"part"` // of the query
		Got     string `json:"got,omitempty"`
		Finding string `json:"finding,omitempty"`
		Line    *int   `json:"line,omitempty"` // n in the dialogue of export -f json
		Text    string `json:"text,omitempty"` // that line
		Message string `json:"message"`
	}
)

// JSON writes the report as one object.
func (r *Report) JSON(w io.Writer) error {
	doc := jsonReport{Lang: r.langName(), Passed: r.Passed(), Misses: append([]string{}, r.Misses...), Sessions: []jsonSession{}}
	for _, s := range r.Sessions {
		made := jsonSession{
			ID: s.ID, Path: s.Path, Started: s.Started, Seconds: s.Took.Seconds(), Outcome: string(s.Outcome),
			Verdict: jsonVerdict{s.Verdict.ID, string(s.Verdict.Severity), s.Verdict.Text}, Expected: []jsonCheck{},
		}
		for _, c := range s.Checks {
			check := jsonCheck{Query: c.Query, Passed: len(c.Misses) == 0, Misses: []jsonMiss{}}
			for _, m := range c.Misses {
				miss := jsonMiss{Part: m.Part, Got: m.Got, Finding: m.Finding, Text: m.Text, Message: m.Message}
				if m.Line >= 0 {
					miss.Line = &m.Line
				}
				check.Misses = append(check.Misses, miss)
			}
			made.Expected = append(made.Expected, check)
		}
		doc.Sessions = append(doc.Sessions, made)
	}
	return visible.WriteJSON(w, doc, "  ")
}
