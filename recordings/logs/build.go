package logs

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// A builder feeds the lines of one session to the decoder, so that a log gives
// the same events as the session itself would have given.
type builder struct {
	dialogue decode.Dialogue
	entries  []decode.Entry
	streams  [3]bytes.Buffer // what the log shows of each side, by Side
	started  time.Time
	at       time.Duration
	eaten    bool // the paste lost what stood in angle brackets
	ended    [3]bool
	partial  bool // the log ends: what is incomplete is not the session's fault
	closes   bool // the line being fed closes a reply, and is not in the log
}

// build makes the transcript of a session.
func build(lines []line, d *dialect, id string) *decode.Transcript {
	whole, c := complete(lines, d)
	b := &builder{eaten: c.eaten}
	for _, l := range whole {
		b.time(l.at)
		b.line(l)
	}
	b.partial = true
	b.take(b.dialogue.Closed(b.at, who.Client), false)
	b.take(b.dialogue.Closed(b.at, who.Server), false)
	t := &decode.Transcript{
		Started: b.started,
		Source:  decode.SourceLog,
		Dialect: id,
		Target:  target(whole),
		Ended:   true,
		Entries: b.entries,
		Bytes:   b.bytes,
	}
	t.Lacks, t.CannotShow = lacks(whole, c, d, b)
	return t
}

// time moves the clock on. A stamp that goes back is not believed.
func (b *builder) time(at time.Time) {
	if at.IsZero() {
		return
	}
	if b.started.IsZero() {
		b.started = at
	}
	if since := at.Sub(b.started); since > b.at && since < 100*24*time.Hour {
		b.at = since
	}
}

func (b *builder) fact(f facts.Fact) {
	switch f := f.(type) {
	case *facts.Dial:
		f.Err = withoutSecrets(f.Err)
	case *facts.TLS:
		f.Err, f.Reason = withoutSecrets(f.Err), withoutSecrets(f.Reason)
	}
	b.entries = append(b.entries, decode.Entry{At: b.at, From: who.Smtptap, To: who.Smtptap, Leg: facts.On(f), Fact: f})
}

func (b *builder) line(l line) {
	switch l.kind {
	case said:
		b.closes = l.closes
		b.feed(l, []byte(l.text+"\r\n"))
		b.closes = false
	case exact:
		b.feed(l, []byte(l.text))
	case hidden:
		b.hidden(l)
	case unseen:
		b.take(b.dialogue.Skip(b.at, l.side, l.size, decode.WhyNotInLog), l.inferred)
	case secured:
		b.secured(l)
	case dialed:
		b.dialed(l)
	case tlsFailed:
		b.fact(l.tls)
	case trouble:
		b.fact(&facts.Note{ID: facts.NoteClientError, Text: visible.Text(withoutSecrets(l.text))})
	case setting:
		b.fact(&facts.Note{ID: facts.NoteClientSetting, Text: visible.Text(withoutSecrets(l.text))})
	case noReply:
		text := "the client read an empty reply: the connection was gone, or the wait for the reply ended"
		if l.text != "" {
			text = fmt.Sprintf("the client read an empty reply to %s: the connection was gone, or the wait for the reply ended", verbName(l.text))
		}
		b.fact(&facts.Note{ID: facts.NoteNoReply, Text: text})
	case closed:
		b.closed(l)
	}
}

// verbName is a verb for people.
func verbName(verb string) string {
	if verb == endOfData {
		return "the message"
	}
	return verb
}

// feed gives one side's bytes to the decoder.
func (b *builder) feed(l line, p []byte) {
	for len(p) > 0 {
		out := b.dialogue.Feed(b.at, l.side, p)
		b.take(out, l.inferred && !l.closes)
		if out.N == 0 {
			return
		}
		p = p[out.N:]
	}
}

