package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/proxy/check"
	"smtptap/recordings/query"
	"smtptap/recordings/transcript"
	"smtptap/tui/agent"
)

// MCP is `smtptap mcp`.
func MCP(p *Program) *cobra.Command {
	cmd := &cobra.Command{Use: "mcp", Args: p.args(0, 0)}
	h := newHelper(p, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		busy, leave := context.WithCancel(ctx)
		defer leave()
		server, err := h.server(busy)
		if err != nil {
			return err
		}
		client := &mcp.IOTransport{Reader: io.NopCloser(p.streams.In), Writer: kept{p.streams.Out}}
		return serveMCP(ctx, server, orderly{client, leave})
	}
	return cmd
}

// A helper does what coding agents ask for.
type helper struct {
	*Program
	serving   serveFlags // of the sessions of run, and of check as far as they make sense there
	redaction redactFlags
}

// newHelper makes a helper that the flags of cmd set up.
func newHelper(p *Program, cmd *cobra.Command) *helper {
	h := &helper{Program: p, serving: serveFlags{listen: []string{"127.0.0.1:0"}, ui: "none", as: "mcp"},
		redaction: redactFlags{levels: []string{"addresses", "body"}}}
	h.serving.relayFlags(cmd)
	h.redaction.flags(cmd)
	return h
}

// server is what answers. What it still does ends with ctx.
func (h *helper) server(ctx context.Context) (*mcp.Server, error) {
	levels, err := h.redaction.parse()
	h.serving.logging.quiet = !h.serving.logging.verbose && h.serving.logging.file == ""
	return agent.New(ctx, agent.Options{Version: version(), Lang: h.lang, Redact: levels,
		List: h.list, Load: h.recording, Check: h.check, Run: h.run, OneLine: h.oneLine}), err
}

// serveMCP answers a client until it leaves or ctx is done.
func serveMCP(ctx context.Context, server *mcp.Server, client mcp.Transport) error {
	served := make(chan error, 1)
	go func() { served <- server.Run(ctx, client) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		within(lastWords, func() { <-served }) // its reader may be waiting
		return nil
	}
}

// orderly is a client's connection. When its input ends, what runs for it is
// stopped, and what it has asked for is answered before the server hears of it.
type orderly struct {
	mcp.Transport
	leave func()
}

func (o orderly) Connect(ctx context.Context) (mcp.Connection, error) {
	c, err := o.Transport.Connect(ctx)
	return &orderlyConn{Connection: c, leave: o.leave, asked: map[jsonrpc.ID]bool{}}, err
}

// lastAnswers is how long the answers may take once the input has ended.
const lastAnswers = 10 * time.Second

type orderlyConn struct {
	mcp.Connection
	leave func()

	mu    sync.Mutex // guards asked
	asked map[jsonrpc.ID]bool
	open  sync.WaitGroup // as many as asked holds
}

func (c *orderlyConn) Read(ctx context.Context) (jsonrpc.Message, error) {
	m, err := c.Connection.Read(ctx)
	if err != nil {
		c.leave()
		within(lastAnswers, c.open.Wait)
		return m, err
	}
	if r, ok := m.(*jsonrpc.Request); ok && r.IsCall() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.asked[r.ID] {
			c.asked[r.ID] = true
			c.open.Add(1)
		}
	}
	return m, err
}

func (c *orderlyConn) Write(ctx context.Context, m jsonrpc.Message) error {
	err := c.Connection.Write(ctx, m)
	if r, ok := m.(*jsonrpc.Response); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.asked[r.ID] {
			delete(c.asked, r.ID)
			c.open.Done()
		}
	}
	return err
}

// kept is an output that is not closed.
type kept struct{ io.Writer }

func (kept) Close() error { return nil }

func (h *helper) recording(ref string) (*decode.Transcript, error) {
	return h.load(h.serving.record, ref)
}

func (h *helper) list(match *query.Filter, most int) ([]transcript.Summary, error) {
	found, _, err := recordingsIn(h.serving.record)
	if err != nil {
		return nil, err
	}
	return h.summaries(found, listFilter{match: &matchFlag{program: h.Program, Filter: *match}}, most), nil
}

func (h *helper) check(ctx context.Context, target string, w io.Writer) error {
	o, err := h.checkOptions(target, &h.serving.target, &h.serving.tls.serverTLSFlags)
	if err != nil {
		return err
	}
	report, err := check.Run(ctx, o)
	if err != nil {
		return err
	}
	return report.Text(w, check.TextOptions{})
}

// lastChance is how long a command that is to end may take over it.
const lastChance = 3 * time.Second

func (h *helper) run(ctx context.Context, in agent.Command, output io.Writer) (ran agent.Ran, err error) {
	q := *h.Program
	q.streams = Streams{In: strings.NewReader(""), Out: h.streams.Err, Err: h.streams.Err}
	f := h.serving
	if in.To != "" {
		if err := checkTarget(in.To); err != nil {
			return ran, h.because("to "+shown(in.To), err)
		}
		f.target.to = in.To
	}
	for _, rule := range in.Rules {
		if err := checkRule(rule); err != nil {
			return ran, h.because("rules "+shown(rule), err)
		}
	}
	f.rules.rules = slices.Concat(f.rules.rules, in.Rules)
	for _, name := range in.Env {
		if err := h.checkEnv(name); err != nil {
			return ran, h.because("env "+shown(name), err)
		}
	}
	c, err := q.command(in.Argv, in.Env)
	if err != nil {
		return ran, err
	}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr, c.cmd.WaitDelay = nil, output, output, lastChance
	ownGroup(c.cmd)
	f.over = func(set *transcript.Set) error {
		for _, sum := range set.Summaries(0) {
			t, err := set.Open(sum.ID)
			if err != nil {
				return err
			}
			ran.Sessions = append(ran.Sessions, t)
		}
		return nil
	}
	timed, cancel := context.WithTimeout(ctx, time.Duration(in.Seconds)*time.Second)
	defer cancel()
	err = q.run(timed, &f, func(ctx context.Context, addr string) error {
		ended := make(chan struct{})
		defer close(ended)
		defer context.AfterFunc(ctx, func() {
			select {
			case <-ended:
			case <-time.After(lastChance):
				killGroup(c.cmd)
			}
		})()
		err := c.run(ctx, addr)
		ran.Stopped = timed.Err() != nil
		if errors.Is(err, exec.ErrWaitDelay) { // a program that it started holds its output open
			return nil
		}
		var status *statusError
		if errors.As(err, &status) && status.err == nil {
			ran.Status, err = status.code, nil
		}
		return err
	})
	return ran, err
}
