package decode

import (
	"bytes"
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// Limits of a message header. What lies beyond is body: it is relayed and
// recorded all the same.
const (
	maxHeaderFields = 2000
	maxHeaderBytes  = 256 << 10
)

// A message is what the client sends after 354 until the line with the single
// dot (RFC 5321 section 4.1.1.4), or in BDAT chunks (RFC 3030). Its header is
// read line by line; its body is only scanned for its end and counted.
type message struct {
	chunked bool
	last    bool  // of the BDAT chunks
	left    int64 // bytes missing from the chunk
	open    bool  // more chunks belong to this message

	inHeader bool
	fields   int
	header   int64 // bytes of header so far

	pos       int64         // place in the client's stream
	lineStart int64         // place of the line's first byte
	lineAt    time.Duration // arrival of the line's first byte
	beforeAt  time.Duration // arrival of the last byte before the line
	at        time.Duration // arrival of the newest byte
	fresh     bool          // the next byte is the first of its line

	cur   []byte // the header line so far, at most MaxRaw
	field span   // the header field so far
	body  span   // the body so far

	scan    smtp.Data
	suspect suspicion
}

// A span is an event under way.
type span struct {
	open  bool
	start int64
	begin time.Duration
	raw   []byte
}

func newMessage(d *Dialogue, chunked bool, size int64) message {
	return message{chunked: chunked, left: size, open: true, inHeader: true, fresh: true,
		pos: d.pos[who.Client], scan: smtp.NewData(!chunked)}
}

// nextChunk begins a BDAT chunk of this message, or of a new one.
func (m message) nextChunk(d *Dialogue, size int64, last bool) message {
	if !m.open || !m.chunked {
		m = newMessage(d, true, size)
	}
	m.left, m.last, m.pos = size, last, d.pos[who.Client]
	return m
}

// take reads bytes of the message and returns how many belong to it.
func (m *message) feed(d *Dialogue, at time.Duration, p []byte) int {
	if m.chunked && int64(len(p)) > m.left {
		p = p[:m.left]
	}
	if m.suspect.on {
		return m.takeSuspect(d, at, p)
	}
	before := len(d.out.Events)
	n, done := m.read(d, at, p)
	d.keep(at, who.Client, p[:n])
	m.mayEnd(d, done)
	for i := range d.out.After[before:] {
		d.out.After[before+i] = len(d.out.Pieces) // what was read is kept only now
	}
	if m.chunked {
		m.left -= int64(n)
		if m.left == 0 {
			m.finishChunk(d)
		}
	}
	if done {
		m.finishData(d)
	}
	return n
}

// read gives bytes their place in the header or the body, and returns how many
// it took: up to the end of the message, or to a line that some servers take for
// it.
func (m *message) read(d *Dialogue, at time.Duration, p []byte) (n int, done bool) {
	m.scan.Look(p)
	for m.scan.Ended = nil; n < len(p) && !done && (m.chunked || m.scan.Ended == nil); {
		var k int
		if m.inHeader {
			k, done = m.takeHeader(d, at, p[n:])
		} else {
			k, done = m.takeBody(at, p[n:])
		}
		n += k
	}
	m.at = at
	return n, done
}

// startLine notes where and when a line begins.
func (m *message) startLine(at time.Duration) {
	m.fresh = false
	m.lineStart, m.lineAt, m.beforeAt = m.pos, at, m.at
}

// takeHeader reads up to one line of the header.
func (m *message) takeHeader(d *Dialogue, at time.Duration, p []byte) (n int, done bool) {
	if m.fresh {
		m.startLine(at)
		if p[0] != ' ' && p[0] != '\t' {
			m.finishField(d)
		}
	}
	n, ended, done := m.scan.Line(p)
	if room := MaxRaw - len(m.cur); room > 0 {
		m.cur = append(m.cur, p[:min(room, n)]...)
	}
	m.pos += int64(n)
	m.at = at
	if done || !ended {
		return n, done
	}
	m.fresh = true
	m.headerLine(d)
	return n, false
}

// headerLine takes a whole line into the header, or ends the header with it.
func (m *message) headerLine(d *Dialogue) {
	text := smtp.TrimEnd(m.cur)
	folded := m.field.open && len(text) > 0 && (text[0] == ' ' || text[0] == '\t')
	if !folded && len(fieldName(text)) == 0 {
		m.endHeader()
		return
	}
	if !m.field.open {
		m.field = span{open: true, start: m.lineStart, begin: m.lineAt}
		m.fields++
	}
	if room := MaxRaw - len(m.field.raw); room > 0 {
		m.field.raw = append(m.field.raw, m.cur[:min(room, len(m.cur))]...)
	}
	m.header += m.pos - m.lineStart
	m.cur = m.cur[:0]
	if m.fields >= maxHeaderFields || m.header >= maxHeaderBytes {
		m.finishField(d)
		m.inHeader = false
	}
}

// endHeader lets the body begin with the line just read: the empty line, or
// one that is no header field.
func (m *message) endHeader() {
	m.inHeader = false
	m.cur = nil
	m.body = span{open: true, start: m.lineStart, begin: m.lineAt}
}

// finishField tells of a header field that is complete.
func (m *message) finishField(d *Dialogue) {
	if !m.field.open {
		return
	}
	f := m.field
	m.field = span{}
	name := string(fieldName(f.raw))
	value := f.raw[min(len(f.raw), bytes.IndexByte(f.raw, ':')+1):]
	e := Event{Begin: f.begin, At: m.beforeAt, Side: who.Client, Span: Span{f.start, m.lineStart}, Kind: KindHeader, Raw: f.raw,
		Header: &Header{Name: name, Value: unfold(value), First: m.fields == 1}, Notes: countNotes(&m.scan.Counts, true),
		Secrets: m.suspect.secretsUpTo(m.lineStart)}
	m.scan.Reset()
	d.emit(e)
}

// fieldName is the name of a header field, empty when the line is none (RFC 5322
// section 2.2: printable ASCII but the colon; blanks before the colon as in
// section 4.5).
func fieldName(line []byte) []byte {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return nil
	}
	name := bytes.TrimRight(line[:i], " \t")
	for _, b := range name {
		if b <= ' ' || b == 127 {
			return nil
		}
	}
	return name
}

