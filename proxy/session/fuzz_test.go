package session_test

import (
	"bytes"
	"slices"
	"testing"

	"smtptap/decode/who"
	"smtptap/proxy/session"
)

// fuzzedRules are rules that FuzzSession tries.
var fuzzedRules = [][]string{
	{"RCPT[rcpt:b]=450 no", "EHLO=hide STARTTLS", "reply:5xx=delay 1s"},
	{"DATA.end=554 no", "*=delay 1s", "reply:250%2=451 no"},
	{"DATA=354 go", "BDAT=452 full", "AUTH=535 no", "MAIL=edit s/a/b/"},
	{"STARTTLS=454 no", "RCPT=cut 9B", "reply:354=silence"},
	{"client.bytes>30=rate 100B/s", "server.bytes>40=drop", "RCPT=hold"},
	{"DATA=502 no", "RSET=250 ok", "QUIT=half-close", "greeting=edit s/x/y/"},
}

// FuzzSession has both peers say anything in any order, in every mode. What a
// peer said is relayed, kept or discarded in its order and once, but for what is
// held, and that is held only from a peer that is not read from or until more of
// its line comes. The lowest bit of the first byte of a stretch says who sends
// it, the others how long it is.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"", "\x14EHLO a.test\r\n\x0d220 x\r\n", "\x14STARTTLS\r\nNOOP\r\n\x11220 go\r\n220 x", "\x14STARTTLS\r\n\x0b454 n\r\n\x0cNOOP\r\n",
		"\x0cDATA\r\n\x14STARTTLS\r\n\x0b554 n\r\n\x0b454 n\r\n", "\x30BDAT 5 LAST\r\n\r\n.\r\n\x16\x03\x01", "\x0eEHLO a\r\n\x1b250-x\r\n250 STARTTLS\r\n",
	} {
		for mode := range 4 * (1 + len(fuzzedRules)) {
			f.Add(mode, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, mode int, input []byte) {
		c := [4]session.Config{{Mode: session.Pass}, {Mode: session.Hide}, {Mode: session.Intercept}, {MX: true, OfferTLS: true}}[uint(mode)%4]
		if n := uint(mode) / 4 % uint(1+len(fuzzedRules)); n > 0 {
			c.Layers = ruled(t, fuzzedRules[n-1]...)
		}
		b := given(t, c)
		b.tell("began")
		if !c.MX {
			b.tell("dialled")
		}
		var said, told [who.Server + 1][]byte
		paused, quiet, closed := [who.Server + 1]bool{}, false, false
		var wakes []session.Action
		handle := func(e session.Event) {
			for _, a := range b.session.Handle(e, nil) {
				switch a.Kind {
				case session.Relay, session.Promise, session.Hear, session.Discard, session.Skip:
					told[a.Peer] = append(told[a.Peer], a.Data...)
				case session.Pause, session.Quiet:
					paused[a.Peer] = true
					quiet = quiet || a.Kind == session.Quiet
				case session.Resume:
					paused[a.Peer] = false
				case session.Close:
					closed = true
				case session.Wake:
					wakes = slices.DeleteFunc(wakes, func(w session.Action) bool { return w.Layer() == a.Layer() })
					if a.After > 0 {
						wakes = append(wakes, a)
					}
				}
			}
		}
		for len(input) > 0 && !closed {
			peer, n := who.Client+who.Party(input[0]&1), min(int(input[0]>>1), len(input)-1)
			p := bytes.Clone(input[1 : 1+n])
			input = input[1+n:]
			if paused[peer] || n == 0 || c.MX && peer == who.Server {
				continue
			}
			said[peer] = append(said[peer], p...)
			handle(session.Event{Kind: session.Bytes, Peer: peer, Data: p})
			for i := range p {
				p[i] = '#' // lent for the call only
			}
		}
		if len(c.Layers) > 0 && !quiet && !closed {
			for _, peer := range []who.Party{who.Server, who.Client} {
				handle(session.Event{Kind: session.Ended, Peer: peer, How: session.ByFIN})
			}
			for range 1000 {
				if len(wakes) > 0 && !closed {
					handle(wakes[0].Answer(session.Event{Kind: session.Woken}))
				}
			}
		}
		for _, peer := range []who.Party{who.Client, who.Server} {
			held, whole := bytes.CutPrefix(said[peer], told[peer])
			if !whole {
				t.Fatalf("%v said %q, of which became %q", peer, said[peer], told[peer])
			}
			if peer == who.Client && !c.MX && !paused[peer] && len(held) > 0 && !(len(c.Layers) > 0 && (quiet || closed)) {
				t.Errorf("%q of the client is held, which is read from", held)
			}
		}
	})
}
