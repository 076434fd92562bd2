package session

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
	"smtptap/proxy/session/rules"
)

// says is the layer of rules about what the client says.
type says struct {
	way
	begun bool   // past the client's first bytes
	early []byte // went on after STARTTLS, before its reply
	sent  int    // how much at the start of what has come went on already

	messageEnd smtp.End // of the message that is sent
	chunk      int64    // octets of a chunk that are still to come
	swallow    bool     // the message or chunk is for smtptap: the server never heard its command
}

func (w *says) Handle(at *Place, e Event) {
	if w.at == nil {
		w.at = at
		w.finish, w.goOn = w.finishTurn, w.send
		at.session.tracked = at.index
	}
	switch {
	case e.Kind == Began:
		w.connect()
	case e.Kind == Encrypted:
		w.secured(at)
		at.Next(e)
	case e.Kind == Woken:
		w.woken(nil)
	case e.Kind == LetGo:
		w.woken(e.Release)
	case e.Peer == who.Client:
		w.handle(e)
	default:
		at.Next(e)
	}
}

// connect begins the session.
func (w *says) connect() {
	if c := w.at.Config(); c.Refusal == nil {
		w.known.TLS = c.ClientTLS
		w.turn = &turn{act: w.rules.At(rules.Occasion{Point: rules.Connect}, &w.known)}
		w.goOn = func(*turn) {
			w.goOn = w.send
			w.at.Next(Event{Kind: Began})
		}
		w.run()
		return
	}
	w.at.Next(Event{Kind: Began})
}

// refuse has the session end before it has reached a server.
func (w *says) refuse(r *rules.Rule) {
	w.note(facts.NoteRuleRefused, r, "rule-refused")
	code, text, _ := strings.Cut(strings.TrimRight(r.Lines(decode.OwnMark), "\r\n"), " "+decode.OwnMark)
	w.at.Config().Refusal = &Refusal{Code: code, Why: facts.Plain(strings.ReplaceAll(strings.TrimSpace(text), "\r\n", " "))}
	w.at.Next(Event{Kind: Began})
}

// look looks at what the client has said.
func (w *says) look() bool {
	if len(w.in) == 0 {
		return w.ended()
	}
	p := w.in[0].data
	switch place := w.client.Place(); {
	case w.mute:
		w.drop(w.in[0])
		w.used(len(p))
	case w.opaque:
		w.through(len(p))
	case !w.begun:
		return w.open(p)
	case w.gone && (place == smtp.AfterSTARTTLS || place == smtp.AfterDATA):
		w.client.Decide(smtp.InCommands) // no reply can tell any more
	case place == smtp.AfterSTARTTLS || place == smtp.Upgraded:
		if n := len(w.asked); n == 0 || w.asked[n-1].rule == nil {
			w.early = append(w.early, p...)
		} else if w.end == nil {
			return false
		}
		w.through(len(p))
	case place == smtp.AfterDATA:
		return false
	case len(w.early) > 0:
		w.in[0].data = append(w.early, p...)
		w.sent, w.early = len(w.early), nil
	case place == smtp.InMessage:
		w.message(p)
	case place == smtp.InChunk:
		w.inChunk(p)
	default:
		return w.line(p)
	}
	return true
}

// ended passes the end of the client on.
func (w *says) ended() bool {
	e := w.end
	if e == nil {
		return false
	}
	w.end = nil
	if w.mute || w.alone {
		w.at.Do(Action{Kind: Close})
		w.stop()
		return false
	}
	w.at.Next(*e)
	return false
}

// through lets bytes go on as they are.
func (w *says) through(n int) {
	w.passOn(w.in[0].data[:n])
	w.used(n)
}

// passOn lets bytes go on that have not yet, or keeps them when they are for
// smtptap.
func (w *says) passOn(p []byte) {
	n := min(w.sent, len(p))
	w.sent -= n
	if p = p[n:]; w.swallow || w.alone {
		w.at.Hear(who.Client, p)
		return
	}
	w.emit(piece{data: p})
}

// open looks at the client's first bytes, which may be a header of the PROXY
// protocol or TLS.
func (w *says) open(p []byte) bool {
	header, size, more := smtp.ReadHeader(p)
	if more && w.end == nil {
		return false
	}
	w.begun = true
	switch header {
	case smtp.NoHeader:
	case smtp.TLS:
		w.sealed()
	default:
		id := w.newID()
		w.client.Header(id, header)
		w.server.Header(id, header)
		w.asked = append(w.asked, asked{id: id, verb: "PROXY"})
		w.through(size)
	}
	return true
}

