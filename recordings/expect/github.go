package expect

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"smtptap/recordings"
	"smtptap/recordings/export"
)

// annotated is what the value of a workflow command may not hold as it is.
var annotated = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")

// GitHub writes an annotation for each miss, as GitHub Actions reads it in what a
// step prints.
func (r *Report) GitHub(w io.Writer) error {
	for _, line := range r.Lines() {
		if _, err := fmt.Fprintf(w, "::error title=smtptap::%s\n", annotated.Replace(line)); err != nil {
			return err
		}
	}
	return nil
}

// mostRows bounds the sessions in a summary: GitHub takes one of 1 MiB.
const mostRows = 300

// Summary writes the report as Markdown, for the summary of a step. Those that
// missed something come first.
func (r *Report) Summary(w io.Writer) error {
	var b strings.Builder
	key, count := "passed", strconv.Itoa(len(r.Sessions))
	if !r.Passed() {
		key = "failed"
	}
	fmt.Fprintf(&b, "### smtptap: %s\n\n", words.Say(r.Lang, key, "count", count, "missed", strconv.Itoa(len(r.Lines()))))
	for _, miss := range r.Misses {
		fmt.Fprintf(&b, "- %s\n", export.MarkdownText(miss))
	}
	if len(r.Sessions) > 0 {
		fmt.Fprintf(&b, "\n| %s | %s | %s |\n|---|---|---|\n", words.Say(r.Lang, "head-session"), words.Say(r.Lang, "head-verdict"), words.Say(r.Lang, "head-missed"))
	}
	rows := 0
	for _, missed := range []bool{true, false} {
		for _, s := range r.Sessions {
			misses := s.misses()
			if (len(misses) > 0) != missed {
				continue
			}
			if rows++; rows > mostRows {
				continue
			}
			var cells []string
			for _, m := range misses[:min(len(misses), mostMisses)] {
				cells = append(cells, export.MarkdownText(m.Message))
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", recordings.ShortID(s.ID), export.MarkdownText(s.Verdict.Text), strings.Join(cells, "<br>"))
		}
	}
	if rows > mostRows {
		fmt.Fprintf(&b, "\n%s\n", words.Say(r.Lang, "left-out", "count", strconv.Itoa(rows-mostRows)))
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// mostMisses bounds the misses of a session in a summary.
const mostMisses = 5
