package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"smtptap/decode/visible"
	"smtptap/recordings"
)

// Prune is `smtptap prune`.
func Prune(p *Program) *cobra.Command {
	var dir string
	var older age
	var match matchFlag
	var dry bool
	cmd := &cobra.Command{
		Use:     "prune --older AGE",
		Short:   "Delete old recordings; those you renamed are kept",
		Example: "  smtptap prune --older 30d --dry-run\n  smtptap prune --older 2d --match sent",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			if !cmd.Flags().Changed("older") {
				return usage(errors.New("--older AGE is missing: how old must a recording be to go, such as 30d"))
			}
			dir, err := folder(dir)
			if err != nil {
				return err
			}
			if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("there is no folder %s", dir)
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
			gone, verb := old, "would delete"
			if !dry {
				verb = "deleted"
				gone, err = f.Prune(old)
			}
			var bytes int64
			for _, info := range gone {
				bytes += info.Size
				fmt.Fprintf(p.streams.Out, "%s %s\n", verb, visible.Text(info.Path))
			}
			fmt.Fprintf(p.streams.Err, "smtptap: %s %d recordings, %s\n", verb, len(gone), size(bytes))
			return err
		},
	}
	recordFlag(cmd, &dir, "folder of recordings")
	cmd.Flags().Var(&older, "older", "age from which a recording goes, such as 30d")
	match.flag(p, cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would go")
	return cmd
}

// matches reports whether a query picks a recording. One that can't be read is
// told, and kept.
func (p *Program) matches(info recordings.Info, match *matchFlag) bool {
	r := listFilter{match: match}.read(info.Path)
	if r.err != nil {
		p.complain("%s: %s", visible.Text(info.Path), oneLine(r.err))
	}
	return r.picked
}
