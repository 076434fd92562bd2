package cli

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"smtptap/decode/lang"
)

// howtos are the texts of `smtptap howto`, one for each topic. A line that begins
// with "en: " or "zh: " belongs to that language, others to both; the first one
// is the title. Indented lines are to be pasted, those with a $ to be run by hand.
//
//go:embed howto/*.txt
var howtos embed.FS

// topics are the names of the texts.
func topics() (names []string) {
	files, _ := fs.Glob(howtos, "howto/*.txt")
	for _, f := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(f, "howto/"), ".txt"))
	}
	return names
}

// topic is the text about one, its title apart.
func topic(name string, l lang.Lang) (title, text string) {
	raw, _ := howtos.ReadFile("howto/" + name + ".txt")
	title, text, _ = strings.Cut(lang.Only(string(raw), l), "\n")
	return title, strings.TrimPrefix(text, "\n")
}

// Howto is `smtptap howto`.
func Howto(p *Program) *cobra.Command {
	return &cobra.Command{
		Use:       "howto [TOPIC]",
		Args:      p.args(0, 1),
		ValidArgs: topics(),
		RunE: func(_ *cobra.Command, a []string) error {
			out := p.streams.Out
			if len(a) == 0 {
				for _, name := range topics() {
					title, _ := topic(name, p.lang)
					fmt.Fprintf(out, "%-12s %s\n", name, title)
				}
				return nil
			}
			if !slices.Contains(topics(), a[0]) {
				return wrong("no-topic", "topic", shown(a[0]), "topics", strings.Join(topics(), ", "))
			}
			title, text := topic(a[0], p.lang)
			_, err := fmt.Fprintf(out, "%s\n\n%s", title, text)
			return err
		},
	}
}
