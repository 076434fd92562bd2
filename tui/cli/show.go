package cli

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"smtptap/recordings/export"
	"smtptap/recordings/redact"
)

// Show is `smtptap show`.
func Show(p *Program) *cobra.Command {
	var dir string
	var color colorMode
	var redaction redactFlags
	var authentic verifyFlags
	cmd := &cobra.Command{
		Use:  "show [REC]",
		Args: p.args(0, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			t, err := p.load(dir, refArg(a))
			if err != nil {
				return err
			}
			verdicts, err := authentic.prepare(p, t, redaction)
			if err != nil {
				return err
			}
			if t, err = redaction.apply(t); err != nil {
				return err
			}
			guard := redact.Guard(p.streams.Out, nil, t.Withheld...)
			if err := export.Text(guard, t, export.TextOptions{Lang: p.lang, Color: color.on(p.streams.Out)}); err != nil {
				return err
			}
			if err := guard.Close(); err != nil {
				return err
			}
			return verdicts(cmd.Context())
		},
	}
	recordFlag(cmd, &dir)
	color.flag(cmd)
	redaction.flags(cmd)
	authentic.flags(cmd)
	return cmd
}

// colorMode is --color: auto, always or never.
type colorMode string

func (c *colorMode) flag(cmd *cobra.Command) {
	cmd.Flags().Var(oneOf((*string)(c), "auto", "auto", "always", "never"), "color", "")
}

// on reports whether to colour what goes to f: with auto, only a terminal that
// was not told otherwise (no-color.org).
func (c *colorMode) on(f *os.File) bool {
	if *c == "auto" {
		return os.Getenv("NO_COLOR") == "" && isTerminal(f)
	}
	return *c == "always"
}

// isTerminal reports whether f is a terminal that can do more than print.
func isTerminal(f *os.File) bool {
	kind := os.Getenv("TERM")
	return term.IsTerminal(int(f.Fd())) && kind != "" && kind != "dumb"
}
