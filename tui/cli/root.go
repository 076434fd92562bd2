// Package cli is smtptap's command line: one file per command. It wires
// the other rooms together, so it may import all of them; nothing imports it
// but main.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"smtptap/tui"
)

// Exit statuses.
const (
	exitFine   = 0
	exitFailed = 1 // it could not be done; for diff: the sessions differ
	exitUsage  = 2 // wrong usage
	exitSeen   = 3 // the session looked at failed
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
	lang    langFlag
}

// New returns the program without its subcommands: listening and relaying is
// what it does when none is named.
func New(s Streams) *Program {
	p := &Program{streams: s, lang: langFlag{lang.Locale(os.Getenv)}}
	p.root = p.serve()
	p.root.PersistentFlags().Var(&p.lang, "lang", "language of what smtptap says: en, zh")
	p.root.SetIn(s.In)
	p.root.SetOut(s.Out)
	p.root.SetErr(s.Err)
	p.root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	return p
}

// langFlag is --lang. Without it the locale decides.
type langFlag struct{ lang.Lang }

func (f *langFlag) String() string { return string(f.Lang) }
func (f *langFlag) Type() string   { return "language" }

func (f *langFlag) Set(s string) error {
	l, ok := lang.Parse(s)
	if !ok {
		return errors.New("valid values: en, zh")
	}
	f.Lang = l
	return nil
}

// Add adds subcommands, in the order of the help.
func (p *Program) Add(commands ...func(*Program) *cobra.Command) {
	cobra.EnableCommandSorting = false
	for _, c := range commands {
		p.root.AddCommand(c(p))
	}
}

// Run runs the command line and returns the exit status.
func (p *Program) Run(ctx context.Context, args []string) int {
	p.root.SetArgs(args)
	cmd, err := p.root.ExecuteContextC(ctx)
	if err == nil {
		return exitFine
	}
	var status *statusError
	if errors.As(err, &status) {
		if status.err == nil {
			return status.code
		}
	}
	if errors.Is(err, tui.ErrStuck) {
		return exitFailed // printing would wait for the terminal for ever
	}
	p.complain("%s", oneLine(err))
	switch {
	case status != nil:
		if status.code == exitUsage {
			p.complain("see '%s --help'", cmd.CommandPath())
		}
		return status.code
	case strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage
	}
	return exitFailed
}

// complain writes a line to the error stream. It waits for a reader, but not
// for ever: nobody may be reading.
func (p *Program) complain(format string, args ...any) {
	within(lastWords, func() { fmt.Fprintf(p.streams.Err, "smtptap: "+format+"\n", args...) })
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

// oneLine is an error as one line that is safe to print.
func oneLine(err error) string {
	return visible.Text(strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", " ")), " "))
}

// A statusError carries an exit status. Without an error there is nothing to
// print: it was said already.
type statusError struct {
	code int
	err  error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprint("exit status ", e.code)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// usage marks an error as wrong usage.
func usage(err error) error { return &statusError{exitUsage, err} }

// exit ends a command with that status and nothing more to say.
func exit(code int) error {
	if code == exitFine {
		return nil
	}
	return &statusError{code: code}
}

// args checks the number of arguments as cobra's checks do, as wrong usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, a []string) error {
		if err := check(cmd, a); err != nil {
			return usage(err)
		}
		return nil
	}
}

// environment gives every flag that was not set the value of its variable:
// --idle-timeout that of SMTPTAP_IDLE_TIMEOUT.
func environment(cmd *cobra.Command) error {
	var bad error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := variable(f.Name)
		value, found := os.LookupEnv(name)
		if !found || f.Changed || bad != nil || f.Name == "help" || f.Name == "version" {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			bad = usage(fmt.Errorf("%s=%q: %w", name, value, err))
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
