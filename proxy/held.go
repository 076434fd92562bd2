package proxy

import (
	"net"
	"slices"
	"sync"
	"time"

	"smtptap/decode/who"
	"smtptap/proxy/session"
	"smtptap/recordings/query"
	"smtptap/recordings/transcript"
)

// Held is a line that a rule holds until somebody lets it go.
type Held struct {
	Session string    // its id
	From    who.Party // who said the line
	Line    []byte    // with its end
	Since   time.Time
}

// Attend tells that somebody is there who can let held lines go; leave, that
// they are no more. With the last one go all lines that are held, unchanged. While
// nobody attends none is held.
func (p *Proxy) Attend() (leave func()) {
	p.attend(1)
	return sync.OnceFunc(func() {
		if p.attend(-1) > 0 {
			return
		}
		for _, d := range p.running() {
			for _, from := range []who.Party{who.Client, who.Server} {
				d.letGo(from, nil)
			}
		}
	})
}

func (p *Proxy) attend(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attending += n
	return p.attending
}

// attended reports whether somebody can let held lines go.
func (p *Proxy) attended() bool { return p.attend(0) > 0 }

// Held lists the lines that are held now, the oldest first. Each has a note in
// its session's transcript, which is what wakes those who watch.
func (p *Proxy) Held() []Held {
	var all []Held
	for _, d := range p.running() {
		d.mu.Lock()
		for _, h := range d.held {
			all = append(all, h.Held)
		}
		d.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Held) int { return a.Since.Compare(b.Since) })
	return all
}

// Release lets the line go that a session holds of that peer.
func (p *Proxy) Release(id string, from who.Party, how session.Release) error {
	for _, d := range p.running() {
		if d.log.ID() == id && d.letGo(from, &how) {
			return nil
		}
	}
	return words.Error("not-held", "id", id, "peer", from)
}

// A heldLine is a line that is held, and what letting it go answers.
type heldLine struct {
	Held
	by session.Action
}

// hold notes a line that is held. The caller holds mu.
func (d *driver) hold(a *session.Action) {
	if d.held == nil {
		d.held = map[who.Party]*heldLine{}
	}
	d.held[a.Peer] = &heldLine{Held{Session: d.log.ID(), From: a.Peer, Line: a.Data, Since: time.Now()}, *a}
}

// letGo tells the layer that holds a line of that peer, and reports whether one
// does. Without how nobody has chosen.
func (d *driver) letGo(from who.Party, how *session.Release) bool {
	d.mu.Lock()
	h := d.held[from]
	if h != nil {
		d.wg.Add(1)
	}
	d.mu.Unlock()
	if h == nil {
		return false
	}
	defer d.wg.Done()
	d.contained(func() { d.handle(h.by.Answer(session.Event{Kind: session.LetGo, Release: how})) })
	return true
}

// ruled are the layers of a session that carry out the rules.
func (p *Proxy) ruled(o origin, conn net.Conn) []session.Layer {
	if p.Rules == nil || !p.Rules.Any() {
		return nil
	}
	return session.Ruled(p.Rules.Begin(), query.Session{Summary: transcript.Summary{Client: o.name(conn), Target: p.Target}})
}
