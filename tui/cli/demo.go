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
		Use:  "demo",
		Args: p.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.run(cmd.Context(), &f, demo.Send)
		},
	}
	uiFlag(cmd, &f.ui)
	f.screen.flags(cmd)
	f.color.flag(cmd)
	recordFlag(cmd, &f.record)
	f.logging.quiet = true
	return cmd
}
