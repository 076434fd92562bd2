package panes

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"smtptap/decode"
	mime "smtptap/decode/message"
	"smtptap/decode/visible"
)

// A readableBody is how a body begins with its text parts decoded where they
// stand.
type readableBody struct {
	lines     []string
	encodings string // that were undone
}

// maxHeader bounds what is read of a header to understand the body after it.
const maxHeader = 64 << 10

// readable decodes the beginning of the body at an entry, the first of its
// message. It is nil where nothing in it is encoded text.
func (s *Session) readable(m *decode.Message, entry int) *readableBody {
	spans := m.Spans
	if len(spans) == 0 {
		return nil
	}
	size := min(max(s.Entries[entry].Event.Span.Start-spans[0].Start, 0), maxHeader) + startBytes
	begins := *m
	begins.Spans = []decode.Span{{Start: spans[0].Start, End: min(spans[0].End, spans[0].Start+size)}}
	data, err := io.ReadAll(s.Open(&begins))
	if err != nil {
		return nil
	}
	tree, err := mime.Scan(bytes.NewReader(data), limits)
	if err != nil || len(tree.Parts) == 0 {
		return nil
	}
	var text strings.Builder
	var encodings []string
	at := tree.Parts[0].Body.Start
	for i := range tree.Parts {
		p := &tree.Parts[i]
		if p.Container || !p.IsText() || p.Encoding != "base64" && p.Encoding != "quoted-printable" || p.Body.Start < at {
			continue
		}
		preview, err := p.Preview(bytes.NewReader(data), limits)
		if err != nil {
			return nil
		}
		text.Write(data[at:p.Body.Start])
		text.WriteString(strings.TrimRight(preview.Text, "\r\n"))
		at = p.Body.End
		if !slices.Contains(encodings, p.Encoding) {
			encodings = append(encodings, p.Encoding)
		}
	}
	if encodings == nil {
		return nil
	}
	text.Write(data[at:])
	return &readableBody{visible.Lines(strings.TrimRight(text.String(), "\r\n")), strings.Join(encodings, ", ")}
}

// readBodies decodes the bodies whose beginnings are known, as far as they were
// not decoded before.
func (s *Session) readBodies(before *Session) {
	s.bodies = map[int]*readableBody{}
	for n := range s.Mail {
		m := &s.Mail[n]
		at := slices.IndexFunc(m.Parts, func(i int) bool { return s.Entries[i].Event.Kind == decode.KindBody })
		if at < 0 {
			continue
		}
		entry := m.Parts[at]
		if _, read := s.Starts[entry]; !read {
			continue
		}
		if before.start(entry+s.Earlier, s.Entries[entry].Event) != nil {
			s.bodies[entry] = before.bodies[entry+s.Earlier-before.Earlier]
		} else {
			s.bodies[entry] = s.readable(m, entry)
		}
	}
}
