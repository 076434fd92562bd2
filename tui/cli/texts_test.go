package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"smtptap/decode/lang"
	"smtptap/decode/lang/langtest"
	"smtptap/decode/visible"
)

// every is all subcommands, as main.go has them.
var every = []func(*Program) *cobra.Command{Demo, Run, List, View, Attach, Web, Show, Export, Explain, Import, Diff, Replay, Rules, Check, MCP, Findings, CA, Howto, Prune, Query, Config}

// whole is the program with its subcommands, its output thrown away.
func whole(t *testing.T) *Program {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	p := New(Streams{In: strings.NewReader(""), Out: null, Err: null})
	p.Add(every...)
	return p
}

// walk visits a command and those below it.
func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, c := range cmd.Commands() {
		walk(c, visit)
	}
}

// main.go names every command that the tests look at.
func TestEveryCommandIsTested(t *testing.T) {
	source, err := os.ReadFile("../../main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), "\n\t\tcli."); n != len(every) {
		t.Errorf("main.go adds %d commands, and the tests look at %d: name the new one in every", n, len(every))
	}
}

// A commandsWords checks what the help says about commands, and notes which
// texts it needs.
type commandsWords struct {
	*testing.T
	used map[string]bool // FILE, FILE --FLAG
}

func (c *commandsWords) command(cmd *cobra.Command) {
	name := textName(cmd)
	file := "texts/" + name + ".toml"
	c.used[name] = true
	text, found := helpTexts()[name]
	if !found || text.Short.En == "" {
		c.Errorf("%s is missing, or its [short]: what the help says about the command in both languages", file)
		return
	}
	langtest.Text(c, file+" short", text.Short)
	if text.Long != (lang.Text{}) {
		langtest.Text(c, file+" long", text.Long)
	}
	if len(text.Examples) == 0 {
		c.Errorf("%s has no [[examples]]", file)
	}
	for _, e := range text.Examples {
		langtest.Text(c, file+" "+e.Run, e.Text)
		c.example(cmd.Root(), e.Run)
	}
	if cmd.Short != "" || cmd.Long != "" || cmd.Example != "" {
		c.Errorf("%s: its texts belong into %s", cmd.CommandPath(), file)
	}
	for _, f := range visibleFlags(cmd) {
		c.flag(cmd, f)
	}
}

func (c *commandsWords) flag(cmd *cobra.Command, f *pflag.Flag) {
	where := textName(cmd) + " --" + f.Name
	c.used[where], c.used["flags --"+f.Name] = true, true
	text, found := flagTextOf(cmd, f.Name)
	switch {
	case !found:
		c.Errorf("%s: write [flags.%s] in texts/%s.toml: value, group, en, zh", where, f.Name, textName(cmd))
		return
	case !slices.Contains(groups, text.Group):
		c.Errorf("%s: the group %q is not one of %q", where, text.Group, groups)
	case (text.Value == "") != (f.NoOptDefVal != ""):
		c.Errorf("%s: its value is called %q, and a flag without a value is a switch", where, text.Value)
	case f.Usage != "" && f.Name != "help" && f.Name != "version":
		c.Errorf("%s: its text %q belongs into texts/%s.toml", where, f.Usage, textName(cmd))
	}
	langtest.Text(c, where, text.Text)
}

// example checks that a line of the help can be typed.
func (c *commandsWords) example(root *cobra.Command, line string) {
	_, after, found := strings.Cut(line, "smtptap ")
	if !found {
		c.Errorf("%q does not run smtptap", line)
		return
	}
	after, _, _ = strings.Cut(strings.NewReplacer(" | ", "\n", " > ", "\n", ")", "\n", " -- ", "\n").Replace(after), "\n")
	cmd, args, err := root.Find(strings.Fields(after))
	if err != nil {
		c.Errorf("%q: %v", line, err)
		return
	}
	for _, arg := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case arg == "-" || !strings.HasPrefix(arg, "-"):
		case strings.HasPrefix(arg, "--") && cmd.Flag(name) == nil, !strings.HasPrefix(arg, "--") && cmd.Flags().ShorthandLookup(name) == nil:
			c.Errorf("%q: %s has no flag %s", line, cmd.CommandPath(), arg)
		}
	}
}

