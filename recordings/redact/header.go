package redact

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"smtptap/decode/message"
)

// encodedRun finds encoded-words (RFC 2047), adjacent ones together.
var encodedRun = regexp.MustCompile(`=\?[^?\s]*\?[BbQq]\?[^?]*\?=(?:\s*=\?[^?\s]*\?[BbQq]\?[^?]*\?=)*`)

// header says the fields of a header again, with the empty line after them.
func (r *rewriter) header(p []byte) []byte {
	var out, field []byte
	flush := func() {
		if len(field) > 0 {
			name, _, _ := strings.Cut(string(field), ":")
			out = append(out, r.headerText(strings.TrimSpace(name), string(field))...)
			field = nil
		}
	}
	for line := range bytes.Lines(p) {
		if line[0] != ' ' && line[0] != '\t' {
			flush()
		}
		field = append(field, line...)
	}
	flush()
	return out
}

// headerText replaces in a header field: through its encoded-words, in the
// names beside addresses, and in parameters that are encoded.
func (r *rewriter) headerText(name, raw string) string {
	start := strings.IndexByte(raw, ':') + 1
	text := strings.TrimRight(raw, "\r\n")
	field, value, end := raw[:start], text[min(start, len(text)):], raw[len(text):]
	if r.levels.Addresses && (message.HasAddresses(name) || strings.EqualFold(name, "Return-Path")) {
		value = r.names.inNames(value)
	}
	if message.HasParameters(name) || strings.Contains(value, "*=") {
		if again, changed := r.parameters(value); changed {
			return field + again + end
		}
	}
	if message.HasParameters(name) || hasMessageIDs(name) {
		return field + r.value(value, r.names.text) + end // a boundary is no token, nor is an id
	}
	return field + r.value(value, r.names.content) + end
}

// hasMessageIDs reports a field of message identifiers (RFC 5322 section
// 3.6.4). They have a syntax of their own, which the stand-in of a token breaks.
func hasMessageIDs(name string) bool {
	switch strings.ToLower(name) {
	case "message-id", "in-reply-to", "references", "resent-message-id":
		return true
	}
	return false
}

// value replaces in a value, in encoded-words and, as plain does, between them.
func (r *rewriter) value(value string, plain func(string) string) string {
	var b strings.Builder
	done := 0
	for _, run := range encodedRun.FindAllStringIndex(value, -1) {
		b.WriteString(plain(value[done:run[0]]) + r.encodedWords(value[run[0]:run[1]]))
		done = run[1]
	}
	return b.String() + plain(value[done:])
}

// encodedWords replaces in adjacent encoded-words.
func (r *rewriter) encodedWords(run string) string {
	plain := openWords(run)
	again := r.names.content(plain)
	if again == plain {
		return run
	}
	return encodeWords(again)
}

// encodeWords encodes text as encoded-words, also where it need not be: that
// it was encoded may be what matters.
func encodeWords(text string) string {
	if words := mime.QEncoding.Encode("utf-8", text); words != text {
		return words
	}
	return "=?utf-8?q?" + strings.NewReplacer(" ", "_", "_", "=5F", "=", "=3D", "?", "=3F").Replace(text) + "?="
}

// openWords decodes encoded-words, those of unknown charsets as they are.
func openWords(run string) string {
	plain := message.Words(unfold(run))
	if !strings.Contains(plain, "=?") {
		return plain
	}
	any := mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}
	if text, err := any.DecodeHeader(plain); err == nil {
		return text
	}
	return plain
}

func unfold(value string) string {
	return strings.NewReplacer("\r\n", "", "\n", "").Replace(value)
}

// fileTypes are endings of file names that read like a top level domain after
// an address.
var fileTypes = []string{".csv", ".txt", ".pdf", ".eml", ".html", ".htm", ".xml", ".json", ".xls", ".xlsx", ".doc", ".docx", ".zip", ".png", ".jpg", ".ics", ".vcf", ".log"}

// fileName replaces in the name of a file.
func (s *standIns) fileName(value string) string {
	ext := path.Ext(value)
	if !slices.Contains(fileTypes, strings.ToLower(ext)) {
		return s.content(value)
	}
	return s.content(strings.TrimSuffix(value, ext)) + ext
}

// parameters says the parameters of a value again when one of them has to
// change that plain text does not show (RFC 2231, and encoded-words where none
// belong). Comments and what can't be read as a parameter are left out then.
func (r *rewriter) parameters(value string) (again string, changed bool) {
	read := message.ReadStructured(unfold(value))
	for i := range read.Params {
		p := &read.Params[i]
		stand := r.names.content(p.Value)
		switch p.Name {
		case "name", "filename":
			stand = r.names.fileName(p.Value)
		case "boundary":
			stand = r.names.text(p.Value)
		}
		changed = changed || stand != p.Value
		p.Value = stand
	}
	if !changed {
		return value, false
	}
	front, _, _ := strings.Cut(value, ";")
	var b strings.Builder
	b.WriteString(r.value(front, r.names.text))
	for _, p := range read.Params {
		b.WriteString("; " + parameter(p.Name, p.Value))
	}
	return b.String(), true
}

// parameter is a parameter as it is sent (RFC 2045 section 5.1, RFC 2231
// section 4).
func parameter(name, value string) string {
	for _, c := range value {
		if c < ' ' || c > '~' {
			return name + "*=utf-8''" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
		}
	}
	return fmt.Sprintf(`%s="%s"`, name, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value))
}
