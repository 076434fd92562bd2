package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"smtptap/decode/visible"
)

type checkInput struct {
	Target string `json:"target"`
	size
}

func (s *server) check(ctx context.Context, in checkInput, w io.Writer) error {
	return s.Check(ctx, in.Target, w)
}

type runInput struct {
	Command
	Output bool `json:"output,omitempty"`
	size
}

// usualSeconds and mostSeconds are how long a command may run, shownOutput how
// much of what it printed is shown.
const usualSeconds, mostSeconds, shownOutput = 60, 600, 3_000

func (s *server) run(ctx context.Context, in runInput, w io.Writer) error {
	if len(in.Argv) == 0 {
		return errors.New(s.say("no-command"))
	}
	in.Seconds = min(max(cmp.Or(in.Seconds, usualSeconds), 1), mostSeconds)
	output := &tail{most: shownOutput}
	ran, err := s.Run(ctx, in.Command, output)
	if err != nil {
		return err
	}
	key := "ended"
	if ran.Stopped {
		key = "stopped"
	}
	fmt.Fprintln(w, s.say(key, "status", strconv.Itoa(ran.Status), "seconds", strconv.Itoa(in.Seconds), "count", strconv.Itoa(len(ran.Sessions))))
	if in.Output {
		fmt.Fprintln(w, s.say("output-tail", "shown", strconv.Itoa(len(output.held)), "total", strconv.Itoa(output.total)))
		for _, line := range visible.Lines(string(output.held)) {
			fmt.Fprintln(w, "  "+line)
		}
	}
	return s.share(w, s.judged, ran.Sessions...)
}
