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
		Use:   "ca [path | pem | howto CLIENT]",
		Short: "The local authority and how to make a client trust it",
		Long: "smtptap opens TLS with certificates of an authority of its own, which is made on first use.\n" +
			"Clients have to trust it: howto prints what to paste for " + strings.Join(ca.Clients(), ", ") + ".\n" +
			"The path stays: roots are renewed in that file, and it gains one for each new target.",
		Example: "  smtptap ca howto phpmailer\n  smtptap ca path --for mail.example.com\n  smtptap ca pem > ca.pem",
		Args:    args(cobra.MaximumNArgs(2)),
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
				return usage(fmt.Errorf("%s takes no argument", what))
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
				return usage(fmt.Errorf("not a subcommand of ca: %q; valid values: path, pem, howto", what))
			}
			return err
		},
	}
	cmd.Flags().StringArrayVar(&names, "for", nil, "also certify this host, where a client expects another name than that of --to; repeatable")
	return cmd
}

func (p *Program) howto(client, path string) error {
	text, err := ca.Howto(client, path, p.lang.Lang)
	if err != nil {
		return usage(err)
	}
	_, err = fmt.Fprint(p.streams.Out, text)
	return err
}
