package panes

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"unicode"

	"smtptap/decode/visible"
)

// A Part is a part of a message, to be taken out.
type Part struct {
	Name string // for a file: safe, and never hidden
	Text bool
	Open func() (io.Reader, error) // decoded
}

// Part is the part under the cursor, or the first attachment, or else the
// message as a whole.
func (m *messagePane) Part() (Part, bool) {
	if m.reading == nil || m.reading.tree == nil || m.reading.begun {
		return Part{}, false
	}
	s, r, at := m.session, m.reading, -1
	if i := m.pager.Cursor(); m.view == decoded && i < len(m.targets) {
		at = m.targets[i].part
	}
	for i := range r.tree.Parts {
		if p := &r.tree.Parts[i]; at < 0 && p.Attachment() && !p.Container {
			at = i
		}
	}
	if at < 0 || r.tree.Parts[at].Container {
		return Part{safeName("", "message-"+s.ID+".eml"), true, func() (io.Reader, error) { return openMessage(context.Background(), s, r.message), nil }}, true
	}
	p := &r.tree.Parts[at]
	other := "part-" + p.Number
	if p.IsText() {
		other += ".txt"
	}
	return Part{safeName(p.Filename, other), p.IsText(), func() (io.Reader, error) {
		return p.Content(openMessage(context.Background(), s, r.message))
	}}, true
}

// maxName bounds a file's name.
const maxName = 100

// safeName is a name that a message gives to a file, without what leads to another
// folder, hides it, or does not show; or the other name.
func safeName(name, other string) string {
	name = filepath.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if s := string(r); r == '/' || r == unicode.ReplacementChar || visible.Text(s) != s || strings.ContainsRune(`:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
	name = strings.TrimLeft(name, ".- ")
	if runes := []rune(name); len(runes) > maxName {
		name = string(runes[len(runes)-maxName:])
	}
	if name == "" {
		return other
	}
	return name
}
