package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/recordings"
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
				return wrong("needs-format", "values", list(p.lang, export.Formats()))
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
	t, err := redacted(t, x.levels)
	if err != nil {
		return err
	}
	holds, err := export.Holds(t, x.format, x.lang)
	if err != nil {
		return err
	}
	x.note("holds", "what", holds.String())
	if x.format == "eml" {
		return x.exportMessages(t, output, x.force, secrets)
	}
	return x.exportFile(output, x.force, func(w io.Writer) error { return export.Write(w, t, x.format, x.lang, secrets) })
}

// matching writes the recordings that a query picks: one as if it had been named,
// several into a folder.
func (x exporting) matching(dir string, match *matchFlag, output string) error {
	dir, err := folderToRead(dir)
	if err != nil {
		return err
	}
	found, err := recordings.List(dir)
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

// exportFile writes one file, or nothing: what could not be finished is taken
// away again.
func (p *Program) exportFile(output string, force bool, write func(io.Writer) error) error {
	f, done, err := p.create(output, force)
	if err != nil {
		return err
	}
	if err := done(write(f)); err != nil {
		if f != p.streams.Out {
			os.Remove(output)
		}
		return err
	}
	return nil
}

// exportMessages writes each message of a session into a file of its own.
func (p *Program) exportMessages(t *decode.Transcript, output string, force bool, secrets []string) error {
	n := len(t.Messages())
	switch {
	case n == 0:
		return failed("no-message")
	case n > 1 && (output == "" || output == "-"):
		return failed("messages-need-files", "count", strconv.Itoa(n))
	}
	for i := range n {
		write := func(w io.Writer) error {
			guard := redact.Guard(w, secrets, t.Withheld...)
			if err := export.EML(guard, t, i); err != nil {
				return err
			}
			return guard.Close()
		}
		if err := p.exportFile(numbered(output, i), force, write); err != nil {
			return err
		}
	}
	return nil
}

// numbered is the name of the i-th of several files: mail.eml, mail-2.eml.
func numbered(path string, i int) string {
	if i == 0 {
		return path
	}
	ext := filepath.Ext(path)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, ext), i+1, ext)
}
