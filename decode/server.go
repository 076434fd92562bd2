package decode

import (
	"strings"
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// A question is something of the client that a reply is due for.
type question struct {
	seq  int
	verb string
}

func (d *Dialogue) ask(seq int, verb string) { d.asked = append(d.asked, question{seq, verb}) }

// feedServer reads reply lines, and returns how many bytes it took: all,
// unless an accepted STARTTLS ends before.
func (d *Dialogue) feedServer(at time.Duration, p []byte) int {
	d.proceed()
	taken := 0
	for taken < len(p) {
		n, ended := d.takeLine(at, who.Server, p[taken:], d.mayRepeat)
		taken += n
		if !ended {
			continue
		}
		d.serverLine(false)
		if d.out.Accepted {
			return taken
		}
	}
	return taken
}

// A replyBuilder gathers the lines of one reply.
type replyBuilder struct {
	event Event
	reply *Reply
	text  int // bytes of text kept
	codes bool
}

// serverLine takes a line of the server into its reply. Where the reply may
// repeat a secret its lines wait for the last one: a secret may be broken over
// several.
func (d *Dialogue) serverLine(partial bool) {
	l := &d.line[who.Server]
	d.held, d.heldSize = append(d.held, *l), d.heldSize+len(l.buf)
	if !partial && d.mayRepeat(nil) && d.heldSize < mostHeld && parseReplyLine(smtp.TrimEnd(l.buf), d.reply != nil || len(d.held) > 1).More {
		*l = line{}
		return
	}
	d.release(partial)
	l.reset()
}

// release takes the lines that waited into their reply. partial: the last has
// no end.
func (d *Dialogue) release(partial bool) {
	held := d.held
	secrets := d.echoes(held)
	for i := range held {
		d.replyLine(&held[i], secrets[i], partial && i == len(held)-1)
	}
	clear(held)
	d.held, d.heldSize = held[:0], 0
}

// replyLine takes a line into its reply, without its secrets.
func (d *Dialogue) replyLine(l *line, secrets []secretSpan, partial bool) {
	e := d.flush(who.Server, l, secrets)
	parsed := parseReplyLine(smtp.TrimEnd(e.Raw), d.reply != nil)
	e.Notes = lineNotes(&e, l, partial)
	d.known.say(e.Raw)
	b := d.reply
	if b == nil {
		d.building = replyBuilder{event: e, reply: &Reply{Code: parsed.Code, To: -1}}
		b = &d.building
		d.reply = b
	} else {
		b.merge(e)
	}
	b.add(parsed)
	if parsed.More && !partial {
		return
	}
	d.finishReply()
}

// merge adds another line's bytes to the reply's event.
func (b *replyBuilder) merge(e Event) {
	b.event.At = e.At
	b.event.Span.End = e.Span.End
	b.event.Secrets = append(b.event.Secrets, e.Secrets...)
	if room := MaxRaw - len(b.event.Raw); room > 0 {
		b.event.Raw = append(b.event.Raw, e.Raw[:min(room, len(e.Raw))]...)
	}
	b.event.Notes = addNotes(b.event.Notes, e.Notes)
}

// maxReplyText bounds the text of one reply that is kept for display.
const maxReplyText = 64 << 10

func (b *replyBuilder) add(l ReplyLine) {
	r := b.reply
	if l.Code != 0 && l.Code != r.Code {
		if r.Code != 0 && !b.codes {
			b.event.Notes = append(b.event.Notes, note("reply-codes-differ", 1))
			b.codes = true
		}
		r.Code = l.Code // the last line decides
	}
	if l.Code == 0 {
		b.event.Notes = addNotes(b.event.Notes, []Note{note("reply-no-code", 1)})
	}
	if r.Enhanced == "" {
		r.Enhanced = l.Enhanced
	}
	if len(r.Lines) >= MaxReplyLines || b.text+len(l.Text) > maxReplyText {
		r.Dropped++
		return
	}
	b.text += len(l.Text)
	r.Lines = append(r.Lines, l)
}

// finishReply pairs a complete reply with what it answers and lets it move the
// dialogue on.
func (d *Dialogue) finishReply() {
	if d.reply == nil {
		return
	}
	b := d.reply
	e, r := b.event, b.reply
	d.reply, d.building = nil, replyBuilder{}
	e.Kind, e.Reply = KindReply, r
	if !d.greeted && d.isGreeting(r) {
		d.greeted = true
		e.Kind = KindGreeting
		d.emit(e)
		return
	}
	d.greeted = true
	q, answered := d.answers(r)
	if answered {
		r.To, r.ToVerb = q.seq, q.verb
	} else if !r.own() { // smtptap says that in place of a reply that was kept back
		e.Notes = append(e.Notes, d.unsolicited(r))
	}
	if (r.ToVerb == "EHLO" || r.ToVerb == "HELO") && r.Code == 250 {
		d.offered = map[string]bool{}
		if r.ToVerb == "EHLO" {
			r.EHLO = keywords(r)
		}
		for _, k := range r.EHLO {
			d.offered[k.Name] = true
		}
	}
	e.Auth = d.challenged(r)
	d.emit(e)
	d.react(r, e.At)
}

// isGreeting tells the greeting from a reply in a dialogue whose beginning was
// not seen.
func (d *Dialogue) isGreeting(r *Reply) bool {
	if !d.Midway || len(d.asked) == 0 {
		return true
	}
	return r.Code == 220 && d.asked[0].verb != "STARTTLS"
}

// answers takes the question that a reply is for. Servers that lose count are
// found by replies that only one command can have.
func (d *Dialogue) answers(r *Reply) (question, bool) {
	if d.client == inMessage && !d.message.chunked {
		// Only the final dot, which has not come, is waited for now.
		return question{}, false
	}
	if only := onlyFor(r.Code); only != "" {
		for i, q := range d.asked {
			if q.verb == only {
				d.asked = d.asked[i:]
				break
			}
		}
	}
	if len(d.asked) == 0 {
		return question{}, false
	}
	q := d.asked[0]
	if len(d.asked) == 1 {
		d.asked = d.asked[:0] // its place can be used again
	} else {
		d.asked = d.asked[1:]
	}
	return q, true
}

// onlyFor is the one command that a reply of that code can answer, "" for most.
func onlyFor(code int) string {
	switch code {
	case 354:
		return "DATA"
	case 334:
		return "AUTH"
	case 221:
		return "QUIT"
	}
	return ""
}

// due is what the next reply will answer. Only that reply can show which command
// a server that loses count has skipped.
func (d *Dialogue) due() string {
	if len(d.asked) == 0 || !d.greeted && !d.Midway || d.client == inMessage && !d.message.chunked {
		return ""
	}
	return d.asked[0].verb
}

// unsolicited says how a reply came that answers nothing.
func (d *Dialogue) unsolicited(r *Reply) Note {
	if d.client == inMessage && r.Code/100 == 2 {
		return note("early-reply", 1)
	}
	return note("unsolicited-reply", 1)
}

// react moves the dialogue on behind a reply.
func (d *Dialogue) react(r *Reply, at time.Duration) {
	switch r.ToVerb {
	case "STARTTLS":
		if r.To != d.starttls {
			return
		}
		d.starttls = -1
		if r.Code == 220 {
			d.out.Accepted = true
			d.upgraded = true
			return
		}
		d.out.Refused = true
		d.decide(inCommands)
	case "DATA":
		if r.Code/100 == 3 {
			d.decide(inMessage)
			return
		}
		d.refusedDATA = at
		d.decide(inCommands)
	case "AUTH":
		if r.Code != 334 {
			d.auth = nil
		}
	}
}

// keywords reads the extensions of an EHLO reply (RFC 5321 section 4.1.1.1).
// The first line is the server's name.
func keywords(r *Reply) []Keyword {
	var out []Keyword
	for _, l := range r.Lines[min(len(r.Lines), 1):] {
		if k := smtp.ReadKeyword([]byte(l.Text)); len(k.Name) > 0 {
			out = append(out, Keyword{strings.ToUpper(string(k.Name)), string(k.Params)})
		}
	}
	return out
}

// parseReplyLine reads one line of a reply, of which other lines stand before
// it if it is continued.
func parseReplyLine(text []byte, continued bool) ReplyLine {
	l := smtp.ReadReplyLine(text)
	return ReplyLine{Code: l.Code, More: !l.Ends(continued), Enhanced: string(l.Enhanced), Text: string(l.Text)}
}
