package redact

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/message"
)

// deepest is how many encoded messages inside each other are opened.
const deepest = 8

// leaf replaces in a leaf of the message, through its transfer encoding. One
// that can't be searched, or can't be said again, is taken out.
func (w *bodyWriter) leaf(p *message.Part, leaf []byte) []byte {
	plain := leaf
	if w.dots {
		plain = unstuff(leaf)
	}
	text, damaged := decoded(p, plain)
	again, searched := w.searched(p, text, damaged)
	switch {
	case !searched || damaged && again != string(text):
		w.about = append(w.about, facts.NewNote(partRedacted, append(sizeOf(leaf), "kind", w.names.content(kindOf(p)))...))
		return blank(leaf, p.Encoding)
	case again == string(text):
		return leaf
	}
	var out []byte
	switch p.Encoding {
	case "base64":
		out = append(foldBase64([]byte(again)), tail(leaf)...)
	case "quoted-printable":
		out = quoted(again)
	default:
		out = []byte(again)
	}
	if w.dots {
		return stuff(out)
	}
	return out
}

// decoded undoes the transfer encoding of a leaf. damaged: not all of it could
// be, so it can't be encoded again as it was.
func decoded(p *message.Part, leaf []byte) (text []byte, damaged bool) {
	alone := message.Part{Encoding: p.Encoding, Body: message.Span{End: int64(len(leaf))}}
	content, err := alone.Content(bytes.NewReader(leaf))
	if err != nil {
		return nil, true
	}
	text, err = io.ReadAll(content)
	return text, err != nil || p.Encoding == "base64" && len(content.Problems()) > 0
}

// searched replaces in what a leaf holds, which must be text for that.
func (w *bodyWriter) searched(p *message.Part, text []byte, damaged bool) (again string, ok bool) {
	switch {
	case p.Stopped != "" || !known(p.Encoding) || !likeASCII(p.Type.Get("charset")):
		return "", len(text) == 0
	case strings.HasPrefix(p.Type.Value, "message/") && (p.Encoding == "base64" || p.Encoding == "quoted-printable"):
		inner := &bodyWriter{rewriter: w.rewriter, depth: w.depth + 1}
		if inner.depth > deepest {
			return "", false
		}
		out, told := inner.message(text, 0)
		w.about = append(w.about, inner.about...)
		return string(out), told
	case !readable(text) && (damaged || !p.IsText()):
		return "", len(text) == 0
	}
	return w.names.content(string(text)), true
}

func known(encoding string) bool {
	switch encoding {
	case "7bit", "8bit", "binary", "base64", "quoted-printable":
		return true
	}
	return false
}

// likeASCII reports whether addresses in text of that charset read as in
// ASCII.
func likeASCII(charset string) bool {
	charset = strings.ToLower(charset)
	for _, other := range []string{"utf-16", "utf16", "utf-32", "utf32", "utf-7", "ucs-", "iso-10646", "ibm037", "cp037", "ebcdic"} {
		if strings.Contains(charset, other) {
			return false
		}
	}
	return true
}

// unstuff takes the dots away that lines were stuffed with. A line begins after
// CRLF alone (RFC 5321 section 2.3.8): other dots are part of the text.
func unstuff(p []byte) []byte {
	return bytes.ReplaceAll(bytes.TrimPrefix(p, []byte(".")), []byte("\r\n."), []byte("\r\n"))
}

// stuff puts a dot in front of lines that begin with one.
func stuff(p []byte) []byte {
	out := bytes.ReplaceAll(p, []byte("\r\n."), []byte("\r\n.."))
	if bytes.HasPrefix(out, []byte(".")) {
		out = append([]byte("."), out...)
	}
	return out
}

// tail is the line end that a leaf ends with, if it does.
func tail(leaf []byte) []byte {
	return leaf[len(bytes.TrimRight(leaf, "\r\n")):]
}

// lineWidth is how long encoded lines may be (RFC 2045 sections 6.7 and 6.8).
const lineWidth = 76

func foldBase64(p []byte) []byte {
	text := base64.StdEncoding.EncodeToString(p)
	var out []byte
	for len(text) > lineWidth {
		out = append(append(out, text[:lineWidth]...), "\r\n"...)
		text = text[lineWidth:]
	}
	return append(out, text...)
}

func quoted(text string) []byte {
	var out bytes.Buffer
	w := quotedprintable.NewWriter(&out)
	w.Write([]byte(text)) // a Buffer does not fail
	w.Close()
	return out.Bytes()
}
