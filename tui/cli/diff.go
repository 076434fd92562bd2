package cli

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/recordings"
	"smtptap/recordings/diff"
	"smtptap/recordings/logs"
)

// Diff is `smtptap diff`.
func Diff(p *Program) *cobra.Command {
	var dir string
	var asJSON, all bool
	var color colorMode
	var redaction redactFlags
	cmd := &cobra.Command{
		Use:  "diff A B",
		Args: p.args(2, 2),
		RunE: func(cmd *cobra.Command, refs []string) error {
			var both [2]*decode.Transcript
			for i, ref := range refs {
				t, err := p.session(dir, ref)
				if err != nil {
					return err
				}
				if both[i], err = redaction.apply(t); err != nil {
					return err
				}
			}
			result, err := diff.Compare(both[0], both[1], diff.Options{All: all})
			if err != nil {
				return err
			}
			return p.printDiff(result, asJSON, color)
		},
	}
	recordFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "")
	cmd.Flags().BoolVar(&all, "all", false, "")
	color.flag(cmd)
	redaction.flags(cmd)
	return cmd
}

// printDiff prints a comparison. The exit status says whether there is something
// in it.
func (p *Program) printDiff(r *diff.Result, asJSON bool, color colorMode) error {
	var err error
	if asJSON {
		err = r.JSON(p.streams.Out)
	} else {
		err = r.Text(p.streams.Out, color.on(p.streams.Out))
	}
	if err == nil && !r.Same() {
		return exit(exitFailed)
	}
	return err
}

// session reads what ref means: a recording, or a file with a pasted log.
func (p *Program) session(dir, ref string) (*decode.Transcript, error) {
	t, err := p.load(dir, ref)
	if !errors.Is(err, recordings.ErrNotRecording) {
		return t, err
	}
	f, err := os.Open(ref)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return logs.Parse(f)
}
