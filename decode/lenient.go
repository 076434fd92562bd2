package decode

import (
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// A Cue tells a lenient dialogue what the bytes are that are fed next, because
// the lines are missing that would tell.
type Cue struct {
	Side who.Party

	// What the client's next line is, a command when neither is set.
	Login   bool // a line within a login
	Message bool // the beginning of a message

	// Ahead says of a command that the reply to the one before comes later.
	Ahead bool

	// What the server's next lines are: the greeting, the reply to the event
	// with that Seq, or to something of which only the verb is known.
	Greeting bool
	To       int    // -1 for none
	Verb     string // as Reply.ToVerb
}

// Cue ends what side had not finished, a message without its dot or a reply
// without its last line, and tells what it says next. The dialogue must be
// Lenient.
func (d *Dialogue) Cue(c Cue) Out {
	d.begin()
	d.cue = c
	if !d.line[who.Client].empty() {
		d.settle()
	}
	if d.order.Place() == smtp.InMessage && !c.Message {
		d.flushMissing(who.Client)
		d.message.finish(d)
		d.message = message{}
		d.order.Decide(smtp.InCommands)
	}
	if c.Side == who.Server {
		d.endReply()
		d.said = c
		return d.out
	}
	d.begun = d.begun || c.Login || c.Message
	switch {
	case c.Message:
		d.order.Decide(smtp.InMessage)
		d.message = newMessage(d, false, 0)
	case !c.Login:
		d.auth = nil
	case d.auth == nil:
		d.auth, d.authTried = &exchange{}, true
	}
	return d.out
}

// EndReply tells that the rest of the reply under way is missing.
func (d *Dialogue) EndReply(time.Duration) Out {
	d.begin()
	d.endReply()
	return d.out
}

func (d *Dialogue) endReply() {
	d.flushPartial(who.Server)
	d.finishReply()
}
