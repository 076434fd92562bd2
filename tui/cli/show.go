package cli

import (
	"fmt"
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
		Use:   "show [REC]",
		Short: "One recording as annotated text",
		Long: "Show prints a recording as annotated text. --verify also judges the authentication of each message\n" +
			"as its receiver would: DKIM signatures, SPF for the address that the server saw, DMARC. Only then\n" +
			"is the DNS asked. Exit status 3 when one of them fails.",
		Example: "  smtptap show\n  smtptap show k3f9 --redact addresses,hosts\n  smtptap show --verify --resolver 9.9.9.9 k3f9\n  smtptap show ./mail.smtptap | less -R",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
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
			if err := export.Text(guard, t, export.TextOptions{Lang: p.lang.Lang, Color: color.on(p.streams.Out)}); err != nil {
				return err
			}
			if err := guard.Close(); err != nil {
				return err
			}
			return verdicts(cmd.Context())
		},
	}
	recordFlag(cmd, &dir, "folder of recordings")
	color.flag(cmd)
	redaction.flags(cmd)
	authentic.flags(cmd)
	return cmd
}

// colorMode is --color: auto, always or never.
type colorMode string

func (c *colorMode) flag(cmd *cobra.Command) {
	*c = "auto"
	cmd.Flags().Var(c, "color", "colour the text: auto, always, never")
}

func (c *colorMode) String() string { return string(*c) }
func (c *colorMode) Type() string   { return "when" }

func (c *colorMode) Set(s string) error {
	switch s {
	case "auto", "always", "never":
		*c = colorMode(s)
		return nil
	}
	return fmt.Errorf("there are auto, always and never")
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
