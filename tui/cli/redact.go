package cli

import (
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
	cmd.Flags().Var(someOf(&f.levels, redact.Names()...), "redact", "")
	cmd.Flags().BoolVar(&f.keepDomains, "keep-domains", false, "")
}

// parse reads what is to be taken out.
func (f *redactFlags) parse() (redact.Levels, error) {
	levels, err := redact.Parse(f.levels)
	if err != nil {
		return levels, err
	}
	levels.KeepDomains = f.keepDomains
	return levels, nil
}

// apply returns the session without what is to be taken out.
func (f *redactFlags) apply(t *decode.Transcript) (*decode.Transcript, error) {
	levels, err := f.parse()
	if err != nil {
		return nil, err
	}
	return redact.Needed(t, levels)
}
