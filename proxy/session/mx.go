package session

import (
	"bytes"
	"strings"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
)

// mx leads each transaction to the server of its recipient. A responder speaks
// with the client until that is known; then smtptap says to the server what the
// client has said so far, and relays until the transaction is through; then the
// responder answers again.
type mx struct {
	config    *Config
	responder responder
	tx        transaction
	talk      talk

	state   mxState
	held    []byte // of the client: an unfinished line, or what waits
	waiting bool   // for a reply on which the meaning of held depends
	reply   []byte // to STARTTLS, while the client quiets
	left    Ending // how the client ended its direction; "" while it goes on

	server  *upstream.Server // the connection that is open; nil for none
	gone    bool             // the server sends no more
	listens bool             // it is read from
	parting func()           // QUIT was said to the server: what is to be done without it; nil for no such thing
	replies smtp.Replies     // of the server that is relayed, or parts

	domain   string            // whose mail the server takes
	greeted  []byte            // the client's EHLO or HELO as it was said there
	chunking bool              // it offers CHUNKING
	answers  map[string]string // replies for domains that can't be served in this transaction
	reached  bool              // some server has taken a transaction
	unable   error             // why none did, while none ever has

	search search
}

type mxState uint8

const (
	answering      mxState = iota // the responder answers the client
	reaching                      // a server is being led to where RCPT can follow; the client waits
	relaying                      // the transaction is the server's
	clientUpgrades                // TLS is to begin with the client
	parted                        // the session ends
)

func (m *mx) Handle(at *Place, e Event) {
	switch e.Kind {
	case Began:
		m.begin(at)
	case Bytes:
		switch {
		case e.Own:
			at.Next(e)
		case e.Peer == who.Client:
			m.client(at, e.Data)
		default:
			m.serverSays(at, e.Data)
		}
	case Ended:
		if e.Peer == who.Client {
			m.clientEnds(at, e)
		} else {
			m.serverEnds(at, e)
		}
	case Abandoned:
		m.abandon(at)
	case Dialled:
		m.dialled(at, e)
	case Quieted:
		m.quieted(at, e.Peer)
	case Secured:
		m.secured(at, e)
	case Woken:
		m.late(at)
	}
}

func (m *mx) begin(at *Place) {
	m.answers = map[string]string{}
	m.responder.startTLS, m.responder.secured = m.config.OfferTLS, m.config.ClientTLS
	m.config.Refusal.note(at)
	if m.config.ClientTLS {
		at.Do(Action{Kind: Secure, Peer: who.Client, Implicit: true})
		return
	}
	m.greet(at)
}

// greet has the responder say the first thing.
func (m *mx) greet(at *Place) {
	if r := m.config.Refusal; r != nil {
		at.fail(unreachable(r))
		return
	}
	at.Say(who.Client, string(m.responder.greeting()))
	at.Resume(who.Client)
}

// client takes bytes of the client.
func (m *mx) client(at *Place, p []byte) {
	held := m.held
	if len(held) > 0 {
		p = append(held, p...)
	}
	m.held = nil
	switch {
	case m.state == answering:
		m.serve(at, p)
	case m.state == relaying && !m.waiting:
		m.relay(at, p)
	default:
		m.held = bytes.Clone(p)
	}
}

// serve has the responder answer the client, until a server is needed.
func (m *mx) serve(at *Place, p []byte) {
	for len(p) > 0 && m.state == answering {
		turn := m.responder.next(p)
		if turn.n == 0 {
			break
		}
		if turn.then == responseNeedsServer {
			m.held = bytes.Clone(p)
			m.reach(at, turn.domain)
			return
		}
		at.Hear(who.Client, p[:turn.n])
		p = p[turn.n:]
		switch turn.then {
		case responseStartTLS:
			m.held, m.reply, m.state = bytes.Clone(p), turn.reply, clientUpgrades
			at.Pause(who.Client)
			at.Do(Action{Kind: Quiet, Peer: who.Client})
			return
		case responseCloses:
			m.held = bytes.Clone(p)
			m.part(at, func() { at.leave(strings.TrimSuffix(string(turn.reply), "\r\n")) })
			return
		}
		if m.responder.mail == nil {
			clear(m.answers)
		}
		if len(turn.reply) > 0 {
			at.Say(who.Client, string(turn.reply))
		}
	}
	m.held = bytes.Clone(p)
	if m.left != "" && m.state == answering {
		m.leave(at)
	}
}

func (m *mx) clientEnds(at *Place, e Event) {
	m.left = e.How
	switch {
	case m.state == relaying && !m.gone:
		at.Hear(who.Client, m.held)
		m.held = nil
		at.Next(e)
	case m.state == relaying, m.state == answering:
		m.leave(at)
	}
}

func (m *mx) quieted(at *Place, peer who.Party) {
	if peer == who.Server {
		at.Discard(who.Server, m.talk.rest())
		at.Do(Action{Kind: Secure, Peer: who.Server})
		return
	}
	text, hello := CutAtTLS(m.held)
	m.held = nil
	at.Discard(who.Client, text)
	at.Say(who.Client, string(m.reply))
	at.Do(Action{Kind: Secure, Peer: who.Client, Data: hello})
}

func (m *mx) secured(at *Place, e Event) {
	switch implicit := m.state != clientUpgrades; {
	case e.Peer == who.Server:
		m.serverSecured(at, e.Err)
	case e.Err != nil && implicit && m.config.Refusal != nil:
		at.Do(Action{Kind: Because, Cause: facts.CauseRefused, Why: m.config.Refusal.Why})
		at.Do(Action{Kind: Close})
	case e.Err != nil:
		m.hangUp(at, func() { at.fail(withClient(e.Err, implicit)) })
	case implicit:
		at.Do(Action{Kind: TLSUp, Client: true})
		m.greet(at)
	default:
		at.Do(Action{Kind: TLSUp, Client: true})
		m.responder.upgraded()
		m.state = answering
		at.Resume(who.Client)
	}
}

// farewellWait is how long a server has to answer smtptap's QUIT. Nothing depends
// on what it says.
const farewellWait = 2 * time.Second

// serverSays takes bytes of the server.
func (m *mx) serverSays(at *Place, p []byte) {
	switch {
	case len(p) == 0:
	case m.parting != nil:
		at.Hear(who.Server, p)
		for len(p) > 0 {
			n, _, complete := m.replies.Next(p)
			if p = p[n:]; complete {
				at.Do(Action{Kind: End, Peer: who.Server, How: ByCloseNotify})
				return
			}
		}
	case m.state == relaying:
		m.relayServer(at, p)
	default:
		m.talk.bytes(p)
	}
}

func (m *mx) serverEnds(at *Place, e Event) {
	m.gone = true
	switch {
	case m.parting != nil:
		m.leftServer(at)
	case m.state == relaying:
		at.Next(e)
		if m.waiting {
			m.waiting = false
			at.Hear(who.Client, m.held)
			m.held = nil
			at.Resume(who.Client)
		}
	default:
		m.talk.ended(e.Err)
	}
}

func (m *mx) late(at *Place) {
	if m.parting != nil {
		m.leftServer(at)
		return
	}
	m.talk.late()
}
