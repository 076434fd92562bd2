package proxy

import (
	"context"
	"net"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/ca"
	"smtptap/proxy/session"
	"smtptap/proxy/upstream"
)

// handle tells the layers of an event and carries out what they say.
func (d *driver) handle(e session.Event) {
	var own peer
	d.handleAt(&own, e)
}

// handleAt is handle for the pump of a peer.
func (d *driver) handleAt(p *peer, e session.Event) {
	actions, ok := d.decide(p, e)
	if !ok {
		return
	}
	closes, dials := false, -1
	for i := range actions {
		switch actions[i].Kind {
		case session.Dial:
			dials = i
		case session.Close:
			closes = true
		}
	}
	switch {
	case closes:
		d.closeConns()
	case dials >= 0:
		d.dial(actions[dials])
	}
}

// decide asks the layers what to do about an event, notes what they say, and
// writes what is to be written.
func (d *driver) decide(p *peer, e session.Event) (actions []session.Action, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p.reading = false
	if d.over || p.closed {
		return nil, false
	}
	if e.Kind == session.Ended {
		p.ended = true // not before, or the other pump could find all finished and close
	}
	busy := d.logic.Busy()
	p.actions = d.logic.Handle(e, p.actions[:0])
	client, server := d.client, d.server
	before := [2]uint64{client.queued, server.sofar()}
	for i := range p.actions {
		d.carryOut(&p.actions[i])
	}
	if client.queued > before[0] {
		d.flush(client)
	}
	if server.sofar() > before[1] {
		d.flush(server)
	}
	if busy && !d.logic.Busy() {
		d.changed.Broadcast() // what layers held may be the last thing that a pump waited for
	}
	return p.actions, true
}

// carryOut does one action, as far as that can be done at once. The caller holds
// mu.
func (d *driver) carryOut(a *session.Action) {
	switch a.Kind {
	case session.Relay, session.Skip:
		d.relay(a)
	case session.Promise:
		d.log.Data(a.Peer, a.Peer.Other(), a.Data)
	case session.Send:
		d.send(a.Peer, a.Data)
	case session.Say:
		d.log.Data(who.Smtptap, a.Peer, a.Data)
		d.send(a.Peer, a.Data)
	case session.Hear:
		d.log.Data(a.Peer, who.Smtptap, a.Data)
	case session.Discard:
		d.log.Swallow(a.Peer, a.Data)
	case session.Gone:
		d.gone(a)
	case session.Fact:
		d.log.Fact(a.Fact)
	case session.TLSUp:
		d.tlsUp(a)
	case session.Unopened:
		d.log.Unopened()
	case session.Released:
		d.log.Release()
	case session.Because:
		d.becauseLocked(facts.End{Cause: a.Cause, Err: a.Why})
	case session.Wake:
		d.wakeLater(*a)
	case session.Certify:
		d.tls.fault = ca.Fault(a.Text)
	case session.Held:
		d.hold(a)
	case session.Unheld:
		delete(d.held, a.Peer)
	default:
		d.control(a)
	}
}

// control does an action that is about reading from a peer, or its connection.
func (d *driver) control(a *session.Action) {
	p := d.peer(a.Peer)
	if a.Kind == session.Hangup {
		p = d.server
	}
	asked := *a
	switch {
	case a.Kind == session.Pause || a.Kind == session.Resume:
		d.paused[a.Peer] = a.Kind == session.Pause
		d.changed.Broadcast()
	case p == nil:
	case a.Kind == session.Quiet:
		p.quiet, p.silent = &asked, true
		p.kick()
		d.changed.Broadcast()
	case a.Kind == session.Secure:
		p.secure, p.silent = &asked, true
		p.kick()
		d.changed.Broadcast()
	case a.Kind == session.End:
		p.put(item{end: a.How, err: a.Err})
	case a.Kind == session.Hangup:
		p.put(item{})
	}
}

// relay notes bytes and sends them on. When their receiver is gone reading goes
// on: the sender may find out only from the receiver's last words, which the
// other direction is bringing.
func (d *driver) relay(a *session.Action) {
	to := d.peer(a.Peer.Other())
	switch {
	case to == nil || to.deaf:
		d.log.Data(a.Peer, who.Smtptap, a.Data)
		return
	case a.Kind == session.Skip:
		d.log.Skip(a.Peer, a.Peer.Other(), int64(len(a.Data)), decode.WhyEncrypted)
	default:
		d.log.Data(a.Peer, a.Peer.Other(), a.Data)
	}
	to.put(item{data: a.Data})
}

