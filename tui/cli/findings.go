package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"smtptap/decode/findings"
	"smtptap/recordings/export"
)

// Findings is `smtptap findings`.
func Findings(p *Program) *cobra.Command {
	var page bool
	cmd := &cobra.Command{
		Use:     "findings [ID]",
		Short:   "The catalogue: what smtptap can recognise, why it happens, how to fix it",
		Example: "  smtptap findings\n  smtptap findings AUTH-BAD-CREDENTIALS",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			switch {
			case page:
				return export.CataloguePage(p.streams.Out, p.lang.Lang)
			case len(a) == 0:
				return export.Catalogue(p.streams.Out, p.lang.Lang)
			}
			entry, found := findings.Find(a[0], p.lang.Lang)
			if !found {
				return fmt.Errorf("no finding has the id %q; 'smtptap findings' lists them", a[0])
			}
			return export.CatalogueEntry(p.streams.Out, entry, p.lang.Lang)
		},
	}
	cmd.Flags().BoolVar(&page, "markdown", false, "print the whole catalogue as one page")
	return cmd
}
