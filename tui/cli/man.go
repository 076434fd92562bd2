package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// manCommand is `smtptap man`: it writes the manual pages, for those who make
// packages.
func (p *Program) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:              "man DIR",
		Hidden:           true,
		Args:             p.args(1, 1),
		PersistentPreRun: func(*cobra.Command, []string) {},
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := os.MkdirAll(a[0], 0o755); err != nil {
				return err
			}
			for _, c := range append([]*cobra.Command{cmd.Root()}, cmd.Root().Commands()...) {
				if c.Hidden {
					continue
				}
				page := manPage{Program: p, cmd: c}
				if err := os.WriteFile(filepath.Join(a[0], manName(c)+".1"), []byte(page.text()), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// A manPage is the manual page of a command, in the macros of man(7).
type manPage struct {
	*Program
	cmd *cobra.Command
	out strings.Builder
}

func (m *manPage) text() string {
	t := helpTexts()[textName(m.cmd)]
	fmt.Fprintf(&m.out, ".TH %s 1 \"\" \"smtptap\" \"smtptap\"\n.ad l\n", strings.ToUpper(manName(m.cmd)))
	m.section("man-name")
	m.lines(manName(m.cmd) + " \x00 " + m.fill(t.Short, nil))
	m.section("usage")
	m.lines(m.cmd.UseLine())
	if m.cmd.HasAvailableSubCommands() {
		m.out.WriteString(".br\n")
		m.lines(m.cmd.CommandPath() + " " + m.say("command-argument"))
	}
	if long := m.fill(t.Long, nil); long != "" {
		m.section("man-description")
		m.paragraphs(long)
	}
	m.commands()
	m.flags()
	if len(t.Examples) > 0 {
		m.section("examples")
		for _, e := range t.Examples {
			m.item(e.Run, e.In(m.lang))
		}
	}
	if m.cmd.HasParent() {
		m.section("man-see-also")
		m.out.WriteString(".BR smtptap (1)\n")
	} else {
		m.section("man-exit-status")
		m.paragraphs(m.say("exit-status"))
	}
	return m.out.String()
}

func (m *manPage) commands() {
	begun := false
	for _, c := range m.cmd.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		if !begun {
			m.section("commands")
			begun = true
		}
		m.item(c.Name(), m.fill(helpTexts()[textName(c)].Short, nil))
	}
}

func (m *manPage) flags() {
	h := helpPage{Program: m.Program, cmd: m.cmd}
	m.section("man-options")
	for _, group := range groups {
		begun := false
		for _, f := range visibleFlags(m.cmd) {
			t, _ := flagTextOf(m.cmd, f.Name)
			if t.Group != group {
				continue
			}
			if !begun {
				m.out.WriteString(".SS ")
				m.lines(m.say("group-" + group))
				begun = true
			}
			m.item(strings.TrimSpace(flagHead(f, t)), h.flagUse(f, t))
		}
	}
}

func (m *manPage) section(key string) {
	m.out.WriteString(".SH ")
	m.lines(strings.ToUpper(m.say(key)))
}

// item is a paragraph under a name.
func (m *manPage) item(name, text string) {
	m.out.WriteString(".TP\n.B ")
	m.lines(name)
	first, table, several := strings.Cut(text, "\n")
	m.lines(first)
	if several {
		m.out.WriteString(".RS\n.nf\n")
		m.lines(table)
		m.out.WriteString(".fi\n.RE\n")
	}
}

func (m *manPage) paragraphs(text string) {
	for i, paragraph := range strings.Split(text, "\n\n") {
		if i > 0 {
			m.out.WriteString(".PP\n")
		}
		m.lines(paragraph)
	}
}

// escaped are the characters that mean something to roff, and the placeholder
// for the dash between a page's name and what it is about.
var escaped = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "\x00", `\-`)

// lines writes text, none of which is taken for a request.
func (m *manPage) lines(text string) {
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, ".") {
			line = `\&` + escaped.Replace(line)
		} else {
			line = escaped.Replace(line)
		}
		m.out.WriteString(line + "\n")
	}
}
