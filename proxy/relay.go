package proxy

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
	"smtptap/proxy/handshake"
)

// A relay runs one phase: two pumps, and what they have to agree about.
type relay struct {
	s    *session
	ph   *phase
	up   direction // from the client to the server
	down direction // from the server to the client
	wg   sync.WaitGroup

	// mu is held while bytes are noted and the gate is set from the verdict,
	// so that no byte slips through between the two.
	mu      sync.Mutex
	changed sync.Cond // of gate, mute, and what a stage waits for
	gate    gate
	due     string // what the server's next reply will answer
	asked   bool   // the client's newest bytes end in a STARTTLS
	replies smtp.Replies
	heard   bool // the server has replied since, to whatever
	said220 bool // and that was a 220
	mute    bool // no more replies come from the server in this phase
	over    bool // a stage has ended the phase
}

// A direction is one of the two ways through a session.
type direction struct {
	from, to *peer
	in, out  net.Conn
	first    []byte // read before the phase began
	stage    stage
}

// relay runs a phase until it ends, and leaves in ph what it has left. goesOn
// tells whether the session does.
func (s *session) relay(ph *phase) (goesOn bool) {
	r := newRelay(s, ph)
	r.wg.Go(r.pumpServer)
	r.pumpClient()
	r.wg.Wait()
	if !r.over || s.isOver() {
		return false
	}
	ph.client.SetReadDeadline(time.Time{})
	ph.server.SetReadDeadline(time.Time{})
	return true
}

func newRelay(s *session, ph *phase) *relay {
	r := &relay{s: s, ph: ph}
	r.changed.L = &r.mu
	r.up = direction{s.client, s.server, ph.client, ph.server, ph.fromClient, ph.clientStage}
	r.down = direction{s.server, s.client, ph.server, ph.client, ph.fromServer, ph.serverStage}
	if r.up.stage == nil {
		r.up.stage = (*relay).relayClient
	}
	if r.down.stage == nil {
		r.down.stage = (*relay).relayServer
	}
	ph.fromClient, ph.fromServer = nil, nil
	return r
}

// pumpClient and pumpServer give the pumps names in stack dumps.
func (r *relay) pumpClient() { r.pump(&r.up) }
func (r *relay) pumpServer() {
	defer r.openGate() // no reply can come any more
	r.pump(&r.down)
}

// pump reads from one peer and hands on what it reads, until the peer ends its
// direction or the phase is over.
func (r *relay) pump(d *direction) {
	defer func() {
		if cause := recover(); cause != nil {
			r.s.panicked(cause, debug.Stack())
		}
	}()
	if !r.take(d, d.first) {
		return
	}
	in := newReader(d.in)
	defer in.release()
	for {
		p, err := in.read()
		if len(p) > 0 {
			r.s.touch()
			d.from.bytes.Add(int64(len(p)))
			if !r.take(d, p) {
				return
			}
			in.release()
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			// Another goroutine wants attention; see kick.
			d.in.SetReadDeadline(time.Time{})
			if r.isOver() || !r.take(d, nil) {
				return
			}
		default:
			r.finish(d, err)
			return
		}
	}
}

// take runs the direction's stage. When that ends the phase, the other pump is
// told.
func (r *relay) take(d *direction, p []byte) (more bool) {
	if d.stage(r, p) {
		return true
	}
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	kick(r.ph.client)
	kick(r.ph.server)
	return false
}

func (r *relay) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// kick makes a blocked Read of conn return, now or when it is next called. The
// reader takes the deadline back and looks at what has changed.
func kick(conn net.Conn) { conn.SetReadDeadline(time.Unix(1, 0)) }