func (w *says) message(p []byte) {
	n, done := w.messageEnd.Scan(p)
	dot := 0
	if done {
		dot = min(n, len(".\r\n"))
	}
	w.grow(n)
	w.passOn(p[:n-dot])
	if done {
		w.about(&turn{line: p[n-dot : n], end: true, verb: smtp.EndOfData}, rules.Occasion{Point: rules.DataEnd})
	}
	w.used(n)
}

func (w *says) inChunk(p []byte) {
	n := min(int64(len(p)), w.chunk)
	w.grow(int(n))
	w.through(int(n))
	if w.chunk -= n; w.chunk == 0 {
		w.client.ChunkEnds()
		w.server.ChunkEnds()
		w.swallow = false
	}
}

// grow counts octets of a message.
func (s *ruled) grow(n int) {
	s.size += int64(n)
	s.known.Size = max(s.known.Size, s.size)
}

// declared is the size of a message that MAIL tells (RFC 1870), 0 for none.
func declared(p smtp.Params) int64 {
	for key, value, rest, found := p.Next(); found; key, value, rest, found = rest.Next() {
		if strings.EqualFold(string(key), "SIZE") {
			n, _ := strconv.ParseInt(string(value), 10, 64)
			return max(n, 0)
		}
	}
	return 0
}

// about has rules act on a line, unless that has gone on already.
func (w *says) about(t *turn, o rules.Occasion) {
	t.was = t.line
	w.turn = t
	if w.sent == 0 {
		t.act = w.rules.At(o, &w.known)
	}
}

// line takes a line of the client, when it is complete.
func (w *says) line(p []byte) bool {
	end := bytes.IndexByte(p, '\n') + 1
	switch {
	case smtp.BeginsTLS(p) && !w.known.TLS:
		w.through(len(p)) // by evidence: see starttls
		return true
	case end == 0 && len(p) < maxKept && w.end == nil:
		return false
	case end == 0:
		end = len(p)
	}
	line := p[:end]
	t := &turn{line: line, command: smtp.ReadCommand(line)}
	w.used(end)
	c := &t.command
	if t.verb = c.Verb; t.verb == "" {
		t.verb = strings.ToUpper(string(c.Word))
	}
	if w.client.InLogin(c) {
		t.verb = "AUTH"
		t.was, t.command.Verb = t.line, ""
		w.turn = t
		return true
	}
	w.learn(t)
	if w.alone {
		w.answerAlone(t)
		return true
	}
	w.about(t, rules.Occasion{Point: rules.Command, Verb: t.verb, Last: c.Last})
	if t.verb == "RCPT" {
		w.known.Rcpt = w.rcpts
	}
	if t.verb == "BDAT" && w.spoilt == "BDAT" {
		t.act = nil
		w.answer(t, "503 5.5.1 "+decode.OwnMark+" the server has not heard all chunks of this message; RSET first\r\n")
		w.turn = nil
	}
	return true
}

// mostRcpts bounds the recipients that queries know of.
const mostRcpts = 1000

// learn notes what queries can ask for.
func (w *says) learn(t *turn) {
	k := &w.known
	switch t.verb {
	case "MAIL":
		k.From, k.Rcpt, k.Rcpts, k.Size, w.rcpts = string(t.command.Path.Text), "", 0, declared(t.command.Params), ""
		w.size = 0
	case "RCPT":
		k.Rcpt = string(t.command.Path.Text) // for the query about this line
		if k.Rcpts++; k.Rcpts <= mostRcpts {
			w.rcpts = strings.TrimLeft(w.rcpts+" "+k.Rcpt, " ")
		}
	}
}

// send lets the line of a turn go on to the server.
func (w *says) send(t *turn) {
	id := w.newID()
	a := t.asked
	a.id, a.verb = id, t.verb
	switch {
	case t.end && (w.swallow || w.alone):
		w.swallow = false
		w.at.Hear(who.Client, t.was)
		w.client.MessageEnds(id)
		w.reply(a, "451 4.3.0 "+decode.OwnMark+" the server has not heard this message\r\n")
		return
	case t.end:
		w.client.MessageEnds(id)
		w.server.MessageEnds(id)
	case t.command.Verb == "" && t.verb == "AUTH": // a response
		w.client.Response(id)
		w.server.Response(id)
	default:
		w.command(id, t)
	}
	w.asked = append(w.asked, a)
	if t.edited() {
		w.at.Hear(who.Client, t.was)
		w.tell(facts.NoteRuleEdited, "rule-edited-line", "line", w.what(t))
		w.emit(piece{data: t.line, own: true})
	} else {
		w.passOn(t.line)
	}
	if t.verb == "AUTH" {
		w.user(who.Client, t.was)
	}
}

