package session

import (
	"bytes"
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// starttls watches for the client's STARTTLS. A client that has said it goes on
// with TLS or, should the server refuse, in clear: what its next bytes are is
// known only from the reply, and until then they wait. When the server has
// accepted, the layer does what the mode says.
type starttls struct {
	config *Config
	framer smtp.Framer
	tell   bool // say of each reply what it answers
	own    bool // smtptap speaks in the server's place

	state   tlsState
	held    []byte // of the client, while it waits
	pausing bool   // because of held
	reply   []byte // of the server, while it may be the one to STARTTLS and is not complete, or when it is
	partly  bool   // the client has heard its beginning, or all of it
	replied bool   // the server has replied to something since STARTTLS
	waited  int    // how often held was looked at in vain
	hello   helloWatch
}

type tlsState uint8

const (
	inClear       tlsState = iota // or within TLS that is up
	serverQuiets                  // the server has accepted
	serverSecures                 // TLS with the server is coming up
	clientQuiets                  // it is up, and the client waits for the reply
	clientSecures                 // TLS with the client is coming up
	handedThrough                 // TLS is the peers' own business
	takenBack                     // the session ends
)

func (l *starttls) Handle(at *Place, e Event) {
	switch {
	case e.Kind == Bytes && l.state == handedThrough:
		if e.Peer == who.Client {
			l.hello.look(at, e.Data)
		}
		e.Cipher = true
		at.Next(e)
	case e.Kind == Bytes && l.state != inClear:
		l.aside(at, e)
	case e.Kind == Bytes && e.Peer == who.Client:
		l.client(at, e.Data)
	case e.Kind == Bytes:
		l.own = e.Own
		l.server(at, e.Data)
	case e.Kind == Began, e.Kind == Abandoned, e.Kind == Encrypted:
		at.Next(e)
	case e.Kind == Ended:
		l.ended(at, e)
	case e.Kind == Quieted && e.Peer == who.Server:
		l.state = serverSecures
		at.Do(Action{Kind: Secure, Peer: who.Server})
	case e.Kind == Quieted:
		l.secureClient(at)
	case e.Kind == Secured:
		l.secured(at, e)
	case e.Kind == Woken:
		l.wait(at)
	}
}

// due reports whether the server has not answered all that it heard.
func (l *starttls) due() bool { return l.framer.Due() != "" }

// client takes bytes of the client.
func (l *starttls) client(at *Place, p []byte) {
	if len(l.held) > 0 {
		l.held = append(l.held, p...)
		return
	}
	for len(p) > 0 {
		turn := l.framer.Client(p)
		at.Bytes(who.Client, p[:turn.N])
		if p = p[turn.N:]; turn.Hold && turn.N > 0 {
			l.replied = false
		}
		switch {
		case turn.Accepted:
			l.held, l.partly = bytes.Clone(p), true
			at.Note("starttls-by-evidence")
			l.upgrade(at)
			return
		case turn.Hold && len(p) > 0:
			l.held, l.waited, l.pausing = bytes.Clone(p), 0, true
			at.Pause(who.Client)
			at.Wake(l.unit())
			return
		case turn.N == 0:
			return // unreachable: only at a boundary does the framer leave bytes
		}
	}
}

// letGo takes up the bytes that the client has sent meanwhile.
func (l *starttls) letGo(at *Place) {
	held := l.held
	l.held = nil
	l.resume(at)
	l.client(at, held)
}

// How long the client's bytes wait for the reply to STARTTLS, in units: for a
// server that has said something since, perhaps to a command that it was
// expected to answer before, and for one that has said nothing.
const (
	defaultWait    = time.Second
	waitReplied    = 2
	waitForNothing = 10
)

func (l *starttls) unit() time.Duration {
	if l.config.Wait > 0 {
		return l.config.Wait
	}
	return defaultWait
}

// wait tells of bytes that wait, and lets them go when that takes too long: the
// server may never reply.
func (l *starttls) wait(at *Place) {
	if l.state != inClear || !l.pausing {
		return
	}
	l.waited++
	if l.waited >= waitForNothing || l.replied && l.waited >= waitReplied {
		at.Note("starttls-let-go")
		at.Do(Action{Kind: Released})
		l.framer.Refuse()
		l.deliver(at, nil)
		l.letGo(at)
		return
	}
	if l.waited == 1 {
		at.Note("starttls-waiting")
	}
	at.Wake(l.unit())
}

// server takes bytes of the server.
func (l *starttls) server(at *Place, p []byte) {
	for len(p) > 0 && l.state == inClear {
		n, due := len(p), ""
		if l.tell {
			due = l.framer.Due()
			if end, _ := smtp.FirstReply(append(l.reply, p...)); end > len(l.reply) {
				n = end - len(l.reply)
			}
		}
		turn := l.framer.Server(p[:n])
		said := p[:turn.N]
		p = p[turn.N:]
		switch {
		case turn.Accepted:
			l.accepted(at, said, p)
			return
		case turn.Hold:
			l.keepBack(at, said, due)
		default:
			l.pass(at, said, due)
			if l.pausing {
				l.letGo(at)
			}
		}
	}
	if len(p) > 0 {
		l.aside(at, Event{Kind: Bytes, Peer: who.Server, Data: p})
	}
}

func (l *starttls) pass(at *Place, p []byte, due string) {
	if len(l.reply) > 0 {
		p = append(l.reply, p...)
		l.reply = nil
	}
	l.partly = false
	at.Next(Event{Kind: Bytes, Peer: who.Server, Data: p, Answers: due, Own: l.own})
}

// deliver hands on what was kept back.
func (l *starttls) deliver(at *Place, p []byte) {
	if len(l.reply)+len(p) > 0 {
		l.pass(at, p, "")
	}
}

// maxKept bounds what is kept back of a reply that does not end.
const maxKept = 64 << 10

// keepBack hands on the replies that are complete and keeps back one that is
// not, because it may be the one to STARTTLS: the client must hear that only when
// TLS to the server is up, and in one piece, so that another reply can stand in
// its place. Elsewhere nothing waits for the end of a line.
func (l *starttls) keepBack(at *Place, p []byte, due string) {
	p = append(l.reply, p...)
	l.reply = nil
	_, end := lastReply(p)
	rest := bytes.Clone(p[end:])
	if end > 0 {
		l.replied = true
		l.pass(at, p[:end], due)
	}
	if len(rest) > maxKept {
		lines := bytes.LastIndexByte(rest, '\n') + 1
		if lines == 0 {
			lines = len(rest)
		}
		l.pass(at, rest[:lines], due)
		l.partly = true
		rest = rest[lines:]
	}
	l.reply = rest
}

// lastReply is where the last of the complete replies in p stands.
func lastReply(p []byte) (start, end int) {
	for {
		n, _ := smtp.FirstReply(p[end:])
		if n == 0 {
			return start, end
		}
		start, end = end, end+n
	}
}

// accepted takes the reply that accepts STARTTLS, and what the server said
// after it.
func (l *starttls) accepted(at *Place, said, after []byte) {
	said = append(l.reply, said...)
	l.reply = nil
	start, _ := lastReply(said)
	if start > 0 {
		l.pass(at, said[:start], "")
	}
	l.reply = bytes.Clone(said[start:])
	at.Do(Action{Kind: Promise, Peer: who.Server, Data: l.reply})
	l.upgrade(at)
	if len(after) > 0 {
		l.Handle(at, Event{Kind: Bytes, Peer: who.Server, Data: after})
	}
}

// resume ends the client's waiting.
func (l *starttls) resume(at *Place) {
	if l.pausing {
		l.pausing = false
		at.Wake(0)
		at.Resume(who.Client)
	}
}

// ended hands on what waits for nothing any more.
func (l *starttls) ended(at *Place, e Event) {
	if l.state != inClear && l.state != handedThrough {
		return // the handshake will find out
	}
	if e.Peer == who.Server && l.state == inClear {
		l.framer.ServerEnds()
		l.deliver(at, nil)
		defer l.letGo(at)
	}
	at.Next(e)
}
