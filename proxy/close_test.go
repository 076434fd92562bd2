package proxy_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy"
)

// reset closes conn with a reset.
func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// expectReset reads the rest of the stream, which must end in a reset.
func expectReset(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got, err := io.ReadAll(r)
	if string(got) != want || !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read %q, %v; want %q and a reset", got, err, want)
	}
}

// expectEnd waits for the end of the session and compares.
func (b *bench) expectEnd(cause, clientClosed, serverClosed string) {
	b.t.Helper()
	end, closed := b.end()
	if end.Cause != cause || closed[who.ClientLeg] != clientClosed || closed[who.ServerLeg] != serverClosed {
		b.t.Errorf("ended as %+v, %v; want %q, client %q, server %q", end, closed, cause, clientClosed, serverClosed)
	}
}

func TestHalfCloseByClient(t *testing.T) {
	b := setUp(t, nil)
	client, server := b.connect()
	write(t, server, "220 ready\r\n")
	expect(t, client, "220 ready\r\n")
	write(t, client, "QUIT\r\n")
	client.CloseWrite()
	expect(t, server, "QUIT\r\n")
	expectEOF(t, server)
	write(t, server, "221 bye\r\n")
	expect(t, client, "221 bye\r\n")
	server.Close()
	expectEOF(t, client)
	b.expectEnd(facts.CauseClosed, "fin", "fin")
}

func TestHalfCloseByServer(t *testing.T) {
	b := setUp(t, nil)
	client, server := b.connect()
	write(t, server, "220 ready\r\n")
	server.CloseWrite()
	expect(t, client, "220 ready\r\n")
	expectEOF(t, client)
	body := strings.Repeat("still talking ", 10000)
	go func() {
		io.WriteString(client, body)
		client.CloseWrite()
	}()
	expect(t, server, body)
	expectEOF(t, server)
	b.expectEnd(facts.CauseClosed, "fin", "fin")
}

func TestResetByClient(t *testing.T) {
	b := setUp(t, nil)
	client, server := b.connect()
	write(t, client, "DATA\r\nhalf")
	expect(t, server, "DATA\r\nhalf")
	reset(client)
	expectReset(t, server, "")
	b.expectEnd(facts.CauseClientReset, "reset", "")
}

func TestResetByServer(t *testing.T) {
	b := setUp(t, nil)
	client, server := b.connect()
	write(t, server, "220 mx.exa")
	expect(t, client, "220 mx.exa")
	reset(server)
	expectReset(t, client, "")
	b.expectEnd(facts.CauseServerReset, "", "reset")
}

// A server that closes its connection with bytes unread makes its system send a
// reset. What it said before must arrive all the same.
func TestLastWordsBeforeReset(t *testing.T) {
	b := setUp(t, nil)
	client, server := b.connect()
	write(t, client, "EHLO client.example.org\r\n")
	write(t, server, "421 4.3.2 go away\r\n")
	readN(t, server, 1) // the rest has come with it, and stays unread
	server.Close()
	expectReset(t, client, "421 4.3.2 go away\r\n")
	b.expectEnd(facts.CauseServerReset, "", "reset")
}

// The server has enough in the middle of the message, says so and closes. The
// client is still sending: it must read the 421, and what it sent in vain is
// noted as received by smtptap only.
func TestReplyDuringData(t *testing.T) {
	b := setUp(t, nil)
	client, server := b.connect()
	write(t, server, "220 ready\r\n")
	write(t, client, "DATA\r\n")
	expect(t, client, "220 ready\r\n")
	expect(t, server, "DATA\r\n")
	write(t, server, "354 go\r\n")
	expect(t, client, "354 go\r\n")
	write(t, client, "first part\r\n")
	expect(t, server, "first part\r\n")
	write(t, server, "421 4.3.2 enough\r\n")
	server.Close()

	// From here on the system answers with a reset to what the proxy writes.
	sent := make(chan error, 1)
	go func() {
		part := strings.Repeat("and more\r\n", 1000)
		for range 100 {
			if _, err := io.WriteString(client, part); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	if err := <-sent; err != nil {
		t.Errorf("the client could not send on: %v", err)
	}
	expect(t, client, "421 4.3.2 enough\r\n")
	expectEOF(t, client)
	client.Close()
	b.expectEnd(facts.CauseServerGone, "fin", "fin")
	end, _ := b.end()
	if want := int64(len("DATA\r\nfirst part\r\n") + 100*10000); end.ClientBytes != want {
		t.Errorf("read %d bytes from the client, want %d", end.ClientBytes, want)
	}
}

// A server that is gone for good ends the session soon, even if the client
// notices nothing.
func TestServerGoneClientIdle(t *testing.T) {
	b := setUp(t, func(p *proxy.Proxy) { p.SetLinger(100 * time.Millisecond) })
	client, server := b.connect()
	server.Close()
	expectEOF(t, client)
	write(t, client, "NOOP\r\n") // the first one is answered with a reset, the second one fails
	for range 1000 {
		if _, err := io.WriteString(client, "NOOP\r\n"); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.expectEnd(facts.CauseServerGone, "", "fin")
}

// A client that leaves while the server still speaks is told to the server by
// the end of the stream first.
func TestClientGone(t *testing.T) {
	b := setUp(t, func(p *proxy.Proxy) { p.SetLinger(100 * time.Millisecond) })
	client, server := b.connect()
	write(t, client, "HELP\r\n")
	expect(t, server, "HELP\r\n")
	client.Close()
	expectEOF(t, server)
	for range 1000 {
		if _, err := io.WriteString(server, "214-more help\r\n"); err != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	end, _ := b.end()
	if end.Cause != facts.CauseClientGone {
		t.Errorf("ended as %+v", end)
	}
}

// Bytes that nobody received are in the transcript as heard by smtptap.
func TestUndeliveredIsNoted(t *testing.T) {
	b := setUp(t, nil)
	client, server := b.connect()
	write(t, server, "220 ready\r\n")
	expect(t, client, "220 ready\r\n")
	server.Close()
	expectEOF(t, client)
	write(t, client, "NOOP 1\r\n")
	for i := 0; i < 200; i++ {
		if _, err := io.WriteString(client, "NOOP 2\r\n"); err != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	client.Close()
	heard := 0
	for _, e := range b.transcript().Entries {
		if e.From == who.Client && e.To == who.Smtptap && e.Event != nil {
			heard++
		}
	}
	if heard == 0 {
		t.Error("nothing is noted as heard by smtptap only")
	}
}
