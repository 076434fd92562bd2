package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/decode/outcome"
	"smtptap/recordings/capture"
	"smtptap/recordings/export"
	"smtptap/recordings/logs"
)

// thrifty is how much memory may be garbage, in percent: a large log is held as a
// whole, once.
const thrifty = 50

// Explain is `smtptap explain`.
func Explain(p *Program) *cobra.Command {
	var session int
	e := &explaining{Program: p}
	cmd := &cobra.Command{
		Use:  "explain [FILE|-]",
		Args: p.args(0, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			in, err := p.open(a)
			if err != nil {
				return err
			}
			defer in.Close()
			peek := bufio.NewReader(in)
			c, isCapture, err := openCapture(peek, in)
			if err != nil {
				return err
			}
			if isCapture {
				defer c.close()
				return e.capture(c, session)
			}
			if session != 0 {
				return wrong("session-of-log")
			}
			debug.SetGCPercent(thrifty)
			all, err := logs.ParseAll(peek)
			if err != nil {
				return err
			}
			return e.sessions(all, logs.Decisive(all))
		},
	}
	cmd.Flags().BoolVar(&e.json, "json", false, "")
	sessionFlag(cmd, &session)
	e.color.flag(cmd)
	return cmd
}

// An explaining is how explain says what it found.
type explaining struct {
	*Program
	json  bool
	color colorMode
}

// capture explains the session of a capture file that is chosen, or the only
// one, or lists all.
func (e *explaining) capture(c *captureFile, session int) error {
	found, err := e.captured(c)
	if err != nil {
		return err
	}
	chosen, err := choose(found, session)
	switch {
	case err != nil:
		return err
	case chosen == nil:
		return e.table(found)
	}
	t, done, err := c.transcript(chosen.Frame)
	if err != nil {
		return err
	}
	defer done()
	return e.sessions([]*decode.Transcript{t}, 0)
}

// table lists the sessions of a capture file.
func (e *explaining) table(found []capture.Found) error {
	if e.json {
		if err := e.captureJSON(found); err != nil {
			return err
		}
	} else {
		e.captureTable(found)
		e.note("choose-session", "count", strconv.Itoa(len(found)))
	}
	if slices.ContainsFunc(found, func(f capture.Found) bool { return f.Outcome.Bad() }) {
		return exit(exitSeen)
	}
	return nil
}

// sessions explains sessions of which one decides.
func (e *explaining) sessions(all []*decode.Transcript, decisive int) error {
	var err error
	if e.json {
		err = export.ExplainJSON(e.streams.Out, all, decisive, e.lang)
	} else {
		err = explainAll(e.streams.Out, all, export.TextOptions{Lang: e.lang, Color: e.color.on(e.streams.Out)})
	}
	if err != nil {
		return err
	}
	if outcome.Of(all[decisive]).Outcome.Bad() {
		return exit(exitSeen)
	}
	return nil
}

// explainAll writes every session of a log as text.
func explainAll(w io.Writer, all []*decode.Transcript, o export.TextOptions) error {
	for i, t := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := export.Text(w, t, o); err != nil {
			return err
		}
	}
	return nil
}

// open opens the file named, or the standard input for "-" or nothing.
func (p *Program) open(a []string) (io.ReadCloser, error) {
	if len(a) == 0 || a[0] == "-" {
		if f, ok := p.streams.In.(*os.File); ok && len(a) == 0 && isTerminal(f) {
			p.note("reading-terminal")
		}
		return io.NopCloser(p.streams.In), nil
	}
	return os.Open(a[0])
}
