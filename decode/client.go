package decode

import (
	"bytes"
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// feedClient gives bytes of the client their meaning, as far as that is known,
// and returns how many it took.
func (d *Dialogue) feedClient(at time.Duration, p []byte) int {
	if m := d.missing[who.Client]; m != nil && m.Why == WhyNotInLog {
		// What comes now may have another meaning after it.
		d.tellMissing(who.Client, bytes.HasPrefix(p, []byte(".\r\n")))
	}
	d.proceed()
	taken := 0
	if !d.begun && len(p) > 0 {
		taken = d.open(at, p)
	}
	for taken < len(p) {
		rest := p[taken:]
		switch d.order.Place() {
		case smtp.AfterDATA, smtp.AfterSTARTTLS:
			if d.replaying || d.Gate && d.order.Place() == smtp.AfterSTARTTLS {
				return taken
			}
			d.hold(at, rest)
			return len(p)
		case smtp.NotText:
			d.takeOpaque(at, rest)
			return len(p)
		case smtp.InMessage, smtp.InChunk:
			taken += d.message.feed(d, at, rest)
		default:
			if !d.replaying && d.line[who.Client].empty() && d.order.TLSBegins(rest) {
				return taken
			}
			n, ended := d.takeLine(at, who.Client, rest, d.hidesRest)
			taken += n
			if ended {
				d.clientLine(false)
			}
			if d.order.Place() == smtp.AfterSTARTTLS {
				return taken
			}
		}
	}
	return taken
}

// inMessage reports that the client's next bytes are part of a message.
func (d *Dialogue) inMessage() bool {
	return d.order.Place() == smtp.InMessage || d.order.Place() == smtp.InChunk
}

// undecided reports that what the client's next bytes are hangs on a reply.
func (d *Dialogue) undecided() bool {
	return d.order.Place() == smtp.AfterDATA || d.order.Place() == smtp.AfterSTARTTLS
}

// proceed lets the dialogue go on in clear after an accepted STARTTLS.
func (d *Dialogue) proceed() {
	if d.order.Place() == smtp.Upgraded {
		d.decide(smtp.InCommands)
	}
}

// hold keeps bytes whose meaning hangs on a reply.
func (d *Dialogue) hold(at time.Duration, p []byte) {
	room := smtp.MaxEarly - d.waiting
	if d.order.Place() == smtp.AfterDATA && len(p) > room {
		d.backlog = append(d.backlog, chunk{at: at, p: append([]byte(nil), p[:room]...)})
		d.decide(smtp.InMessage)
		d.feedClient(at, p[room:])
		return
	}
	d.backlog = append(d.backlog, chunk{at: at, p: append([]byte(nil), p...)})
	d.waiting += len(p)
}

// decide settles what the client's bytes after a DATA or STARTTLS were, and
// reads those that came early.
func (d *Dialogue) decide(place smtp.Place) {
	d.order.Decide(place)
	if place == smtp.InMessage {
		if l := &d.line[who.Client]; !l.empty() { // begun after a reply that was not the answer
			d.backlog, d.waiting = append(l.chunks(), d.backlog...), d.waiting+len(l.buf)
			l.reset()
		}
		d.message = newMessage(d, false, 0)
	}
	early, left := d.backlog, d.waiting
	d.backlog, d.waiting = nil, 0
	d.replaying = true
	defer func() { d.replaying = false }()
	for i := range early {
		c := &early[i]
		for len(c.p) > 0 {
			if d.undecided() {
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
	for d.undecided() || d.order.Place() == smtp.Upgraded {
		d.decide(smtp.InCommands)
	}
}

// clientLine tells what a line of the client is. A partial one has no end: the
// client left in the middle of it.
func (d *Dialogue) clientLine(partial bool) {
	l := &d.line[who.Client]
	text := smtp.TrimEnd(l.buf)
	line := smtp.ReadCommand(text)
	var e Event
	switch {
	case d.isResponse(text):
		e = d.authLine(l, text)
	case line.Verb == "AUTH":
		e = d.authCommand(l, text, partial)
	default:
		e = d.command(l, text, partial)
		// What a recording doesn't hold must not count.
		line = smtp.ReadCommand(smtp.TrimEnd(e.Raw))
	}
	e.Notes = append(e.Notes, lineNotes(&e, l, partial)...)
	if e.Begin < d.refusedDATA {
		e.Notes = append(e.Notes, note("data-after-refusal", 1))
	}
	d.refusedDATA = 0
	sent := d.emit(e)
	if !partial {
		d.after(sent, &line)
	}
	l.reset()
}

// after moves the dialogue on after a line of the client.
func (d *Dialogue) after(e *Event, line *smtp.Command) {
	if e.Kind == KindAuth && e.Auth.Step != StepStray {
		d.order.Response(e.Seq)
		if d.Lenient {
			d.order.Forget()
		}
		return
	}
	if line.Verb == "" && e.Command != nil {
		line.Verb = e.Command.Verb // one that no RFC defines
	}
	d.order.Command(e.Seq, line)
	if d.Lenient {
		d.order.Forget()
	}
	switch {
	case line.Verb == "MAIL", line.Verb == "RSET", smtp.Greets(line.Verb):
		d.message, d.rcpts = message{}, nil
	case line.Verb == "BDAT" && line.Size == 0 && line.Last:
		d.message = message{}
	case line.Verb == "RCPT" && d.order.LMTP() && len(d.rcpts) < maxPaths:
		if d.rcpts == nil {
			d.rcpts = map[int]string{}
		}
		d.rcpts[e.Seq] = e.Command.Path
	case d.order.Place() == smtp.InChunk:
		d.message = d.message.nextChunk(d, line.Size, line.Last)
	}
}

// maxPaths bounds how many recipients are remembered by their addresses.
const maxPaths = 1000

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
	d.known.saidInClear(text)
	d.readHTTP(text)
	c := parseCommand(text)
	e.Kind = KindCommand
	e.Command = c
	if !d.order.Greeted() && !d.MidSession {
		e.Notes = append(e.Notes, note("early-talker", 1))
	}
	if (d.order.Waiting() || d.cue.Ahead) && !d.order.EndedEarly() && !d.offered["PIPELINING"] && d.order.Greeted() {
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
	if d.isResponse(buf) || hasVerb(buf, "AUTH") || !isVerbFirst(buf) {
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
	case len(bytes.TrimSpace(text)) == 0 || string(text) == "*": // which cancels a login, and is no part of one
		return nil, false
	case d.rereads(): // shown as the message before
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
	if known && !c.Path.Found && !(c.Verb == "BDAT" && c.Size >= 0) { // the size of a chunk must be kept
		arg := len(text) - len(c.Arg) // the verb of a command is no secret, whatever was one before
		for _, p := range d.repeated(text[arg:], false) {
			secrets = addSpan(secrets, secretSpan{arg + p.from, arg + p.to, &Mask{What: "text"}})
		}
	}
	return inOrder(secrets), false
}