// unfold removes the line ends of a field's value, and one leading space.
func unfold(value []byte) string {
	value = smtp.TrimEnd(value)
	if bytes.IndexByte(value, '\n') >= 0 {
		value = bytes.ReplaceAll(value, []byte("\r\n"), nil)
		value = bytes.ReplaceAll(value, []byte("\n"), nil)
	}
	value = bytes.TrimPrefix(value, []byte(" "))
	return string(value)
}

// takeBody scans for the end and counts.
func (m *message) takeBody(at time.Duration, p []byte) (n int, done bool) {
	if !m.body.open {
		m.body = span{open: true, start: m.pos, begin: at}
	}
	for n < len(p) && !done && (m.chunked || m.scan.Ended == nil) {
		k, ended := m.scan.Whole(p[n:]), true
		if k == 0 {
			if m.fresh {
				m.startLine(at)
			}
			k, ended, done = m.scan.Line(p[n:])
		}
		m.pos += int64(k)
		n += k
		m.at = at
		m.fresh = ended
	}
	return n, done
}

// finishData tells of the body and of the line that ends the message.
func (m *message) finishData(d *Dialogue) {
	d.mayHaveEnded()
	m.finishField(d)
	m.finishBody(d, m.lineStart, m.beforeAt)
	e := d.emit(Event{Begin: m.lineAt, At: m.at, Side: who.Client, Span: Span{m.lineStart, m.pos}, Kind: KindEndOfData, Raw: []byte(".\r\n")})
	*m = message{}
	d.order.MessageEnds(e.Seq)
	if d.Lenient {
		d.order.Forget()
	}
}

// finishChunk tells of a whole BDAT chunk.
func (m *message) finishChunk(d *Dialogue) {
	if len(m.cur) > 0 {
		// The chunk ends inside a line: what follows can't be read as a header.
		m.headerLine(d)
		m.inHeader = false
	}
	m.lineStart, m.beforeAt = m.pos, m.at
	m.finishField(d)
	m.finishBody(d, m.pos, m.at)
	m.open = !m.last
	d.order.ChunkEnds()
}

// finish tells of a message that ended before its end.
func (m *message) finish(d *Dialogue) {
	d.falseEnd = nil
	if l := &d.line[who.Client]; !l.empty() {
		m.judge(d, l)
	}
	if len(m.cur) > 0 {
		m.headerLine(d)
	}
	m.lineStart, m.beforeAt = m.pos, m.at
	m.finishField(d)
	var notes []Note
	if !d.Lenient {
		notes = append(notes, note("incomplete-message", 1))
	}
	m.finishBody(d, m.pos, m.at, notes...)
	m.fresh = true
}

func (m *message) finishBody(d *Dialogue, end int64, at time.Duration, more ...Note) {
	b := m.body
	m.body = span{}
	c := m.scan.Counts
	m.scan.Reset()
	if !b.open || b.start == end {
		return
	}
	d.emit(Event{Begin: b.begin, At: at, Side: who.Client, Span: Span{b.start, end}, Kind: KindBody, Notes: append(countNotes(&c, false), more...), Secrets: m.suspect.secretsUpTo(end),
		Body: &Body{Lines: c.Lines, Longest: max(c.Longest, m.scan.Unfinished()), EightBit: c.EightBit, Chunk: m.chunked}})
}
