package redact

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"regexp"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/message"
)

// body says a message's body again: unchanged when no level speaks of it.
func (r *rewriter) body(e decode.Entry, l *leg) error {
	ev := e.Event
	if !r.levels.message() || r.from.Bytes == nil {
		return r.sameBody(e, l)
	}
	r.held += ev.Span.Len()
	if r.held > largest {
		return ErrTooLarge
	}
	wire, err := io.ReadAll(r.from.Reader(e.Upstream, ev.Side, ev.Span))
	if err != nil {
		return err
	}
	again, about := r.rewriteBody(e, wire)
	r.feed(e, l, ev.At, again)
	for _, text := range about {
		r.to.Entries = append(r.to.Entries, decode.Entry{At: ev.At, From: decode.PartyProxy, To: decode.PartyProxy, Fact: &facts.Note{ID: bodyRedacted, Text: text}})
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
	wire := r.from.Reader(e.Upstream, ev.Side, ev.Span)
	buf := make([]byte, 256<<10)
	for {
		n, err := wire.Read(buf)
		for p := buf[:n]; len(p) > 0; {
			out := l.d.Feed(ev.At, ev.Side, p)
			p = p[out.N:]
			r.take(e, l, out)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// rewriteBody replaces in the leaves of the message that the body belongs to.
// The header, which says how the leaves are encoded, stands in the entries
// before. A body that is rewritten keeps its line ends and its dots stuffed.
func (r *rewriter) rewriteBody(e decode.Entry, wire []byte) (again []byte, about []string) {
	header := r.headerOf(e)
	whole := append(bytes.Clone(header), wire...)
	tree, err := message.Scan(bytes.NewReader(whole), message.Limits{})
	switch unread := err != nil || tree.Stopped != "" || r.continues(e); {
	case unread && r.levels.Body:
		r.bodies++
		return blank(wire, ""), []string{fmt.Sprintf("body %d taken out: its parts could not be told apart, %d bytes as sent, SHA-256 %x", r.bodies, len(wire), sha256.Sum256(wire))}
	case unread:
		return r.rewriteText(wire), nil
	}
	at := int64(len(header))
	var out []byte
	from := at
	for i := range tree.Parts {
		p := &tree.Parts[i]
		if p.Container || p.Body.Start < from || p.Body.End > int64(len(whole)) {
			continue
		}
		out = append(out, r.between(tree, whole, from, p.Body.Start)...)
		leaf := whole[p.Body.Start:p.Body.End]
		if r.levels.Body {
			out = append(out, blank(leaf, p.Encoding)...)
			about = append(about, r.describe(p, leaf))
		} else {
			out = append(out, r.rewriteLeaf(p, leaf)...)
		}
		from = p.Body.End
	}
	return append(out, r.between(tree, whole, from, int64(len(whole)))...), about
}

// continues reports whether the body is a BDAT chunk behind another one of the
// same message (RFC 3030 section 2): it begins anywhere in that message.
func (r *rewriter) continues(body decode.Entry) bool {
	chunks := 0
	for _, e := range r.from.Entries {
		ev := e.Event
		switch {
		case ev == nil || e.Upstream != body.Upstream:
		case ev == body.Event:
			return chunks > 0
		case ev.Kind == decode.KindBody && ev.Body.Chunk:
			chunks++
		case ev.Command != nil && (ev.Command.Verb == "MAIL" || ev.Command.Verb == "RSET"):
			chunks = 0
		}
	}
	return false
}

// between rewrites what stands between two leaves. Part headers and boundaries
// are the structure of a message; a preamble, an epilogue and what else no
// reader shows (RFC 2046 section 5.1.1) go with the body.
func (r *rewriter) between(tree *message.Tree, whole []byte, from, to int64) []byte {
	if !r.levels.Body {
		return r.rewriteText(whole[from:to])
	}
	var out []byte
	for i := range tree.Parts {
		header := tree.Parts[i].HeaderSpan
		start, end := max(header.Start, from), min(header.End, to)
		if start >= end {
			continue
		}
		out = append(out, r.blankBetween(tree, whole[from:start])...)
		out = append(out, r.rewriteText(whole[start:end])...)
		from = end
	}
	return append(out, r.blankBetween(tree, whole[from:to])...)
}

// blankBetween keeps the boundaries of what stands outside of leaves and part
// headers.
func (r *rewriter) blankBetween(tree *message.Tree, p []byte) []byte {
	var out []byte
	for line := range bytes.Lines(p) {
		if isBoundary(tree, string(bytes.TrimRight(line, " \t\r\n"))) {
			out = append(out, r.rewriteText(line)...)
		} else {
			out = append(out, blank(line, "")...)
		}
	}
	return out
}

func isBoundary(tree *message.Tree, line string) bool {
	if !strings.HasPrefix(line, "--") {
		return false
	}
	for i := range tree.Parts {
		boundary := strings.TrimRight(tree.Parts[i].Type.Get("boundary"), " \t")
		if boundary != "" && (line == "--"+boundary || line == "--"+boundary+"--") {
			return true
		}
	}
	return false
}

// headerOf is the header of the message that the body belongs to, as it was.
func (r *rewriter) headerOf(body decode.Entry) []byte {
	var header []byte
	end := body.Event.Span.Start
	for i := len(r.from.Entries) - 1; i >= 0; i-- {
		ev := r.from.Entries[i].Event
		if ev == nil || ev.Kind != decode.KindHeader || ev.Span.End != end || r.from.Entries[i].Upstream != body.Upstream {
			continue
		}
		header = append(bytes.Clone(ev.Raw), header...)
		end = ev.Span.Start
	}
	return header
}

// rewriteText replaces in text that is not encoded: part headers, boundaries,
// what stands between parts.
func (r *rewriter) rewriteText(p []byte) []byte {
	return []byte(r.names.content(string(p)))
}

// rewriteLeaf replaces in a leaf, through its transfer encoding. Attachments
// other than text stay as they are.
func (r *rewriter) rewriteLeaf(p *message.Part, leaf []byte) []byte {
	switch p.Encoding {
	case "base64":
		if !p.IsText() {
			return leaf
		}
		plain, err := base64.StdEncoding.DecodeString(string(bytes.Map(dropSpace, leaf)))
		again := r.names.content(string(plain))
		if err != nil || again == string(plain) {
			return leaf
		}
		return append(foldBase64([]byte(again)), tail(leaf)...)
	case "quoted-printable":
		plain, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(leaf)))
		again := r.names.content(string(plain))
		if err != nil || again == string(plain) {
			return leaf
		}
		var out bytes.Buffer
		w := quotedprintable.NewWriter(&out)
		w.Write([]byte(again)) // a Buffer does not fail
		w.Close()
		return out.Bytes()
	}
	return r.rewriteText(leaf)
}

func dropSpace(c rune) rune {
	if strings.ContainsRune(" \t\r\n", c) {
		return -1
	}
	return c
}

// tail is the line end that a leaf ends with, if it does.
func tail(leaf []byte) []byte {
	return leaf[len(bytes.TrimRight(leaf, "\r\n")):]
}

func foldBase64(p []byte) []byte {
	const width = 76
	text := base64.StdEncoding.EncodeToString(p)
	var out []byte
	for len(text) > width {
		out = append(append(out, text[:width]...), "\r\n"...)
		text = text[width:]
	}
	return append(out, text...)
}

// blank keeps a leaf's lines and their lengths and nothing of its text. What
// is encoded stays decodable.
func blank(leaf []byte, encoding string) []byte {
	fill := byte('x')
	if encoding == "base64" {
		fill = 'A'
	}
	out := bytes.Clone(leaf)
	for i, c := range out {
		softBreak := encoding == "quoted-printable" && c == '=' && i+1 < len(out) && (out[i+1] == '\r' || out[i+1] == '\n')
		dot := c == '.' && (i == 0 || out[i-1] == '\n')
		if c == '\r' || c == '\n' || softBreak || dot || encoding == "base64" && c == '=' {
			continue
		}
		out[i] = fill
	}
	return out
}

// describe says what was in a leaf, by which its author can recognise it.
func (r *rewriter) describe(p *message.Part, leaf []byte) string {
	r.bodies++
	sum := sha256.Sum256(leaf)
	kind := p.Type.Value
	if kind == "" {
		kind = "text/plain"
	}
	return fmt.Sprintf("body %d taken out: %s, %d bytes as sent, SHA-256 %x", r.bodies, kind, len(leaf), sum)
}

var encodedRun = regexp.MustCompile(`=\?[^?\s]+\?[BbQq]\?[^?]*\?=(?:\s+=\?[^?\s]+\?[BbQq]\?[^?]*\?=)*`)

// headerText replaces in a header field, through its encoded-words.
func (r *rewriter) headerText(name, raw string) string {
	raw = encodedRun.ReplaceAllStringFunc(raw, func(run string) string {
		plain := message.Words(run)
		again := r.names.content(plain)
		if again == plain {
			return run
		}
		return mime.QEncoding.Encode("utf-8", again)
	})
	if strings.EqualFold(name, "List-Unsubscribe") || r.levels.Links {
		return r.names.content(raw)
	}
	return r.names.text(raw)
}
