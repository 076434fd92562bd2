package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"smtptap/recordings/expect"
	"smtptap/recordings/query"
	"smtptap/recordings/redact"
)

// expectFlags say what sessions must fulfil, and who is told.
type expectFlags struct {
	queries queriesFlag
	within  time.Duration
	reports reportsFlag
	redact  redactFlags
}

func (f *expectFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&f.queries, "expect", "")
	flags.Var(&f.reports, "report", "")
	flags.Var(someOf(&f.redact.levels, redact.Names()...), "redact", "")
}

// levels are what is taken out of what is told of sessions, these unless --redact
// says something else.
func (f *expectFlags) levels(otherwise ...string) (redact.Levels, error) {
	if len(f.redact.levels) == 0 {
		return redact.Parse(otherwise)
	}
	return f.redact.parse()
}

// untilFlag is --for, where nothing else says when the sessions are over.
func (f *expectFlags) untilFlag(cmd *cobra.Command) {
	cmd.Flags().Var(lasting(&f.within, 0, time.Millisecond), "for", "")
}

// wanted reports whether sessions are judged in the end.
func (f *expectFlags) wanted() bool {
	return len(f.queries) > 0 || len(f.reports) > 0 || f.within > 0
}

// usual is what is expected where nothing is said.
const usual = "sent | nothing"

// judge judges the sessions of the set.
func (s *serving) judge() (*expect.Report, error) {
	f := &s.flags.expect
	levels, err := f.levels("addresses")
	if err != nil {
		return nil, err
	}
	j := expect.Judge{Queries: f.queries, Lang: s.program.lang, Redact: levels}
	if len(j.Queries) == 0 {
		q, err := query.Parse(usual)
		if err != nil {
			return nil, err
		}
		j.Queries = append(j.Queries, q)
	}
	r := &expect.Report{Lang: j.Lang, Ended: time.Now()}
	for _, sum := range s.set.Summaries(0) {
		t, err := s.set.Open(sum.ID)
		if err != nil {
			r.Unjudged(sum.ID, err)
			continue
		}
		r.Add(j.Session(t, sum))
	}
	if len(f.queries) > 0 || f.within > 0 {
		r.Few(s.flags.count, f.within)
	}
	return r, nil
}

// report judges the sessions, tells who is to be told, and returns the exit
// status.
func (s *serving) report() error {
	f := &s.flags.expect
	r, err := s.judge()
	if err != nil {
		return err
	}
	if !f.reports.github() {
		for _, line := range r.Lines() {
			s.program.complain("%s", line)
		}
	}
	if err := f.reports.write(s.program.streams, r); err != nil {
		return err
	}
	if !r.Passed() {
		return exit(exitSeen)
	}
	return nil
}

// queriesFlag is --expect.
type queriesFlag []*query.Filter

// Set takes one more query.
func (f *queriesFlag) Set(s string) error {
	q, err := query.Parse(s)
	if err == nil {
		*f = append(*f, q)
	}
	return err
}

func (f *queriesFlag) String() string {
	var texts []string
	for _, q := range *f {
		texts = append(texts, q.String())
	}
	return strings.Join(texts, ", ")
}

// Type is how the help names the value.
func (f *queriesFlag) Type() string { return "QUERY" }
