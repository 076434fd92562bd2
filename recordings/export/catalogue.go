package export

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"smtptap/decode/annotate"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
)

// Catalogue lists everything that can be recognised, one finding a line.
func Catalogue(w io.Writer, l lang.Lang) error {
	out := bufio.NewWriter(w)
	for _, e := range findings.Catalogue(l) {
		severity := severityWord(e.Severity, l)
		fmt.Fprintf(out, "%-32s %s%s %s\n", e.ID, severity, strings.Repeat(" ", max(8-runewidth.StringWidth(severity), 0)), e.Title)
	}
	return out.Flush()
}

// CatalogueEntry writes one finding of the catalogue in full.
func CatalogueEntry(w io.Writer, e findings.Entry, l lang.Lang) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s (%s)\n\n%s\n", e.ID, severityWord(e.Severity, l), e.Title)
	section(out, words.Say(l, "why-heading"), e.Why)
	section(out, words.Say(l, "fix-heading"), e.Fix.Steps...)
	for _, c := range e.Fix.Clients {
		section(out, c.Name, strings.Split(clientText(c), "\n")...)
	}
	section(out, words.Say(l, "sources-heading"), e.Sources...)
	return out.Flush()
}

func section(w io.Writer, heading string, paragraphs ...string) {
	fmt.Fprintf(w, "\n%s\n", heading)
	for _, p := range paragraphs {
		for _, line := range annotate.Fold(p, 76) {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
}

// CataloguePage writes the whole catalogue as one page of Markdown. What clients
// are told in the same words under many findings is left to CatalogueEntry.
func CataloguePage(w io.Writer, l lang.Lang) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# %s\n\n%s\n", words.Say(l, "page-title"), words.Say(l, "page-head"))
	for _, e := range findings.Catalogue(l) {
		fmt.Fprintf(out, "\n## %s\n\n**%s**\n\n%s\n\n", e.ID, headline(e.Severity, e.Title, l), e.Why)
		for _, step := range e.Fix.Steps {
			fmt.Fprintf(out, "- %s\n", step)
		}
		for _, c := range e.Fix.Clients {
			if !c.Shared {
				pageClient(out, c)
			}
		}
		fmt.Fprintf(out, "\n%s%s\n", words.Say(l, "sources"), strings.Join(e.Sources, words.Say(l, "comma")))
	}
	return out.Flush()
}

func pageClient(w io.Writer, c findings.ClientFix) {
	fmt.Fprintf(w, "\n<details><summary>%s</summary>\n", c.Name)
	for i, step := range c.Steps {
		fmt.Fprintf(w, "%s- %s\n", "\n"[min(i, 1):], step)
	}
	if c.Code != "" {
		fence := fenceFor(c.Code)
		fmt.Fprintf(w, "\n%s\n%s\n%s\n", fence, c.Code, fence)
	}
	fmt.Fprint(w, "\n</details>\n")
}
