package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Flags that mean nothing without another, and such as contradict each other.
var (
	needs    = [][2]string{{"keep-domains", "redact"}, {"seen-as", "verify"}, {"resolver", "verify"}}
	excludes = [][2]string{{"once", "count"}, {"verbose", "quiet"}}
)

// together says which flags were typed that don't go together.
func (p *Program) together(cmd *cobra.Command) error {
	for _, pair := range needs {
		if other := cmd.Flag(pair[1]); other != nil && p.typed(cmd, pair[0]) && slices.Contains([]string{"", "false"}, other.Value.String()) {
			return wrong("needs-flag", "flag", "--"+pair[0], "other", "--"+pair[1])
		}
	}
	for _, pair := range excludes {
		if p.typed(cmd, pair[0]) && p.typed(cmd, pair[1]) {
			return wrong("one-flag", "flag", "--"+pair[0], "other", "--"+pair[1])
		}
	}
	if to := cmd.Flag("to"); to != nil && cmd.Name() != "mcp" && !strings.HasPrefix(strings.ToLower(to.Value.String()), "rec:") {
		for _, name := range []string{"stand-in", "speed"} {
			if p.typed(cmd, name) {
				return wrong("needs-flag", "flag", "--"+name, "other", "--to rec:REC")
			}
		}
	}
	return nil
}

// typed reports whether one of these flags was given. What variables and the
// configuration set is for all commands, and does not count.
func (p *Program) typed(cmd *cobra.Command, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		f := cmd.Flag(name)
		_, settled := p.origins[name]
		return f != nil && f.Changed && !settled
	})
}
