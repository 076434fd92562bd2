package session

import (
	"bytes"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// upgrade does what the mode says about a STARTTLS that was accepted.
func (l *starttls) upgrade(at *Place) {
	switch {
	case l.config.Mode == Pass:
		at.Do(Action{Kind: Unopened})
		l.state, l.hello = handedThrough, helloWatch{why: facts.HelloPassed}
		l.sendReply(at)
		held := l.held
		l.held = nil
		l.resume(at)
		if len(held) > 0 {
			l.Handle(at, Event{Kind: Bytes, Peer: who.Client, Data: held})
		}
	case l.config.Mode == Hide:
		l.takeBack(at, "starttls-hidden-here", errNotOffered)
	default:
		if err := l.config.Ready(); err != nil {
			l.takeBack(at, "tls-not-opened", err)
			return
		}
		l.state = serverQuiets
		at.Pause(who.Server)
		at.Do(Action{Kind: Quiet, Peer: who.Server})
	}
}

var errNotOffered = facts.Say("starttls-unoffered")

func (l *starttls) sendReply(at *Place) {
	if len(l.reply) > 0 {
		at.Do(Action{Kind: Send, Peer: who.Client, Data: l.reply})
		l.reply = nil
	}
}

// aside takes bytes while TLS comes up. What the server said in clear must not
// enter TLS (RFC 3207 section 6, CVE-2011-0411), nor what the client did.
func (l *starttls) aside(at *Place, e Event) {
	switch {
	case e.Peer == who.Client:
		l.held = append(l.held, e.Data...)
	case l.state == serverQuiets:
		at.Discard(who.Server, e.Data)
	default:
		at.Hear(who.Server, e.Data)
	}
}

// takeBack ends a session whose server has accepted STARTTLS for nothing. The
// client is told so in place of the server's reply.
func (l *starttls) takeBack(at *Place, what facts.Sentence, err error) {
	at.Note("starttls-taken-back", "what", what)
	f := refused(facts.CauseTLS, "454 4.7.0", what, err)
	if l.partly {
		f.reply = "" // it would stand in the middle of the server's reply, or after it
	}
	at.Hear(who.Client, l.held)
	l.state, l.held, l.reply = takenBack, nil, nil
	at.fail(f)
}

func (l *starttls) secured(at *Place, e Event) {
	switch {
	case e.Err != nil && e.Peer == who.Server:
		l.takeBack(at, "tls-failed", e.Err)
	case e.Err != nil:
		at.Do(Action{Kind: End, Peer: who.Server, How: ByCloseNotify})
		at.fail(withClient(e.Err, false))
	case e.Peer == who.Server:
		l.state = clientQuiets
		at.Do(Action{Kind: Quiet, Peer: who.Client})
	default:
		l.framer.Secured()
		l.state = inClear
		at.Do(Action{Kind: TLSUp, Client: true, Server: true})
		l.resume(at)
		at.Resume(who.Server)
	}
}

// secureClient lets the client have the server's reply, now that TLS with the
// server is up.
func (l *starttls) secureClient(at *Place) {
	l.state = clientSecures
	text, hello := CutAtTLS(l.held)
	l.held = nil
	at.Discard(who.Client, text)
	l.sendReply(at)
	at.Do(Action{Kind: Secure, Peer: who.Client, Data: hello})
}

// CutAtTLS separates lines of clear text from the TLS handshake after them.
func CutAtTLS(p []byte) (text, hello []byte) {
	for at := 0; at < len(p); {
		if smtp.BeginsTLS(p[at:]) {
			return p[:at], p[at:]
		}
		end := bytes.IndexByte(p[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	return p, nil
}
