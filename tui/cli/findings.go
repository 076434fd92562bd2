package cli

import (
	"github.com/spf13/cobra"

	"smtptap/decode/findings"
	"smtptap/recordings/export"
)

// Findings is `smtptap findings`.
func Findings(p *Program) *cobra.Command {
	var page bool
	cmd := &cobra.Command{
		Use:  "findings [ID]",
		Args: p.args(0, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			switch {
			case page && len(a) > 0:
				return wrong("surplus", "argument", shown(a[0]), "use", "smtptap findings --markdown")
			case page:
				return export.CataloguePage(p.streams.Out, p.lang)
			case len(a) == 0:
				return export.Catalogue(p.streams.Out, p.lang)
			}
			entry, found := findings.Find(a[0], p.lang)
			if !found {
				return failed("no-finding", "id", shown(a[0]))
			}
			return export.CatalogueEntry(p.streams.Out, entry, p.lang)
		},
	}
	cmd.Flags().BoolVar(&page, "markdown", false, "")
	return cmd
}
