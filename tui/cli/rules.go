package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"smtptap/decode/lang"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/proxy"
	"smtptap/proxy/session/rules"
)

// ruleFlags say what sessions do on purpose.
type ruleFlags struct {
	rules []string
	files []string
	seed  int
}

func (f *ruleFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(each(&f.rules, nil, checkRule), "rule", "")
	flags.StringArrayVar(&f.files, "rules", nil, "")
	flags.Var(atLeast(&f.seed, 1, 0), "rule-seed", "")
}

// checkRule says what is wrong with a rule.
func checkRule(text string) error {
	_, err := rules.Parse(text, "")
	var bad *rules.Error
	if errors.As(err, &bad) {
		return failed("bad-rule", "column", strconv.Itoa(utf8.RuneCountInString(text[:bad.At])+1), "why", bad.What)
	}
	return err
}

// maxRulesFile bounds a file of rules.
const maxRulesFile = 1 << 20

// apply gives px its rules.
func (f *ruleFlags) apply(px *proxy.Proxy) error {
	var all []*rules.Rule
	for _, name := range f.files {
		info, err := os.Stat(name)
		if err == nil && info.Size() > maxRulesFile {
			err = failed("rules-too-large", "most", units.Bytes(maxRulesFile))
		}
		var data []byte
		if err == nil {
			data, err = os.ReadFile(name)
		}
		if err != nil {
			return failed("invalid", "source", "--rules "+shown(name), "why", err)
		}
		some, err := rules.ParseFile(string(data), name)
		if err != nil {
			return usage(err)
		}
		all = append(all, some...)
	}
	for i, text := range f.rules {
		r, err := rules.Parse(text, fmt.Sprintf("--rule %d", i+1))
		if err != nil {
			return usage(err)
		}
		all = append(all, r)
	}
	px.Rules = rules.NewSet(all, uint64(f.seed))
	if px.Rules.Has(rules.Certify) && px.Mode == proxy.Pass {
		return wrong("rule-needs-intercept")
	}
	return nil
}

// tell logs what is in force.
func (f *ruleFlags) tell(px *proxy.Proxy, log zerolog.Logger) {
	if !px.Rules.Any() {
		return
	}
	e := log.Warn().Int("rules", len(px.Rules.Rules))
	if px.Rules.Random() {
		e = e.Int("seed", f.seed)
	}
	e.Msg("rules change what peers hear")
}

// Rules is `smtptap rules`.
func Rules(p *Program) *cobra.Command {
	return &cobra.Command{
		Use:  "rules",
		Args: p.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := p.streams.Out.WriteString(ruleHelp(p.lang))
			return err
		},
	}
}

// ruleHelp is all that rules can wait for and do.
func ruleHelp(l lang.Lang) string {
	var b strings.Builder
	b.WriteString("smtptap --rule 'WHEN=ACTION'\n")
	for _, c := range rules.Help() {
		fmt.Fprintf(&b, "\n%s\n", c.Title(l))
		for _, t := range c.Topics {
			fmt.Fprintf(&b, "\n  %s\n      %s\n      --rule '%s'\n", t.Form, t.Text(l), t.Example)
		}
	}
	b.WriteString("\n")
	for _, note := range rules.Notes(l) {
		b.WriteString(visible.Text(note) + "\n")
	}
	return b.String()
}
