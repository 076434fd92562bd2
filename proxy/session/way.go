package session

import (
	"bytes"
	"slices"
	"time"

	"smtptap/decode/who"
	"smtptap/proxy/session/rules"
)

// A way is one direction of a session with rules: what has come is looked at by
// the line, and what is to go on goes in its order, as fast as it may.
type way struct {
	*ruled
	peer   who.Party // whose bytes go this way
	at     *Place
	next   func() bool              // looks at what has come, and reports whether that led on
	finish func(*rules.Rule, *turn) // has a rule end the matter
	goOn   func(*turn)              // lets the line of a turn go on

	in   []piece // not looked at
	end  *Event  // the peer has ended, after that
	turn *turn   // the line that rules are about; nil for none
	out  []piece // to go on

	running bool
	waits   bool // for time, or for somebody
	hurry   bool // nobody is there any more for whom it would
	paused  bool
	over    bool
	held    *rules.Rule // by which the line of turn is held; nil for none

	passed int64         // bytes that went on
	after  []*rules.Rule // that act after more than so many
	rate   int64         // bytes a second; 0 for any
	cut    int64         // bytes that still go on; -1 for any
	cutBy  *rules.Rule
}

// A piece of what is said.
type piece struct {
	data        []byte
	own, cipher bool
}

func newWay(s *ruled, peer who.Party, after []*rules.Rule) way {
	return way{ruled: s, peer: peer, after: after, cut: -1}
}

// take takes bytes and the end of the peer.
func (w *way) handle(e Event) {
	switch {
	case e.Kind == Ended:
		w.end = &e
	case len(e.Data) == 0:
		return
	default:
		p := piece{e.Data, e.Own, e.Cipher}
		if n := len(w.in) - 1; n >= 0 && !p.own && !w.in[n].own && w.in[n].cipher == p.cipher {
			w.in[n].data = append(slices.Clip(w.in[n].data), p.data...)
		} else {
			w.in = append(w.in, p)
		}
	}
	if ended := w.at.session.ended; e.Kind == Ended && (ended[w.peer.Other()] || e.How == ByReset || e.How == ByError) {
		w.hasten()
		w.other().hasten()
	}
	w.run()
}

func (w *way) other() *way {
	if w.peer == who.Client {
		return &w.hears.way
	}
	return &w.says.way
}

// hasten lets everything go: nobody waits for it any more.
func (w *way) hasten() {
	w.hurry = true
	if w.waits {
		w.woken(nil)
	}
}

// woken goes on after a wait.
func (w *way) woken(how *Release) {
	if !w.waits {
		return
	}
	w.waits = false
	w.at.session.busy--
	w.at.Wake(0)
	if w.held != nil {
		w.released(how)
	}
	w.run()
}

// wait has the way wait.
func (w *way) wait(d time.Duration) {
	if w.hurry || d <= 0 {
		return
	}
	w.waits = true
	w.at.session.busy++
	w.at.Wake(d)
}

// run goes on as far as nothing has to wait.
func (w *way) run() {
	if w.running || w.at == nil {
		return
	}
	w.running = true
	for !w.over && !w.waits && w.drained() {
		if t := w.turn; t != nil {
			if w.act() {
				w.turn = nil
				w.goOn(t)
			}
			continue
		}
		if !w.next() {
			break
		}
	}
	w.running = false
	w.keep()
}

// keep keeps what waits: its bytes are only lent.
func (w *way) keep() {
	size := 0
	for _, waiting := range [][]piece{w.in, w.out} {
		for i := range waiting {
			waiting[i].data = bytes.Clone(waiting[i].data)
			size += len(waiting[i].data)
		}
	}
	if t := w.turn; t != nil {
		t.line, t.was = bytes.Clone(t.line), bytes.Clone(t.was)
	}
	switch full := size > maxKept && !w.over && !w.mute; {
	case full && !w.paused:
		w.paused = true
		w.at.Pause(w.peer)
	case !full && w.paused:
		w.paused = false
		w.at.Resume(w.peer)
	}
}

// used takes n bytes off what has come.
func (w *way) used(n int) {
	if w.in[0].data = w.in[0].data[n:]; len(w.in[0].data) == 0 {
		w.in = w.in[1:]
	}
}

// emit has bytes go on.
func (w *way) emit(p piece) {
	if len(p.data) > 0 {
		w.out = append(w.out, p)
	}
}

// slice is how much of a second's bytes goes at a time.
const slice = 10

// drained lets go on what may, and reports whether that is all.
func (w *way) drained() bool {
	for len(w.out) > 0 && !w.waits && !w.over {
		p := w.out[0]
		n := int64(len(p.data))
		rule := w.after
		if len(rule) > 0 {
			n = min(n, rule[0].Over-w.passed)
		}
		if w.cut >= 0 {
			n = min(n, w.cut)
		}
		if w.rate > 0 {
			n = min(n, max(w.rate/slice, 1))
		}
		if n > 0 {
			w.pass(piece{p.data[:n], p.own, p.cipher})
			w.passed += n
			if w.out[0].data = p.data[n:]; len(w.out[0].data) == 0 {
				w.out = w.out[1:]
			}
			if w.rate > 0 {
				w.wait(time.Duration(float64(n) / float64(w.rate) * float64(time.Second)))
			}
		}
		switch {
		case w.cut >= 0 && w.cut-n <= 0:
			w.close(w, w.cutBy, "what-byte")
			return false
		case w.cut >= 0:
			w.cut -= n
		}
		if n <= 0 || len(w.out) > 0 && len(rule) > 0 && w.passed >= rule[0].Over {
			w.crossed()
		}
	}
	return !w.waits && !w.over
}

// crossed has a rule act whose bytes have passed.
func (w *way) crossed() {
	r := w.after[0]
	w.after = w.after[1:]
	if !w.rules.Now(r, &w.known) {
		return
	}
	switch r.Kind {
	case rules.Delay:
		w.delay(r)
	case rules.Rate:
		w.slow(r)
	default:
		w.close(w, r, "what-byte")
	}
}

// pass lets bytes go on to the next layer.
func (w *way) pass(p piece) {
	if w.mute {
		w.drop(p)
		return
	}
	if w.peer == who.Client {
		w.at.session.enter(len(p.data), p.own)
	}
	w.at.Next(Event{Kind: Bytes, Peer: w.peer, Data: p.data, Own: p.own && w.peer == who.Server, Cipher: p.cipher})
}

// drop keeps bytes that go no further.
func (w *way) drop(p piece) {
	if !p.own {
		w.at.Hear(w.peer, p.data)
	}
}

// clear drops all that waits.
func (w *way) clear() {
	if w.at == nil {
		return
	}
	for _, p := range append(w.out, w.in...) {
		w.drop(p)
	}
	if t := w.turn; t != nil {
		w.drop(piece{data: t.was, own: t.own})
	}
	w.in, w.out, w.turn = nil, nil, nil
	if w.waits {
		w.waits = false
		w.at.session.busy--
		w.at.Wake(0)
	}
	if w.held != nil {
		w.held = nil
		w.at.Do(Action{Kind: Unheld, Peer: w.peer})
	}
}

// leave implements leaver: the session ends by another layer's words.
func (w *way) leave() {
	w.clear()
	w.over = true
}
