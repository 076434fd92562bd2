package redact

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// A mail is one message of the session: its header fields and its body, which
// comes in one piece or in the chunks of BDAT (RFC 3030). It is rewritten as a
// whole, because an address or a line of base64 may be cut by the end of a
// chunk.
type mail struct {
	header, bodies []int // entries
	last           bool  // its last chunk was announced
	torn           bool  // what came before is missing
	done           bool
	again          map[int][]byte // the bodies as said again, by entry
	about          []*facts.Note  // what is to be told of them
}

// findMails sorts the entries of messages by message, and finds the command
// that announced each chunk.
func (r *rewriter) findMails() {
	r.mails, r.chunks = map[int]*mail{}, map[int][]int{}
	var open [2]*mail // by leg
	var chunk [2]int
	for i, e := range r.from.Entries {
		ev, leg := e.Event, 0
		if e.Leg == who.ServerLeg {
			leg = 1
		}
		switch {
		case ev == nil:
		case ev.Command != nil && ev.Command.Verb == "BDAT":
			if open[leg] == nil || open[leg].last {
				open[leg] = &mail{}
			}
			open[leg].last, chunk[leg] = ev.Command.Last, i
		case ev.Kind == decode.KindCommand:
			open[leg], chunk[leg] = nil, -1
		case ev.Kind == decode.KindMissing && ev.Side == who.Client && open[leg] != nil:
			open[leg] = &mail{torn: true, last: open[leg].last}
		case ev.Kind == decode.KindHeader, ev.Kind == decode.KindBody:
			if open[leg] == nil {
				open[leg] = &mail{}
			}
			m := open[leg]
			if ev.Kind == decode.KindHeader {
				m.header = append(m.header, i)
			} else {
				m.bodies = append(m.bodies, i)
			}
			r.mails[i] = m
			r.chunks[chunk[leg]] = append(r.chunks[chunk[leg]], i)
		}
	}
}

// rewriteMail says the bodies of a message again. Chunks stay as long as they
// were; the last one takes the difference.
func (r *rewriter) rewriteMail(m *mail) error {
	if m.done {
		return nil
	}
	m.done, m.again = true, map[int][]byte{}
	var header, wire []byte
	for _, i := range m.header {
		raw, err := r.raw(i)
		if err != nil {
			return err
		}
		header = append(header, raw...)
	}
	for _, i := range m.bodies {
		if r.held += r.from.Entries[i].Event.Span.Len(); r.held > largest {
			return ErrTooLarge
		}
		raw, err := r.raw(i)
		if err != nil {
			return err
		}
		wire = append(wire, raw...)
	}
	dots := !r.from.Entries[m.bodies[0]].Event.Body.Chunk
	again := r.rewriteBody(m, header, wire, dots)
	for n, i := range m.bodies {
		size := min(int(r.from.Entries[i].Event.Span.Len()), len(again))
		if n == len(m.bodies)-1 {
			size = len(again)
		}
		m.again[i], again = again[:size], again[size:]
	}
	return nil
}

// raw is all that entry i says, as it was.
func (r *rewriter) raw(i int) ([]byte, error) {
	e := r.from.Entries[i]
	ev := e.Event
	if ev.Span.Len() <= int64(len(ev.Raw)) || r.from.Bytes == nil {
		return ev.Raw, nil
	}
	return io.ReadAll(r.from.Reader(e.Leg, ev.Side, ev.Span))
}

var chunkSize = regexp.MustCompile(`(?i)^(\s*BDAT\s+)(\d+)`)

// announce makes a BDAT command announce the chunk as it will be said again.
func (r *rewriter) announce(i int, text string) (string, error) {
	if !r.levels.message() || r.from.Bytes == nil {
		return text, nil
	}
	longer := 0
	for _, part := range r.chunks[i] {
		before, err := r.raw(part)
		if err != nil {
			return "", err
		}
		longer -= len(before)
		if ev := r.from.Entries[part].Event; ev.Kind == decode.KindHeader {
			longer += len(r.lineText(ev, string(before)))
			continue
		}
		if err := r.rewriteMail(r.mails[part]); err != nil {
			return "", err
		}
		longer += len(r.mails[part].again[part])
	}
	m := chunkSize.FindStringSubmatch(text)
	if m == nil || longer == 0 {
		return text, nil
	}
	size, err := strconv.Atoi(m[2])
	if err != nil {
		return text, nil // a number that the dialogue took for none either
	}
	return fmt.Sprint(m[1], size+longer) + strings.TrimPrefix(text, m[0]), nil
}
