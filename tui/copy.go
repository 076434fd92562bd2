package tui

import (
	"bytes"
	"errors"
	"io"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/recordings/export"
	"smtptap/recordings/redact"
	"smtptap/tui/draw"
	"smtptap/tui/panes"
	"smtptap/tui/terminal"
)

// A copyable is something that can be put into the clipboard. What peers sent
// is made visible for it: a clipboard ends up in a shell sooner or later.
type copyable struct {
	key, name string
	text      func(copying) (string, error)
}

var copyables = []copyable{
	{"l", "line", copying.line},
	{"c", "command", func(c copying) (string, error) { return c.spoken(who.Client) }},
	{"r", "reply", func(c copying) (string, error) { return c.spoken(who.Server) }},
	{"h", "header", copying.header},
	{"b", "body", copying.body},
	{"s", "session", copying.all},
	{"w", "swaks", copying.swaks},
	{"u", "curl", copying.curl},
}

// copyPrompt asks what to copy.
type copyPrompt struct{}

func (m *model) askCopy() {
	if m.detail.Session() == nil {
		m.say(m.theme.Say("no-session"), m.theme.Dim)
		return
	}
	m.prompt = copyPrompt{}
}

func (copyPrompt) typing() bool { return false }

func (copyPrompt) view(m *model, width int) string {
	var r draw.Row
	r.Put(" "+m.theme.Say("hint-copy")+" ", m.theme.Plain)
	for _, c := range copyables {
		name := m.theme.Say("copy-" + c.name)
		if r.Width()+visible.Width(name)+4 > width {
			break
		}
		r.Put("  "+c.key, m.theme.Key)
		r.Put(" "+name, m.theme.Plain)
	}
	return r.String()
}

func (copyPrompt) key(m *model, msg tea.KeyMsg) tea.Cmd {
	m.prompt = nil
	what := copying{m.detail.Session(), m.detail.Entry(), m.detail.Revealed()}
	for _, c := range copyables {
		if c.key == msg.String() && what.session != nil {
			return m.copy(c, what)
		}
	}
	return nil
}

// copy writes to the terminal's clipboard, beside the screen: what is copied
// may have to be read from a disk.
func (m *model) copy(c copyable, what copying) tea.Cmd {
	getenv, out, theme := m.options.Getenv, m.terminal, m.theme
	return func() tea.Msg {
		text, err := c.text(what)
		var sequence, way string
		if err == nil {
			sequence, way, err = terminal.ClipboardSequence(text, getenv)
		}
		if err == nil {
			_, err = io.WriteString(out, sequence)
		}
		if err != nil {
			return noted{note{theme.Say("not-copied", "why", what.why(theme, err)), theme.Warn}}
		}
		return noted{note{theme.Say("copied-"+way, "what", theme.Say("copy-"+c.name), "size", units.Bytes(int64(len(text)))), theme.Plain}}
	}
}

// copying is where something is copied from.
type copying struct {
	session *panes.Session
	entry   int // under the cursor
	reveal  bool
}

// Reasons why something can't be copied: keys of texts.
var (
	errNoEntry   = errors.New("copy-no-entry")
	errNoMessage = errors.New("copy-no-message")
	errNoServer  = errors.New("copy-no-server")
)

// why is such a reason in words.
func (copying) why(t *draw.Theme, err error) string {
	var long terminal.TooLong
	switch {
	case errors.As(err, &long):
		return t.Say("copy-too-long", "size", units.Bytes(long.Bytes))
	case errors.Is(err, errNoEntry), errors.Is(err, errNoMessage), errors.Is(err, errNoServer):
		return t.Say(err.Error())
	}
	return visible.Text(err.Error())
}

// said is an entry as text.
func (c copying) said(i int) (string, error) {
	s := c.session
	if i < 0 || i >= len(s.Entries) {
		return "", errNoEntry
	}
	if start, ok := s.Starts[i]; ok {
		return strings.Join(visible.Lines(string(start)), "\n"), nil
	}
	v := annotate.View{Lang: c.session.Lang, Reveal: c.reveal}
	lines := v.Raw(s.Entries[i])
	if len(lines) == 0 {
		for _, l := range v.Entry(s.Entries[i]) {
			lines = append(lines, l.Text)
		}
	}
	return strings.Join(lines, "\n"), nil
}

func (c copying) line() (string, error) { return c.said(c.entry) }

// spoken is the entry itself if that side said it, or else its partner.
func (c copying) spoken(side who.Party) (string, error) {
	s, i := c.session, c.entry
	if i >= 0 && i < len(s.Entries) && s.Entries[i].Event != nil && s.Entries[i].Event.Side == side {
		return c.said(i)
	}
	return c.said(s.Partner(i))
}

func (c copying) header() (string, error) {
	header, _, err := c.message()
	return header, err
}

func (c copying) body() (string, error) {
	_, body, err := c.message()
	return body, err
}

// all is the session as smtptap show prints it. Passwords are never in it.
func (c copying) all() (string, error) {
	t, err := redact.Needed(c.session.Transcript, redact.Levels{})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = export.Text(&b, t, export.TextOptions{Lang: c.session.Lang})
	return b.String(), err
}

// message reads the message under the cursor and takes it apart.
func (c copying) message() (header, body string, err error) {
	m := c.messageAt()
	switch {
	case m == nil:
		return "", "", errNoMessage
	case m.Size() > terminal.ClipboardMax:
		return "", "", terminal.TooLong{Bytes: m.Size()}
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(c.session.Open(m)); err != nil {
		return "", "", err
	}
	all := visible.Lines(b.String())
	for i, line := range all {
		if line == "" {
			return strings.Join(all[:i], "\n"), strings.Join(all[i+1:], "\n"), nil
		}
	}
	return strings.Join(all, "\n"), "", nil
}

// messageAt is the message that the cursor is in, or else the first.
func (c copying) messageAt() *decode.Message {
	var at *decode.Message
	for n := range c.session.Mail {
		if m := &c.session.Mail[n]; at == nil || m.Mail >= 0 && m.Mail <= c.entry {
			at = m
		}
	}
	return at
}
