package cli

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"smtptap/decode/lang"
	"smtptap/decode/spelling"
)

// A configuration is all that sets flags which are not given, the strongest
// first: environment, profile, provider, file.
type configuration struct {
	file    *configFile
	profile string
	layers  []flagValues
}

// isSetting reports whether a flag can be set without being given.
func isSetting(f *pflag.Flag) bool { return f.Name != "help" && f.Name != "version" }

// flagsOfAll are the flags of all commands, by name. They belong to a program
// that never runs, so that values can be tried on them.
func (p *Program) flagsOfAll() map[string][]*pflag.Flag {
	scratch := New(p.streams)
	scratch.Add(p.commands...)
	all := map[string][]*pflag.Flag{}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, f := range visibleFlags(cmd) {
			if isSetting(f) && !slices.Contains(all[f.Name], f) {
				all[f.Name] = append(all[f.Name], f)
			}
		}
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(scratch.root)
	return all
}

// settle gives every flag of a command that was not given its value. What is
// wrong in the environment or the configuration is refused, whether or not this
// command has the flag.
func (p *Program) settle(cmd *cobra.Command) error {
	if p.configError != nil {
		return p.configError
	}
	known := p.flagsOfAll()
	c := &configuration{file: p.config}
	env := environment(cmd, known)
	for _, layer := range append([]flagValues{env, c.file.common}, c.file.inOrder()...) {
		if err := p.try(layer, known); err != nil {
			return err
		}
	}
	named, err := p.chooseProfile(c, cmd, env)
	if err != nil {
		return err
	}
	c.layers = []flagValues{env, named, {}, c.file.common}
	p.settled = c
	p.addProvider(cmd, c)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if s, found := c.find(f.Name); found && !f.Changed && isSetting(f) {
			for _, value := range s.values {
				f.Value.Set(value) // tried before
			}
			f.Changed = true
			if p.origins == nil {
				p.origins = map[string]origin{}
			}
			p.origins[f.Name] = s.origin
		}
	})
	return p.together(cmd)
}

// useProfile is the key of the file that names the profile to use: profile holds
// them all.
const useProfile = "use-profile"

// find is what sets a flag, in the strongest layer.
func (c *configuration) find(name string) (setting, bool) {
	for _, layer := range c.layers {
		if s, found := layer[name]; found {
			return s, true
		}
	}
	return setting{}, false
}

// environment is what variables set. An empty one sets nothing, nor does that of a
// flag that is given.
func environment(cmd *cobra.Command, known map[string][]*pflag.Flag) flagValues {
	env := flagValues{}
	for name := range known {
		if f := cmd.Flag(name); f != nil && f.Changed {
			continue
		}
		if value := os.Getenv(variable(name)); value != "" {
			env[name] = setting{values: []string{value}, origin: origin{Source: "environment", Name: variable(name)}}
		}
	}
	return env
}

// inOrder are the settings of the profiles, in the order of their names.
func (c *configFile) inOrder() (all []flagValues) {
	for _, name := range c.names() {
		all = append(all, c.profiles[name])
	}
	return all
}

// try says what is wrong with settings.
func (p *Program) try(layer flagValues, known map[string][]*pflag.Flag) error {
	var names []string
	for name := range layer {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return layer[a].Line - layer[b].Line })
	for _, name := range names {
		s := layer[name]
		flags, found := known[name]
		if name == useProfile && s.Source == "file" {
			continue
		}
		if !found || name == "profile" && s.Source != "environment" {
			all := []string{useProfile}
			for name := range known {
				if name != "profile" {
					all = append(all, name)
				}
			}
			return wrong("config-key", "at", at(s.File, s.Line), "key", name, "like", spelling.Nearest(name, all))
		}
		for _, f := range flags {
			if s.list && !repeats(f) {
				return wrong("config-list", "at", at(s.File, s.Line), "key", name)
			}
			for _, value := range s.values {
				if err := f.Value.Set(value); err != nil {
					return p.invalid(s.shown(name, value), f, err)
				}
			}
		}
	}
	return nil
}

