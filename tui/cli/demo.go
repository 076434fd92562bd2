package cli

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"smtptap/decode/outcome"
	"smtptap/proxy/demo"
	"smtptap/recordings/transcript"
)

// Demo is `smtptap demo`.
func Demo(p *Program) *cobra.Command {
	f := serveFlags{listen: []string{"127.0.0.1:0"}, single: true}
	cmd := &cobra.Command{
		Use:  "demo",
		Args: p.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return fmt.Errorf("starting the demo's server: %w", err)
			}
			defer l.Close()
			go demo.Serve(cmd.Context(), l)
			f.target.to = l.Addr().String()
			f.next = p.say("demo-next")
			f.first = func(s *transcript.Summary) bool { return s.Outcome == outcome.Refused && !s.Live }
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
