package proxy

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
)

// A reception is the front desk at work in one session whose server depends on
// the recipient. It speaks with the client, connects to the recipient's
// server, says there what the client has said so far, and hands over to a
// relay until the mail transaction is through; then the desk is open again.
//
// Its methods belong to the session's owner, but for the stages, which run in
// the relay's pumps. Of what both pumps use, tx is guarded by the relay's mu.
type reception struct {
	s    *session
	desk frontDesk

	server   *upstream.Server  // the connection that is open; nil for none
	domain   string            // whose mail it takes
	greeted  []byte            // the client's EHLO or HELO as it was said there
	answers  map[string]string // replies for domains that can't be served in this transaction
	chunking bool              // the server offers CHUNKING
	reached  bool              // some server has taken a transaction
	unable   error             // why none did, while none ever has

	tx      transaction
	replies replyScanner
	held    []byte // an unfinished command line of the client
}

// frontDesk takes a session whose server depends on the recipient to its first
// relayed transaction.
func (s *session) frontDesk(ctx context.Context, ph phase) (phase, error) {
	rc := &reception{s: s, answers: map[string]string{}}
	rc.desk.secured, rc.desk.startTLS = s.listen.TLS, s.canStartTLS()
	if err := s.say(s.client, ph.client, string(rc.desk.greeting())); err != nil {
		return ph, errOver
	}
	return rc.receive(ctx, ph)
}

// receive speaks with the client until a transaction is to be relayed. It
// returns errOver when the session is over instead.
func (rc *reception) receive(ctx context.Context, ph phase) (phase, error) {
	p := slices.Concat(rc.held, ph.fromClient)
	rc.held, ph.fromClient, ph.fromServer = nil, nil, nil
	for {
		turn := rc.desk.take(p)
		if turn.n == 0 {
			more, err := rc.s.listenTo(ph.client)
			if p = append(p, more...); err != nil {
				rc.leave(ph, p, err)
				return ph, errOver
			}
			continue
		}
		line := p[:turn.n]
		p = p[turn.n:]
		if turn.then == deskHandOff {
			refusal := rc.handOff(ctx, turn.rcpt)
			if refusal == "" {
				return rc.transact(ph, slices.Concat(line, p)), nil
			}
			if rc.s.isOver() {
				return ph, errOver
			}
			turn.reply = []byte(refusal)
		}
		rc.s.noteOwn(who.Client, line)
		if turn.then == deskStartTLS {
			p = rc.s.swallow(rc.s.client, ph.client, p)
		}
		if turn.then == deskCloses {
			rc.hangUp()
			rc.settle()
			rc.s.dismiss(ph, strings.TrimSuffix(string(turn.reply), "\r\n"))
			return ph, errOver
		}
		if rc.desk.mail == nil {
			clear(rc.answers)
		}
		if len(turn.reply) > 0 && rc.s.say(rc.s.client, ph.client, string(turn.reply)) != nil {
			rc.hangUp()
			return ph, errOver
		}
		if turn.then == deskStartTLS {
			var err error
			if ph, err = rc.secureClient(ph, p); err != nil {
				return ph, err
			}
			p = nil
		}
	}
}

// listenTo reads what the client says next.
func (s *session) listenTo(client net.Conn) ([]byte, error) {
	buf := make([]byte, idleBuffer)
	n, err := client.Read(buf)
	if n > 0 {
		s.touch()
		s.client.bytes.Add(int64(n))
	}
	return buf[:n], err
}

// noteOwn notes bytes of a peer that smtptap itself takes.
func (s *session) noteOwn(from who.Party, p []byte) {
	if v := s.log.Data(from, who.Smtptap, p); v.N < len(p) {
		s.log.Swallow(from, p[v.N:])
	}
}

// leave ends the session of a client that went without QUIT. p is what it said
// last and nobody could make a command of.
func (rc *reception) leave(ph phase, p []byte, err error) {
	if rc.s.isOver() {
		return
	}
	if len(p) > 0 {
		rc.s.noteOwn(who.Client, p)
	}
	if !rc.s.hasLeft(rc.s.client) {
		rc.s.hasEnded(rc.s.client, endedHow(ph.client, err), err)
	}
	rc.hangUp()
	rc.settle()
	closeWrite(ph.client, true)
}

// settle gives the session that ends at the desk its cause.
func (rc *reception) settle() {
	var reply upstream.Replier
	switch {
	case rc.s.wasReset(rc.s.client):
	case rc.unable == nil:
		rc.s.end(facts.CauseClosed, "")
	case errors.As(rc.unable, &reply) && reply.Reply().Code >= 500:
		rc.s.end(facts.CauseRefused, visible.Text(rc.unable.Error()))
	default:
		rc.s.end(facts.CauseUnreachable, visible.Text(rc.unable.Error()))
	}
}
