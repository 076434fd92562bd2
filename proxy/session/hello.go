package session

import (
	"errors"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
	"smtptap/proxy/handshake"
)

// A helloWatch looks whether a client begins with TLS, and notes what its
// ClientHello says. It changes nothing and holds nothing up.
type helloWatch struct {
	why  string // of the fact
	seen []byte // so far
	over bool   // there is nothing more to look for
}

func (w *helloWatch) look(at *Place, p []byte) {
	if w.over || len(p) == 0 {
		return
	}
	w.seen = append(w.seen, p[:min(len(p), handshake.MaxHello-len(w.seen))]...)
	if !smtp.BeginsTLS(w.seen) {
		w.end()
		if w.why == facts.HelloPassed {
			at.Note("starttls-clear-text")
		}
		return
	}
	hello, err := handshake.ReadHello(w.seen)
	if errors.Is(err, handshake.ErrShort) && len(w.seen) < handshake.MaxHello {
		return
	}
	w.end()
	if hello != nil {
		hello.Why = w.why
		at.Do(Action{Kind: Fact, Fact: hello})
	}
	if w.why == facts.HelloPlainPort {
		at.Note("tls-on-plain-port")
	}
}

func (w *helloWatch) end() { w.over, w.seen = true, nil }

// A plainPort looks whether the client begins with TLS where plain SMTP is
// spoken.
type plainPort struct{ hello helloWatch }

func (l *plainPort) Handle(at *Place, e Event) {
	if e.Kind == Bytes && e.Peer == who.Client {
		l.hello.why = facts.HelloPlainPort
		l.hello.look(at, e.Data)
	}
	at.Next(e)
}
