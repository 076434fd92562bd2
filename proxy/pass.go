package proxy

import (
	"errors"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/proxy/handshake"
)

// passOn hands the ciphertext behind an accepted STARTTLS through.
func (s *session) passOn(ph phase) phase {
	s.log.Unopened()
	if _, err := ph.client.Write(ph.reply); err != nil {
		s.isDeaf(s.client, err)
	}
	ph.reply = nil
	w := &helloWatch{why: facts.HelloPassed, next: passClient}
	ph.clientStage, ph.serverStage = w.stage, passServer
	return ph
}

// passClient and passServer are the stages of bytes that are not for reading.
func passClient(r *relay, p []byte) bool { return r.pass(&r.up, p) }
func passServer(r *relay, p []byte) bool { return r.pass(&r.down, p) }

func (r *relay) pass(d *direction, p []byte) bool {
	if r.s.deaf(d.to) {
		r.undelivered(d, p)
		return true
	}
	r.s.log.Skip(d.from.party, d.to.party, int64(len(p)), decode.WhyEncrypted)
	r.deliver(d, p)
	return true
}

// A helloWatch is a stage that looks whether a client begins with TLS, and
// notes what its ClientHello says. It changes nothing and holds nothing up.
type helloWatch struct {
	why  string // of the fact
	next stage
	seen []byte // so far
	over bool   // there is nothing more to look for
}

func (w *helloWatch) stage(r *relay, p []byte) (more bool) {
	if !w.over && len(p) > 0 {
		w.look(r.s, p)
	}
	return w.next(r, p)
}

func (w *helloWatch) look(s *session, p []byte) {
	w.seen = append(w.seen, p[:min(len(p), handshake.MaxHello-len(w.seen))]...)
	if !handshake.Begins(w.seen) {
		w.end()
		if w.why == facts.HelloPassed {
			s.note("starttls-clear-text", "the client did not begin TLS behind its STARTTLS; what it sends is handed through all the same")
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
		s.log.Fact(hello)
	}
	if w.why == facts.HelloPlainPort {
		s.note("tls-on-plain-port", "the client begins TLS with its first byte, where plain SMTP is spoken: have it use STARTTLS, or let smtptap listen for TLS as well, with -l tls:PORT")
	}
}

func (w *helloWatch) end() { w.over, w.seen = true, nil }

// watchForTLS has the first bytes of the client looked at.
func (s *session) watchForTLS(ph *phase) {
	w := &helloWatch{why: facts.HelloPlainPort, next: ph.clientStage}
	if w.next == nil {
		w.next = (*relay).relayClient
	}
	ph.clientStage = w.stage
}
