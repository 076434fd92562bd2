package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"smtptap/decode/outcome"
	"smtptap/proxy/ca"
	"smtptap/proxy/upstream"
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
	cmd.Flags().BoolVar(&f.ascii, "ascii", false, "")
	cmd.Flags().Var(oneOf(&f.theme, "", "dark", "light", "mono"), "theme", "")
	cmd.Flags().BoolVar(&f.mouse, "mouse", false, "")
}

// options are those of every screen.
func (f *screenFlags) options(color *colorMode, p *Program) tui.Options {
	s := p.streams
	in, _ := s.In.(*os.File)
	memory := ""
	if dir, err := recordings.DefaultFolder(); err == nil {
		memory = filepath.Join(filepath.Dir(dir), "screen.json")
	}
	return tui.Options{Memory: memory, ASCII: f.ascii, Theme: f.theme, Mouse: f.mouse, NoColor: !color.on(s.Out), Version: version(), Lang: p.lang, In: in, Out: s.Out}
}

// screen is the screen of a proxy at work.
func (s *serving) screen(ctx context.Context) error {
	o := s.flags.screen.options(&s.flags.color, s.program)
	o.Set, o.Folder = s.set, s.recordings
	resolver, err := upstream.NewResolver(s.flags.target.resolver)
	if err != nil {
		return err
	}
	o.Verify = s.program.verifier(resolver)
	o.Holder, o.Notice, o.First = holder{s.proxy}, s.flags.next, s.flags.first
	o.Close = s.proxy.Close
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
	var became, dns string
	var match matchFlag
	cmd := &cobra.Command{
		Use: "view [REC...]",
		RunE: func(cmd *cobra.Command, refs []string) error {
			if len(refs) > 0 && p.typed(cmd, "match", "outcome", "newer", "older") {
				return wrong("recording-and-filter")
			}
			dir, err := folderToRead(dir)
			if err != nil {
				return err
			}
			if _, err := chooseUI("tui", p.streams); err != nil {
				return wrong("view-needs-terminal")
			}
			o := screen.options(&color, p)
			resolver, err := upstream.NewResolver(dns)
			if err != nil {
				return err
			}
			o.Verify = p.verifier(resolver)
			set := transcript.NewSet(transcript.Options{})
			defer set.Close()
			watch, err := p.addRecordings(set, dir, refs, listFilter{nil, outcome.Outcome(became), newer.duration(), older.duration(), &match})
			if err != nil {
				return err
			}
			ctx, stop := context.WithCancel(cmd.Context())
			defer stop()
			go set.Watch(ctx, watch)
			o.Set, o.View = set, true
			debug.FreeOSMemory() // what reading them took is several times what is held of them
			if f, err := recordings.OpenFolder(dir); err == nil {
				defer f.Close()
				o.Folder = f
			}
			return tui.Run(ctx, o)
		},
	}
	recordFlag(cmd, &dir)
	match.flag(p, cmd)
	outcomeFlag(cmd, &became)
	resolverFlag(cmd, &dns)
	cmd.Flags().Var(&newer, "newer", "")
	cmd.Flags().Var(&older, "older", "")
	screen.flags(cmd)
	color.flag(cmd)
	return cmd
}

// addRecordings adds the recordings named, or all that the filter takes, the
// oldest first. It returns what is to be added when others make it.
func (p *Program) addRecordings(set *transcript.Set, dir string, refs []string, filter listFilter) (transcript.Watch, error) {
	for _, ref := range refs {
		path, err := recordings.Find(dir, ref)
		if err != nil {
			return transcript.Watch{}, err
		}
		if err := set.Add(path); err != nil {
			return transcript.Watch{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(refs) > 0 {
		return transcript.Watch{}, nil
	}
	found, err := recordings.List(dir)
	if err != nil {
		return transcript.Watch{}, err
	}
	watch := transcript.Watch{Dir: dir, Known: found, Takes: filter.takes}
	if filter.outcome == "" && filter.match.All() {
		// What is shown first must not wait until all are read.
		for _, r := range slices.Backward(found) {
			if filter.takes(r) {
				set.AddUnread(r)
			}
		}
		return watch, nil
	}
	watch.Picks = func(sum transcript.Summary) bool {
		picked, err := filter.picks(sum)
		return picked && err == nil
	}
	rows := p.summaries(found, filter, 0)
	for i := len(rows) - 1; i >= 0; i-- {
		set.AddSummary(rows[i], rows[i].Path)
	}
	return watch, nil
}
