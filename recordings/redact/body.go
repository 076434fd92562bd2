package redact

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/message"
	"smtptap/decode/units"
	"smtptap/decode/who"
)

// body says a message's body again: unchanged when no level speaks of it.
func (r *rewriter) body(i int, l *leg) error {
	e := r.from.Entries[i]
	defer func() { r.open = true }()
	if !r.levels.message() || r.from.Bytes == nil {
		return r.sameBody(e, l)
	}
	m := r.mails[i]
	if err := r.rewriteMail(m); err != nil {
		return err
	}
	r.feed(e, l, m.again[i], true)
	r.open = true
	if i == m.bodies[0] {
		for _, note := range m.about {
			r.tell(decode.Entry{At: e.Event.At, From: who.Smtptap, To: who.Smtptap, Fact: note})
		}
	}
	return nil
}

// sameBody feeds a body to the dialogue a piece at a time and leaves its bytes
// where they are.
func (r *rewriter) sameBody(e decode.Entry, l *leg) error {
	ev := e.Event
	if r.from.Bytes == nil {
		r.take(e, l, l.d.Skip(ev.At, ev.Side, ev.Span.Len(), decode.WhyNotRecorded))
		return nil
	}
	l.borrow(ev.Side, ev.Span)
	wire := r.from.Reader(e.Leg, ev.Side, ev.Span)
	buf := make([]byte, 256<<10)
	left := ev.Span.Len()
	for {
		n, err := wire.Read(buf)
		left -= int64(n)
		r.say(e, l, buf[:n], left == 0)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// rewriteBody replaces in the leaves of the message that a body belongs to.
// The header says how the leaves are encoded. A body that is rewritten keeps
// its line ends; with dots, lines that begin with one stay stuffed (RFC 5321
// section 4.5.2).
func (r *rewriter) rewriteBody(m *mail, header, wire []byte, dots bool) []byte {
	if !m.torn {
		w := &bodyWriter{rewriter: r, dots: dots}
		if again, told := w.message(append(bytes.Clone(header), wire...), int64(len(header))); told {
			m.about = w.about
			return again
		}
	}
	r.bodies++
	m.about = []*facts.Note{{ID: bodyRedacted, Text: facts.Say("body-redacted-torn", append(sizeOf(wire), "n", r.bodies)...)}}
	return blank(wire, "")
}

// A bodyWriter says one message again.
type bodyWriter struct {
	*rewriter
	dots  bool
	depth int // of messages inside encoded parts
	about []*facts.Note
}

// message says the bytes of a message again that follow at from. told is false
// when its parts can't be told apart.
func (w *bodyWriter) message(whole []byte, from int64) (out []byte, told bool) {
	tree, err := message.Scan(bytes.NewReader(whole), message.Limits{})
	if err != nil || tree.Stopped != "" {
		return nil, false
	}
	for i := range tree.Parts {
		p := &tree.Parts[i]
		if p.Container || p.Body.Start < from || p.Body.End > int64(len(whole)) {
			continue
		}
		out = append(out, w.between(tree, whole, from, p.Body.Start)...)
		leaf := whole[p.Body.Start:p.Body.End]
		if w.levels.Body {
			empty := blank(leaf, p.Encoding)
			out = append(out, empty...)
			if !bytes.Equal(empty, leaf) {
				w.about = append(w.about, w.describe(p, leaf))
			}
		} else {
			out = append(out, w.leaf(p, leaf)...)
		}
		from = p.Body.End
	}
	return append(out, w.between(tree, whole, from, int64(len(whole)))...), true
}

// between says again what stands between two leaves. Part headers and
// boundaries are the structure of a message; a preamble, an epilogue and what
// else no reader shows (RFC 2046 section 5.1.1) go with the body.
func (w *bodyWriter) between(tree *message.Tree, whole []byte, from, to int64) []byte {
	var out []byte
	for i := range tree.Parts {
		header := tree.Parts[i].HeaderSpan
		start, end := max(header.Start, from), min(header.End, to)
		if start >= end {
			continue
		}
		out = append(out, w.outside(tree, whole[from:start])...)
		out = append(out, w.header(whole[start:end])...)
		from = end
	}
	return append(out, w.outside(tree, whole[from:to])...)
}

// outside says again what is neither leaf nor part header.
func (w *bodyWriter) outside(tree *message.Tree, p []byte) []byte {
	var out []byte
	for line := range bytes.Lines(p) {
		text := strings.TrimRight(string(line), " \t\r\n")
		switch boundary := boundaryOf(tree, text); {
		case boundary != "":
			// As in the Content-Type, whatever stands around it here.
			out = append(out, "--"+w.names.text(boundary)+strings.TrimPrefix(string(line), "--"+boundary)...)
		case w.levels.Body:
			out = append(out, blank(line, "")...)
		default:
			out = append(out, w.names.content(string(line))...)
		}
	}
	return out
}

// boundaryOf is the boundary in a line that is one, "" for other lines.
func boundaryOf(tree *message.Tree, line string) string {
	if !strings.HasPrefix(line, "--") {
		return ""
	}
	for i := range tree.Parts {
		boundary := strings.TrimRight(tree.Parts[i].Type.Get("boundary"), " \t")
		if boundary != "" && (line == "--"+boundary || line == "--"+boundary+"--") {
			return boundary
		}
	}
	return ""
}

// blank keeps a leaf's lines, their lengths, the dots that they begin with and
// which characters are not ASCII, and nothing of its text. What is encoded stays
// decodable.
func blank(leaf []byte, encoding string) []byte {
	fill := byte('x')
	if encoding == "base64" {
		fill = 'A'
	}
	out := make([]byte, 0, len(leaf))
	dots := true // nothing else stood in this line
	for i := 0; i < len(leaf); {
		c := leaf[i]
		softBreak := encoding == "quoted-printable" && c == '=' && i+1 < len(leaf) && (leaf[i+1] == '\r' || leaf[i+1] == '\n')
		dots = c == '\n' || dots && c == '.'
		_, size := utf8.DecodeRune(leaf[i:])
		switch {
		case c == '\r' || c == '\n' || softBreak || dots || encoding == "base64" && c == '=':
			out = append(out, c)
		case c < utf8.RuneSelf:
			out = append(out, fill)
		default:
			out = append(out, fillers[size-1]...)
		}
		i += size
	}
	return out
}

// fillers are what stands for a character that is not ASCII, by its octets in
// UTF-8, and for an octet of another charset.
var fillers = [utf8.UTFMax]string{"\xf8", "ø", "ⓧ", "𝐱"}

// describe says what was in a leaf, by which its author can recognise it.
func (w *bodyWriter) describe(p *message.Part, leaf []byte) *facts.Note {
	w.bodies++
	return facts.NewNote(bodyRedacted, append(sizeOf(leaf), "n", w.bodies, "kind", kindOf(p))...)
}

// sizeOf are the words for how much was taken out, and its hash.
func sizeOf(wire []byte) []any {
	return []any{"size", units.Exactly(int64(len(wire))), "hash", fmt.Sprintf("%x", sha256.Sum256(wire))}
}

func kindOf(p *message.Part) string {
	if p.Type.Value == "" {
		return "text/plain"
	}
	return p.Type.Value
}
