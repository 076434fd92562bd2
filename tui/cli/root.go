// Package cli is smtptap's command line: one file per command. It wires
// the other rooms together, so it may import all of them; nothing imports it
// but main.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
	streams Streams
	root    *cobra.Command
	lang    lang.Lang
}

// New returns the program without its subcommands: listening and relaying is
// what it does when none is named.
func New(s Streams) *Program {
	p := &Program{streams: s}
	p.root = p.serve()
	p.root.PersistentFlags().Var((*langValue)(&p.lang), "lang", "")
	p.root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return p.environment(cmd) }
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
	for _, c := range commands {
		p.root.AddCommand(c(p))
	}
	help := p.helpCommand()
	p.root.SetHelpCommand(help)
	p.root.AddCommand(p.completionCommand(), help)
	prepare(p.root)
}

// prepare keeps the flags in the order in which they were made, and has the
// shell complete those that have few values.
func prepare(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	complete := func(f *pflag.Flag) {
		if values := valuesOf(f.Value); values != nil {
			cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	cmd.LocalNonPersistentFlags().VisitAll(complete)
	cmd.PersistentFlags().VisitAll(complete)
	for _, c := range cmd.Commands() {
		prepare(c)
	}
}

// Run runs the command line and returns the exit status.
func (p *Program) Run(ctx context.Context, args []string) int {
	p.lang = language(args, os.Getenv)
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

// language is that of --lang, or else of SMTPTAP_LANG, or else of the locale. It
// is looked for before the command line is read, because what is wrong with that
// is said in it.
func language(args []string, getenv func(string) string) lang.Lang {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		value, found := strings.CutPrefix(arg, "--lang=")
		if arg == "--lang" && i+1 < len(args) {
			value, found = args[i+1], true
		}
		if l, ok := lang.Parse(value); found && ok {
			return l
		}
	}
	if l, ok := lang.Parse(getenv(variable("lang"))); ok {
		return l
	}
	return lang.Locale(getenv)
}

// langValue is --lang.
type langValue lang.Lang

func (v *langValue) String() string   { return string(*v) }
func (v *langValue) Type() string     { return "language" }
func (v *langValue) Values() []string { return []string{string(lang.English), string(lang.Chinese)} }

func (v *langValue) Set(s string) error {
	l, ok := lang.Parse(s)
	if !ok {
		return validValues(v.Values())
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

// environment gives every flag that was not set the value of its variable:
// --idle-timeout that of SMTPTAP_IDLE_TIMEOUT.
func (p *Program) environment(cmd *cobra.Command) error {
	var bad error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := variable(f.Name)
		value, found := os.LookupEnv(name)
		if !found || f.Changed || bad != nil || f.Name == "help" || f.Name == "version" {
			return
		}
		var invalid *pflag.InvalidValueError
		if err := cmd.Flags().Set(f.Name, value); errors.As(err, &invalid) {
			bad = p.invalid(name+"="+shown(value), invalid)
		}
	})
	return bad
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "SMTPTAP_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// version is what the build says of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	var revision, modified string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = " " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " (modified)"
		}
	}
	if strings.Contains(v, strings.TrimSpace(revision)) {
		revision, modified = "", ""
	}
	return v + revision + modified + " " + info.GoVersion
}
