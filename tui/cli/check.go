package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"smtptap/decode/visible"
	"smtptap/proxy/check"
)

// Check is `smtptap check`.
func Check(p *Program) *cobra.Command {
	var dns targetFlags
	var asJSON, insecure bool
	var roots string
	cmd := &cobra.Command{
		Use:   "check TARGET",
		Short: "Connect and report: DNS, MX, banner, EHLO, TLS, certificate, AUTH offered",
		Long: "Check looks at a domain, mx:DOMAIN or a server, and says what it would answer. It never\n" +
			"logs in and never sends mail. Exit status 3 when no server would take mail.",
		Example: "  smtptap check example.com\n  smtptap check smtp.example.com:587\n  smtptap check mx:example.com --resolver 9.9.9.9 --json",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			o := check.Options{Target: a[0], MXPort: dns.mxPort, AllowPrivate: dns.allowPrivate, Insecure: insecure}
			var err error
			if dns.resolver != "" {
				if o.Resolver, err = dns.dns(); err != nil {
					return err
				}
			}
			if o.Roots, err = readRoots(roots); err != nil {
				return err
			}
			progress := isTerminal(p.streams.Err) && !asJSON
			if progress {
				o.Progress = func(now check.Progress) {
					fmt.Fprintf(p.streams.Err, "\r\x1b[K%s", visible.Truncate(visible.Text(progressLine(now)), 78, "…"))
				}
			}
			report, err := check.Run(cmd.Context(), o)
			if progress {
				fmt.Fprint(p.streams.Err, "\r\x1b[K")
			}
			if err != nil {
				return err
			}
			if asJSON {
				err = report.JSON(p.streams.Out)
			} else {
				err = report.Text(p.streams.Out, check.TextOptions{Width: width(p.streams.Out)})
			}
			if err == nil && !report.OK {
				return exit(exitSeen)
			}
			return err
		},
	}
	dns.dnsFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVarP(&insecure, "insecure", "k", false, "let a server with a bad certificate pass (it is still judged and reported)")
	cmd.Flags().StringVar(&roots, "server-ca", "", "file of roots to judge certificates by")
	return cmd
}

// width is how many columns a terminal has, 0 for anything else.
func width(f *os.File) int {
	if !isTerminal(f) {
		return 0
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// progressLine says what is being done now.
func progressLine(p check.Progress) string {
	if p.Address == "" {
		return fmt.Sprintf("%s: %s", p.Host, p.Step)
	}
	return fmt.Sprintf("%s %s: %s", p.Host, p.Address, p.Step)
}
