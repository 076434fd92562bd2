package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"smtptap": func() {
		p := New(Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		p.Add(every...)
		os.Exit(p.Run(context.Background(), os.Args[1:]))
	}, "sendmail-to": sendMail})
}

// Scripts try the command line as people type it, each in an empty home.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			for name, dir := range map[string]string{"HOME": "", "XDG_CONFIG_HOME": "/config", "XDG_STATE_HOME": "/state"} {
				env.Setenv(name, env.WorkDir+dir)
			}
			env.Setenv("LC_ALL", "C")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status},
	})
}

// status runs a program that must end with that exit status: status 2 smtptap.
func status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}
