package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"smtptap/decode/visible"
	"smtptap/proxy/check"
	"smtptap/proxy/upstream"
)

// Check is `smtptap check`.
func Check(p *Program) *cobra.Command {
	var dns targetFlags
	var server serverTLSFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:  "check TARGET",
		Args: p.args(1, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			o, err := p.checkOptions(a[0], &dns, &server)
			if err != nil {
				return err
			}
			p.tellProvider(a[0])
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
	cmd.Flags().BoolVar(&asJSON, "json", false, "")
	cmd.Flags().BoolVarP(&server.insecure, "insecure", "k", false, "")
	cmd.Flags().StringVar(&server.roots, "server-ca", "", "")
	return cmd
}

// checkOptions say what to look at, and how.
func (p *Program) checkOptions(target string, dns *targetFlags, server *serverTLSFlags) (check.Options, error) {
	o := check.Options{Lang: p.lang, MXPort: uint16(dns.mxPort), AllowPrivate: dns.allowPrivate, Insecure: server.insecure}
	var err error
	if o.Target, err = targetOf(target); err != nil {
		return o, p.because("check "+shown(target), err)
	}
	if dns.resolver != "" {
		if o.Resolver, err = upstream.NewResolver(dns.resolver); err != nil {
			return o, err
		}
	}
	o.Roots, err = readRoots(server.roots)
	return o, err
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
