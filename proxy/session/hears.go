package session

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
	"smtptap/proxy/session/rules"
)

// hears is the layer of rules about what the client is about to hear.
type hears struct{ way }

func (w *hears) Handle(at *Place, e Event) {
	if w.at == nil {
		w.at = at
		w.finish, w.goOn = w.finishTurn, w.deliver
		w.login.MidSession = true
	}
	switch {
	case e.Kind == Woken:
		w.woken(nil)
	case e.Kind == LetGo:
		w.woken(e.Release)
	case e.Peer != who.Server || e.Kind == Encrypted:
		at.Next(e)
	default:
		if e.Cipher && !w.opaque {
			w.sealed()
		}
		w.handle(e)
	}
}

// look looks at what the server has said, and at what smtptap is to say in its
// place.
func (w *hears) look() bool {
	for w.gone && len(w.asked) > 0 && w.asked[0].rule == nil {
		w.asked = w.asked[1:]
	}
	switch {
	case len(w.asked) > 0 && w.asked[0].rule != nil:
		w.answer(w.asked[0])
		return true
	case len(w.in) == 0:
		return w.ended()
	}
	p := w.in[0]
	if w.mute || w.opaque {
		if w.mute {
			w.drop(p)
		} else {
			w.emit(p)
		}
		w.used(len(p.data))
		return true
	}
	var replies smtp.Replies
	n, reply, complete := replies.Next(p.data)
	if !complete {
		if len(w.in) == 1 && len(p.data) < maxKept && w.end == nil {
			return false
		}
		w.emit(p)
		w.used(len(p.data))
		return true
	}
	w.used(n)
	w.reply(piece{data: p.data[:n], own: p.own}, reply)
	return true
}

// reply has rules act on a reply that is complete.
func (w *hears) reply(p piece, reply smtp.Reply) {
	if p.own && reply.Code == 220 && w.server.Due() == "STARTTLS" {
		// TLS begins after it at once: nothing may hold it up.
		w.server.Reply(reply.Code, reply.Hello)
		w.client.Reply(reply.Code, reply.Hello)
		w.pass(p)
		return
	}
	answer := w.server.Reply(reply.Code, reply.Hello)
	t := &turn{line: p.data, was: p.data, own: p.own, code: reply.Code}
	o := rules.Occasion{Point: rules.Reply, Code: reply.Code}
	switch {
	case answer.Greeting:
		o.Point = rules.Greeting
	case !answer.Unsolicited:
		t.asked = w.answered(answer.ID)
	}
	if t.asked.mine {
		w.drop(p)
		return
	}
	t.verb = t.asked.verb
	t.act = w.rules.At(o, &w.known)
	w.turn = t
}

// answered finds what a reply answers. What was asked before it stays
// unanswered, but for what a rule answers.
func (w *hears) answered(id int) asked {
	for len(w.asked) > 0 && w.asked[0].id <= id {
		a := w.asked[0]
		switch {
		case a.id == id:
			w.asked = w.asked[1:]
			return a
		case a.rule != nil:
			w.answer(a)
		default:
			w.asked = w.asked[1:]
		}
	}
	return asked{}
}

// say says a reply in the server's place, in its turn.
func (w *hears) answer(a asked) {
	w.asked = w.asked[1:]
	if a.last {
		w.leaveWith(a.rule)
		return
	}
	w.emit(piece{data: a.rule, own: true})
	w.moved(a, a.rule)
}

// leaveWith ends a session whose server is gone.
func (w *hears) leaveWith(reply []byte) {
	w.at.Do(Action{Kind: Because, Cause: facts.CauseRule, Why: "rule-closed-server"})
	w.stop()
	w.at.leave(strings.TrimRight(string(reply), "\r\n"))
}

// deliver has the client hear a reply.
func (w *hears) deliver(t *turn) {
	if t.edited() {
		w.tell(facts.NoteRuleEdited, "rule-edited-reply")
	}
	for _, r := range t.asked.hide {
		if hidden, did := hide(t.line, r.Hidden); did {
			t.line = hidden
			w.note(facts.NoteRuleHidden, r, "rule-hidden", "verb", t.verb)
		}
	}
	p := piece{data: t.line, own: t.own}
	if t.edited() {
		w.drop(piece{data: t.was, own: t.own})
		p.own = true
	}
	w.emit(p)
	w.moved(t.asked, t.line)
}

// moved moves the client on after a reply.
func (w *hears) moved(a asked, reply []byte) {
	var replies smtp.Replies
	_, r, complete := replies.Next(reply)
	if !complete {
		return
	}
	before := w.client.Place()
	w.client.Reply(r.Code, r.Hello)
	switch {
	case a.verb == "AUTH":
		w.user(who.Server, reply)
	case a.verb == smtp.EndOfData && r.Code/100 == 2:
		w.known.Messages++
	}
	if place := w.client.Place(); place != before {
		if place == smtp.InMessage {
			w.says.messageEnd = smtp.NewEnd()
		}
		w.says.run()
	}
}

// finishTurn has a rule end the matter that a reply is about.
func (w *hears) finishTurn(r *rules.Rule, t *turn) {
	w.drop(piece{data: t.was, own: t.own})
	if r.Kind != rules.Answer {
		w.close(&w.way, r, w.what(t))
		return
	}
	w.note(noteAnswered(r), r, "rule-replied", "code", r.Status, "was", t.code)
	reply := []byte(r.Lines(decode.OwnMark))
	w.emit(piece{data: reply, own: true})
	w.moved(t.asked, reply)
}

// noteAnswered is the note on a reply in the server's place: whether it says no.
func noteAnswered(r *rules.Rule) string {
	if r.Status >= 400 {
		return facts.NoteRuleRefused
	}
	return facts.NoteRuleAccepted
}

// ended passes the end of the server on.
func (w *hears) ended() bool {
	e := w.end
	if e == nil {
		return false
	}
	w.end = nil
	w.gone = true
	w.client.ServerEnds()
	w.server.ServerEnds()
	for len(w.asked) > 0 && w.look() {
	}
	if !w.mute && !w.alone {
		w.at.Next(*e)
	}
	w.says.run()
	return false
}

// hide takes extensions, or parameters of them, out of a reply to EHLO.
func hide(reply []byte, hidden []rules.Extension) (changed []byte, did bool) {
	if codeOf(reply) != 250 {
		return reply, false
	}
	for _, x := range hidden {
		var gone bool
		reply, gone = without(reply, x.Keyword, x.Param)
		did = did || gone
	}
	return reply, did
}