// finish passes on how a peer has ended its direction.
func (r *relay) finish(d *direction, err error) {
	s := r.s
	if s.isOver() {
		return // smtptap closed the connection itself
	}
	how := endedHow(d.in, err)
	if how == byFin && s.wasReset(d.from) {
		how = byReset // the error went to the write that met it first
	}
	ends := r.ph.serverEnds
	if d == &r.up {
		ends = r.ph.clientEnds
	}
	if ends != nil {
		ends(r)
	}
	s.hasEnded(d.from, how, err)
	if d == &r.down {
		r.deliver(d, r.ph.reply) // it was kept back for an end that does not come
		r.ph.reply = nil
	}
	_, alerted := handshake.EndedByAlert(d.from.party.Leg(), err)
	switch {
	case how == byReset:
		s.resetPeer(d.to)
	case alerted:
		s.isDeaf(d.from, err) // nothing goes through TLS that was ended so
		closeWrite(d.out, true)
	case how == byError:
		s.closeConns()
	default:
		closeWrite(d.out, how != byTruncation)
	}
}

// relayClient is the stage of ordinary client bytes.
func (r *relay) relayClient(p []byte) (more bool) {
	for {
		if !r.passGate(p) {
			r.ph.fromClient = slices.Clone(p)
			return false
		}
		if len(p) == 0 {
			return true
		}
		if r.s.deaf(r.s.server) {
			r.undelivered(&r.up, p)
			return true
		}
		n, ok := r.noteClient(p)
		if !ok {
			continue // the gate was shut meanwhile
		}
		r.deliver(&r.up, p[:n])
		p = p[n:]
	}
}

// noteClient notes client bytes, unless the gate is shut.
func (r *relay) noteClient(p []byte) (n int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gate != open {
		return 0, false
	}
	v := r.s.log.Data(who.Client, who.Server, p)
	if v.HoldClient {
		r.gate = shut
	}
	r.asked, r.heard, r.said220 = v.HoldClient, false, false
	r.due = v.Due
	return v.N, true
}

// relayServer is the stage of ordinary server bytes.
func (r *relay) relayServer(p []byte) (more bool) {
	for len(p) > 0 {
		if r.s.deaf(r.s.client) {
			r.undelivered(&r.down, p)
			return true
		}
		n, accepted := r.noteServer(who.Server, p)
		r.deliverReplies(p[:n], accepted)
		p = p[n:]
		if accepted {
			r.ph.fromServer = slices.Clone(p)
			return false
		}
	}
	return true
}

// noteServer notes bytes that go to the client, the server's or smtptap's in
// their place, and sets the gate as they say.
func (r *relay) noteServer(from who.Party, p []byte) (n int, accepted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.s.log.Data(from, who.Client, p)
	was := r.gate
	for rest := p[:v.N]; len(rest) > 0; {
		n, reply, complete := r.replies.Next(rest)
		r.heard, r.said220 = r.heard || complete, r.said220 || complete && reply.Code == 220
		rest = rest[n:]
	}
	switch {
	case v.Accepted:
		r.gate = upgraded
	case v.HoldClient:
		r.gate = shut
	default:
		r.gate = open
	}
	r.due = v.Due
	r.changed.Broadcast()
	if was == open && r.gate == shut {
		// The STARTTLS was behind a DATA that has now been refused. The
		// client's pump may be waiting for more.
		kick(r.ph.client)
	}
	return v.N, v.Accepted
}

// deliver writes bytes that have been noted to the direction's far end.
func (r *relay) deliver(d *direction, p []byte) {
	if len(p) == 0 {
		return
	}
	if _, err := d.out.Write(p); err != nil && !r.s.isOver() {
		r.s.isDeaf(d.to, err)
	}
	r.s.touch()
}

// undelivered notes bytes whose receiver is gone. Reading goes on: the sender
// may find out only from the receiver's last words, which the other direction
// is bringing.
func (r *relay) undelivered(d *direction, p []byte) {
	v := r.s.log.Data(d.from.party, who.Smtptap, p)
	if v.N < len(p) {
		r.s.log.Swallow(d.from.party, p[v.N:])
	}
}
