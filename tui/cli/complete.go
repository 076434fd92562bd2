package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"smtptap/decode/findings"
	"smtptap/decode/visible"
	"smtptap/proxy/ca"
	"smtptap/recordings"
	"smtptap/recordings/store"
	"smtptap/recordings/transcript"
)

// mostCompleted is how many recordings the shell is offered.
const mostCompleted = 50

// complete has the shell complete the values of a command and of those below it.
func (p *Program) complete(cmd *cobra.Command) {
	register := func(f *pflag.Flag) {
		values := func() []string { return valuesOf(f.Value) }
		switch f.Name {
		case "to":
			values = p.targets
		case "profile":
			values = p.profileNames
		default:
			if values() == nil {
				return
			}
		}
		cmd.RegisterFlagCompletionFunc(f.Name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values(), cobra.ShellCompDirectiveNoFileComp
		})
	}
	cmd.LocalNonPersistentFlags().VisitAll(register)
	cmd.PersistentFlags().VisitAll(register)
	switch textName(cmd) {
	case "show", "export", "replay", "view", "list", "diff":
		cmd.ValidArgsFunction = p.completeRecordings
	case "findings":
		cmd.ValidArgsFunction = p.completeFindings
	case "ca":
		cmd.ValidArgsFunction = completeCA
	case "check":
		cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return p.targets(), cobra.ShellCompDirectiveNoFileComp
		}
	}
	for _, c := range cmd.Commands() {
		p.complete(c)
	}
}

// describe puts the texts where the shell's completion takes them from.
func (p *Program) describe(cmd *cobra.Command) {
	cmd.Short = p.fill(helpTexts()[textName(cmd)].Short, nil)
	for _, f := range visibleFlags(cmd) {
		t, _ := flagTextOf(cmd, f.Name)
		f.Usage, _, _ = strings.Cut(p.fill(t.Text, f), "\n")
	}
	for _, c := range cmd.Commands() {
		p.describe(c)
	}
}

// targets are what --to takes, as far as there are names for it.
func (p *Program) targets() []string {
	all := []string{"sink", "mx", "mx:", "smtp://", "smtps://", "lmtp:", "unix:"}
	for _, name := range providerNames() {
		provider := providers()[name]
		if provider.Example == "" {
			all = append(all, "@"+name+"\t"+provider.To)
		} else {
			all = append(all, "@"+name+":"+provider.Example)
		}
		all = append(all, provider.variants(name)...)
	}
	return all
}

func (p *Program) profileNames() []string {
	all := providerNames()
	if p.config != nil {
		all = append(p.config.names(), all...)
	}
	return all
}

// completeRecordings offers the latest recordings, with what they are about, and
// files.
func (p *Program) completeRecordings(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	most := map[string]int{"diff": 2, "list": mostCompleted, "view": mostCompleted}[cmd.Name()]
	if len(given) >= max(most, 1) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	named := cmd.Flag("record").Value.String()
	if store.Is(named) { // what is typed waits for no network
		return nil, cobra.ShellCompDirectiveDefault
	}
	found, _, err := recordingsIn(named)
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var all []string
	for _, info := range found[:min(len(found), mostCompleted)] {
		id := recordings.ShortID(info.ID)
		sum, err := transcript.Summarize(info.Path)
		if err != nil || slices.Contains(given, id) {
			continue
		}
		about := []string{sum.Started.Local().Format("2006-01-02 15:04"), string(sum.Outcome), visible.Text(sum.Subject)}
		all = append(all, id+"\t"+strings.TrimSpace(strings.Join(about, " ")))
	}
	return all, cobra.ShellCompDirectiveKeepOrder
}

// completeFindings offers the ids of the catalogue.
func (p *Program) completeFindings(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	var all []string
	if len(given) == 0 {
		for _, e := range findings.Catalogue(p.lang) {
			all = append(all, e.ID+"\t"+e.Title)
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

func completeCA(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(given) == 0:
		return []string{"path", "pem", "howto"}, cobra.ShellCompDirectiveNoFileComp
	case len(given) == 1 && given[0] == "howto":
		return ca.Clients(), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