func (d *driver) send(to who.Party, data []byte) {
	if p := d.peer(to); p != nil && len(data) > 0 {
		p.put(item{data: data})
	}
}

// tlsUp tells the transcript with whom TLS is up now.
func (d *driver) tlsUp(a *session.Action) {
	if a.Server || !d.split {
		d.log.Secured(who.ServerLeg)
	}
	if a.Client && d.split {
		d.log.Secured(who.ClientLeg)
	}
}

// wakeLater wakes a layer after a while. The caller holds mu.
func (d *driver) wakeLater(a session.Action) {
	if t := d.timers[a.Layer()]; t != nil {
		t.Stop()
		delete(d.timers, a.Layer())
	}
	if a.After == 0 {
		return
	}
	if d.timers == nil {
		d.timers = map[*session.Place]*time.Timer{}
	}
	var t *time.Timer
	t = time.AfterFunc(a.After, func() {
		d.mu.Lock()
		current := !d.over && d.timers[a.Layer()] == t
		if current {
			delete(d.timers, a.Layer())
			d.wg.Add(1)
		}
		d.mu.Unlock()
		if current {
			defer d.wg.Done()
			d.contained(func() { d.handle(a.Answer(session.Event{Kind: session.Woken})) })
		}
	})
	d.timers[a.Layer()] = t
}

// dial connects to a server and starts its pump.
func (d *driver) dial(a session.Action) {
	d.mu.Lock()
	d.dialing = true
	d.mu.Unlock()
	server, err := d.connect(a)
	if err == nil {
		err = d.attach(server)
	}
	d.mu.Lock()
	d.dialing = false
	d.mu.Unlock()
	e := session.Event{Kind: session.Dialled, Server: server, Err: err}
	if err == nil {
		e.Local = ownAddress(server.Conn)
	}
	d.handle(a.Answer(e))
}

func (d *driver) connect(a session.Action) (server *upstream.Server, err error) {
	switch a.Which {
	case session.TheServer:
		ctx, cancel := context.WithTimeout(d.ctx, orDefault(d.proxy.ConnectTimeout, DefaultConnectTimeout))
		defer cancel()
		return d.proxy.Upstream.Dial(ctx, d)
	case session.FirstServer:
		if d.route, err = d.proxy.Router.Route(d.ctx, d, a.Domain); err != nil {
			return nil, err
		}
	case session.SameServer:
		return d.route.Again(d.ctx, d.reached)
	}
	return d.route.Next(d.ctx)
}

// attach makes conn the server's connection. It finds out once more whether the
// client is smtptap itself: when it came, the session that it comes from may
// not have been told of its connection yet.
func (d *driver) attach(server *upstream.Server) error {
	if d.proxy.isOwn(d) {
		server.Conn.Close()
		d.log.Fact(&facts.Note{ID: fromOurselves.ID, Text: fromOurselves.Why})
		return fromOurselves
	}
	if version := d.proxy.SendHeader; version > 0 {
		if err := d.sendHeader(server.Conn, version); err != nil {
			server.Conn.Close()
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		server.Conn.Close()
		return errOver
	}
	p := &peer{party: who.Server, base: server.Conn, conn: server.Conn}
	d.server, d.reached = p, server
	d.proxy.addDialled(server.Conn, 1)
	d.wg.Go(func() { d.pump(p) })
	return nil
}

// sendHeader tells the server of the client before anything else is said.
func (d *driver) sendHeader(conn net.Conn, version byte) error {
	client := d.client.base
	from, to := d.origin.from(client), d.origin.destination(client)
	if err := writeHeader(conn, version, from, to, orDefault(d.proxy.ConnectTimeout, DefaultConnectTimeout)); err != nil {
		return facts.Say("header-not-sent", "why", err)
	}
	d.note("proxy-header-sent", "version", version, "client", nameOf(from), "to", nameOf(to))
	return nil
}

// ownAddress is how smtptap calls itself in an EHLO of its own: the literal of
// its address, which a server can't take for anybody else's name (RFC 5321
// section 4.1.4).
func ownAddress(conn interface{ LocalAddr() net.Addr }) string {
	ip := addrPort(conn.LocalAddr()).Addr().WithZone("")
	switch {
	case !ip.IsValid(): // at a unix socket
		return "localhost"
	case ip.Is4():
		return "[" + ip.String() + "]"
	}
	return "[IPv6:" + ip.String() + "]"
}
