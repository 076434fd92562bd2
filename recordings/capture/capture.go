// Package capture reads SMTP sessions from the capture files of tcpdump and
// Wireshark: pcap and pcapng, any link type that carries IP, several sessions in
// one file. What is SMTP shows in what is said, whatever the port. What was said
// inside TLS is sealed: the file has no keys, and those that pcapng can hold
// beside it are not used.
package capture

import (
	"container/list"
	"errors"
	"io"
	"net/netip"
	"time"
)

// A Session is an SMTP session in a capture.
type Session struct {
	Frame          int // number of its first packet in the file, from 1
	Started        time.Time
	Client, Server netip.AddrPort
	Begun          bool // its beginning is in the file

	Sealed    bool          // TLS from the first byte on
	Silent    bool          // nothing was said
	Refused   bool          // the server's system refused the connection
	Connected bool          // the server's system accepted it, as far as the file shows
	Took      time.Duration // until it did, or as long as the client tried
}

// A listener hears one session.
type listener interface {
	hearer // end 0 is the client, 1 the server
	over() // nothing more is in the file
}

// read gives begin each session of a file as soon as it is recognised. The
// listener that begin returns hears it; nil leaves it out. A *Damage says how
// far the file can be read: what comes before was heard.
func read(r io.Reader, begin func(Session) listener) error {
	t := &table{begin: begin, byEnds: map[ends]*list.Element{}}
	err := segments(r, t.take)
	var damage *Damage
	if err != nil && !errors.As(err, &damage) {
		return err
	}
	for t.recent.Len() > 0 {
		t.end(t.recent.Front())
	}
	return err
}

// maxOpen bounds the connections that are followed at a time. The one that was
// silent for longest makes room.
const maxOpen = 1 << 14

// ends name a connection: its two ends, in the order of their addresses.
type ends [2]netip.AddrPort

// A table holds the connections that are open.
type table struct {
	begin  func(Session) listener
	byEnds map[ends]*list.Element
	recent list.List // of *connection, the one silent for longest first
}

// A connection is a conversation on its way to be a session.
type connection struct {
	ends    ends
	session Session
	conversation
	recogniser
	opened [2]bool // a SYN came from that end
	tried  time.Time
	kind   kind
}

// take gives a segment to its connection.
func (t *table) take(s *segment) {
	key, end := ends{s.from, s.to}, 0
	if s.to.Compare(s.from) < 0 {
		key, end = ends{s.to, s.from}, 1
	}
	place := t.byEnds[key]
	if place != nil && place.Value.(*connection).restarts(end, s) {
		t.end(place)
		place = nil
	}
	if place == nil {
		if !s.syn && len(s.data) == 0 {
			return // the end of one that is over
		}
		place = t.open(key, s)
	}
	t.recent.MoveToBack(place)
	c := place.Value.(*connection)
	c.knock(end, s)
	if c.kind != other {
		c.conversation.take(end, s)
	}
	if s.rst || c.conversation.over {
		t.end(place)
	}
}

// open begins to follow a connection.
func (t *table) open(key ends, s *segment) *list.Element {
	if t.recent.Len() >= maxOpen {
		t.end(t.recent.Front())
	}
	c := &connection{ends: key, session: Session{Frame: s.frame, Started: s.at}}
	c.recogniser = recogniser{ports: [2]uint16{key[0].Port(), key[1].Port()}, opener: -1}
	c.recogniser.decide = func(k kind, client int) { t.decide(c, k, client) }
	c.hearer = &c.recogniser
	place := t.recent.PushBack(c)
	t.byEnds[key] = place
	return place
}

// knock notes how the connection was opened.
func (c *connection) knock(end int, s *segment) {
	switch {
	case s.syn && !s.acks:
		c.opener, c.opened[end], c.tried = end, true, s.at
	case s.syn && !c.opened[end]:
		c.opened[end] = true
		c.session.Connected, c.session.Took = true, c.since(s.at)
		if c.opener < 0 {
			c.opener = 1 - end
		}
	case s.rst && end != c.opener && !c.session.Connected:
		c.session.Refused, c.session.Took = true, c.since(s.at)
	}
}

// since is how long after the first packet that is. Clocks may go back.
func (c *connection) since(at time.Time) time.Duration { return max(0, at.Sub(c.session.Started)) }

// decide takes what a connection was recognised as.
func (t *table) decide(c *connection, k kind, client int) {
	c.kind = k
	heard := c.heard
	c.heard, c.first = nil, [2][]byte{}
	if k == undecided || k == other {
		c.kind = other
		c.ways[0].waiting, c.ways[1].waiting = nil, nil
		return
	}
	s := &c.session
	s.Client, s.Server = c.ends[client], c.ends[1-client]
	s.Begun, s.Sealed, s.Silent = c.opener >= 0, k == sealed, k == silent
	if !s.Connected && !s.Refused && k == silent {
		s.Took = c.since(c.tried)
	}
	l := t.begin(*s)
	if l == nil {
		c.kind = other
		c.ways[0].waiting, c.ways[1].waiting = nil, nil
		return
	}
	c.hearer = &turned{l, client}
	for _, h := range heard {
		h.tell(c.hearer)
	}
}

// end stops following a connection.
func (t *table) end(place *list.Element) {
	c := t.recent.Remove(place).(*connection)
	delete(t.byEnds, c.ends)
	if c.kind == other {
		return
	}
	c.flush()
	if c.kind == undecided {
		c.recogniser.end()
	}
	if h, ok := c.hearer.(*turned); ok {
		h.over()
	}
}

// turned numbers the ends anew: the client is 0.
type turned struct {
	listener
	client int
}

func (t *turned) said(at time.Time, end int, p []byte)     { t.listener.said(at, end^t.client, p) }
func (t *turned) lost(at time.Time, end int, n int64)      { t.listener.lost(at, end^t.client, n) }
func (t *turned) closed(at time.Time, end int, how string) { t.listener.closed(at, end^t.client, how) }
