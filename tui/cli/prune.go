package cli

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"smtptap/decode/visible"
	"smtptap/recordings"
)

// Prune is `smtptap prune`.
func Prune(p *Program) *cobra.Command {
	var dir string
	var older age
	var dry bool
	cmd := &cobra.Command{
		Use:     "prune --older AGE",
		Short:   "Delete old recordings; those you renamed are kept",
		Example: "  smtptap prune --older 30d --dry-run\n  smtptap prune --older 30d",
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
			act, verb := f.Prune, "deleted"
			if dry {
				act, verb = f.Old, "would delete"
			}
			gone, err := act(before)
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
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would go")
	return cmd
}
