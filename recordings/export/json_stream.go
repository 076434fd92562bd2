package export

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
)

// writeDocument writes a document that has no entries yet, and puts those of t
// in their place, one after the other: a message may be larger than memory.
func writeDocument(w io.Writer, t *decode.Transcript, doc document, l lang.Lang) error {
	head, tail, err := split(doc, "", "entries", "null")
	if err != nil || len(t.Entries) == 0 {
		return visible.WriteJSON(w, doc, "  ")
	}
	out := &errWriter{w: w}
	out.write(head + "[")
	for i := range t.Entries {
		if i > 0 {
			out.write(",")
		}
		out.write("\n    ")
		out.entry(t, i, l)
	}
	out.write("\n  ]" + tail)
	return out.err
}

// split encodes v, indented below a line that is, and cuts it where the field of
// that name has the value.
func split(v any, indent, name, value string) (head, tail string, err error) {
	var b bytes.Buffer
	if err := visible.WriteJSON(&b, v, "  "); err != nil {
		return "", "", err
	}
	text := b.String()
	if indent != "" {
		text = strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+indent)
	}
	// Strings hold no line ends: only the field stands at the start of a line.
	field := "\n" + indent + "  \"" + name + "\": "
	head, tail, found := strings.Cut(text, field+value)
	if !found {
		return text, "", nil
	}
	return head + field, tail, nil
}

// An errWriter writes until the first error.
type errWriter struct {
	w   io.Writer
	err error
}

func (w *errWriter) write(s string) {
	if w.err == nil {
		_, w.err = io.WriteString(w.w, s)
	}
}

// entry writes entry i, a body as it is read.
func (w *errWriter) entry(t *decode.Transcript, i int, l lang.Lang) {
	line, ev := lineOf(t, i, l), t.Entries[i].Event
	if ev == nil || ev.Raw != nil || ev.Span.Len() == 0 {
		w.around(line, "", nil)
		return
	}
	read := func() io.Reader { return t.Reader(t.Entries[i].Leg, ev.Side, ev.Span) }
	isText, err := isUTF8(read())
	switch empty := ""; {
	case err != nil:
		w.around(line, "", nil)
	case isText:
		line.Text = &empty
		w.around(line, "text", func() error { return writeText(w.w, read()) })
	default:
		line.Base64 = placeholder
		w.around(line, "base64", func() error {
			encoder := base64.NewEncoder(base64.StdEncoding, w.w)
			if _, err := io.Copy(encoder, read()); err != nil {
				return err
			}
			return encoder.Close()
		})
	}
}

// placeholder stands where base64 is to be, which is left out when empty.
const placeholder = "-"

// around writes an entry, and within the string of that name what value does.
func (w *errWriter) around(line entry, name string, value func() error) {
	was := ""
	if name == "base64" {
		was = placeholder
	}
	head, tail, err := split(line, "    ", name, `"`+was+`"`)
	if err != nil {
		w.err = err
		return
	}
	w.write(head)
	if value != nil && w.err == nil {
		w.write(`"`)
		if err := value(); err != nil && w.err == nil {
			w.err = fmt.Errorf("body of entry %d: %w", line.N, err)
		}
		w.write(`"`)
	}
	w.write(tail)
}

// isUTF8 reports whether all that r gives is.
func isUTF8(r io.Reader) (bool, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		p, err := nextText(in)
		if !utf8.Valid(p) {
			return false, nil
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// writeText writes what r gives as the inside of a JSON string.
func writeText(w io.Writer, r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var b bytes.Buffer
	for {
		p, err := nextText(in)
		b.Reset()
		if err := visible.WriteJSON(&b, string(p), ""); err != nil {
			return err
		}
		quoted := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
		if _, err := w.Write(quoted[1 : len(quoted)-1]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// nextText is the next piece of a text, which is not cut inside a character. It
// is valid until the next call.
func nextText(in *bufio.Reader) ([]byte, error) {
	if _, err := in.Peek(utf8.UTFMax); err != nil {
		p, _ := in.Peek(in.Buffered())
		in.Discard(len(p))
		return p, err
	}
	p, _ := in.Peek(in.Buffered())
	n := len(p)
	for i := 1; i < utf8.UTFMax; i++ {
		if c := p[len(p)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(p[len(p)-i:]) {
				n -= i
			}
			break
		}
	}
	in.Discard(n)
	return p[:n], nil
}
