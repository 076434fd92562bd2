package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/recordings/redact"
)

// redactFlags say what is taken out of a session before it is shown or
// written.
type redactFlags struct {
	levels      []string
	keepDomains bool
}

func (f *redactFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.levels, "redact", nil, "take out, besides passwords: "+strings.Join(redact.Names(), ", ")+"; addresses covers the names beside them")
	cmd.Flags().BoolVar(&f.keepDomains, "keep-domains", false, "with --redact addresses: replace only what stands before the @")
}

// apply returns the session without what is to be taken out. Passwords always
// are, also those that the recording keeps.
func (f *redactFlags) apply(t *decode.Transcript) (*decode.Transcript, error) {
	levels, err := redact.Parse(f.levels)
	if err != nil {
		return nil, usage(err)
	}
	levels.KeepDomains = f.keepDomains
	if levels == (redact.Levels{}) && !t.SecretsKept {
		return t, nil
	}
	return redact.Apply(t, levels)
}
