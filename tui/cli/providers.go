package cli

import (
	"bytes"
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"smtptap/decode/lang"
	"smtptap/decode/spelling"
	"smtptap/proxy/upstream"
)

//go:embed providers.toml
var providerFile []byte

// A provider is a mail provider that --to knows by a name with @ before it.
type provider struct {
	To          string
	Example     string            // of a variant that "to" has a place for
	Variants    map[string]string // other targets, by what follows the colon
	TLSToServer bool              `toml:"tls-to-server"`
	lang.Text                     // what a login wants
}

var providers = sync.OnceValue(func() map[string]provider {
	all := map[string]provider{}
	if err := toml.NewDecoder(bytes.NewReader(providerFile)).DisallowUnknownFields().Decode(&all); err != nil {
		panic("providers.toml: " + err.Error())
	}
	return all
})

func providerNames() (names []string) {
	for name := range providers() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// region is what a variant that is not listed looks like.
var region = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// findProvider is the provider that a target names, and the target there; found
// is false when the target is not of the form @NAME.
func findProvider(target string) (p provider, to string, found bool, err error) {
	name, isName := strings.CutPrefix(target, "@")
	if !isName {
		return p, "", false, nil
	}
	name, variant, _ := strings.Cut(strings.ToLower(name), ":")
	p, known := providers()[name]
	to, listed := p.Variants[variant]
	switch {
	case !known:
		return p, "", true, failed("no-provider", "values", "@"+strings.Join(providerNames(), ", @"), "like", likelyProvider(name))
	case p.Example != "" && !region.MatchString(variant):
		return p, "", true, failed("needs-variant", "example", "@"+name+":"+p.Example)
	case p.Example != "":
		return p, strings.ReplaceAll(p.To, "{variant}", variant), true, nil
	case listed:
		return p, to, true, nil
	case variant != "":
		return p, "", true, failed("no-variant", "name", "@"+name, "values", strings.Join(append([]string{"@" + name}, p.variants(name)...), ", "))
	}
	return p, p.To, true, nil
}

func likelyProvider(name string) string {
	if like := spelling.Nearest(name, providerNames()); like != "" {
		return "@" + like
	}
	return ""
}

// variants are the targets of a provider beyond the usual one.
func (p provider) variants(name string) (all []string) {
	for v := range p.Variants {
		all = append(all, "@"+name+":"+v)
	}
	slices.Sort(all)
	return all
}

// targetOf is what a target comes to where it names a provider.
func targetOf(s string) (string, error) {
	_, to, found, err := findProvider(s)
	if err != nil || !found {
		return s, err
	}
	return to, nil
}

// parseTarget reads a target, which may name a provider.
func parseTarget(s string) (upstream.Target, error) {
	to, err := targetOf(s)
	if err != nil {
		return upstream.Target{}, err
	}
	return upstream.ParseTarget(to)
}

// aboutProvider is what a login wants, where a target names a provider.
func (p *Program) aboutProvider(target string) string {
	if provider, to, found, err := findProvider(target); found && err == nil {
		return p.say("provider", "name", target, "to", to, "login", provider.In(p.lang))
	}
	return ""
}

// tellProvider says it.
func (p *Program) tellProvider(target string) {
	if login := p.aboutProvider(target); login != "" {
		p.complain("%s", login)
	}
}
