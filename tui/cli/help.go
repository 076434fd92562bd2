package cli

import (
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"smtptap/decode/visible"
)

// groups are the headings of flags, in order. Their titles are in words.toml.
var groups = []string{"target", "choice", "tls", "redaction", "expect", "rules", "recording", "output", "screen", "limits", "telemetry", "log", "general"}

// widestHelp is how wide the help becomes on a wide terminal.
const widestHelp = 100

// A helpPage is the help of a command as it is written.
type helpPage struct {
	*Program
	cmd   *cobra.Command
	out   strings.Builder
	width int
}

// help prints the help of a command.
func (p *Program) help(cmd *cobra.Command, _ []string) {
	columns := width(p.streams.Out)
	if columns == 0 {
		columns = 80
	}
	h := &helpPage{Program: p, cmd: cmd, width: min(columns, widestHelp)}
	h.write()
	io.WriteString(p.streams.Out, h.out.String())
}

func (h *helpPage) write() {
	t := helpTexts()[textName(h.cmd)]
	h.paragraph(h.fill(t.Short, nil))
	if len(t.Examples) > 0 {
		h.heading("examples")
		var rows [][2]string
		for _, e := range t.Examples {
			rows = append(rows, [2]string{e.Run, "# " + e.In(h.lang)})
		}
		h.table(rows, 46)
	}
	h.heading("usage")
	h.out.WriteString("  " + h.cmd.UseLine() + "\n")
	if h.cmd.HasAvailableSubCommands() {
		h.out.WriteString("  " + h.cmd.CommandPath() + " " + h.say("command-argument") + "\n")
	}
	if long := h.fill(t.Long, nil); long != "" {
		h.out.WriteString("\n")
		h.paragraph(long)
	}
	h.commands()
	h.flags()
}

// commands lists the subcommands.
func (h *helpPage) commands() {
	var rows [][2]string
	for _, c := range h.cmd.Commands() {
		if c.IsAvailableCommand() {
			rows = append(rows, [2]string{c.Name(), h.fill(helpTexts()[textName(c)].Short, nil)})
		}
	}
	if len(rows) > 0 {
		h.heading("commands")
		h.table(rows, 20)
	}
}

// flags lists the flags by their groups.
func (h *helpPage) flags() {
	byGroup := map[string][][2]string{}
	for _, f := range visibleFlags(h.cmd) {
		t, _ := flagTextOf(h.cmd, f.Name)
		byGroup[t.Group] = append(byGroup[t.Group], [2]string{flagHead(f, t), h.flagUse(f, t)})
	}
	for _, group := range groups {
		if rows := byGroup[group]; len(rows) > 0 {
			h.heading("group-" + group)
			h.table(rows, 26)
		}
	}
}

// visibleFlags are the flags of a command in the order in which they were made.
func visibleFlags(cmd *cobra.Command) (all []*pflag.Flag) {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	take := func(f *pflag.Flag) {
		if !f.Hidden && !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	for _, set := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
		set.SortFlags = false
		set.VisitAll(take)
	}
	return all
}

// flagHead is a flag as it is typed: -w, --record DIR.
func flagHead(f *pflag.Flag, t flagText) string {
	head := "    --" + f.Name
	if f.Shorthand != "" {
		head = "-" + f.Shorthand + ", --" + f.Name
	}
	if t.Value != "" {
		head += " " + t.Value
	}
	return head
}

// flagUse is what a flag does, and its default where it has one.
func (h *helpPage) flagUse(f *pflag.Flag, t flagText) string {
	use := h.fill(t.Text, f)
	switch f.DefValue {
	case "", "false", "0", "0s", "[]":
		return use
	}
	if f.Name == "lang" {
		return use
	}
	standard := h.say("default", "value", f.DefValue)
	if first, rest, several := strings.Cut(use, "\n"); several {
		return first + standard + "\n" + rest
	}
	return use + standard
}

func (h *helpPage) heading(key string) {
	h.out.WriteString("\n" + h.say(key) + "\n")
}

// paragraph writes text, wrapped.
func (h *helpPage) paragraph(text string) {
	for _, row := range wrap(text, h.width) {
		h.out.WriteString(row + "\n")
	}
}

// A row may break after a blank, and around a wide letter, but not before
// punctuation that closes. Rows after the first of a line with two columns begin
// under the second.
var (
	piece   = regexp.MustCompile(`(?:[\p{Han}（「“]|[^\s\p{Han}（「“，。、：；？！）」”]+|[，。、：；？！）」”])[，。、：；？！）」”]*\s*|\s+`)
	columnB = regexp.MustCompile(`^\S+(?: \S+)*  +`)
)

func wrap(text string, width int) (rows []string) {
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		margin := strings.Repeat(" ", visible.Width(columnB.FindString(line)))
		row := ""
		for _, word := range piece.FindAllString(line, -1) {
			if row != "" && visible.Width(row+strings.TrimRight(word, " ")) > width {
				rows = append(rows, strings.TrimRight(row, " "))
				row = margin
			}
			row += word
		}
		rows = append(rows, strings.TrimRight(row, " "))
	}
	return rows
}

// table writes two columns. The right one begins where the left ones that are
// not wider than most end; after a wider one it begins in a row of its own.
func (h *helpPage) table(rows [][2]string, most int) {
	left := 0
	for _, row := range rows {
		if w := visible.Width(row[0]); w <= most {
			left = max(left, w)
		}
	}
	for _, row := range rows {
		h.out.WriteString("  " + row[0])
		at := visible.Width(row[0])
		if at > left {
			h.out.WriteString("\n  ")
			at = 0
		}
		for _, line := range wrap(row[1], h.width-left-4) {
			h.out.WriteString(strings.Repeat(" ", left+2-at) + line + "\n")
			at = -2
		}
	}
}

// helpCommand is `smtptap help`.
func (p *Program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:              "help [COMMAND]",
		PersistentPreRun: func(*cobra.Command, []string) {}, // also where the configuration is wrong
		RunE: func(cmd *cobra.Command, path []string) error {
			about := cmd.Root()
			for _, name := range path {
				i := slices.IndexFunc(about.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
				if i < 0 {
					return unknownCommand(about, name)
				}
				about = about.Commands()[i]
			}
			about.HelpFunc()(about, nil)
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, path []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if len(path) == 0 {
				for _, c := range cmd.Root().Commands() {
					if c.IsAvailableCommand() {
						names = append(names, c.Name()+"\t"+p.fill(helpTexts()[textName(c)].Short, nil))
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// shells are those that completion writes for.
var shells = map[string]func(*cobra.Command, io.Writer) error{
	"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"zsh":        (*cobra.Command).GenZshCompletion,
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
}

// completionCommand is `smtptap completion`.
func (p *Program) completionCommand() *cobra.Command {
	names := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:               "completion SHELL",
		PersistentPreRun:  func(*cobra.Command, []string) {},
		Args:              p.args(1, 1),
		ValidArgsFunction: cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, a []string) error {
			write, found := shells[a[0]]
			if !found {
				return p.because("completion "+shown(a[0]), validValues(names...))
			}
			return write(cmd.Root(), p.streams.Out)
		},
	}
}
