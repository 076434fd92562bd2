package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"smtptap/decode/findings"
	"smtptap/recordings/export"
)

// Findings is `smtptap findings`.
func Findings(p *Program) *cobra.Command {
	return &cobra.Command{
		Use:     "findings [ID]",
		Short:   "The catalogue: what smtptap can recognise, why it happens, how to fix it",
		Example: "  smtptap findings\n  smtptap findings AUTH-BAD-CREDENTIALS",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			if len(a) == 0 {
				return export.Catalogue(p.streams.Out, p.lang.Lang)
			}
			entry, found := findings.Find(a[0], p.lang.Lang)
			if !found {
				return fmt.Errorf("no finding has the id %q; 'smtptap findings' lists them", a[0])
			}
			return export.CatalogueEntry(p.streams.Out, entry, p.lang.Lang)
		},
	}
}
