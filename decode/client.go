package decode

import (
	"bytes"
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// endOfData is what a reply to a whole message answers, in place of a verb.
const endOfData = "."

// feedClient gives bytes of the client their meaning, as far as that is known,
// and returns how many it took.
func (d *Dialogue) feedClient(at time.Duration, p []byte) int {
	if m := d.missing[who.Client]; m != nil && m.Why == WhyNotInLog {
		// What comes now may have another meaning behind it.
		d.tellMissing(who.Client, bytes.HasPrefix(p, []byte(".\r\n")))
	}
	d.proceed()
	taken := 0
	for taken < len(p) {
		rest := p[taken:]
		switch d.client {
		case afterDATA, afterTLS:
			if d.replaying || d.Gate && d.client == afterTLS {
				return taken
			}
			d.hold(at, rest)
			return len(p)
		case notText:
			d.takeOpaque(at, rest)
			return len(p)
		case inMessage:
			taken += d.message.take(d, at, rest)
		default:
			if d.pos[who.Client] == 0 && d.line[who.Client].empty() && !d.tls && looksLikeTLS(rest) {
				d.client = notText
				continue
			}
			n, ended := d.takeLine(at, who.Client, rest, d.hidesRest)
			taken += n
			if ended {
				d.clientLine(false)
			}
			if d.client == afterTLS {
				return taken
			}
		}
	}
	return taken
}

// proceed lets the dialogue go on in clear behind an accepted STARTTLS.
func (d *Dialogue) proceed() {
	if d.upgraded {
		d.upgraded = false
		d.decide(inCommands)
	}
}

// hold keeps bytes whose meaning hangs on a reply.
func (d *Dialogue) hold(at time.Duration, p []byte) {
	room := maxBacklog - d.waiting
	if d.client == afterDATA && len(p) > room {
		d.backlog = append(d.backlog, chunk{at: at, p: append([]byte(nil), p[:room]...)})
		d.decide(inMessage)
		d.feedClient(at, p[room:])
		return
	}
	d.backlog = append(d.backlog, chunk{at: at, p: append([]byte(nil), p...)})
	d.waiting += len(p)
}

// decide settles what the client's bytes behind a DATA or STARTTLS were, and
// reads those that came early.
func (d *Dialogue) decide(state clientState) {
	if d.client != afterDATA && d.client != afterTLS {
		return
	}
	d.client = state
	if state == inMessage {
		d.message = newMessage(d, false, 0)
	}
	early, left := d.backlog, d.waiting
	d.backlog, d.waiting = nil, 0
	d.replaying = true
	defer func() { d.replaying = false }()
	for i := range early {
		c := &early[i]
		for len(c.p) > 0 {
			if d.client == afterDATA || d.client == afterTLS {
				// Another of them among these bytes: the rest waits for its
				// reply where it is. Copying it each time would cost the
				// square of its length.
				d.backlog, d.waiting = early[i:], left
				return
			}
			n := len(c.p)
			if c.mask != nil {
				d.takeMask(c.at, who.Client, *c.mask)
			} else {
				n = d.feedClient(c.at, c.p)
			}
			c.p = c.p[n:]
			left -= n
		}
	}
}

// decideAll is decide for a dialogue in which no reply will come any more.
func (d *Dialogue) decideAll() {
	for d.client == afterDATA || d.client == afterTLS {
		d.decide(inCommands)
	}
}

// clientLine tells what a line of the client is. A partial one has no end: the
// client left in the middle of it.
func (d *Dialogue) clientLine(partial bool) {
	l := &d.line[who.Client]
	text := smtp.TrimEnd(l.buf)
	var e Event
	switch {
	case d.inExchange(text):
		e = d.authLine(l, text)
	case hasVerb(text, "AUTH"):
		e = d.authCommand(l, text, partial)
	default:
		e = d.command(l, text, partial)
	}
	e.Notes = append(e.Notes, lineNotes(&e, l, partial)...)
	if e.Begin < d.refusedDATA {
		e.Notes = append(e.Notes, note("data-after-refusal", 1))
	}
	d.refusedDATA = 0
	l.reset()
	sent := d.emit(e)
	if partial {
		return
	}
	d.after(sent)
}

// after moves the dialogue on behind a command.
func (d *Dialogue) after(e *Event) {
	if e.Kind == KindAuth && e.Auth.Step == StepStray && e.Command == nil {
		d.ask(e.Seq, "")
		return
	}
	if e.Kind == KindAuth {
		d.ask(e.Seq, "AUTH")
		return
	}
	c := e.Command
	d.ask(e.Seq, c.Verb)
	switch c.Verb {
	case "MAIL", "RSET", "EHLO", "HELO":
		d.message = message{}
	case "DATA":
		d.client = afterDATA
	case "STARTTLS":
		if !d.end[who.Server] { // otherwise there is no reply to wait for
			d.client = afterTLS
			d.starttls = e.Seq
		}
	case "BDAT":
		if c.ChunkSize > 0 {
			d.client = inMessage
			d.message = d.message.nextChunk(d, c.ChunkSize, c.Last)
		} else if c.Last {
			d.message = message{}
		}
	}
}

// command tells of a command line, or of a line that looks like a credential
// nobody asked for.
func (d *Dialogue) command(l *line, text []byte, partial bool) Event {
	secrets, stray := d.straySecrets(l, text)
	for _, s := range secrets {
		d.known.rememberWords(text[s.from:s.to])
	}
	for _, h := range l.holes {
		d.noteSecret(&h.mask)
	}
	for _, s := range secrets {
		d.noteSecret(s.mask)
	}
	e := d.flush(who.Client, l, secrets)
	if stray {
		e.Kind = KindAuth
		e.Auth = &Auth{Step: StepStray, Secret: &Mask{What: "line"}}
		if d.KeepSecrets {
			e.Auth.Revealed = string(text)
		}
		e.Notes = append(e.Notes, note("auth-stray-credential", 1))
		return e
	}
	text = smtp.TrimEnd(e.Raw)
	d.known.say(text)
	d.readHTTP(text)
	c := parseCommand(text)
	e.Kind = KindCommand
	e.Command = c
	if !d.greeted && !d.Midway {
		e.Notes = append(e.Notes, note("early-talker", 1))
	}
	if len(d.asked) > 0 && !d.offered["PIPELINING"] && d.greeted {
		e.Notes = append(e.Notes, note("pipelined", 1))
	}
	e.Notes = append(e.Notes, commandNotes(c, text)...)
	return e
}

// noteSecret notes that credentials were said, so that other lines may be some
// as well.
func (d *Dialogue) noteSecret(m *Mask) {
	if m.What == "credentials" {
		d.authTried = true
	}
}

// hidesRest reports whether a client line that grows past MaxRaw may hold a
// secret that must not be kept.
func (d *Dialogue) hidesRest(buf []byte) bool {
	if d.inExchange(buf) || hasVerb(buf, "AUTH") || !isVerbFirst(buf) {
		return true
	}
	secrets, _ := d.straySecrets(&d.line[who.Client], buf)
	return secrets != nil
}

// straySecrets finds secrets in a line outside any AUTH exchange. stray: the
// whole line is a credential: a password typed after a failed AUTH, or one sent
// a state too early or to a server that never asked.
func (d *Dialogue) straySecrets(l *line, text []byte) (secrets []secretSpan, stray bool) {
	c := smtp.ReadCommand(text)
	known := c.Verb != ""
	switch {
	case len(l.holes) > 0:
		return nil, l.holes[0].off == 0 && l.holes[0].mask.What != "text"
	case len(text) == 0 || string(text) == "*": // which cancels a login, and is no part of one
		return nil, false
	case l.over == hiding && known:
		return []secretSpan{{len(text) - len(c.Arg), len(text), &Mask{What: "text"}}}, false
	case d.http, known, isRequest(text):
	case d.authTried, looksLikeCredential(text), len(saslRuns(text)) > 0:
		return []secretSpan{{0, len(text), &Mask{What: "line"}}}, true
	case l.over == hiding:
		return []secretSpan{{0, len(text), &Mask{What: "text"}}}, false
	}
	secrets = d.lineSecrets(text)
	if known && !c.Path.Found {
		for _, p := range d.repeated(text, false) {
			secrets = addSpan(secrets, secretSpan{p.from, p.to, &Mask{What: "text"}})
		}
	}
	return inOrder(secrets), false
}
