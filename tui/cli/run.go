package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
)

// Run is `smtptap run`.
func Run(p *Program) *cobra.Command {
	f := serveFlags{listen: []string{"127.0.0.1:0"}, ui: "none", as: "run"}
	var env []string
	cmd := &cobra.Command{
		Use:  "run [flags] -- COMMAND [ARG...]",
		Args: p.args(1, math.MaxInt),
		RunE: func(cmd *cobra.Command, a []string) error {
			f.logging.quiet = !f.logging.verbose && f.logging.file == ""
			if f.expect.reports.stdout() {
				return wrong("report-and-output", "other", a[0])
			}
			c, err := p.command(a, env)
			if err != nil {
				return err
			}
			f.forward = c.signal
			return p.run(cmd.Context(), &f, c.run)
		},
	}
	cmd.Flags().SetInterspersed(false)
	names := each(&env, nil, p.checkEnv)
	names.values = conventions()
	cmd.Flags().Var(names, "env", "")
	f.relayFlags(cmd)
	f.expect.flags(cmd)
	return cmd
}

// settings are the variables by which programs are told where their mail goes.
// {userinfo} is what a URL that is set already says before its host.
var settings = []struct{ name, variables string }{
	{"", "SMTPTAP_HOST={host} SMTPTAP_PORT={port} MAIL_HOST={host} MAIL_PORT={port}"},
	{"laravel", "MAIL_MAILER=smtp MAIL_URL=null MAIL_SCHEME=null MAIL_ENCRYPTION=null"},
	{"symfony", "MAILER_DSN=smtp://{userinfo}{address}"},
	{"django", "EMAIL_HOST={host} EMAIL_PORT={port} EMAIL_USE_TLS=False EMAIL_USE_SSL=False EMAIL_URL=smtp://{userinfo}{address}"},
	{"smtp", "SMTP_HOST={host} SMTP_PORT={port} SMTP_URL=smtp://{userinfo}{address}"},
}

// checkEnv says what is wrong with a value of --env.
func (p *Program) checkEnv(s string) error {
	if !slices.Contains(conventions(), s) && strings.Index(s, "=") < 1 {
		return failed("bad-env", "values", conventions())
	}
	return nil
}

func conventions() []string {
	var names []string
	for _, s := range settings[1:] {
		names = append(names, s.name)
	}
	return names
}

// A command is a program whose mail goes through smtptap.
type command struct {
	cmd       *exec.Cmd
	variables []string // to be filled

	mu      sync.Mutex
	running bool
}

// command finds the program, before anything is started for it.
func (p *Program) command(argv, env []string) (*command, error) {
	c := &command{variables: strings.Fields(settings[0].variables)}
	for _, e := range env {
		if i := slices.Index(conventions(), e); i >= 0 {
			c.variables = append(c.variables, strings.Fields(settings[i+1].variables)...)
		} else {
			c.variables = append(c.variables, e)
		}
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, notRun(argv[0], err)
	}
	c.cmd = &exec.Cmd{Path: path, Args: argv, Stdin: p.streams.In, Stdout: p.streams.Out, Stderr: p.streams.Err}
	return c, nil
}

// notRun is the error of a program that can't be run, with the status that shells
// give it.
func notRun(name string, err error) error {
	var lookup *exec.Error
	if errors.As(err, &lookup) {
		err = lookup.Err
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return &statusError{127, failed("no-command", "command", name)}
	}
	return &statusError{126, fmt.Errorf("%s: %w", name, err)}
}

// run runs the program with its mail going to addr, and returns its status.
func (c *command) run(ctx context.Context, addr string) error {
	c.cmd.Env = append(os.Environ(), c.environment(addr)...)
	c.mu.Lock()
	err := c.cmd.Start()
	c.running = err == nil
	c.mu.Unlock()
	if err != nil {
		return notRun(c.cmd.Args[0], err)
	}
	// When smtptap itself can't go on, the program is asked to end.
	stop := context.AfterFunc(ctx, func() { c.cmd.Process.Signal(terminate) })
	defer stop()
	err = c.cmd.Wait()
	c.mu.Lock()
	c.running = false
	c.mu.Unlock()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return exit(statusOf(ended.ProcessState))
	}
	return err
}

// signal passes a signal on, and reports whether the program was there to get it.
func (c *command) signal(sig os.Signal) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running && !reachesAll(sig) {
		c.cmd.Process.Signal(sig)
	}
	return c.running
}

// environment fills the variables for a proxy at addr.
func (c *command) environment(addr string) []string {
	host, port, _ := net.SplitHostPort(addr) // an address of a listener
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "::1"
		}
	}
	var filled []string
	for _, v := range c.variables {
		name, _, _ := strings.Cut(v, "=")
		filled = append(filled, strings.NewReplacer("{host}", host, "{port}", port, "{address}", net.JoinHostPort(host, port),
			"{userinfo}", userinfo(os.Getenv(name))).Replace(v))
	}
	return filled
}

// userinfo is the login in a URL, with the @ that follows it.
func userinfo(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.User == nil {
		return ""
	}
	return u.User.String() + "@"
}
