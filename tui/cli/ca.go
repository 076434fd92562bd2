package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"smtptap/proxy/ca"
)

// CA is `smtptap ca`.
func CA(p *Program) *cobra.Command {
	var names []string
	cmd := &cobra.Command{
		Use:  "ca [path | pem | howto CLIENT]",
		Args: p.args(0, 2),
		RunE: func(_ *cobra.Command, a []string) error {
			what := "path"
			if len(a) > 0 {
				what = a[0]
			}
			switch {
			case what == "howto" && len(a) < 2:
				fmt.Fprintln(p.streams.Out, strings.Join(ca.Clients(), "\n"))
				return nil
			case what != "howto" && len(a) > 1:
				return wrong("surplus", "argument", shown(a[1]), "use", "smtptap ca "+what)
			}
			authority, err := authority()
			if err != nil {
				return err
			}
			for _, name := range names {
				if err := authority.Prepare(name); err != nil {
					return err
				}
			}
			switch what {
			case "path":
				fmt.Fprintln(p.streams.Out, authority.Path())
			case "pem":
				_, err = p.streams.Out.Write(authority.PEM())
			case "howto":
				return p.howto(a[1], authority.Path())
			default:
				return p.because("ca "+shown(what), validValues("path", "pem", "howto"))
			}
			return err
		},
	}
	cmd.Flags().StringArrayVar(&names, "for", nil, "")
	return cmd
}

func (p *Program) howto(client, path string) error {
	text, err := ca.Howto(client, path, p.lang)
	if err != nil {
		return wrong("no-howto", "client", shown(client), "values", ca.Clients())
	}
	_, err = fmt.Fprint(p.streams.Out, text)
	return err
}
