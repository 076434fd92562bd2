package decode

import (
	"bytes"
	"errors"
	"io"

	"smtptap/decode/who"
)

// A Message is one message of a transcript with its envelope. Entries are
// named by their index in Transcript.Entries.
type Message struct {
	Mail     int    // the MAIL command, or -1
	Rcpts    []int  // the RCPT commands
	Parts    []int  // header fields, body or chunks, in order
	Spans    []Span // the message in the client's stream, the end of data left out
	Stuffed  bool   // dots are doubled at line starts (DATA); false for BDAT
	Complete bool   // the client sent it to its end
	End      int    // the end of data, or the last BDAT command; -1 when there is none
	Reply    int    // the reply to the whole message, of LMTP the first of them; -1 for none
}

// Size is the message's size on the wire in bytes, the end of data left out.
func (m *Message) Size() int64 {
	var n int64
	for _, s := range m.Spans {
		n += s.Len()
	}
	return n
}

// Messages are the messages that the client sent, complete or not, in order.
// What smtptap itself said on the server's leg is left out.
func (t *Transcript) Messages() []Message {
	var all []Message
	mail, rcpts := -1, []int(nil)
	var open *Message
	begin := func() *Message {
		if open == nil {
			all = append(all, Message{Mail: mail, Rcpts: rcpts, End: -1, Reply: -1, Stuffed: true})
			open = &all[len(all)-1]
		}
		return open
	}
	for i, entry := range t.Entries {
		e := entry.Event
		if e == nil || entry.Leg == who.ServerLeg || e.Side != who.Client {
			continue
		}
		switch e.Kind {
		case KindCommand:
			switch e.Command.Verb {
			case "MAIL":
				mail, rcpts, open = i, nil, nil
			case "RCPT":
				rcpts = append(rcpts, i)
			case "DATA":
				open = nil
			case "RSET", "EHLO", "HELO", "LHLO":
				mail, rcpts, open = -1, nil, nil
			case "BDAT":
				m := begin()
				m.Stuffed, m.End = false, i
				m.Complete = e.Command.Last
				if e.Command.Last {
					m.Reply = t.Answer(i)
					if e.Command.ChunkSize <= 0 {
						open = nil
					}
				}
			}
		case KindHeader, KindBody:
			m := begin()
			m.Parts = append(m.Parts, i)
			m.addSpan(e.Span)
		case KindEndOfData:
			m := begin()
			m.End, m.Complete, m.Reply = i, true, t.Answer(i)
			open = nil
		case KindMissing:
			if e.Missing.Why == WhyNotInLog && open != nil {
				open.Reply = t.Answer(i)
			}
		}
	}
	return all
}

// addSpan joins a span to the message, to the one before when nothing lies
// between.
func (m *Message) addSpan(s Span) {
	if last := len(m.Spans) - 1; last >= 0 && m.Spans[last].End == s.Start {
		m.Spans[last].End = s.End
		return
	}
	m.Spans = append(m.Spans, s)
}

// ErrNoBytes says that a transcript does not hold the bytes asked for: it was
// not recorded, or is a pasted log.
var ErrNoBytes = errors.New("the bytes were not kept")

// Open reads the message as the client meant it: dot-stuffing undone (RFC 5321
// section 4.5.2), everything else as sent.
func (t *Transcript) Open(m *Message) io.Reader {
	wire := t.Reader(who.ClientLeg, who.Client, m.Spans...)
	if m.Stuffed {
		return &unstuffer{r: wire, start: true}
	}
	return wire
}

// Reader reads spans of a side's stream as they passed, with MaskText for
// secrets, a piece at a time. It fails with ErrNoBytes where none were kept.
func (t *Transcript) Reader(leg who.Leg, side who.Party, spans ...Span) io.Reader {
	return &spanReader{t: t, leg: leg, side: side, spans: append([]Span(nil), spans...)}
}

// A spanReader reads spans of a stream, a piece at a time.
type spanReader struct {
	t     *Transcript
	leg   who.Leg
	side  who.Party
	spans []Span
	rest  []byte
}

func (r *spanReader) Read(p []byte) (int, error) {
	const piece = 256 << 10
	for len(r.rest) == 0 {
		if len(r.spans) == 0 {
			return 0, io.EOF
		}
		if r.t.Bytes == nil {
			return 0, ErrNoBytes
		}
		s := r.spans[0]
		if s.Len() > piece {
			s.End = s.Start + piece
		}
		r.spans[0].Start = s.End
		if r.spans[0].Len() == 0 {
			r.spans = r.spans[1:]
		}
		b, err := r.t.Bytes(r.leg, r.side, s)
		if err != nil {
			return 0, err
		}
		r.rest = b
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// An unstuffer removes the dot that the client added before a dot at the start
// of a line. Lines end in CRLF for it, as they do for the end of data.
type unstuffer struct {
	r      io.Reader
	start  bool // at the start of a line
	prevCR bool
	buf    []byte
	rest   []byte
	err    error
}

func (u *unstuffer) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		if u.buf == nil {
			u.buf = make([]byte, 64<<10)
		}
		var n int
		n, u.err = u.r.Read(u.buf)
		u.rest = u.unstuff(u.buf[:n])
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

// unstuff works in place: what comes out is never longer than what goes in.
func (u *unstuffer) unstuff(p []byte) []byte {
	out := p[:0]
	for len(p) > 0 {
		if u.start && p[0] == '.' {
			p = p[1:]
		}
		u.start = false
		if len(p) == 0 {
			break
		}
		if u.prevCR && p[0] == '\n' {
			out, p = append(out, '\n'), p[1:]
			u.start, u.prevCR = true, false
			continue
		}
		n, found := len(p), bytes.IndexByte(p, '\n')
		if found >= 0 {
			n = found + 1
		}
		u.start = found > 0 && p[found-1] == '\r'
		u.prevCR = p[n-1] == '\r'
		out = append(out, p[:n]...)
		p = p[n:]
	}
	return out
}
