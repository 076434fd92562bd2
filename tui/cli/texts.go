package cli

import (
	"bytes"
	"embed"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"smtptap/decode/lang"
	"smtptap/proxy/ca"
	"smtptap/recordings/export"
)

// textFiles are what the command line says: words.toml, one file a command, and
// flags.toml for flags that several commands have.
//
//go:embed texts
var textFiles embed.FS

// words are the sentences that are not about one command.
var words = lang.NewTexts(textFile("words"))

// commandTexts are what the help says about a command.
type commandTexts struct {
	Short    lang.Text
	Long     lang.Text
	Examples []exampleText
	Flags    map[string]flagText
}

// An exampleText is a line to type and why.
type exampleText struct {
	Run string
	lang.Text
}

// A flagText is what the help says about a flag.
type flagText struct {
	Value string // what stands for its value: DIR; "" for a switch
	Group string // under which heading it stands
	lang.Text
}

func textFile(name string) []byte {
	document, err := textFiles.ReadFile("texts/" + name + ".toml")
	if err != nil {
		return nil
	}
	return document
}

// helpTexts are the texts of all commands, by the name of their file.
var helpTexts = sync.OnceValue(func() map[string]commandTexts {
	all := map[string]commandTexts{}
	files, _ := fs.Glob(textFiles, "texts/*.toml")
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".toml")
		if name == "words" {
			continue
		}
		var t commandTexts
		if err := toml.NewDecoder(bytes.NewReader(textFile(name))).DisallowUnknownFields().Decode(&t); err != nil {
			panic(file + ": " + err.Error())
		}
		all[name] = t
	}
	return all
})

// textName is the name of a command's file: its path with hyphens, without the
// program's name.
func textName(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "smtptap"
	}
	_, below, _ := strings.Cut(cmd.CommandPath(), " ")
	return strings.ReplaceAll(below, " ", "-")
}

// flagTextOf is the text of a command's flag: its own, or else the shared one.
func flagTextOf(cmd *cobra.Command, flag string) (flagText, bool) {
	t, found := helpTexts()[textName(cmd)].Flags[flag]
	if !found {
		t, found = helpTexts()["flags"].Flags[flag]
	}
	return t, found
}

// say is a sentence in the language of this run, filled with words.
func (p *Program) say(key string, filling ...string) string {
	return words.Say(p.lang, key, filling...)
}

// fill puts what the program knows into a text of the help. values are those of
// the flag that it is about.
func (p *Program) fill(text lang.Text, flag *pflag.Flag) string {
	return lang.Fill(text.In(p.lang), func(name string) string {
		switch name {
		case "values":
			if flag != nil {
				return lang.List(p.lang, valuesOf(flag.Value))
			}
		case "host", "port": // of --env
			return "{" + name + "}"
		case "clients":
			return lang.List(p.lang, ca.Clients())
		case "formats":
			return lang.List(p.lang, export.Formats())
		}
		return ""
	})
}
