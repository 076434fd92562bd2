// Package logs reads logs that people paste: the debug output of mail
// libraries, of command line tools and of servers, bounces, and bare dialogues.
//
// It undoes what logging and copying did to the text, recognises by content
// whose output it is, and feeds what was said to the decoder. So a pasted log
// becomes the same transcript as a live session, as far as the log goes;
// Transcript.CannotShow says how far that is.
package logs

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
)

// ErrNoLog is returned for a text in which nothing of SMTP was found.
var ErrNoLog = errors.New("no SMTP dialogue and no SMTP error was recognised in the text")

// Parse reads a log and returns its session; of several, the one that went
// wrong first, or else the longest. It returns ErrNoLog for a text that is no
// log, and an error when r can't be read or holds more than MaxLog bytes.
// Secrets in the log are masked as those of a live session are.
func Parse(r io.Reader) (*decode.Transcript, error) {
	all, err := ParseAll(r)
	if err != nil {
		return nil, err
	}
	return all[Decisive(all)], nil
}

// ParseAll is Parse for every session of the log, in the order in which they
// begin. It returns at least one.
func ParseAll(r io.Reader) ([]*decode.Transcript, error) {
	text, err := readText(r)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("the log is empty: %w", ErrNoLog)
	}
	rows := restore(rowsOf(text))
	var out []*decode.Transcript
	for _, d := range readings(rows) {
		if out = read(rows, d); len(out) > 0 {
			break
		}
	}
	switch len(out) {
	case 0:
		return nil, ErrNoLog
	case 1:
		return out, nil
	}
	for i, t := range out {
		t.CannotShow = append(t.CannotShow, fmt.Sprintf("The log holds %d sessions; this is number %d.", len(out), i+1))
	}
	return out, nil
}

// read reads rows in one dialect.
func read(rows []row, d *dialect) (out []*decode.Transcript) {
	id := d.id
	if d.refine != nil {
		id = d.refine(rows)
	}
	for _, lines := range sessions(d.parse(rows)) {
		if t := build(lines, d, id); len(t.Entries) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// Decisive is the index of the session that a reader of the log is after: the
// first that shows a failure, or else the longest.
func Decisive(all []*decode.Transcript) int {
	longest := 0
	for i, t := range all {
		if failed(t) {
			return i
		}
		if len(t.Entries) > len(all[longest].Entries) {
			longest = i
		}
	}
	return longest
}

// failed reports a refusal, an error of the client or a connection that came
// to nothing.
func failed(t *decode.Transcript) bool {
	for _, e := range t.Entries {
		if e.Event != nil && e.Event.Reply != nil && e.Event.Reply.Code >= 400 {
			return true
		}
		switch f := e.Fact.(type) {
		case *facts.Note:
			if f.ID == facts.NoteClientError || f.ID == facts.NoteNoReply {
				return true
			}
		case *facts.TLS:
			if f.Err != "" {
				return true
			}
		case *facts.Dial:
			if f.Err != "" {
				return true
			}
		}
	}
	return false
}
