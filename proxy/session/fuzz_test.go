package session_test

import (
	"bytes"
	"testing"

	"smtptap/decode/who"
	"smtptap/proxy/session"
)

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
		for mode := range 4 {
			f.Add(mode, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, mode int, input []byte) {
		c := [4]session.Config{{Mode: session.Pass}, {Mode: session.Hide}, {Mode: session.Intercept}, {MX: true, OfferTLS: true}}[uint(mode)%4]
		b := given(t, c)
		b.tell("began")
		if !c.MX {
			b.tell("dialled")
		}
		var said, told [who.Server + 1][]byte
		paused := [who.Server + 1]bool{}
		for len(input) > 0 {
			peer, n := who.Client+who.Party(input[0]&1), min(int(input[0]>>1), len(input)-1)
			p := bytes.Clone(input[1 : 1+n])
			input = input[1+n:]
			if paused[peer] || n == 0 || c.MX && peer == who.Server {
				continue
			}
			said[peer] = append(said[peer], p...)
			for _, a := range b.session.Handle(session.Event{Kind: session.Bytes, Peer: peer, Data: p}, nil) {
				switch a.Kind {
				case session.Relay, session.Promise, session.Hear, session.Discard, session.Skip:
					told[a.Peer] = append(told[a.Peer], a.Data...)
				case session.Pause, session.Quiet:
					paused[a.Peer] = true
				case session.Resume:
					paused[a.Peer] = false
				}
			}
		}
		for _, peer := range []who.Party{who.Client, who.Server} {
			held, whole := bytes.CutPrefix(said[peer], told[peer])
			if !whole {
				t.Fatalf("%v said %q, of which became %q", peer, said[peer], told[peer])
			}
			if peer == who.Client && !c.MX && !paused[peer] && len(held) > 0 {
				t.Errorf("%q of the client is held, which is read from", held)
			}
		}
	})
}
