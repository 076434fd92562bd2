package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/recordings/export"
	"smtptap/recordings/redact"
)

// Export is `smtptap export`.
func Export(p *Program) *cobra.Command {
	var dir, format, output string
	var force bool
	var redaction redactFlags
	var match matchFlag
	cmd := &cobra.Command{
		Use:  "export -f FORMAT [-o FILE] [REC]",
		Args: p.args(0, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			if format == "" {
				return wrong("needs-format", "values", export.Formats())
			}
			levels, err := redaction.parse()
			if err != nil {
				return err
			}
			x := exporting{p, format, force, levels}
			if match.All() {
				t, err := p.load(dir, refArg(a))
				if err != nil {
					return err
				}
				return x.one(t, output)
			}
			if len(a) > 0 {
				return wrong("recording-and-match")
			}
			return x.matching(dir, &match, output)
		},
	}
	recordFlag(cmd, &dir)
	cmd.Flags().VarP(oneOf(&format, "", export.Formats()...), "format", "f", "")
	cmd.Flags().StringVarP(&output, "output", "o", "-", "")
	cmd.Flags().BoolVar(&force, "force", false, "")
	match.flag(p, cmd)
	redaction.flags(cmd)
	return cmd
}

// exporting is how recordings are written.
type exporting struct {
	*Program
	format string
	force  bool
	levels redact.Levels
}

// one writes a session into a file.
func (x exporting) one(t *decode.Transcript, output string) error {
	secrets := redact.Secrets(t)
	t, err := redact.Needed(t, x.levels)
	if err != nil {
		return err
	}
	holds, err := export.Holds(t, x.format, x.lang)
	if err != nil {
		return err
	}
	x.note("holds", "what", holds.In(x.lang))
	if x.format == "eml" {
		switch n := len(t.Messages()); {
		case n == 0:
			return failed("no-message")
		case n > 1 && (output == "" || output == "-"):
			return failed("messages-need-files", "count", strconv.Itoa(n))
		}
	}
	return export.Files(t, x.format, output, x.lang, secrets, x.file)
}

// matching writes the recordings that a query picks: one as if it had been named,
// several into a folder.
func (x exporting) matching(dir string, match *matchFlag, output string) error {
	found, dir, err := recordingsIn(dir)
	if err != nil {
		return err
	}
	rows := x.summaries(found, listFilter{match: match}, 0)
	info, err := os.Stat(output)
	into := err == nil && info.IsDir()
	switch {
	case len(rows) == 0:
		return failed("nothing-listed", "folder", dir)
	case len(rows) > 1 && !into:
		return failed("recordings-need-files", "count", strconv.Itoa(len(rows)))
	}
	for _, row := range rows {
		t, err := x.load(dir, row.Path)
		if err != nil {
			return err
		}
		file := output
		if into {
			file = filepath.Join(output, row.ID+export.Extension(x.format))
		}
		if err := x.one(t, file); err != nil {
			return fmt.Errorf("%s: %w", row.Path, err)
		}
	}
	return nil
}

// file writes one file, or nothing: what could not be finished is taken away
// again.
func (x exporting) file(output string, write func(io.Writer) error) error {
	f, done, err := x.create(output, x.force)
	if err != nil {
		return err
	}
	if err := done(write(f)); err != nil {
		if f != x.streams.Out {
			os.Remove(output)
		}
		return err
	}
	return nil
}
