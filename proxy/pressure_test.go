package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/proxy"
	"smtptap/recordings/transcript"
)

// A pattern is an endless stream: a block of noise again and again, of a length
// that no buffer divides. Its octets are above 127, or line feeds where there
// are to be lines.
type pattern struct {
	block []byte
	at    int
}

func newPattern(lines bool) *pattern {
	p := &pattern{block: make([]byte, 1<<20-3)}
	rand.NewChaCha8([32]byte{}).Read(p.block)
	for i := range p.block {
		p.block[i] |= 0x80
		if lines && i%77 == 0 {
			p.block[i] = '\n'
		}
	}
	return p
}

// next is up to n bytes of the stream, and moves on.
func (p *pattern) next(n int) []byte {
	b := p.block[p.at:min(p.at+n, len(p.block))]
	p.at = (p.at + len(b)) % len(p.block)
	return b
}

// Read implements io.Reader.
func (p *pattern) Read(b []byte) (int, error) { return copy(b, p.next(len(b))), nil }

// same compares what is written to it with a pattern.
type same struct {
	t    *testing.T
	want *pattern
	at   int64
}

func (s *same) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		want := s.want.next(len(p) - done)
		if !bytes.Equal(want, p[done:done+len(want)]) {
			s.t.Fatalf("the stream differs behind byte %d", s.at)
		}
		done += len(want)
		s.at += int64(len(want))
	}
	return len(p), nil
}

// bound is how much memory one session may take, whatever its peers send:
// buffers, and what its transcript keeps at hand.
const bound = 4 << 20

// heap is how much memory is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A large message is relayed in memory that does not grow with it.
func TestLargeMessage(t *testing.T) {
	size := int64(250 << 20)
	if testing.Short() {
		size = 20 << 20
	}
	b := setUp(t, func(p *proxy.Proxy) { p.Transcripts = transcript.NewSet(transcript.Options{}) }) // a queue for the disk would count
	client, server := b.connect()
	client.SetDeadline(time.Now().Add(5 * time.Minute))
	server.SetDeadline(time.Now().Add(5 * time.Minute))
	write(t, server, "220 ready\r\n")
	expect(t, client, "220 ready\r\n")
	write(t, client, "DATA\r\n")
	expect(t, server, "DATA\r\n")
	write(t, server, "354 go\r\n")
	expect(t, client, "354 go\r\n")
	sent := make(chan error, 1)
	go func() {
		_, err := io.CopyN(client, newPattern(true), size)
		sent <- err
	}()
	before := heap()
	check := &same{t: t, want: newPattern(true)}
	for read := int64(0); read < size; {
		n, err := io.CopyN(check, server, min(size-read, 32<<20))
		if err != nil {
			t.Fatal(err)
		}
		read += n
		if grown := int64(heap()) - int64(before); grown > bound {
			t.Fatalf("%d bytes more in use after %d MB", grown, read>>20)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	client.Close()
	server.Close()
	if end, _ := b.end(); end.ClientBytes != size+int64(len("DATA\r\n")) {
		t.Errorf("ended as %+v", end)
	}
}

// A peer that does not read holds the other one up, as it would without the
// proxy: what is in between is bounded by the system's socket buffers.
func TestBackPressure(t *testing.T) {
	for name, fromClient := range map[string]bool{"server does not read": true, "client does not read": false} {
		t.Run(name, func(t *testing.T) {
			b := setUp(t, nil)
			client, server := b.connect()
			from, to := client, server
			if !fromClient {
				from, to = server, client
			}
			to.SetReadBuffer(64 << 10)
			before := heap()
			size := fill(t, from)
			if size > 64<<20 {
				t.Errorf("%d MB were taken although nobody reads them", size>>20)
			}
			if grown := int64(heap()) - int64(before); grown > bound {
				t.Errorf("%d bytes more in use", grown)
			}
			// The other direction is free.
			write(t, to, "250 still here\r\n")
			expect(t, from, "250 still here\r\n")
			// And what was held up arrives.
			from.SetDeadline(time.Now().Add(patience))
			from.CloseWrite()
			if n, err := io.Copy(&same{t: t, want: newPattern(false)}, to); n != size || err != nil {
				t.Errorf("%d bytes arrived of %d: %v", n, size, err)
			}
			to.Close()
			if end, _ := b.end(); end.Cause != facts.CauseClosed {
				t.Errorf("ended as %+v", end)
			}
		})
	}
}

// fill writes the pattern until conn has taken nothing for a while, and returns
// how much it took.
func fill(t *testing.T, conn *net.TCPConn) (size int64) {
	t.Helper()
	p := newPattern(false)
	for {
		b := p.next(256 << 10)
		conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		n, err := conn.Write(b)
		size += int64(n)
		if err != nil {
			return size
		}
	}
}

// A tarpit's replies come byte by byte: each is passed on as it comes.
func TestNothingWaitsForLineEnds(t *testing.T) {
	b := setUp(t, nil)
	client, server := b.connect()
	for _, c := range strings.Split("220 slow\r\n", "") {
		write(t, server, c)
		expect(t, client, c)
	}
	for _, c := range strings.Split("EHLO client.example.org\r\n", "") {
		write(t, client, c)
		expect(t, server, c)
	}
}

// Clients that say a byte now and then hold up nobody else.
func TestSlowClients(t *testing.T) {
	b := setUp(t, nil)
	type pair struct{ client, server *net.TCPConn }
	var slow []pair
	for range 100 {
		client, server := b.connect()
		slow = append(slow, pair{client, server})
	}
	client, server := b.connect()
	for i, c := range []byte("MAIL FROM:<a@example.org>") {
		for _, p := range slow {
			write(t, p.client, string(c))
		}
		line := fmt.Sprintf("NOOP %d\r\n", i)
		write(t, client, line)
		expect(t, server, line)
		write(t, server, "250 ok\r\n")
		expect(t, client, "250 ok\r\n")
	}
	for _, p := range slow {
		expect(t, p.server, "MAIL FROM:<a@example.org>")
	}
}
