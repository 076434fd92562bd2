package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"smtptap/decode/visible"
)

// Config is `smtptap config`.
func Config(p *Program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:  "config",
		Args: p.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			inForce := p.inForce(cmd)
			if asJSON {
				return visible.WriteJSON(p.streams.Out, inForce, "  ")
			}
			p.printConfig(inForce)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "")
	p.root.Flags().VisitAll(func(f *pflag.Flag) { // to show what they would come to
		same := *f
		same.Hidden = true
		cmd.Flags().AddFlag(&same)
	})
	return cmd
}

// inForce is what `config --json` prints.
type inForce struct {
	File     string      `json:"file"`
	Exists   bool        `json:"exists"`
	Profile  string      `json:"profile,omitempty"`
	Settings []inForceOf `json:"settings"`
}

type inForceOf struct {
	Name  string `json:"name"`
	Value any    `json:"value"` // a list where a flag may be given more than once
	origin
}

// inForce is what every flag of smtptap is set to, and those of its subcommands
// that are set at all.
func (p *Program) inForce(cmd *cobra.Command) inForce {
	c := inForce{File: configPath(), Exists: p.config.path != "", Profile: p.settled.profile}
	for _, flag := range visibleFlags(p.root) {
		f := cmd.Flags().Lookup(flag.Name)
		if f == nil || !isSetting(f) {
			continue
		}
		from, settled := p.origins[f.Name]
		switch {
		case settled:
		case f.Changed:
			from = origin{Source: "flag", Name: "--" + f.Name}
		default:
			from = origin{Source: "default"}
		}
		c.Settings = append(c.Settings, inForceOf{f.Name, valueOf(f), from})
	}
	var others []string
	for name := range p.flagsOfAll() {
		if p.root.Flag(name) == nil {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	for _, name := range others {
		if s, found := p.settled.find(name); found {
			c.Settings = append(c.Settings, inForceOf{name, strings.Join(s.values, ","), s.origin})
		}
	}
	return c
}

// valueOf is what a flag is set to.
func valueOf(f *pflag.Flag) any {
	switch v := f.Value.(type) {
	case *series:
		return append([]string{}, *v.to...)
	case pflag.SliceValue:
		return append([]string{}, v.GetSlice()...)
	}
	return f.Value.String()
}

func (p *Program) printConfig(c inForce) {
	switch {
	case !c.Exists:
		p.note("config-none", "file", c.File)
	case c.Profile != "":
		p.note("config-profile", "file", c.File, "profile", c.Profile)
	default:
		p.note("config-file", "file", c.File)
	}
	var rows [][]string
	for _, s := range c.Settings {
		from := p.say("from-"+s.Source, "name", s.origin.Name, "at", at(s.File, s.Line))
		values, several := s.Value.([]string)
		switch {
		case !several:
			values = []string{fmt.Sprint(s.Value)}
		case len(values) == 0:
			values = []string{""}
		}
		rows = append(rows, []string{s.Name, visible.Text(values[0]), from})
		for _, value := range values[1:] {
			rows = append(rows, []string{"", visible.Text(value), from})
		}
	}
	columns(p.streams.Out, rows)
}
