package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"smtptap/decode/outcome"
	"smtptap/proxy/ca"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
	"smtptap/tui"
)

// screenFlags say how the screen looks.
type screenFlags struct {
	ascii bool
	theme string
	mouse bool
}

func (f *screenFlags) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.ascii, "ascii", false, "draw the screen with ASCII characters only")
	cmd.Flags().StringVar(&f.theme, "theme", "", "colours of the screen: dark, light, mono (default: as the terminal is)")
	cmd.Flags().BoolVar(&f.mouse, "mouse", false, "let the screen use the mouse from the start")
}

// options are those of every screen.
func (f *screenFlags) options(color *colorMode, p *Program) (tui.Options, error) {
	s := p.streams
	switch f.theme {
	case "", "dark", "light", "mono":
	default:
		return tui.Options{}, usage(fmt.Errorf("--theme %q: there are dark, light and mono", f.theme))
	}
	in, _ := s.In.(*os.File)
	return tui.Options{ASCII: f.ascii, Theme: f.theme, Mouse: f.mouse, NoColor: !color.on(s.Out), Version: version(), Lang: p.lang.Lang, In: in, Out: s.Out}, nil
}

// screen is the screen of a proxy at work.
func (s *serving) screen(ctx context.Context) error {
	o, err := s.flags.screen.options(&s.flags.color, s.program)
	if err != nil {
		return err
	}
	o.Set, o.Folder = s.set, s.recordings
	o.Target, o.TLS = s.proxy.Target, string(s.proxy.Mode)
	if dir, err := ca.DefaultDir(); err == nil {
		o.CA = filepath.Join(dir, "ca.pem")
	}
	for _, l := range s.listeners {
		o.Listen = append(o.Listen, l.String())
	}
	return logged(s.log, tui.Run(ctx, o))
}

// logged logs where the screen failed, which its error does not say.
func logged(log zerolog.Logger, err error) error {
	var failed *tui.Panic
	if errors.As(err, &failed) {
		log.Error().Str("cause", fmt.Sprintf("%.200v", failed.Value)).Str("stack", string(failed.Stack)).Msg("the screen failed")
	}
	return err
}

// View is `smtptap view`.
func View(p *Program) *cobra.Command {
	var dir string
	var color colorMode
	var screen screenFlags
	var newer, older age
	var became outcomeFlag
	var match matchFlag
	cmd := &cobra.Command{
		Use:     "view [REC...]",
		Short:   "Open recordings in the terminal UI",
		Example: "  smtptap view\n  smtptap view k3f9 ./mail.smtptap\n  smtptap view --match 'refused | finding>=warning' --newer 7d",
		RunE: func(cmd *cobra.Command, refs []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			if _, err := uiMode("tui").choose(p.streams); err != nil {
				return usage(fmt.Errorf("view needs a terminal; use show instead"))
			}
			o, err := screen.options(&color, p)
			if err != nil {
				return err
			}
			if dir, err = folder(dir); err != nil {
				return err
			}
			set := transcript.NewSet(transcript.Options{})
			defer set.Close()
			if err := p.addRecordings(set, dir, refs, listFilter{nil, outcome.Outcome(became), newer.duration(), older.duration(), &match}); err != nil {
				return err
			}
			o.Set, o.View = set, true
			debug.FreeOSMemory() // what reading them took is several times what is held of them
			if f, err := recordings.OpenFolder(dir); err == nil {
				defer f.Close()
				o.Folder = f
			}
			return tui.Run(cmd.Context(), o)
		},
	}
	recordFlag(cmd, &dir, "folder of recordings")
	match.flag(p, cmd)
	became.flag(cmd)
	cmd.Flags().Var(&newer, "newer", "only recordings younger than this, such as 2h or 7d")
	cmd.Flags().Var(&older, "older", "only recordings older than this, such as 30d")
	screen.flags(cmd)
	color.flag(cmd)
	return cmd
}

// addRecordings adds the recordings named, or all that the filter takes, the
// oldest first.
func (p *Program) addRecordings(set *transcript.Set, dir string, refs []string, filter listFilter) error {
	for _, ref := range refs {
		path, err := recordings.Find(dir, ref)
		if err != nil {
			return err
		}
		if err := set.Add(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(refs) > 0 {
		return nil
	}
	found, err := recordings.List(dir)
	if err != nil {
		return err
	}
	rows := p.summaries(found, filter, 0)
	for i := len(rows) - 1; i >= 0; i-- {
		set.AddSummary(rows[i], rows[i].Path)
	}
	return nil
}
