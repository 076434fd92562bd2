package recordings

import (
	"encoding/json"
	"fmt"
	"io"

	"smtptap/decode/who"
)

// A Writer writes a recording. Each record is one Write, so that a killed
// program leaves at most its last record incomplete.
type Writer struct {
	w   io.Writer
	buf []byte
	err error
}

// NewWriter writes the first line and the header to w.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	start, err := AppendStart(nil, h)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(start); err != nil {
		return nil, words.Error("write", "why", err)
	}
	return &Writer{w: w, buf: start[:0]}, nil
}

// AppendStart appends the first line and the header record to dst: everything
// that comes before the first thing that happened.
func AppendStart(dst []byte, h Header) ([]byte, error) {
	data, err := json.Marshal(h)
	if err != nil {
		return dst, fmt.Errorf("header of a recording: %w", err)
	}
	if len(data) > maxHeader {
		return dst, fmt.Errorf("header of a recording: %d bytes, at most %d fit", len(data), maxHeader)
	}
	r := Record{Type: TypeHeader, From: who.Smtptap, To: who.Smtptap, Data: data}
	dst = append(dst, magic...)
	dst, err = r.AppendHead(dst)
	if err != nil {
		return dst, err
	}
	return append(append(dst, data...), '\n'), nil
}

// Append writes one record. After a failed write it returns that error for
// good: what follows an incomplete record could not be read.
func (w *Writer) Append(r Record) error {
	if w.err != nil {
		return w.err
	}
	buf, err := r.AppendHead(w.buf[:0])
	if err != nil {
		return err
	}
	buf = append(append(buf, r.Data...), '\n')
	w.buf = buf[:0]
	if _, err := w.w.Write(buf); err != nil {
		w.err = words.Error("write", "why", err)
	}
	return w.err
}
