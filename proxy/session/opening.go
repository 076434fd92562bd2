package session

import (
	"bytes"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
)

// An opening does what comes before the first relayed byte: it connects to the
// server, and brings up TLS with a peer that expects it from the first byte and,
// if the user asked for it, with the server by STARTTLS. Nothing is read from
// the client before.
type opening struct {
	config *Config
	talk   talk

	server   *upstream.Server
	own      string // address of smtptap there
	secured  bool   // TLS with the server is up
	greeting []byte // of the server, when smtptap has taken it
	failure  *failure
	open     bool
}

func (o *opening) Handle(at *Place, e Event) {
	switch {
	case o.open, e.Own:
		at.Next(e)
	case e.Kind == Began:
		o.begin(at)
	case e.Kind == Dialled && e.Err != nil:
		o.fail(at, unreachable(e.Err))
	case e.Kind == Dialled:
		o.dialled(at, e)
	case e.Kind == Secured && e.Peer == who.Server:
		o.serverSecured(at, e.Err)
	case e.Kind == Secured:
		o.clientSecured(at, e.Err)
	case e.Kind == Quieted:
		at.Discard(who.Server, o.talk.rest())
		at.Do(Action{Kind: Secure, Peer: who.Server})
	case e.Kind == Bytes && e.Peer == who.Server:
		o.talk.bytes(e.Data)
	case e.Kind == Ended && e.Peer == who.Server:
		o.talk.ended(e.Err)
	case e.Kind == Woken:
		o.talk.late()
	}
}

func (o *opening) begin(at *Place) {
	if r := o.config.Refusal; r != nil {
		r.note(at)
		o.fail(at, unreachable(r))
		return
	}
	at.Do(Action{Kind: Dial})
}

func (o *opening) dialled(at *Place, e Event) {
	o.server, o.own = e.Server, e.Local
	switch {
	case o.server.Implicit:
		at.Do(Action{Kind: Secure, Peer: who.Server, Implicit: true})
		return
	case o.config.ToServer:
		o.talk = talk{at: at}
		at.Resume(who.Server)
		o.ask(at, facts.CauseServerGone, "421 4.4.2", "no-greeting")
		o.talk.await(func(greeting []byte) { o.greeted(at, greeting) })
		return
	case o.config.ClientTLS && !o.server.Local():
		at.Note("server-leg-in-clear")
	}
	o.secureClient(at)
}

// ask says what it means when the server does not reply to what follows.
func (o *opening) ask(at *Place, cause, code string, what facts.Sentence) {
	o.talk.failed = func(err error) { o.fail(at, refused(cause, code, what, err)) }
}

// greeted goes on with EHLO. A server that greets with anything else than 220
// is left to the client, without TLS.
func (o *opening) greeted(at *Place, greeting []byte) {
	o.greeting = greeting
	if codeOf(greeting) != 220 {
		at.Note("starttls-not-tried")
		at.Pause(who.Server)
		o.secureClient(at)
		return
	}
	o.ask(at, facts.CauseServerGone, "421 4.4.2", "starttls-failed")
	verb := "EHLO "
	if o.server.LMTP {
		verb = "LHLO "
	}
	o.talk.ask(verb+o.own+"\r\n", func(hello []byte) {
		if !offers(hello, "STARTTLS") {
			o.fail(at, refused(facts.CauseTLS, "421 4.7.0", "starttls-failed", errNoSTARTTLS))
			return
		}
		o.ask(at, facts.CauseTLS, "421 4.7.0", "tls-failed")
		o.talk.ask("STARTTLS\r\n", func(reply []byte) { o.accepted(at, reply) })
	})
}

var errNoSTARTTLS = facts.Say("starttls-not-offered")

func (o *opening) accepted(at *Place, reply []byte) {
	if codeOf(reply) != 220 {
		o.talk.failed(facts.Say("starttls-refused", "reply", strings.TrimRight(string(reply), "\r\n")))
		return
	}
	at.Pause(who.Server)
	at.Do(Action{Kind: Quiet, Peer: who.Server})
}

func (o *opening) serverSecured(at *Place, err error) {
	if err != nil {
		o.fail(at, refused(facts.CauseTLS, "421 4.7.0", "tls-failed", err))
		return
	}
	o.secured = true
	o.secureClient(at)
}

// secureClient brings up TLS with a client that expects it, be it only to tell
// it what failed.
func (o *opening) secureClient(at *Place) {
	if o.config.ClientTLS {
		at.Do(Action{Kind: Secure, Peer: who.Client, Implicit: true})
		return
	}
	o.done(at)
}

func (o *opening) clientSecured(at *Place, err error) {
	switch {
	case err != nil && o.failure != nil:
		at.Do(Action{Kind: Because, Cause: o.failure.cause, Why: o.failure.text})
		at.Do(Action{Kind: Close})
	case err != nil:
		at.fail(withClient(err, true))
	default:
		o.done(at)
	}
}

func (o *opening) fail(at *Place, f failure) {
	o.failure = &f
	o.secureClient(at)
}

// done lets the peers be heard.
func (o *opening) done(at *Place) {
	if o.failure != nil {
		at.fail(*o.failure)
		return
	}
	o.open = true
	if o.config.ClientTLS || o.secured {
		at.Do(Action{Kind: TLSUp, Client: o.config.ClientTLS, Server: o.secured})
	}
	if len(o.greeting) > 0 {
		at.Say(who.Client, string(o.greeting))
	}
	if len(o.talk.got) > 0 {
		at.Bytes(who.Server, bytes.Clone(o.talk.rest()))
	}
	o.talk = talk{}
	at.Resume(who.Server)
	at.Resume(who.Client)
}
