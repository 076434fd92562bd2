package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"smtptap/decode/lang"
	"smtptap/decode/spelling"
	"smtptap/decode/visible"
)

// Exit statuses.
const (
	exitFine   = 0
	exitFailed = 1 // it could not be done; for diff: the sessions differ
	exitUsage  = 2 // wrong usage
	exitSeen   = 3 // the session looked at failed
)

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

// exit ends a command with that status and nothing more to say.
func exit(code int) error {
	if code == exitFine {
		return nil
	}
	return &statusError{code: code}
}

// usage marks an error as wrong usage.
func usage(err error) error { return &statusError{exitUsage, err} }

// failed is an error of words.toml, filled with words.
func failed(key string, filling ...any) error { return words.Error(key, filling...) }

// validValues is the error that names the values there are.
func validValues(values ...string) error { return failed("valid-values", "values", values) }

// wrong is such an error that says that the usage is wrong.
func wrong(key string, filling ...any) error { return usage(failed(key, filling...)) }

// text is an error in the language of this run, as far as it knows it.
func (p *Program) text(err error) string { return lang.Of(p.lang, err) }

// oneLine is an error as one line that is safe to print.
func (p *Program) oneLine(err error) string {
	return visible.Text(strings.Join(strings.Fields(p.text(err)), " "))
}

// complain writes a line to the error stream, safe to print. It waits for a
// reader, but not for ever: nobody may be reading.
func (p *Program) complain(format string, args ...any) {
	line := visible.Text(fmt.Sprintf(format, args...))
	within(lastWords, func() { fmt.Fprintf(p.streams.Err, "smtptap: %s\n", line) })
}

// note writes a sentence of words.toml to the error stream.
func (p *Program) note(key string, filling ...string) { p.complain("%s", p.say(key, filling...)) }

// flagError puts what the flag library says into our words.
func (p *Program) flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &unknown):
		typed, like := "--"+unknown.GetSpecifiedName(), ""
		if unknown.GetSpecifiedShortnames() != "" {
			typed = "-" + unknown.GetSpecifiedName()
		} else if like = spelling.Nearest(unknown.GetSpecifiedName(), flagNames(cmd)); like != "" {
			like = "--" + like
		}
		return wrong("unknown-flag", "flag", typed, "command", cmd.CommandPath(), "like", like)
	case errors.As(err, &missing):
		flag := missing.GetFlag()
		text, _ := flagTextOf(cmd, flag.Name)
		return wrong("needs-value", "flag", "--"+flag.Name, "value", text.Value)
	case errors.As(err, &invalid):
		flag := "--" + invalid.GetFlag().Name
		if isSwitch(invalid.GetFlag()) {
			flag += "=" + shown(invalid.GetValue())
		} else {
			flag += " " + shown(invalid.GetValue())
		}
		return p.invalid(flag, invalid.GetFlag(), invalid.Unwrap())
	case errors.As(err, &syntax):
		return wrong("bad-flag", "flag", syntax.GetSpecifiedFlag())
	}
	return usage(err)
}

// invalid is what is wrong with the value of a flag, which was given as source
// says.
func (p *Program) invalid(source string, f *pflag.Flag, err error) error {
	why := p.text(err)
	if isSwitch(f) {
		why = p.text(validValues("true", "false"))
	}
	return wrong("invalid", "source", source, "why", why)
}

// because is wrong usage of what source names, for the reason that err is.
func (p *Program) because(source string, err error) error {
	return wrong("invalid", "source", source, "why", p.text(err))
}

// shown is a value as it is quoted in an error.
func shown(value string) string {
	if value == "" || strings.ContainsAny(value, " \t\r\n") {
		return fmt.Sprintf("%q", value)
	}
	return value
}

func isSwitch(f *pflag.Flag) bool { return f.Value.Type() == "bool" }

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}

// args checks that there are between least and most arguments.
func (p *Program) args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		switch {
		case len(given) > most && cmd.HasSubCommands():
			return unknownCommand(cmd, given[0])
		case len(given) > most:
			return wrong("surplus", "argument", shown(given[most]), "use", cmd.UseLine())
		case len(given) < least:
			return wrong("too-few", "use", cmd.UseLine())
		}
		return nil
	}
}

// unknownCommand says that a command has none of that name.
func unknownCommand(cmd *cobra.Command, typed string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return wrong("unknown-command", "command", shown(typed), "parent", cmd.CommandPath(), "like", spelling.Nearest(typed, names))
}
