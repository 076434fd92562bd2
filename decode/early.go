package decode

import (
	"bytes"
	"slices"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// A falseEnd is a line in a message that some servers take for its end (SMTP
// smuggling). What is read there hangs on the server: a reply before the real
// end, or a second one after it, shows that to the server the message was over,
// and what follows it was commands. Until that is known, what the message and the
// first reply come to is not told.
type falseEnd struct {
	message message // as it stood after the line
	rest    []chunk // what the client said since
	size    int     // bytes in rest
	command bool    // a command follows the line

	waits  bool // the real end has come
	seq    int
	order  smtp.Sequence
	rcpts  map[int]string
	events []Event       // since the real end, if it was the end
	first  *replyBuilder // the first reply after it
}

// mayEnd notes that a message may have ended for the server with what was just
// read. Of several such lines it is the one that a command follows, or the last.
func (m *message) mayEnd(d *Dialogue, done bool) {
	if m.scan.Ended == nil || m.chunked || done {
		return
	}
	m.suspect.on = true
	if d.Lenient || d.falseEnd.followed() {
		return
	}
	at := *m
	at.cur, at.field.raw = slices.Clone(m.cur), slices.Clone(m.field.raw)
	at.scan.Forms, at.suspect.secrets = slices.Clone(m.scan.Forms), slices.Clone(m.suspect.secrets)
	d.falseEnd = &falseEnd{message: at}
}

// goOn takes what a message goes on with after a false end.
func (f *falseEnd) goOn(d *Dialogue, c chunk) {
	if f == nil || len(c.p) == 0 {
		return
	}
	if f.size += len(c.p); f.size > smtp.MaxEarly {
		d.falseEnd = nil
		return
	}
	c.p = bytes.Clone(c.p)
	f.rest = append(f.rest, c)
}

// followed reports that a command follows a false end.
func (f *falseEnd) followed() bool {
	if f == nil || f.command {
		return f != nil
	}
	var line []byte
	for _, c := range f.rest {
		line = append(line, c.p...)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			f.command = isVerbFirst(smtp.TrimEnd(line[:i+1]))
			break
		}
	}
	return f.command
}

// mayHaveEnded begins to wait for what the server makes of a message, at its real
// end.
func (d *Dialogue) mayHaveEnded() {
	if f := d.falseEnd; f.followed() {
		f.waits, f.seq, f.order = true, d.seq, d.order.Clone()
		f.rcpts = map[int]string{}
		for seq, path := range d.rcpts {
			f.rcpts[seq] = path
		}
		return
	}
	d.falseEnd = nil
}

// ended tells what was waited for: the message ended where it should.
func (d *Dialogue) ended() {
	f := d.falseEnd
	if f == nil || !f.waits {
		return
	}
	d.falseEnd = nil
	for _, e := range f.events {
		d.out.Events = append(d.out.Events, e)
		d.out.After = append(d.out.After, len(d.out.Pieces))
	}
}

// weigh looks at a reply for what it says of a false end. It reports whether the
// reply is answered for.
func (d *Dialogue) weigh(b *replyBuilder) bool {
	f, code := d.falseEnd, b.reply.Code
	switch {
	case f == nil || !f.waits:
		if d.message.tookEnd(d, code) {
			d.endEarly()
		}
	case f.first == nil && !b.reply.own():
		first, reply := *b, *b.reply
		first.reply = &reply
		f.first = &first
		d.answer(b)
		return true
	case b.reply.own() || code/100 == 4 || code == 0 || d.order.Waiting():
		d.ended()
	default:
		first := f.first
		d.endEarly()
		d.answer(first)
	}
	return false
}

// tookEnd reports that a reply with that code, within the message, shows that the
// server saw an end. A refusal of what it has read so far need not.
func (m *message) tookEnd(d *Dialogue, code int) bool {
	if d.order.Place() != smtp.InMessage || !m.open || m.suspect.passing || d.line[who.Client].over != fits {
		return false
	}
	if code/100 == 2 && !m.suspect.on && m.scan.EndsInCR() {
		m.mayEnd(d, false)
	}
	return d.falseEnd != nil && (code/100 == 2 || code/100 == 5 && d.falseEnd.followed())
}

// endEarly goes back to the false end, ends the message there, and reads what
// follows it as the server does.
func (d *Dialogue) endEarly() {
	f := d.falseEnd
	d.falseEnd = nil
	if f.waits {
		d.seq, d.order, d.rcpts = f.seq, f.order, f.rcpts
	}
	d.kept = d.pos[who.Client]
	if l := &d.line[who.Client]; !l.empty() {
		f.rest, f.size = append(f.rest, l.chunks()...), f.size+len(l.buf)
		l.reset()
	}
	f.message.endEarly(d)
	d.message = message{}
	d.backlog, d.waiting = f.rest, f.size
	d.decide(smtp.InCommands)
}

// endEarly tells of the message and of the line that ended it.
func (m *message) endEarly(d *Dialogue) {
	octets := m.scan.Ended // of the line
	start, begin, before := m.pos-int64(len(octets)), m.lineAt, m.beforeAt
	if start != m.lineStart { // it stands after a CR
		begin, before = m.at, m.at
	}
	if m.cur = m.cur[:max(0, len(m.cur)-len(octets))]; len(m.cur) > 0 {
		m.headerLine(d)
	}
	m.lineStart, m.beforeAt = start, before
	if m.field.open { // it may stand in the field's own line
		m.field.raw = m.field.raw[:min(int64(len(m.field.raw)), start-m.field.start)]
	}
	forms := m.scan.Forms
	m.finishField(d)
	m.finishBody(d, start, before)
	taken := note("false-end", 1)
	taken.Of = forms[len(forms)-1]
	d.pos[who.Client] = m.pos
	e := d.emit(Event{Begin: begin, At: m.at, Side: who.Client, Span: Span{start, m.pos}, Kind: KindEndOfData, Raw: octets, Notes: []Note{taken}})
	d.order.EndsEarly(e.Seq)
}

// rereads reports that the client's next bytes were handed to the recorder
// before, as a message: what is secret in them was left out then.
func (d *Dialogue) rereads() bool { return d.pos[who.Client] < d.kept }

// chunks are the bytes of an unfinished line as they came.
func (l *line) chunks() []chunk {
	var all []chunk
	for i, m := range l.marks {
		end := len(l.buf)
		if i+1 < len(l.marks) {
			end = l.marks[i+1].off
		}
		if m.off == end {
			continue
		}
		c := chunk{at: m.at, p: bytes.Clone(l.buf[m.off:end])}
		for h := range l.holes {
			if l.holes[h].off == m.off {
				mask := l.holes[h].mask
				c.mask = &mask
			}
		}
		all = append(all, c)
	}
	return all
}
