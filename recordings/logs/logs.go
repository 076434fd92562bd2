// Package logs reads logs that people paste: the debug output of mail
// libraries, of command line tools and of servers, bounces, and bare dialogues.
//
// It undoes what logging and copying did to the text, recognises by content
// whose output it is, and feeds what was said to the decoder. So a pasted log
// becomes the same transcript as a live session, as far as the log goes;
// Transcript.CannotShow says how far that is.
package logs

import (
	"io"
	"slices"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
)

// ErrNoLog is returned for a text in which nothing of SMTP was found.
var ErrNoLog = words.Error("no-log")

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
		return nil, words.Error("empty", "why", ErrNoLog)
	}
	rows, left := rowsOf(text)
	rows, fewer := fewer(restore(rows))
	left += fewer
	rows = withoutValues(rows)
	var out []*decode.Transcript
	for _, find := range []func([]row) []*dialect{readings, lastResorts} {
		for _, d := range find(rows) {
			if out = read(rows, d); len(out) > 0 {
				nameTarget(out, rows)
				return told(out, left), nil
			}
		}
	}
	return nil, ErrNoLog
}

// told are the sessions of a log that are told, of very many the decisive one
// and those that went wrong first, with what the text left out of them.
func told(all []*decode.Transcript, leftOut int) []*decode.Transcript {
	decisive, room := 0, maxSessions-1
	if len(all) > maxSessions {
		decisive = Decisive(all)
		for _, t := range all {
			if failed(t) {
				room--
			}
		}
	}
	var out []*decode.Transcript
	for i, t := range all {
		switch good := !failed(t); {
		case i == decisive || len(all) <= maxSessions:
		case len(out) >= maxSessions-1, good && room <= 0:
			continue
		case good:
			room--
		}
		if len(all) > 1 {
			t.CannotShow = append(t.CannotShow, facts.Say("lacks-sessions", "n", len(all), "i", i+1))
		}
		if leftOut > 0 {
			if slices.ContainsFunc(t.Entries, func(e decode.Entry) bool { return e.Event != nil && e.Event.Kind == decode.KindBody }) {
				t.Lacks = append(t.Lacks, decode.LackBody)
			}
			t.CannotShow = append(t.CannotShow, facts.Say("lacks-left-out", "n", leftOut))
		}
		out = append(out, t)
	}
	return out
}

// read reads rows in one dialect.
func read(rows []row, d *dialect) (out []*decode.Transcript) {
	id := d.id
	if d.refine != nil {
		id = d.refine(rows)
	}
	for _, lines := range sessions(withoutProse(d.parse(rows))) {
		if t := build(lines, d, id); len(t.Entries) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// Decisive is the index of the session that a reader of the log is after: the
// first that shows a failure which no later session made good, or else the
// longest of those that failed least.
func Decisive(all []*decode.Transcript) int {
	last := map[string]int{} // by recipient: the last session that delivered to it
	for i, t := range all {
		for to := range delivered(t) {
			last[to] = i
		}
	}
	longest, sent := 0, -1
	for i, t := range all {
		switch {
		case !failed(t):
			if sent < 0 && len(t.Entries) > len(all[longest].Entries) {
				longest = i
			}
		case !madeGood(t, i, last):
			return i
		default:
			sent = i + 1 // by one of those that follow
		}
	}
	for i := sent; i >= 0 && i < len(all); i++ {
		if len(delivered(all[i])) > 0 {
			return i
		}
	}
	return longest
}

// madeGood reports that session i or later ones delivered to everybody whom it
// named.
func madeGood(t *decode.Transcript, i int, last map[string]int) bool {
	missing := recipients(t)
	for to := range missing {
		if at, is := last[to]; !is || at < i {
			return false
		}
	}
	return len(missing) > 0
}

// recipients are those whom the session named.
func recipients(t *decode.Transcript) map[string]bool {
	all := map[string]bool{}
	for _, e := range t.Entries {
		if e.Event != nil && e.Event.Command != nil && e.Event.Command.Verb == "RCPT" && e.Event.Command.Path != "" {
			all[strings.ToLower(e.Event.Command.Path)] = true
		}
	}
	return all
}

// delivered are the recipients for whom the server took a message.
func delivered(t *decode.Transcript) map[string]bool {
	asked := map[int]string{} // recipients by the command that named them
	var taken []string
	all := map[string]bool{}
	for _, e := range t.Entries {
		if e.Event == nil {
			continue
		}
		if c := e.Event.Command; c != nil {
			switch c.Verb {
			case "RCPT":
				asked[e.Event.Seq] = strings.ToLower(c.Path)
			case "MAIL", "RSET":
				taken = nil
			}
		}
		if r := e.Event.Reply; r != nil && r.Code >= 200 && r.Code < 300 {
			if to, is := asked[r.To]; is {
				taken = append(taken, to)
			}
			if r.ToVerb == endOfData || r.ToVerb == "BDAT" {
				for _, to := range taken {
					all[to] = true
				}
			}
		}
	}
	return all
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
