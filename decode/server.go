package decode

import (
	"strings"
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// feedServer reads reply lines, and returns how many bytes it took: all,
// unless an accepted STARTTLS ends before.
func (d *Dialogue) feedServer(at time.Duration, p []byte) int {
	d.proceed()
	if !d.begun && len(p) > 0 && !d.line[who.Client].empty() {
		d.settle()
	}
	taken := 0
	for taken < len(p) {
		n, ended := d.takeLine(at, who.Server, p[taken:], d.mayRepeat)
		taken += n
		if !ended {
			continue
		}
		d.serverLine(false)
		if d.order.Place() == smtp.Upgraded {
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
	begun bool // it has a line
	hello bool // another line than the first offers an extension
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
	d.known.saidInClear(e.Raw)
	b := d.reply
	if b == nil {
		d.building = replyBuilder{event: e, reply: &Reply{Code: parsed.Code, To: -1}}
		b = &d.building
		d.reply = b
	} else {
		b.merge(e)
	}
	b.hello = b.hello || b.begun && smtp.ReadReplyLine(smtp.TrimEnd(e.Raw)).Offers()
	b.begun = true
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

// finishReply lets a complete reply move the dialogue on.
func (d *Dialogue) finishReply() {
	if d.reply == nil {
		return
	}
	b := *d.reply
	d.reply, d.building = nil, replyBuilder{}
	if !d.weigh(&b) {
		d.answer(&b)
	}
}

// answer tells of a reply and of what it answers.
func (d *Dialogue) answer(b *replyBuilder) {
	e, r, hello := b.event, b.reply, b.hello
	e.Kind, e.Reply = KindReply, r
	was := d.order.Place()
	if d.Lenient {
		d.order.Expect(smtp.Question{ID: d.said.To, Verb: d.said.Verb}, d.said.Greeting)
	}
	answer := d.order.Reply(r.Code, hello)
	switch {
	case answer.Greeting:
		e.Kind = KindGreeting
	case answer.Unsolicited && (r.own() || d.Lenient): // smtptap says that in place of a reply that was kept back; in a log it says nothing
	case answer.Early && r.Code/100 == 2:
		e.Notes = append(e.Notes, note("early-reply", 1))
	case answer.Unsolicited:
		e.Notes = append(e.Notes, note("unsolicited-reply", 1))
	default:
		r.To, r.ToVerb = answer.ID, answer.Verb
		r.Rcpt, r.For = answer.Rcpt, d.rcpts[answer.Rcpt]
		delete(d.rcpts, answer.Rcpt)
	}
	if smtp.Greets(r.ToVerb) && r.Code == 250 {
		d.offered = map[string]bool{}
		if smtp.Extends(r.ToVerb) {
			r.EHLO = keywords(r)
		}
		for _, k := range r.EHLO {
			d.offered[k.Name] = true
		}
	}
	if !answer.Greeting {
		e.Auth = d.challenged(r)
	}
	if r.ToVerb == "AUTH" && r.Code != 334 {
		d.auth = nil
	}
	d.emit(e)
	d.decided(was, e.At)
}

// decided lets the client's bytes have their meaning that hung on a reply.
func (d *Dialogue) decided(was smtp.Place, at time.Duration) {
	place := d.order.Place()
	switch {
	case place == was, place == smtp.Upgraded:
		return
	case was == smtp.AfterSTARTTLS: // what was held goes on as text
	case place == smtp.InCommands:
		d.refusedDATA = at
	}
	d.decide(place)
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
