package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/recordings/store"
	"smtptap/recordings/transcript"
)

// Prune is `smtptap prune`.
func Prune(p *Program) *cobra.Command {
	var dir string
	var older age
	var match matchFlag
	var dry bool
	cmd := &cobra.Command{
		Use:  "prune --older AGE",
		Args: p.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("older") {
				return wrong("needs-age")
			}
			if store.Is(dir) {
				return wrong("store-not-here", "place", shown(dir))
			}
			dir, err := folderToRead(dir)
			if err != nil {
				return err
			}
			if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
				return failed("no-folder", "folder", shown(dir))
			}
			f, err := recordings.OpenFolder(dir)
			if err != nil {
				return err
			}
			defer f.Close()
			before := time.Now().Add(-older.duration())
			old, err := f.Old(before)
			if err != nil {
				return err
			}
			if !match.All() {
				old = slices.DeleteFunc(old, func(info recordings.Info) bool { return !p.matches(info, &match) })
			}
			sizes := map[string]int64{}
			for _, info := range old {
				sizes[info.ID], _, _ = info.Stat()
			}
			gone, done := old, "would-delete"
			if !dry {
				done = "deleted"
				gone, err = f.Prune(old)
			}
			var bytes int64
			for _, info := range gone {
				bytes += sizes[info.ID]
				fmt.Fprintln(p.streams.Out, p.say(done, "what", visible.Text(info.Path)))
			}
			p.note(done, "what", p.say("recordings", "count", strconv.Itoa(len(gone)), "size", units.Bytes(bytes)))
			return err
		},
	}
	recordFlag(cmd, &dir)
	cmd.Flags().Var(&older, "older", "")
	match.flag(p, cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "")
	return cmd
}

// matches reports whether a query picks a recording. One that can't be read is
// told, and kept.
func (p *Program) matches(info recordings.Info, match *matchFlag) bool {
	r := listFilter{match: match}.read(info.Path, transcript.Summarize)
	if r.err != nil {
		p.complain("%s: %s", info.Path, p.oneLine(r.err))
	}
	return r.picked
}
