package proxy_test

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"smtptap/decode/facts"
)

// pattern is an endless stream whose every stretch differs from the next.
type pattern struct{ at int64 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte((p.at + int64(i)) >> ((p.at + int64(i)) % 13))
	}
	p.at += int64(len(b))
	return len(b), nil
}

// same compares what is read with the pattern.
type same struct {
	t    *testing.T
	want pattern
	buf  [32 << 10]byte
}

func (s *same) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		n := min(len(p)-done, len(s.buf))
		at := s.want.at
		s.want.Read(s.buf[:n])
		if string(s.buf[:n]) != string(p[done:done+n]) {
			s.t.Fatalf("the stream differs behind byte %d", at)
		}
		done += n
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
	b := setUp(t, nil)
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
		_, err := io.CopyN(client, &pattern{}, size)
		sent <- err
	}()
	before := heap()
	check := &same{t: t}
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
			if n, err := io.Copy(&same{t: t}, to); n != size || err != nil {
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
	p := make([]byte, 256<<10)
	for {
		from := pattern{at: size}
		from.Read(p)
		conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		n, err := conn.Write(p)
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
