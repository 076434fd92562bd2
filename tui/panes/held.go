package panes

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/smtp"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/tui/draw"
)

// Held is a line that waits for somebody to let it go.
type Held struct {
	Session string    // its id
	From    who.Party // who said it
	Line    []byte    // with its end; a reply may have several lines
	Since   time.Time
	Until   time.Time // when it goes on by itself
}

// masked is the line with decode.MaskText for secrets, and those.
func (h *Held) masked() (line []byte, secrets [][]byte) {
	if h.From != who.Client {
		return h.Line, nil
	}
	d := decode.Dialogue{MidSession: true}
	done := 0
	for _, e := range d.Feed(0, who.Client, h.Line).Events {
		for _, s := range e.Secrets {
			from, to := max(int(s.Start), done), min(int(s.End), len(h.Line))
			line = append(append(line, h.Line[done:from]...), decode.MaskText...)
			secrets, done = append(secrets, h.Line[from:to]), to
		}
	}
	return append(line, h.Line[done:]...), secrets
}

// endsData reports whether the line ends a message that has passed.
func (h *Held) endsData() bool {
	return h.From == who.Client && string(smtp.TrimEnd(h.Line)) == "."
}

// Text is the line for an editor: its end left out, what is not plain text as
// Go's escapes, secrets masked. Of the line that ends a message it is what can
// be added before that: nothing.
func (h *Held) Text() string {
	if h.endsData() {
		return ""
	}
	line, _ := h.masked()
	return visible.Raw(smtp.TrimEnd(line))
}

// Lines is Text with its line ends as they are, for an editor of files.
func (h *Held) Lines() string { return strings.ReplaceAll(h.Text(), `\r\n`, "\n") }

// OfLines is the text whose Lines an editor has left.
func OfLines(lines string) string {
	return strings.ReplaceAll(strings.TrimRight(lines, "\n"), "\n", `\r\n`)
}

// Reasons why a line can't go on as it was edited: keys of texts.
var (
	errEscape    = errors.New("edit-bad-escape")
	errOneLine   = errors.New("edit-one-line")
	errOneReply  = errors.New("edit-one-reply")
	errChunkSize = errors.New("edit-chunk-size")
)

// Edited is the line that a text stands for. It gets the end that the line had,
// unless the text brings one; what is added to a message is dot-stuffed. What would
// put commands and replies out of step is refused.
func (h *Held) Edited(text string) ([]byte, error) {
	line, err := unescape(text)
	if err != nil {
		return nil, err
	}
	_, secrets := h.masked()
	for _, secret := range secrets {
		line = bytes.Replace(line, []byte(decode.MaskText), secret, 1)
	}
	if h.endsData() {
		return stuffed(line, h.Line), nil
	}
	if !bytes.HasSuffix(line, []byte("\n")) {
		line = append(line, h.Line[len(smtp.TrimEnd(h.Line)):]...)
	}
	if h.From == who.Server {
		var replies smtp.Replies
		if n, _, complete := replies.Next(line); !complete || n != len(line) {
			return nil, errOneReply
		}
		return line, nil
	}
	switch before, after := smtp.ReadCommand(h.Line), smtp.ReadCommand(line); {
	case bytes.IndexByte(line, '\n') != len(line)-1:
		return nil, errOneLine
	case before.Verb == "BDAT" && before.Size != after.Size:
		return nil, errChunkSize
	}
	return line, nil
}

// stuffed is lines of a message, and the line that ends it.
func stuffed(lines, end []byte) []byte {
	if len(lines) == 0 {
		return end
	}
	var b []byte
	for line := range bytes.Lines(lines) {
		if line[0] == '.' {
			b = append(b, '.')
		}
		b = append(append(b, bytes.TrimRight(line, "\r\n")...), "\r\n"...)
	}
	return append(b, end...)
}

// unescape undoes visible.Raw. A backslash that begins no escape is one.
func unescape(text string) ([]byte, error) {
	var b []byte
	for text != "" {
		if text[0] != '\\' || len(text) == 1 || !strings.ContainsRune(`rntxuU\`, rune(text[1])) {
			b, text = append(b, text[0]), text[1:]
			continue
		}
		r, multibyte, rest, err := strconv.UnquoteChar(text, 0)
		switch {
		case err != nil:
			return nil, errEscape
		case multibyte:
			b = append(b, string(r)...)
		default:
			b = append(b, byte(r))
		}
		text = rest
	}
	return b, nil
}

// How long peers usually wait (RFC 5321, 4.5.3.2).
const (
	usualPatience = 5 * time.Minute
	dataPatience  = 2 * time.Minute
	endPatience   = 10 * time.Minute
)

// clientPatience is how long a client usually waits for the reply that a held
// line keeps from it.
func (h *Held) clientPatience() time.Duration {
	switch c := smtp.ReadCommand(h.Line); {
	case h.endsData():
		return endPatience
	case h.From == who.Client && c.Verb == "DATA":
		return dataPatience
	}
	return usualPatience
}

// words say since when the line is held, and who waits how much longer.
func (h *Held) words(t *draw.Theme, now time.Time) string {
	passed := max(now.Sub(h.Since), 0)
	left := func(patience time.Duration) string {
		if patience <= passed {
			return t.Say("held-over")
		}
		return t.Time((patience - passed).Truncate(time.Second))
	}
	return t.Say("held-line", "time", t.Time(passed.Truncate(time.Second)), "client", left(h.clientPatience()), "server", left(usualPatience), "smtptap", left(h.Until.Sub(h.Since)))
}

// heldItem lays a held line out: as an entry that has not happened yet.
func (m *dialoguePane) heldItem(h *Held, width int) draw.Item {
	l := dialogueItem{dialoguePane: m, i: len(m.session.Entries), entry: decode.Entry{At: m.session.at(h.Since), From: h.From}, dialogueColumns: dialogueColumnsFor(width)}
	line, _ := h.masked()
	for n, text := range strings.SplitAfter(visible.Raw(line), `\r\n`) {
		for j, row := range draw.Fill(text, max(width-l.text(), 1)) {
			if text != "" {
				l.row(l.theme.Warn.Paint(row), n == 0 && j == 0)
			}
		}
	}
	l.aside(l.theme.Marks.Held+" "+h.words(l.theme, m.now), l.theme.Warn)
	return l.item
}
