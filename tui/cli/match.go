package cli

import (
	"github.com/spf13/cobra"

	"smtptap/decode/findings"
	"smtptap/recordings/query"
	"smtptap/recordings/transcript"
)

// A matchFlag is --match: only the sessions that a query picks.
type matchFlag struct {
	program *Program
	query.Filter
}

func (f *matchFlag) flag(p *Program, cmd *cobra.Command) {
	f.program = p
	cmd.Flags().Var(f, "match", "")
}

// Type is how the help names the value.
func (f *matchFlag) Type() string { return "QUERY" }

// Set reads the query.
func (f *matchFlag) Set(s string) error {
	parsed, err := query.Parse(s)
	if err == nil {
		f.Filter = *parsed
	}
	return err
}

// picks reports whether the query picks the recording of that summary. It reads
// the recording once more where the findings count.
func (f *matchFlag) picks(sum transcript.Summary) (bool, error) {
	s := query.Session{Summary: sum}
	if f.NeedsFindings() {
		t, _, err := transcript.Load(sum.Path)
		if err != nil {
			return false, err
		}
		s.Findings = query.Findings(findings.Analyze(t, f.program.lang))
	}
	return f.Match(&s), nil
}

// Query is `smtptap help query`: what queries look like.
func Query(p *Program) *cobra.Command {
	cmd := &cobra.Command{Use: "query"}
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		table := [][]string{}
		for _, row := range query.Help() {
			table = append(table, []string{row.Example, row.In(p.lang)})
		}
		columns(cmd.OutOrStdout(), table)
	})
	return cmd
}