// repeats reports whether a flag may be given more than once.
func repeats(f *pflag.Flag) bool {
	switch f.Value.(type) {
	case *series, pflag.SliceValue:
		return true
	}
	return false
}

// shown is how an error names a setting.
func (s setting) shown(name, value string) string {
	if s.Source == "environment" {
		return s.Name + "=" + shown(value)
	}
	return at(s.File, s.Line) + ": " + name + " = " + shown(value)
}

// chooseProfile finds the profile that --profile, SMTPTAP_PROFILE or the file
// names. A provider's name is one too.
func (p *Program) chooseProfile(c *configuration, cmd *cobra.Command, env flagValues) (flagValues, error) {
	source := "--profile"
	if f := cmd.Flags().Lookup("profile"); f != nil && f.Changed {
		c.profile = f.Value.String()
	} else if s, found := env["profile"]; found {
		c.profile, source = s.values[0], s.Name
	} else if s, found := c.file.common[useProfile]; found {
		c.profile, source = c.file.common.first(useProfile), at(s.File, s.Line)+": "+useProfile+" ="
	}
	if c.profile == "" {
		return nil, nil
	}
	if named, found := c.file.profiles[c.profile]; found {
		return named, nil
	}
	_, _, _, err := findProvider("@" + c.profile)
	if err == nil {
		return flagValues{"to": {values: []string{"@" + c.profile}, origin: origin{Source: "profile", Name: c.profile}}}, nil
	}
	source += " " + shown(c.profile)
	if name, _, _ := strings.Cut(c.profile, ":"); slices.Contains(providerNames(), name) {
		return nil, p.because(source, err)
	}
	return nil, wrong("no-profile", "source", source, "values", strings.Join(append(c.file.names(), providerNames()...), ", "), "file", configPath())
}

// addProvider adds what the provider needs that --to names.
func (p *Program) addProvider(cmd *cobra.Command, c *configuration) {
	to := ""
	if f := cmd.Flags().Lookup("to"); f != nil && f.Changed {
		to = f.Value.String()
	} else if s, found := c.find("to"); found {
		to = s.values[0]
	}
	if found, _, _, err := findProvider(to); err == nil && found.TLSToServer {
		c.layers[2]["tls-to-server"] = setting{values: []string{"true"}, origin: origin{Source: "provider", Name: to}}
	}
}

// language is that of --lang, SMTPTAP_LANG, the configuration, or the locale. It
// is looked for before the command line is read, because what is wrong with that
// is said in it.
func language(args []string, getenv func(string) string, c *configFile) lang.Lang {
	candidates := []string{given(args, "lang"), getenv(variable("lang"))}
	if c != nil {
		profile := c.profiles[cmp.Or(given(args, "profile"), getenv(variable("profile")), c.common.first(useProfile))]
		candidates = append(candidates, profile.first("lang"), c.common.first("lang"))
	}
	for _, name := range candidates {
		if l, ok := lang.Parse(name); ok {
			return l
		}
	}
	return lang.Locale(getenv)
}

// first is the first value of a setting, or "".
func (s flagValues) first(name string) string {
	if len(s[name].values) == 0 {
		return ""
	}
	return s[name].values[0]
}

// given is the value that a command line gives a flag, or "".
func given(args []string, flag string) (value string) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if v, has := strings.CutPrefix(arg, "--"+flag+"="); has {
			value = v
		} else if arg == "--"+flag && i+1 < len(args) {
			value = args[i+1]
		}
	}
	return value
}

// loadConfig reads the configuration file, before the command line. What is
// wrong with it is said once a command runs.
func (p *Program) loadConfig() {
	p.config, p.configError = readConfig(configPath())
	var status *statusError
	if p.configError != nil && !errors.As(p.configError, &status) {
		p.configError = usage(p.configError)
	}
}