// hidden gives the place of a credential that the log does not show.
func (b *builder) hidden(l line) {
	if l.text != "" {
		b.feed(l, []byte(l.text))
	}
	mask := decode.Mask{What: "credentials"}
	if l.mask != nil {
		mask = *l.mask
	}
	b.take(b.dialogue.FeedMask(b.at, l.side, mask), l.inferred)
	b.feed(l, []byte("\r\n"))
}

// secured tells that TLS is up. Both legs of the tool's one connection are the
// server's: it is the real server's certificate that a tool speaks of.
func (b *builder) secured(l line) {
	t := l.tls
	if t == nil {
		t = &facts.TLS{Leg: who.ServerLeg}
	}
	b.take(b.dialogue.Secured(b.at), false)
	b.fact(t)
}

// dialed tells of an attempt to connect.
func (b *builder) dialed(l line) {
	if l.dial == nil {
		return
	}
	b.fact(l.dial)
	if l.tls != nil && l.tls.Err != "" {
		b.fact(l.tls)
	}
}

func (b *builder) closed(l line) {
	if b.ended[l.side] {
		return
	}
	b.ended[l.side] = true
	leg := who.ServerLeg
	if l.side == who.Client {
		leg = who.ClientLeg
	}
	b.take(b.dialogue.Closed(b.at, l.side), false)
	b.fact(&facts.Closed{Leg: leg, How: "fin"})
}

// take turns events into entries, but not those of an inferred line.
func (b *builder) take(out decode.Out, inferred bool) {
	for _, p := range out.Pieces {
		if p.Mask != nil {
			b.streams[p.Side].WriteString(decode.MaskText)
		} else {
			b.streams[p.Side].Write(p.Bytes)
		}
	}
	for i := range out.Events {
		e := out.Events[i]
		if inferred && ofLine(e) {
			continue
		}
		if b.closes && e.Reply != nil {
			e.Raw = e.Raw[:bytes.LastIndexByte(e.Raw[:len(e.Raw)-1], '\n')+1]
		}
		e.Notes = slices.DeleteFunc(slices.Clone(e.Notes), b.artefact)
		from, to := who.Client, who.Server
		if e.Side == who.Server {
			from, to = to, from
		}
		b.entries = append(b.entries, decode.Entry{At: e.At, From: from, To: to, Inferred: b.closes && e.Reply != nil, Event: &e})
	}
}

// ofLine reports an event that a line gives rise to by itself. The others that
// come out with it belong to lines before.
func ofLine(e decode.Event) bool {
	switch e.Kind {
	case decode.KindHeader, decode.KindBody, decode.KindOpaque:
		return false
	}
	return true
}

// artefact reports a note that only the log's gaps gave rise to.
func (b *builder) artefact(n decode.Note) bool {
	switch n.ID {
	case "unsolicited-reply", "early-reply":
		return true
	case "path-missing", "path-brackets":
		return b.eaten
	case "incomplete-line", "incomplete-message":
		return b.partial
	}
	return false
}

// bytes is Transcript.Bytes.
func (b *builder) bytes(_ who.Leg, side who.Party, span decode.Span) ([]byte, error) {
	if side != who.Client && side != who.Server {
		return nil, fmt.Errorf("no side is called %v", side)
	}
	stream := b.streams[side].Bytes()
	if span.Start < 0 || span.End < span.Start || span.End > int64(len(stream)) {
		return nil, fmt.Errorf("%v stream of the log: no bytes %d to %d, it has %d", side, span.Start, span.End, len(stream))
	}
	return bytes.Clone(stream[span.Start:span.End]), nil
}

// target is where the tool was told to connect to.
func target(lines []line) string {
	name := ""
	for _, l := range lines {
		if l.kind == dialed && l.dial != nil {
			if name = l.dial.Host; name == "" {
				name = l.dial.Addr
			} else if l.dial.Addr != "" {
				name = hostPort(l.dial.Host, portOf(l.dial.Addr))
			}
			if l.dial.Err == "" {
				return name
			}
		}
	}
	return name
}
