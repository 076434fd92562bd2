package session

import (
	"bytes"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// relay takes bytes of the client within a transaction.
func (m *mx) relay(at *Place, p []byte) {
	if m.gone {
		at.Hear(who.Client, p)
		return
	}
	for len(p) > 0 {
		turn := m.tx.next(p)
		switch {
		case turn.n == 0 && m.tx.over:
			m.held = bytes.Clone(p)
			m.reopen(at)
			return
		case turn.n == 0:
			m.held = bytes.Clone(p)
			if m.tx.state == txReply {
				m.waiting = true
				at.Pause(who.Client)
			}
			return
		case turn.drop:
			at.Hear(who.Client, p[:turn.n])
		default:
			at.Bytes(who.Client, p[:turn.n])
		}
		if turn.reply != nil {
			at.Say(who.Client, string(turn.reply))
		}
		p = p[turn.n:]
	}
}

// relayServer takes bytes of the server within a transaction. The transaction is
// told of a reply when that has been sent on: what the client says next must not
// overtake it.
func (m *mx) relayServer(at *Place, p []byte) {
	for len(p) > 0 {
		n, reply, complete := m.replies.Next(p)
		at.Bytes(who.Server, p[:n])
		p = p[n:]
		if !complete {
			continue
		}
		if m.tx.reply(reply.Code); m.tx.over {
			at.Hear(who.Server, p)
			m.reopen(at)
			return
		}
	}
	if m.waiting && m.tx.state != txReply {
		m.goOn(at)
	}
}

// goOn takes up what waited for a reply.
func (m *mx) goOn(at *Place) {
	held := m.held
	m.held, m.waiting = nil, false
	at.Resume(who.Client)
	m.relay(at, held)
}

// reopen returns to the responder after a transaction.
func (m *mx) reopen(at *Place) {
	m.forget(at)
	switch {
	case m.tx.doubt != "":
		m.drop(at)
		at.Hear(who.Client, m.held)
		at.fail(failure{facts.CauseRefused, m.tx.doubt, "554 5.6.0 [smtptap] " + m.tx.doubt.String()})
	case m.left != "":
		m.awaitEnd(at)
	case m.tx.early:
		m.drop(at) // it may not know that the message is over
		m.answer(at)
	case m.tx.spoilt, m.gone:
		m.state = reaching
		at.Pause(who.Client)
		m.hangUp(at, func() {
			at.Resume(who.Client)
			m.answer(at)
		})
	default:
		m.listen(at, false)
		m.answer(at)
	}
}

// forget forgets the transaction.
func (m *mx) forget(at *Place) {
	m.responder.mail = nil
	clear(m.answers)
	if m.waiting {
		m.waiting = false
		at.Resume(who.Client)
	}
}

func (m *mx) answer(at *Place) {
	held := m.held
	m.held, m.state = nil, answering
	m.serve(at, held)
}

// awaitEnd ends the session of a client that ended its direction during the
// transaction. The server has been told by the same means.
func (m *mx) awaitEnd(at *Place) {
	m.parting = func() {
		m.settle(at)
		at.Do(Action{Kind: End, Peer: who.Client, How: ByCloseNotify})
		at.Do(Action{Kind: Close})
	}
	m.state = parted
	if m.gone {
		m.leftServer(at)
		return
	}
	at.Wake(farewellWait)
}
