// Package cli is smtptap's command line: one file per command. It wires
// the other rooms together, so it may import all of them; nothing imports it
// but main.
package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"smtptap/decode/lang"
	"smtptap/tui"
)

// Streams are the program's standard streams.
type Streams struct {
	In       io.Reader
	Out, Err *os.File
}

// Program is smtptap's command line.
type Program struct {
	streams  Streams
	root     *cobra.Command
	commands []func(*Program) *cobra.Command
	lang     lang.Lang
	profile  string

	config      *configFile
	configError error
	settled     *configuration    // once the command line is read
	origins     map[string]origin // of flags that were not given
}

// New returns the program without its subcommands: listening and relaying is
// what it does when none is named.
func New(s Streams) *Program {
	p := &Program{streams: s}
	p.root = p.serve()
	p.root.PersistentFlags().Var((*langValue)(&p.lang), "lang", "")
	p.root.PersistentFlags().StringVar(&p.profile, "profile", "", "")
	p.root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return p.settle(cmd) }
	p.root.SetIn(s.In)
	p.root.SetOut(s.Out)
	p.root.SetErr(s.Err)
	p.root.SetHelpFunc(p.help)
	p.root.SetFlagErrorFunc(p.flagError)
	p.root.CompletionOptions.DisableDefaultCmd = true
	return p
}

// Add adds subcommands, in the order of the help.
func (p *Program) Add(commands ...func(*Program) *cobra.Command) {
	cobra.EnableCommandSorting = false
	p.commands = append(p.commands, commands...)
	for _, c := range commands {
		p.root.AddCommand(c(p))
	}
	help := p.helpCommand()
	p.root.SetHelpCommand(help)
	p.root.AddCommand(p.completionCommand(), p.manCommand(), help)
	inOrder(p.root)
	p.complete(p.root)
}

// inOrder keeps the flags in the order in which they were made.
func inOrder(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	for _, c := range cmd.Commands() {
		inOrder(c)
	}
}

// Run runs the command line and returns the exit status.
func (p *Program) Run(ctx context.Context, args []string) int {
	p.loadConfig()
	p.lang = language(args, os.Getenv, p.config)
	p.describe(p.root)
	p.root.SetArgs(args)
	cmd, err := p.root.ExecuteContextC(ctx)
	var status *statusError
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &status) && status.err == nil:
		return status.code
	case errors.Is(err, tui.ErrStuck):
		return exitFailed // printing would wait for the terminal for ever
	}
	p.complain("%s", p.oneLine(err))
	switch {
	case status == nil:
		return exitFailed
	case status.code == exitUsage && cmd.Name() == "help":
		p.note("see-help", "command", cmd.Root().Name())
	case status.code == exitUsage:
		p.note("see-help", "command", cmd.CommandPath())
	}
	return status.code
}

// langValue is --lang.
type langValue lang.Lang

func (v *langValue) String() string   { return string(*v) }
func (v *langValue) Type() string     { return "language" }
func (v *langValue) Values() []string { return []string{string(lang.English), string(lang.Chinese)} }

func (v *langValue) Set(s string) error {
	l, ok := lang.Parse(s)
	if !ok {
		return validValues(v.Values()...)
	}
	*v = langValue(l)
	return nil
}

// within runs f and returns when it is done, or after d.
func within(d time.Duration, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
	}
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "SMTPTAP_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// version is what the build says of itself: the release or the commit's time, the
// commit, whether it was changed, and the release of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return describeBuild(info)
}

func describeBuild(info *debug.BuildInfo) string {
	v, changed := strings.CutSuffix(info.Main.Version, "+dirty")
	var commit string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			changed = changed || s.Value == "true"
		}
	}
	words := []string{cmp.Or(v, "(devel)")}
	if !strings.Contains(v, commit) {
		words = append(words, commit)
	}
	if changed {
		words = append(words, "(modified)")
	}
	return strings.Join(append(words, info.GoVersion), " ")
}
