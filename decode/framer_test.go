package decode_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// The relay decides with a smtp.Framer and the screen shows what a Dialogue
// makes of the same bytes. Both must see the same commands.

const proxyV2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x08\x9c\x40\x00\x19"

var clientLines = []string{
	"EHLO a.example\r\n", "HELO a.example\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<c@d.example>\r\n", "RCPT\tTO :<c@d.example>\n",
	"DATA\r\n", " data \r\n", "DATA x\r\n", "RSET\r\n", "NOOP\r\n", "QUIT\r\n", "\r\n", " \n", "XYZZY\r\n", "?\r\n", "STARTTLS\r\n", "\tstarttls\n",
	"STARTTLS x\r\n", "AUTH LOGIN\r\n", "AUTH PLAIN AGEAYg==\r\n", "auth=plain\r\n", "YQ==\r\n", "*\r\n", "AUTH ?\r\n", "BDAT 6\r\n", "BDAT +6 LAST\r\n",
	"BDAT 6 LAST\r\n", "BDAT  20 last\r\n", "BDAT 0 LAST\r\n", "BDAT 6 LAST x\r\n", ".\r\n", ".\n", "Subject: x\r\n", "\r\n.\r\n", "..\r\n", "a\rb\r\n",
	"\x16\x03\x01\x00\x05hello", "\x16", "PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n", "PROXY ME\r\n", proxyV2, "NOOP",
}

var serverLines = []string{
	"220 mx.example\r\n", "220 go\r\n", "250 ok\r\n", "250\r\n", "250-mx.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "250-a\r\nSIZE 1\r\n250 b\r\n",
	"354 go\r\n", "334 VXNlcm5hbWU6\r\n", "235 ok\r\n", "535 no\r\n", "500 what\r\n", "454 no\r\n", "554 no\r\n", "221 bye\r\n", "foo-bar\r\n", "2500 x\r\n",
	"421 closing\r\n", "252 maybe\n", "250-half", "\r\n",
}

// A pair is fed the same bytes.
type pair struct {
	t        testing.TB
	dialogue decode.Dialogue
	framer   smtp.Framer
	told     []string
	ended    bool // the server says no more
	early    bool // or it ended a message where the client did not: only the decoder follows that
}

func (p *pair) feed(side who.Party, b []byte) (taken int, accepted bool) {
	p.told = append(p.told, side.String()+" "+string(b))
	out := p.dialogue.Feed(0, side, b)
	turn := p.framer.Server
	if side == who.Client {
		turn = p.framer.Client
	}
	got := turn(b)
	for _, e := range out.Events {
		p.early = p.early || e.Noted("false-end")
	}
	if p.early {
		return got.N, got.Accepted
	}
	if got.N != out.N || got.Hold != out.HoldClient || got.Accepted != out.Accepted {
		p.t.Fatalf("the framer says %+v, the decoder took %d, holds %v, accepted %v\n%q", got, out.N, out.HoldClient, out.Accepted, p.told)
	}
	if due := p.framer.Due(); due != out.Due && due != "" && !p.ended {
		p.t.Fatalf("%q is due to the framer and %q to the decoder\n%q", due, out.Due, p.told)
	}
	return out.N, out.Accepted
}

// say has a side say something in pieces. What is held waits in held.
func (p *pair) say(side who.Party, b []byte, cut func(int) int, secure bool) (held []byte) {
	for len(b) > 0 {
		n, accepted := p.feed(side, b[:cut(len(b))])
		b = b[n:]
		if accepted && secure {
			p.dialogue.Secured(0)
			p.framer.Secured()
			return nil
		}
		if n == 0 && !accepted {
			return b
		}
	}
	return nil
}

func (p *pair) end() {
	p.ended = true
	p.dialogue.Closed(0, who.Server)
	p.framer.ServerEnds()
}

// TestFramerAgrees has clients and servers say lines at random.
func TestFramerAgrees(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := &pair{t: t, dialogue: decode.Dialogue{Gate: true}}
		cut := func(n int) int { return min(n, 1+r.IntN(20)) }
		if seed%2 == 0 {
			cut = whole
		}
		var held []byte
		for range 30 {
			if r.IntN(2) == 0 {
				p.say(who.Server, []byte(serverLines[r.IntN(len(serverLines))]), cut, r.IntN(2) == 0)
				held = p.say(who.Client, held, cut, false)
				continue
			}
			for range 1 + r.IntN(3) {
				held = append(held, clientLines[r.IntN(len(clientLines))]...)
			}
			held = p.say(who.Client, held, cut, r.IntN(2) == 0)
		}
		p.end()
		p.say(who.Client, held, cut, false)
	}
}

// TestFramerReadsLongLines compares lines of which neither reads all.
func TestFramerReadsLongLines(t *testing.T) {
	for _, line := range []string{strings.Repeat("x", 9000), "STARTTLS" + strings.Repeat(" ", 9000), "DATA" + strings.Repeat("\t", 9000), "STARTTLS" + strings.Repeat(" ", smtp.MaxLine-len("STARTTLS")-1) + "\r"} {
		for _, size := range []int{1 << 20, 1000, 1} {
			p := &pair{t: t, dialogue: decode.Dialogue{Gate: true}}
			cut := func(n int) int { return min(n, size) }
			p.say(who.Server, []byte("220 mx.example\r\n"), cut, false)
			held := p.say(who.Client, []byte(line+"\r\nNOOP\r\n"), cut, false)
			p.say(who.Server, []byte("500 what\r\n"), cut, false)
			p.say(who.Client, held, cut, false)
		}
	}
}

func FuzzFramer(f *testing.F) {
	for _, text := range scripts {
		f.Add(planned(f, text), uint8(3))
	}
	for i, c := range clientLines {
		f.Add(append([]byte{byte(2 * min(len(c)-1, 127))}, c[:min(len(c), 128)]...), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		data = data[:min(len(data), decode.MaxRaw/2)] // a longer secret hides all replies to the decoder
		p := &pair{t: t, dialogue: decode.Dialogue{Gate: true}}
		cut := func(n int) int { return min(n, int(size)%16+1) }
		var held []byte
		for _, tn := range plan(data) {
			b := []byte(tn.text)
			if tn.side == who.Client {
				b = append(held, b...)
			}
			if rest := p.say(tn.side, b, cut, size%2 == 0); tn.side == who.Client {
				held = rest
			}
		}
	})
}