// Every command and flag is explained in both languages, and no text is left over.
func TestHelpTexts(t *testing.T) {
	c := &commandsWords{t, map[string]bool{"flags": true}}
	walk(whole(t).root, c.command)
	for name, text := range helpTexts() {
		if !c.used[name] {
			t.Errorf("texts/%s.toml is about no command", name)
		}
		for flag := range text.Flags {
			if !c.used[name+" --"+flag] {
				t.Errorf("texts/%s.toml: there is no flag --%s", name, flag)
			}
		}
	}
	langtest.Texts(t, words)
	for _, group := range groups {
		if _, found := words.Find(lang.English, "group-"+group); !found {
			t.Errorf("words.toml has no [group-%s]", group)
		}
	}
}

// Every text of words.toml is said somewhere, and everything said is there.
func TestWordsAreSaid(t *testing.T) {
	var source strings.Builder
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	for key := range words.All() {
		if !strings.HasPrefix(key, "group-") && !strings.HasPrefix(key, "from-") && !strings.Contains(source.String(), `"`+key+`"`) {
			t.Errorf("words.toml: nothing says [%s]", key)
		}
	}
	for _, call := range []string{"failed(", "wrong(", ".say(", ".note("} {
		for _, after := range strings.Split(source.String(), call+`"`)[1:] {
			key, _, _ := strings.Cut(after, `"`)
			if _, found := words.Find(lang.English, key); !found && !strings.HasSuffix(key, "-") {
				t.Errorf("words.toml has no [%s]", key)
			}
		}
	}
}

// The help keeps to the width of a terminal and leaves no raw words of the
// libraries.
func TestHelpFits(t *testing.T) {
	p := whole(t)
	for _, l := range []lang.Lang{lang.English, lang.Chinese} {
		p.lang = l
		walk(p.root, func(cmd *cobra.Command) {
			h := &helpPage{Program: p, cmd: cmd, width: 80}
			h.write()
			examples := h.out.String()
			for _, line := range strings.Split(examples, "\n") {
				if visible.Width(line) > 80 && !strings.Contains(line, "smtptap ") {
					t.Errorf("%s in %s: %d columns: %s", cmd.CommandPath(), l, visible.Width(line), line)
				}
				if strings.Contains(line, "[=true|false]") || strings.Contains(line, "?") && !strings.Contains(line, "? ") {
					t.Errorf("%s in %s: %s", cmd.CommandPath(), l, line)
				}
			}
		})
	}
}

func TestLanguage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want lang.Lang
	}{
		"nothing":               {nil, nil, lang.English},
		"the locale":            {nil, map[string]string{"LANG": "zh_CN.UTF-8"}, lang.Chinese},
		"the variable":          {nil, map[string]string{"LANG": "zh_CN.UTF-8", "SMTPTAP_LANG": "en"}, lang.English},
		"the flag":              {[]string{"list", "--lang", "zh"}, map[string]string{"SMTPTAP_LANG": "en"}, lang.Chinese},
		"the flag with =":       {[]string{"list", "--lang=zh"}, nil, lang.Chinese},
		"not a language":        {[]string{"--lang", "fr"}, map[string]string{"LC_ALL": "zh_TW"}, lang.Chinese},
		"arguments of another":  {[]string{"run", "--", "ls", "--lang", "zh"}, nil, lang.English},
		"nothing after it":      {[]string{"--lang"}, nil, lang.English},
		"a variable without it": {nil, map[string]string{"SMTPTAP_LANG": "fr", "LANG": "zh_CN"}, lang.Chinese},
	} {
		if got := language(c.args, func(name string) string { return c.env[name] }, nil); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
