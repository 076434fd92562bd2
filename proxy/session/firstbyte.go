package session

import (
	"bytes"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// firstByte finds out whether TLS begins with the first byte, where nobody has
// said so. In plain SMTP the server speaks first, so nothing waits: a client
// that begins with TLS before that expects it of the server as well.
type firstByte struct {
	config *Config
	state  firstState
	held   []byte // of the client, while TLS with the server comes up
	hello  helloWatch
}

type firstState uint8

const (
	nobodySpoke firstState = iota
	firstSecures
	firstPasses // TLS is the peers' own business
	firstKnown
)

func (l *firstByte) Handle(at *Place, e Event) {
	switch {
	case l.state == firstKnown || e.Kind == Began:
		at.Next(e)
	case l.state == firstPasses:
		l.pass(at, e)
	case e.Kind == Secured && e.Peer == who.Server:
		l.serverSecured(at, e.Err)
	case e.Kind == Secured:
		l.clientSecured(at, e.Err)
	case l.state == firstSecures && e.Kind == Bytes && e.Peer == who.Client:
		l.held = append(l.held, e.Data...)
	case l.state == firstSecures && e.Kind == Bytes:
		at.Hear(who.Server, e.Data)
	case l.state == firstSecures: // the handshake will find out
	case e.Kind == Bytes && e.Peer == who.Client && smtp.BeginsTLS(e.Data):
		l.begin(at, e)
	default:
		l.state = firstKnown
		at.Next(e)
	}
}

func (l *firstByte) begin(at *Place, e Event) {
	if l.config.Mode == Pass {
		at.Do(Action{Kind: Unopened})
		l.state, l.hello.why = firstPasses, facts.HelloPassed
		l.pass(at, e)
		return
	}
	at.Pause(who.Client)
	at.Pause(who.Server)
	l.state, l.held = firstSecures, bytes.Clone(e.Data)
	if err := l.config.Ready(); err != nil {
		at.fail(failure{cause: facts.CauseTLS, text: facts.Say("about", "what", facts.Sentence("tls-not-opened"), "why", err)})
		return
	}
	at.Do(Action{Kind: Secure, Peer: who.Server, Implicit: true})
}

func (l *firstByte) pass(at *Place, e Event) {
	if e.Kind == Bytes && e.Peer == who.Client {
		l.hello.look(at, e.Data)
	}
	e.Cipher = true
	at.past(e)
}

func (l *firstByte) serverSecured(at *Place, err error) {
	if err != nil {
		at.fail(failure{cause: facts.CauseTLS, text: facts.Say("about", "what", facts.Sentence("tls-failed"), "why", err)})
		return
	}
	held := l.held
	l.held = nil
	at.Do(Action{Kind: Secure, Peer: who.Client, Implicit: true, Data: held})
}

func (l *firstByte) clientSecured(at *Place, err error) {
	if err != nil {
		at.Do(Action{Kind: End, Peer: who.Server, How: ByCloseNotify})
		at.fail(withClient(err, true))
		return
	}
	l.state = firstKnown
	at.Do(Action{Kind: TLSUp, Client: true, Server: true})
	at.Resume(who.Server)
	at.Resume(who.Client)
}
