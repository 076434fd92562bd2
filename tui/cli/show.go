package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"smtptap/decode"
	"smtptap/recordings/export"
	"smtptap/recordings/redact"
	"smtptap/recordings/transcript"
)

// Show is `smtptap show`.
func Show(p *Program) *cobra.Command {
	var dir string
	var color colorMode
	var redaction redactFlags
	var authentic verifyFlags
	var follow bool
	cmd := &cobra.Command{
		Use:  "show [REC]",
		Args: p.args(0, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			text := export.TextOptions{Lang: p.lang, Color: color.on(p.streams.Out)}
			if follow && len(redaction.levels) > 0 {
				return wrong("follow-redacted")
			}
			verify, err := authentic.prepare(p, redaction)
			if err != nil {
				return err
			}
			if follow {
				t, err := p.follow(cmd.Context(), dir, refArg(a), text)
				if err != nil {
					return err
				}
				verify(cmd.Context(), t)
				return p.checks(t)
			}
			t, err := p.load(dir, refArg(a))
			if err != nil {
				return err
			}
			verify(cmd.Context(), t)
			if t, err = redaction.apply(t); err != nil {
				return err
			}
			guard := redact.Guard(p.streams.Out, nil, t.Withheld...)
			if err := export.Text(guard, t, text); err != nil {
				return err
			}
			if err := guard.Close(); err != nil {
				return err
			}
			return p.checks(t)
		},
	}
	recordFlag(cmd, &dir)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "")
	color.flag(cmd)
	redaction.flags(cmd)
	authentic.flags(cmd)
	return cmd
}

// follow prints a session as it goes on, and returns it as it ended.
func (p *Program) follow(ctx context.Context, dir, ref string, o export.TextOptions) (*decode.Transcript, error) {
	path, err := find(dir, ref)
	if err != nil {
		return nil, err
	}
	set := transcript.NewSet(transcript.Options{})
	if err := set.Add(path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	changed, unsubscribe := set.Subscribe()
	defer unsubscribe()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go set.Watch(ctx, transcript.Watch{})
	printer := export.NewTextPrinter(p.streams.Out, o)
	for {
		t, err := set.Open(set.Summary(0).ID)
		if err != nil {
			return nil, err
		}
		shown, err := redact.Needed(t, redact.Levels{})
		if err != nil {
			return nil, err
		}
		if err := printer.Print(shown); err != nil {
			return nil, err
		}
		if t.Ended {
			return t, printer.End(shown)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
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
