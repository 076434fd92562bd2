package cli

import (
	"github.com/spf13/cobra"

	"smtptap/proxy/demo"
)

// Demo is `smtptap demo`.
func Demo(p *Program) *cobra.Command {
	f := serveFlags{listen: []string{"127.0.0.1:0"}, single: true}
	f.target.to = "sink"
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A PHPMailer-like session through the proxy into the sink: nothing to set up",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			return p.run(cmd.Context(), &f, demo.Send)
		},
	}
	f.ui.flag(cmd)
	f.screen.flags(cmd)
	f.color.flag(cmd)
	recordFlag(cmd, &f.record, `folder for recordings; "none" records nothing (default: the user's state folder)`)
	f.logging.quiet = true
	return cmd
}
