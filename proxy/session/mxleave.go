package session

import (
	"errors"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
)

// leave ends the session of a client that went without QUIT.
func (m *mx) leave(at *Place) {
	at.Hear(who.Client, m.held)
	m.held = nil
	m.part(at, func() {
		at.Do(Action{Kind: End, Peer: who.Client, How: ByCloseNotify})
		at.Do(Action{Kind: Close})
	})
}

// part ends the session when the server, if there is one, has been left.
func (m *mx) part(at *Place, last func()) {
	m.state = parted
	at.Pause(who.Client)
	m.hangUp(at, func() {
		m.settle(at)
		last()
	})
}

// settle gives a session that ends without a server its cause.
func (m *mx) settle(at *Place) {
	var reply upstream.Replier
	a := Action{Kind: Because, Cause: facts.CauseClosed}
	switch {
	case m.left == ByReset:
		return
	case m.unable == nil:
	case errors.As(m.unable, &reply):
		a.Cause, a.Why = causeOf(reply.Reply()), facts.Because(m.unable)
	default:
		a.Cause, a.Why = facts.CauseUnreachable, facts.Because(m.unable)
	}
	at.Do(a)
}

// hangUp says QUIT to the server, if one is connected, closes the connection,
// and goes on.
func (m *mx) hangUp(at *Place, then func()) {
	switch {
	case m.server == nil:
		then()
	case m.gone:
		m.drop(at)
		then()
	default:
		at.Say(who.Server, "QUIT\r\n")
		m.listen(at, true)
		m.parting, m.replies = then, smtp.Replies{}
		at.Wake(farewellWait)
		m.serverSays(at, m.talk.rest())
	}
}

// listen reads from the server, or leaves what it says in its socket.
func (m *mx) listen(at *Place, to bool) {
	switch {
	case to && !m.listens:
		at.Resume(who.Server)
	case !to && m.listens:
		at.Pause(who.Server)
	}
	m.listens = to
}

// drop closes the connection to the server without another word.
func (m *mx) drop(at *Place) {
	m.server, m.domain, m.gone = nil, "", false
	m.listen(at, false)
	at.Do(Action{Kind: Hangup})
}

// abandon leaves a server in the middle of a transaction.
func (m *mx) abandon(at *Place) {
	if m.state == relaying {
		m.drop(at)
		m.forget(at)
		m.held = nil
		m.answer(at)
	}
}

// leftServer closes the connection to a server that was left, and goes on.
func (m *mx) leftServer(at *Place) {
	then := m.parting
	m.parting = nil
	at.Wake(0)
	m.drop(at)
	then()
}
