package message

import (
	"bytes"
	"strconv"
	"strings"
)

// A headerReader collects the fields of one header within the limits. What is
// over them is read on, to find the end, but not held.
type headerReader struct {
	limits  Limits
	all     *int // bytes of all headers of the message that are held
	fields  Header
	size    int // bytes of this header that are held
	value   []byte
	open    bool // a field has begun
	held    bool // and is held
	stopped string
}

func newHeaderReader(l Limits, all *int) *headerReader { return &headerReader{limits: l, all: all} }

// line takes a line, or a piece of one when first is false. It reports whether
// the header is at its end: in front of this line, which is empty or no field.
func (h *headerReader) line(line []byte, pos int64, first bool) (ended bool) {
	switch {
	case !first, h.open && (line[0] == ' ' || line[0] == '\t') && !isBlank(line):
		h.add(line)
		return false
	case isBlank(line):
		return true
	}
	name, value, ok := splitField(line)
	if !ok {
		return true
	}
	h.close(pos)
	h.start(name, pos)
	h.add(value)
	return false
}

// start begins a field if the limits allow another.
func (h *headerReader) start(name string, pos int64) {
	h.open = true
	switch {
	case h.stopped != "":
		return
	case len(h.fields) >= h.limits.HeaderFields:
		h.stop("header has more than " + strconv.Itoa(h.limits.HeaderFields) + " fields")
		return
	case !h.charge(len(name)):
		return
	}
	h.held = true
	h.fields = append(h.fields, Field{Name: name, Span: Span{Start: pos}})
}

// charge takes n bytes out of what may be held.
func (h *headerReader) charge(n int) bool {
	switch {
	case h.size+n > h.limits.HeaderBytes:
		h.stop("header longer than " + strconv.Itoa(h.limits.HeaderBytes>>10) + " KiB")
		return false
	case *h.all+n > h.limits.AllHeaders:
		h.stop("headers of all parts longer than " + strconv.Itoa(h.limits.AllHeaders>>10) + " KiB")
		return false
	}
	h.size += n
	*h.all += n
	return true
}

func (h *headerReader) stop(why string) {
	if h.stopped == "" {
		h.stopped = "stopped: " + why
	}
}

// add appends to the open field's value.
func (h *headerReader) add(p []byte) {
	if !h.held {
		return
	}
	f := &h.fields[len(h.fields)-1]
	p = bytes.TrimRight(p, "\r\n")
	if room := h.limits.FieldBytes - len(h.value); len(p) > room {
		p, f.Cut = p[:max(room, 0)], true
	}
	if !h.charge(len(p)) {
		f.Cut = true
		return
	}
	h.value = append(h.value, p...)
}

// close ends the open field in front of pos.
func (h *headerReader) close(pos int64) {
	if h.held {
		f := &h.fields[len(h.fields)-1]
		f.Value = strings.Trim(string(h.value), " \t")
		f.Span.End = pos
		h.value = h.value[:0]
	}
	h.open, h.held = false, false
}

// finish returns the fields, and why there are not more.
func (h *headerReader) finish(pos int64) (Header, string) {
	h.close(pos)
	return h.fields, h.stopped
}
