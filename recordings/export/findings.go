package export

import (
	"bufio"
	"fmt"
	"io"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/findings"
	"smtptap/decode/visible"
)

func findingsOf(r findings.Report) []finding {
	all := []finding{}
	for _, f := range r.Findings {
		all = append(all, finding{ID: f.ID, Severity: string(f.Severity), Lines: append([]int{}, f.Entries...), Text: f.Text, Cause: f.Cause, Fix: fixOf(f.Fix), Sources: f.Sources})
	}
	return all
}

// fixOf is a fix by client, without those for which nothing is known.
func fixOf(f findings.Fix) map[string]string {
	all := map[string]string{}
	for _, part := range fixParts(f) {
		all[part.Client] = part.Text
	}
	return all
}

type fixPart struct{ Client, Label, Text string }

// fixParts are the parts of a fix that hold something, the general one first.
func fixParts(f findings.Fix) []fixPart {
	var parts []fixPart
	for _, p := range []fixPart{
		{"general", "mend", f.General}, {"phpmailer", "PHPMailer", f.PHPMailer}, {"nodemailer", "nodemailer", f.Nodemailer},
		{"smtplib", "smtplib", f.Smtplib}, {"symfony", "Symfony, Laravel", f.Symfony}, {"wordpress", "WordPress", f.WordPress}, {"other", "other", f.Other},
	} {
		if p.Text != "" {
			parts = append(parts, p)
		}
	}
	return parts
}

// ExplainJSON writes what a pasted log comes to as one JSON object.
func ExplainJSON(w io.Writer, t *decode.Transcript) error {
	report := findings.Analyze(t)
	doc := struct {
		Dialect    string    `json:"dialect"`
		Outcome    string    `json:"outcome"` // as in the list of recordings
		Verdict    verdict   `json:"verdict"`
		Findings   []finding `json:"findings"`
		CannotShow []string  `json:"cannotShow"`
		Dialogue   []entry   `json:"dialogue"`
	}{Dialect: t.Dialect, Outcome: string(report.Outcome.Outcome), Verdict: verdictOf(report), Findings: findingsOf(report), CannotShow: append([]string{}, t.CannotShow...)}
	doc.Dialogue = []entry{}
	for i := range t.Entries {
		doc.Dialogue = append(doc.Dialogue, lineOf(t, i))
	}
	return visible.WriteJSON(w, doc, "  ")
}

// Catalogue lists everything that can be recognised, one finding a line.
func Catalogue(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, e := range findings.Catalogue() {
		fmt.Fprintf(out, "%-32s %-8s %s\n", e.ID, e.Severity, e.Text)
	}
	return out.Flush()
}

// CatalogueEntry writes one finding of the catalogue in full.
func CatalogueEntry(w io.Writer, e findings.Entry) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s (%s)\n\n%s\n", e.ID, e.Severity, e.Text)
	paragraph(out, "Cause", e.Cause)
	for _, p := range fixParts(e.Fix) {
		label := p.Label
		if p.Client == "general" {
			label = "Mend"
		}
		paragraph(out, label, p.Text)
	}
	fmt.Fprintln(out, "\nSources")
	for _, s := range e.Sources {
		fmt.Fprintf(out, "  %s\n", s)
	}
	return out.Flush()
}

func paragraph(w io.Writer, label, text string) {
	fmt.Fprintf(w, "\n%s\n", label)
	for _, line := range annotate.Fold(text, 76) {
		fmt.Fprintf(w, "  %s\n", line)
	}
}
