package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// A configFile is the user's configuration: values of flags by their names, and
// profiles that hold more of them.
type configFile struct {
	path     string // "" when there is none
	common   flagValues
	profiles map[string]flagValues
}

// flagValues are what flags are set to, by name.
type flagValues map[string]setting

// A setting is what a flag is set to without being given, and where that stands.
type setting struct {
	values []string
	list   bool // written as an array
	origin
}

// An origin is where a setting comes from.
type origin struct {
	Source string `json:"source"` // flag, environment, profile, provider, file, default
	Name   string `json:"name,omitempty"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
}

// configPath is where the configuration file is, "" where nobody can tell.
func configPath() string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "smtptap", "config.toml")
}

// readConfig reads a configuration file. There need not be one. The values are
// not looked at yet.
func readConfig(path string) (*configFile, error) {
	c := &configFile{common: flagValues{}, profiles: map[string]flagValues{}}
	document, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || path == "" {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	c.path = path
	var syntax *toml.DecodeError
	if err := toml.Unmarshal(document, new(map[string]any)); errors.As(err, &syntax) {
		line, _ := syntax.Position()
		return nil, wrong("config-syntax", "at", at(path, line), "why", strings.TrimPrefix(syntax.Error(), "toml: "))
	} else if err != nil {
		return nil, wrong("config-syntax", "at", path, "why", err.Error())
	}
	return c, c.take(document)
}

func at(path string, line int) string { return path + ":" + strconv.Itoa(line) }

// take takes a document apart that is well formed.
func (c *configFile) take(document []byte) error {
	var p unstable.Parser
	p.Reset(document)
	into, profile := c.common, ""
	for p.NextExpression() {
		e := p.Expression()
		key, line := keyOf(&p, e)
		switch e.Kind {
		case unstable.Table:
			if len(key) != 2 || key[0] != "profile" {
				return wrong("config-table", "at", at(c.path, line), "table", strings.Join(key, "."))
			}
			profile = key[1]
			into = flagValues{}
			c.profiles[profile] = into
		case unstable.KeyValue:
			s := setting{origin: origin{Source: "file", File: c.path, Line: line}}
			if profile != "" {
				s.Source, s.Name = "profile", profile
			}
			var ok bool
			if s.values, s.list, ok = valuesIn(e.Value()); !ok || len(key) != 1 {
				return wrong("config-value", "at", at(c.path, line), "key", strings.Join(key, "."))
			}
			into[key[0]] = s
		default:
			return wrong("config-table", "at", at(c.path, line), "table", strings.Join(key, "."))
		}
	}
	return p.Error()
}

// keyOf is the key of an expression, and its line.
func keyOf(p *unstable.Parser, e *unstable.Node) (key []string, line int) {
	for it := e.Key(); it.Next(); {
		if line == 0 {
			line = p.Shape(it.Node().Raw).Start.Line
		}
		key = append(key, string(it.Node().Data))
	}
	return key, line
}

// valuesIn is a value, or a list of them, as they would be typed.
func valuesIn(n *unstable.Node) (values []string, list, ok bool) {
	switch n.Kind {
	case unstable.String, unstable.Bool, unstable.Integer, unstable.Float:
		return []string{string(n.Data)}, false, true
	case unstable.Array:
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			one, nested, ok := valuesIn(it.Node())
			if !ok || nested {
				return nil, true, false
			}
			values = append(values, one...)
		}
		return values, true, true
	}
	return nil, false, false
}

// names are the names of the profiles in the file.
func (c *configFile) names() (all []string) {
	for name := range c.profiles {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
