package proxy

import (
	"context"
	"errors"
	"slices"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
)

// transact makes the phase in which the transaction is relayed, beginning with
// p, which starts with the RCPT.
func (rc *reception) transact(ph phase, p []byte) phase {
	domain := rc.domain
	rc.tx = transaction{chunking: rc.chunking, goesTo: func(other string) bool {
		d, err := upstream.ParseDomain(other)
		return err == nil && d.ASCII == domain
	}}
	rc.replies = replyScanner{}
	ph.server, ph.target = rc.server.Conn, rc.server
	ph.fromClient, ph.fromServer = p, nil
	ph.clientStage, ph.serverStage = rc.relayClient, rc.relayServer
	ph.next, ph.clientEnds = rc.reopen, rc.clientEnds
	return ph
}

// reopen returns to the desk after a transaction.
func (rc *reception) reopen(ctx context.Context, ph phase) (phase, error) {
	rc.desk.mail = nil
	clear(rc.answers)
	if len(ph.fromServer) > 0 {
		rc.s.noteOwn(who.Server, ph.fromServer)
	}
	switch {
	case rc.tx.doubt != "":
		rc.drop()
		return ph, &sessionEnd{cause: facts.CauseRefused, reply: "554 5.6.0 [smtptap] " + rc.tx.doubt, err: errors.New(rc.tx.doubt)}
	case rc.s.hasLeft(rc.s.client):
		rc.part(ph)
		return ph, errOver
	case rc.tx.early:
		rc.drop() // it may not know that the message is over
	case rc.tx.spoilt, rc.s.hasLeft(rc.s.server):
		rc.hangUp()
	}
	return rc.receive(ctx, ph)
}

// part ends the session of a client that closed its direction during the
// transaction. The server has been told by the same means.
func (rc *reception) part(ph phase) {
	conn := rc.server.Conn
	conn.SetReadDeadline(time.Now().Add(farewell))
	if !rc.s.hasLeft(rc.s.server) {
		rc.s.drainServer(conn, nil)
	}
	rc.settle()
	closeWrite(ph.client, true)
}

// clientEnds notes a command line that the client left unfinished.
func (rc *reception) clientEnds(*relay) {
	if len(rc.held) > 0 {
		rc.s.noteOwn(who.Client, rc.held)
	}
}

// relayClient is the stage of the client's bytes within a transaction.
func (rc *reception) relayClient(r *relay, p []byte) (more bool) {
	p = slices.Concat(rc.held, p)
	rc.held = nil
	for len(p) > 0 {
		turn, over := rc.awaitTurn(r, p)
		switch {
		case over:
			r.ph.fromClient = p
			return false
		case turn.n == 0:
			rc.held = p
			return true
		case turn.drop:
			r.s.noteOwn(who.Client, p[:turn.n])
			if turn.reply != nil && r.s.say(r.s.client, r.ph.client, string(turn.reply)) != nil {
				return true
			}
		case r.s.deaf(r.s.server):
			r.undelivered(&r.up, p[:turn.n])
		default:
			r.s.noteRelayed(who.Client, who.Server, p[:turn.n])
			r.deliver(&r.up, p[:turn.n])
		}
		p = p[turn.n:]
	}
	return true
}

// awaitTurn is the transaction's turn at p, once the reply that it depends on
// has come. When no reply can come any more, nothing is relayed.
func (rc *reception) awaitTurn(r *relay, p []byte) (turn txTurn, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		turn = rc.tx.take(p)
		switch {
		case turn.n > 0 || rc.tx.state != txReply:
			return turn, turn.n == 0 && rc.tx.over
		case r.mute:
			return txTurn{n: len(p), drop: true}, false
		}
		r.changed.Wait()
	}
}

// relayServer is the stage of the server's bytes within a transaction. It tells
// the transaction of a reply only when that has been noted and sent on: what
// the client says next must not overtake it.
func (rc *reception) relayServer(r *relay, p []byte) (more bool) {
	for len(p) > 0 {
		n, code, complete := rc.replies.next(p)
		if r.s.deaf(r.s.client) {
			r.undelivered(&r.down, p[:n])
		} else {
			r.s.noteRelayed(who.Server, who.Client, p[:n])
			r.deliver(&r.down, p[:n])
		}
		p = p[n:]
		if complete && rc.heard(r, code) {
			r.ph.fromServer = slices.Clone(p)
			return false
		}
	}
	return true
}

// heard tells the transaction of a reply, and reports whether that was its end.
func (rc *reception) heard(r *relay, code int) (over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rc.tx.reply(code)
	r.changed.Broadcast()
	return rc.tx.over
}

// noteRelayed notes relayed bytes in which no STARTTLS can be: where the
// decoder believes to see one, it is told to go on.
func (s *session) noteRelayed(from, to who.Party, p []byte) {
	for len(p) > 0 {
		v := s.log.Data(from, to, p)
		if v.N == 0 {
			s.log.Swallow(from, p)
			return
		}
		p = p[v.N:]
	}
}
