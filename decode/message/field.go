package message

import (
	"bytes"
	"strings"
)

// A Span is a half-open range of the message, in bytes, dot-stuffing undone.
type Span struct{ Start, End int64 }

// Len is the number of bytes in the span.
func (s Span) Len() int64 { return s.End - s.Start }

// A Field is one header field (RFC 5322 section 2.2). Name and Value are bytes
// as sent, not made visible.
type Field struct {
	Name  string
	Value string // after the colon, unfolded, without the white space around it
	Span  Span   // its lines, line ends included
	Cut   bool   // longer than Limits.FieldBytes
}

// Text is the value in readable form.
func (f *Field) Text() Text { return ReadText(f.Value) }

// Is reports whether the field has that name; case does not matter.
func (f *Field) Is(name string) bool { return strings.EqualFold(f.Name, name) }

// A Header is a list of fields in the order in which they were sent.
type Header []Field

// Get is the value of the first field of that name, "" if there is none.
func (h Header) Get(name string) string {
	for i := range h {
		if h[i].Is(name) {
			return h[i].Value
		}
	}
	return ""
}

// All are the values of all fields of that name.
func (h Header) All(name string) []string {
	var all []string
	for i := range h {
		if h[i].Is(name) {
			all = append(all, h[i].Value)
		}
	}
	return all
}

// HasAddresses reports whether the field of that name holds addresses (RFC
// 5322 sections 3.6.2, 3.6.3 and 3.6.6), so that Addresses reads it better
// than Words.
func HasAddresses(name string) bool {
	switch strings.ToLower(name) {
	case "from", "sender", "reply-to", "to", "cc", "bcc",
		"resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc",
		"disposition-notification-to", "return-receipt-to", "errors-to", "mail-followup-to":
		return true
	}
	return false
}

// HasParameters reports whether the field of that name has parameters, so that
// ReadStructured reads it better than Words.
func HasParameters(name string) bool {
	switch strings.ToLower(name) {
	case "content-type", "content-disposition":
		return true
	}
	return false
}

// splitField cuts a line at its colon. ok is false for a line that begins no
// field: no colon, or something in front of it that is no field name (RFC 5322
// section 2.2). A space between name and colon is allowed, as it was once.
func splitField(line []byte) (name string, value []byte, ok bool) {
	before, after, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return "", nil, false
	}
	before = bytes.TrimRight(before, " \t")
	if len(before) == 0 {
		return "", nil, false
	}
	for _, c := range before {
		if c <= ' ' || c == 0x7F {
			return "", nil, false
		}
	}
	return string(before), after, true
}