// command has both dialogues hear of a command that goes on.
func (w *says) command(id int, t *turn) {
	switch {
	case t.verb == "MAIL" && w.spoilt != "":
		w.reset()
	case slices.Contains(startsAfresh, t.verb):
		w.spoilt = ""
	}
	c := t.command
	w.client.Command(id, &c)
	if t.edited() {
		c = smtp.ReadCommand(t.line)
	}
	w.server.Command(id, &c)
	w.chunk = max(t.command.Size, 0)
}

// startsAfresh are the commands that give up a transaction.
var startsAfresh = []string{"RSET", "EHLO", "HELO", "LHLO", "QUIT"}

// reset tells the server that the transaction is over, as the client believes
// that it is.
func (w *says) reset() {
	id := w.newID()
	c := smtp.ReadCommand([]byte("RSET"))
	w.server.Command(id, &c)
	w.asked = append(w.asked, asked{id: id, verb: "RSET", mine: true})
	w.tell("rule-reset", "rule-rset", "verb", w.spoilt)
	w.spoilt = ""
	w.emit(piece{data: []byte("RSET\r\n"), own: true})
}

// finishTurn has a rule end the matter that the client's line is about.
func (w *says) finishTurn(r *rules.Rule, t *turn) {
	switch {
	case r.Kind == rules.Answer && t.line == nil:
		w.refuse(r)
	case r.Kind == rules.Answer:
		w.note(noteAnswered(r), r, "rule-answered", "line", w.what(t))
		w.answer(t, r.Lines(decode.OwnMark))
	default:
		w.drop(piece{data: t.was})
		w.close(&w.way, r, w.what(t))
	}
}

// answer has smtptap reply to a line that the server does not hear.
func (w *says) answer(t *turn, reply string) {
	w.at.Hear(who.Client, t.was)
	a := asked{id: w.newID(), verb: t.verb}
	if t.end {
		w.client.MessageEnds(a.id)
		if !w.swallow {
			w.abandon()
		}
		w.swallow = false
		w.reply(a, reply)
		return
	}
	w.client.Command(a.id, &t.command)
	switch t.verb {
	case "BDAT":
		if w.chunk = max(t.command.Size, 0); w.chunk > 0 {
			w.swallow = true
		}
		w.spoilt = t.verb
	case "DATA":
		_, code := smtp.FirstReply([]byte(reply))
		w.swallow, w.spoilt = code == 354, t.verb
	case "RSET":
		w.spoilt = t.verb
	}
	w.reply(a, reply)
}

// reply has the client hear smtptap's reply, in its turn.
func (w *says) reply(a asked, reply string) {
	a.rule = []byte(reply)
	w.asked = append(w.asked, a)
	w.hears.run()
}

// abandon leaves a server in the middle of a message whose end it must not get.
func (w *says) abandon() {
	w.at.Note("rule-server-left")
	w.server.Decide(smtp.InCommands)
	w.alone = !w.at.Config().MX
	w.at.session.runs = nil
	w.at.Next(Event{Kind: Abandoned, Peer: who.Client})
}

// answerAlone answers a client whose server is gone.
func (w *says) answerAlone(t *turn) {
	w.at.Hear(who.Client, t.line)
	a := asked{id: w.newID(), verb: t.verb}
	w.client.Command(a.id, &t.command)
	reply := "421 4.4.2 " + decode.OwnMark + " a rule has closed the connection to the server\r\n"
	switch t.verb {
	case "RSET", "NOOP":
		reply = "250 2.0.0 " + decode.OwnMark + " ok\r\n"
	case "QUIT":
		reply = "221 2.0.0 " + decode.OwnMark + " bye\r\n"
		a.last = true
	default:
		a.last = true
	}
	w.reply(a, reply)
}

// user follows a login, for queries about its user.
func (s *ruled) user(side who.Party, p []byte) {
	for _, e := range s.login.Feed(0, side, p).Events {
		if e.Auth != nil && e.Auth.User != "" {
			s.known.User = e.Auth.User
		}
	}
}
