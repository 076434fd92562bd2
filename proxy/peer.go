package proxy

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/session"
)

// A peer is the client or the server of a session: one connection, its pump,
// and what waits to be written to it. The driver's mu guards it, but for what
// belongs to the pump.
type peer struct {
	party who.Party
	base  net.Conn // the connection, beneath TLS
	conn  net.Conn // the connection, within TLS once that is up

	in      reader           // belongs to the pump
	actions []session.Action // likewise

	reading bool            // the pump is in a read
	quiet   *session.Action // it is to read what has come, and no more
	silent  bool            // it has done so, and TLS has not begun
	secure  *session.Action // it is to shake hands
	closed  bool            // smtptap has closed the connection
	peerEnd

	queue   []item // to be written, from head on
	head    int
	queued  uint64 // items so far
	sent    uint64
	writing bool // somebody does
}

// A peerEnd is how a connection stands.
type peerEnd struct {
	ended     bool // the peer sends no more
	explained bool // and why is told with its end
	reset     bool // it has reset the connection
	deaf      bool // writing to it failed
}

// An item is something to do with the way to a peer, in its order.
type item struct {
	data []byte         // to be written; nil for the end
	end  session.Ending // how the other peer has ended; "" for closing the connection
	err  error          // likewise
}

// pump reads from the peer and shakes hands with it until the session is over.
func (d *driver) pump(p *peer) {
	defer func() {
		if cause := recover(); cause != nil {
			d.panicked(cause, debug.Stack())
		}
		if p.in != nil {
			p.in.release()
		}
	}()
	for {
		switch quiet, secure, over := d.next(p); {
		case over:
			return
		case quiet != nil:
			d.quiet(p, quiet)
		case secure != nil:
			d.secure(p, secure)
		default:
			d.read(p)
		}
	}
}

// next waits for what the pump is to do: read, unless another answer is returned.
func (d *driver) next(p *peer) (quiet, secure *session.Action, over bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		switch {
		case d.over || p.closed:
			return nil, nil, true
		case p.quiet != nil:
			quiet, p.quiet, p.silent = p.quiet, nil, true
			return quiet, nil, false
		case p.secure != nil:
			secure, p.secure = p.secure, nil
			return nil, secure, false
		case d.finished():
			d.closeConnsLocked()
			return nil, nil, true
		case !p.ended && !p.silent && !d.paused[p.party]:
			p.reading = true
			return nil, nil, false
		}
		d.changed.Wait()
	}
}

// finished reports that nothing more can come. The caller holds mu.
func (d *driver) finished() bool {
	done := func(p *peer) bool { return p == nil || p.ended && p.quiet == nil && p.secure == nil }
	return !d.dialing && !d.logic.Busy() && done(d.client) && done(d.server) && !d.client.writing && (d.server == nil || !d.server.writing)
}

// read reads once, and hands on what came.
func (d *driver) read(p *peer) {
	if p.in == nil {
		p.in = newReader(p.conn)
	}
	data, err := p.in.read()
	if len(data) > 0 {
		d.touch()
		d.bytes[p.party].Add(int64(len(data)))
		d.handleAt(p, session.Event{Kind: session.Bytes, Peer: p.party, Data: data})
		p.in.release()
	}
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.conn.SetReadDeadline(time.Time{}) // see kick
		d.mu.Lock()
		p.reading = false
		d.mu.Unlock()
	default:
		d.ended(p, err)
	}
}

// kick makes the pump leave a read, to look for what else it is to do. The caller
// holds mu.
func (p *peer) kick() {
	if p.reading {
		p.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// ended hands on how the peer has ended its direction.
func (d *driver) ended(p *peer, err error) {
	d.mu.Lock()
	p.reading = false
	over, wasReset := d.over || p.closed, p.reset
	d.mu.Unlock()
	if over {
		return // smtptap closed the connection itself
	}
	how := endedHow(p.conn, err)
	if how == session.ByFIN && wasReset {
		how = session.ByReset // the error went to the write that met it first
	}
	d.handleAt(p, session.Event{Kind: session.Ended, Peer: p.party, How: how, Err: err})
}

// quiet hands on what the peer has sent already.
func (d *driver) quiet(p *peer, a *session.Action) {
	if came := pending(p.conn); len(came) > 0 {
		d.bytes[p.party].Add(int64(len(came)))
		d.handleAt(p, session.Event{Kind: session.Bytes, Peer: p.party, Data: came})
	}
	d.handleAt(p, a.Answer(session.Event{Kind: session.Quieted, Peer: p.party}))
}

// secure shakes hands with the peer. Nothing is written to it meanwhile.
func (d *driver) secure(p *peer, a *session.Action) {
	d.mu.Lock()
	for d.flush(p); p.writing; d.flush(p) {
		d.changed.Wait()
	}
	p.writing = true
	over := d.over || p.closed
	d.mu.Unlock()
	conn, err := p.conn, errOver
	if !over {
		conn.SetReadDeadline(time.Time{})
		conn, err = d.shakeHands(p, a)
	}
	d.mu.Lock()
	if err == nil {
		p.conn, p.in = conn, nil
	}
	p.silent, p.writing = false, false
	over = d.over || p.closed
	d.changed.Broadcast()
	d.mu.Unlock()
	if !over {
		d.handleAt(p, a.Answer(session.Event{Kind: session.Secured, Peer: p.party, Err: err}))
	}
}

// sofar is how many items were queued.
func (p *peer) sofar() uint64 {
	if p == nil {
		return 0
	}
	return p.queued
}

// flush writes to the peer what waits for that. The caller holds mu, which is not
// held meanwhile.
func (d *driver) flush(p *peer) {
	for want := p.queued; p.sent < want; {
		if p.writing {
			d.changed.Wait()
			continue
		}
		next := p.queue[p.head]
		if p.head++; p.head == len(p.queue) {
			p.queue, p.head = p.queue[:0], 0
		}
		p.writing = true
		conn := p.conn
		d.mu.Unlock()
		d.write(p, conn, next)
		d.mu.Lock()
		p.sent++
		p.writing = false
		d.changed.Broadcast()
	}
}

// write does one item.
func (d *driver) write(p *peer, conn net.Conn, it item) {
	switch {
	case it.data != nil:
		if _, err := conn.Write(it.data); err != nil {
			d.isDeaf(p, err)
		}
		d.touch()
	case it.end != "":
		d.passEnd(p, conn, it)
	default:
		d.drop(p)
	}
}

// put queues an item. The caller holds mu.
func (p *peer) put(it item) {
	p.queue = append(p.queue, it)
	p.queued++
}

// peer is the peer of that part, nil for none. The caller holds mu.
func (d *driver) peer(party who.Party) *peer {
	if party == who.Client {
		return d.client
	}
	return d.server
}

// gone notes that a peer sends no more. The caller holds mu.
func (d *driver) gone(a *session.Action) {
	p := d.peer(a.Peer)
	c := facts.Closed{Leg: a.Peer.Leg(), How: string(a.How)}
	c.Err = explainedEnd(a)
	d.log.Closed(a.Peer, c)
	if p == nil {
		return
	}
	p.explained = c.Err != ""
	p.reset = p.reset || a.How == session.ByReset
	if d.first == 0 {
		d.first = a.Peer
	}
	d.lingerFor(p)
}
