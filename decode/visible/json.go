package visible

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"unicode/utf16"
	"unicode/utf8"
)

// WriteJSON writes v as one JSON value and a line end, in one call of w.
// Characters that a terminal could obey or that hide text (C1 controls,
// bidirectional overrides, …) are written as \u escapes, which mean the same.
func WriteJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", indent)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escapeJSON(b.Bytes()))
	return err
}

// WriteJSONList writes v, whose last member is an empty list, as one JSON value
// and a line end with these elements in the list, one after the other.
func WriteJSONList(w io.Writer, v any, indent string, elements iter.Seq[any]) error {
	var b bytes.Buffer
	if err := WriteJSON(&b, v, indent); err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	head, _ := bytes.CutSuffix(b.Bytes(), []byte("]\n}\n"))
	out.Write(head)
	e := json.NewEncoder(&b)
	e.SetIndent(indent+indent, indent)
	e.SetEscapeHTML(false)
	separator, end := "\n"+indent+indent, "]\n}\n"
	b.Reset()
	for element := range elements {
		if err := e.Encode(element); err != nil {
			return err
		}
		out.WriteString(separator)
		out.Write(escapeJSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
		b.Reset()
		separator, end = ",\n"+indent+indent, "\n"+indent+"]\n}\n"
	}
	out.WriteString(end)
	return out.Flush()
}

// escapeJSON replaces what Text would not show as it is. In JSON such
// characters stand in strings only, line ends apart.
func escapeJSON(p []byte) []byte {
	if isPlain(p) {
		return p
	}
	out := make([]byte, 0, len(p)+len(p)/8)
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch c := p[:n]; {
		case r < utf8.RuneSelf && r != 0x7f, Text(string(c)) == string(c):
			out = append(out, c...)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
		p = p[n:]
	}
	return out
}

// isPlain reports that p is ASCII that a terminal prints.
func isPlain(p []byte) bool {
	for _, c := range p {
		if c >= 0x7f {
			return false
		}
	}
	return true
}
