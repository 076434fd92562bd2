// Package session decides what a session does with the bytes of its peers. It
// does no I/O: events go in, such as bytes that a peer sent, and actions come
// out, such as bytes to send. A driver carries the actions out.
//
// The decisions are made by layers, which stand in a row between the client
// and the server. What the client sends goes through them from the first to the
// last, what the server sends from the last to the first. A layer passes it on
// as it is, changes it, holds it, or answers it; what leaves the row is relayed.
// Every layer has one purpose and knows none of the others.
package session

import (
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// A Layer takes part in a session. It is called by one goroutine at a time.
type Layer interface {
	// Handle takes an event that reaches the layer: bytes and the end of a
	// peer as the layer before it passed them on, and what answers an action
	// of its own. The bytes are lent until Handle returns.
	Handle(at *Place, e Event)
}

// Config says what a session is to do.
type Config struct {
	Mode      Mode
	ClientTLS bool // TLS with the client begins with the first byte
	FirstByte bool // whether TLS begins with the first byte shows in who speaks first
	ToServer  bool // STARTTLS is used to the server whatever the client does
	MX        bool // the server is chosen by the recipient
	OfferTLS  bool // an MX session can offer STARTTLS to the client

	Refusal *Refusal     // why the client is not served; nil for most
	Ready   func() error // says why TLS can't be opened towards a client; nil when it can

	Linger time.Duration // for the client to read the last words
	Wait   time.Duration // the unit in which waiting for STARTTLS is measured

	Layers   []Layer     // more of them, next to the client
	Attended func() bool // whether somebody is there who can let a held line go; nil for nobody
}

// Mode says what happens at STARTTLS.
type Mode string

const (
	Intercept Mode = "intercept" // it is opened, and encrypted again towards the server
	Pass      Mode = "pass"      // the ciphertext is handed through
	Hide      Mode = "hide"      // the client is not offered it
)

// A Session is the row of layers of one session.
type Session struct {
	config Config
	row    []*Place // from the client to the server
	out    []Action
	paused [who.Server + 1]int
	ended  [who.Server + 1]bool
	ending *Action // to be noted after the bytes that layers held until then
	busy   int     // layers that wait for time, or for somebody, with bytes of a peer

	tracked int   // place of the layer from which on the client's bytes are tracked; -1 for none
	runs    []run // of those bytes, as far as they are under way, in order
}

// A run of the client's bytes as they go through the layers.
type run struct {
	n   int
	own bool // smtptap says them in the client's place
}

// A Place is where a layer stands in the row, and how it acts from there.
type Place struct {
	session *Session
	layer   Layer
	index   int
}

// New returns a session that has not begun.
func New(c Config) *Session {
	s := &Session{config: c, tracked: -1}
	s.paused[who.Client], s.paused[who.Server] = 1, 1
	s.stand(append(c.Layers[:len(c.Layers):len(c.Layers)], layers(&s.config)...)...)
	return s
}

// layers are those that a session of that kind needs.
func layers(c *Config) []Layer {
	if c.MX {
		return []Layer{&mx{config: c}}
	}
	tls := &starttls{config: c}
	row := []Layer{}
	switch {
	case c.ClientTLS:
		return append(row, tls, &opening{config: c})
	case c.FirstByte:
		row = append(row, &firstByte{config: c})
	default:
		row = append(row, &plainPort{})
	}
	switch {
	case c.Mode == Hide:
		row = append(row, hideSTARTTLS(tls))
	case c.ToServer:
		row = append(row, offerSTARTTLS(c, tls))
	}
	return append(row, tls, &opening{config: c})
}

func (s *Session) stand(layers ...Layer) {
	s.row = make([]*Place, len(layers))
	for i, l := range layers {
		s.row[i] = &Place{session: s, layer: l, index: i}
	}
}

// Handle takes an event and adds to actions what is to be done, in that order.
// Bytes in them are lent as long as those of the event are.
func (s *Session) Handle(e Event, actions []Action) []Action {
	s.out = actions
	if e.Kind == Ended {
		s.ended[e.Peer] = true
		s.ending = &Action{Kind: Gone, Peer: e.Peer, How: e.How, Err: e.Err}
	}
	switch {
	case e.asked != nil:
		if i := e.asked.index; i < len(s.row) && s.row[i] == e.asked {
			e.asked.layer.Handle(e.asked, e)
		}
	case e.Peer == who.Server:
		s.at(len(s.row)-1, e)
	default:
		s.at(0, e)
	}
	s.gone()
	actions, s.out = s.out, nil
	return actions
}

// at has the layer in that place handle e, or relays it when there is none.
func (s *Session) at(index int, e Event) {
	if index >= 0 && index < len(s.row) {
		at := s.row[index]
		at.layer.Handle(at, e)
		return
	}
	switch e.Kind {
	case Bytes:
		switch {
		case e.Own:
			s.do(Action{Kind: Say, Peer: e.Peer.Other(), Data: e.Data})
		case e.Cipher:
			s.do(Action{Kind: Skip, Peer: e.Peer, Data: e.Data})
		default:
			s.do(Action{Kind: Relay, Peer: e.Peer, Data: e.Data})
		}
	case Ended:
		s.do(Action{Kind: End, Peer: e.Peer.Other(), How: e.How, Err: e.Err})
	case Abandoned:
		s.do(Action{Kind: Hangup})
	}
}

// Busy reports whether bytes of a peer wait for time, or for somebody.
func (s *Session) Busy() bool { return s.busy > 0 }

// enter notes that bytes of the client, or smtptap's in its place, go to the
// layers after the tracked one. Those keep their order, so that what leaves the
// row is known for whose it is.
func (s *Session) enter(n int, own bool) {
	if last := len(s.runs) - 1; last >= 0 && s.runs[last].own == own {
		s.runs[last].n += n
		return
	}
	s.runs = append(s.runs, run{n, own})
}

// track tells what smtptap has put into the client's bytes from those, where
// they leave the row. It reports whether the action was carried out so.
func (s *Session) track(a Action) bool {
	if a.Peer != who.Client || a.asked != nil && a.asked.index <= s.tracked {
		return false
	}
	switch a.Kind {
	case Relay, Promise, Skip, Hear, Discard:
	default:
		return false
	}
	for data := a.Data; len(data) > 0; {
		part := a
		n, own := len(data), false
		if len(s.runs) > 0 {
			n, own = min(n, s.runs[0].n), s.runs[0].own
			if s.runs[0].n -= n; s.runs[0].n == 0 {
				s.runs = s.runs[1:]
			}
		}
		part.Data, data = data[:n], data[n:]
		switch {
		case !own:
			s.put(part)
		case a.Kind == Relay || a.Kind == Promise:
			s.put(Action{Kind: Say, Peer: who.Server, Data: part.Data})
		}
	}
	return true
}

func (s *Session) do(a Action) {
	if len(s.runs) == 0 || !s.track(a) {
		s.put(a)
	}
}

func (s *Session) put(a Action) {
	switch a.Kind {
	case Relay, Hear, Discard, Fact:
	default:
		s.gone()
	}
	s.out = append(s.out, a)
}

// gone notes that a peer has ended, before anything follows from it.
func (s *Session) gone() {
	if s.ending != nil {
		s.out = append(s.out, *s.ending)
		s.ending = nil
	}
}

// Config is the session's.
func (p *Place) Config() *Config { return &p.session.config }

// Do has the driver do that. What answers it comes to this layer.
func (p *Place) Do(a Action) {
	a.asked = p
	p.session.do(a)
	if a.Kind == TLSUp && a.Client {
		p.Next(Event{Kind: Encrypted, Peer: who.Server})
	}
}

// Next passes an event on to the next layer, in the direction of its peer's
// bytes.
func (p *Place) Next(e Event) {
	step := 1
	if e.Peer == who.Server {
		step = -1
	}
	p.session.at(p.index+step, e)
}

// past passes an event by all the other layers.
func (p *Place) past(e Event) {
	beyond := len(p.session.row)
	if e.Peer == who.Server {
		beyond = -1
	}
	p.session.at(beyond, e)
}

// Bytes passes bytes of a peer on.
func (p *Place) Bytes(from who.Party, data []byte) {
	if len(data) > 0 {
		p.Next(Event{Kind: Bytes, Peer: from, Data: data})
	}
}

// Hear keeps bytes that are meant for smtptap or go no further.
func (p *Place) Hear(from who.Party, data []byte) {
	if len(data) > 0 {
		p.Do(Action{Kind: Hear, Peer: from, Data: data})
	}
}

// Discard keeps clear text from getting into TLS.
func (p *Place) Discard(from who.Party, data []byte) {
	if len(data) > 0 {
		p.Do(Action{Kind: Discard, Peer: from, Data: data})
	}
}

// Say tells a peer something in smtptap's own words, through the layers on the
// way. Line ends are in the text.
func (p *Place) Say(to who.Party, text string) {
	p.Next(Event{Kind: Bytes, Peer: to.Other(), Data: []byte(text), Own: true})
}

// Note tells the transcript what smtptap did, in the words of package facts.
func (p *Place) Note(id string, words ...any) {
	p.Do(Action{Kind: Fact, Fact: facts.NewNote(id, words...)})
}

// Wake has the layer woken after a while.
func (p *Place) Wake(after time.Duration) { p.Do(Action{Kind: Wake, After: after}) }

// Pause stops reading from a peer until as many calls of Resume: what it sends
// waits at its own end. One more event with bytes may come.
func (p *Place) Pause(peer who.Party) { p.session.pause(peer, 1) }

// Resume undoes a Pause.
func (p *Place) Resume(peer who.Party) { p.session.pause(peer, -1) }

func (s *Session) pause(peer who.Party, n int) {
	was := s.paused[peer] > 0
	s.paused[peer] += n
	switch is := s.paused[peer] > 0; {
	case is && !was:
		s.do(Action{Kind: Pause, Peer: peer})
	case was && !is:
		s.do(Action{Kind: Resume, Peer: peer})
	}
}
