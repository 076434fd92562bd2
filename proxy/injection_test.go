package proxy_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy"
)

// canary stands in clear text that must not be found inside TLS.
const canary = "INJECT-4711"

// clientHelloFirst runs a client's handshake on conn, with text before its
// first bytes in the same segment.
func clientHelloFirst(text string, conn net.Conn, config *tls.Config) (*tls.Conn, error) {
	c := tls.Client(&merging{Conn: conn, before: []byte(text)}, config)
	return c, c.Handshake()
}

// merging puts bytes in front of what is written first.
type merging struct {
	net.Conn
	before []byte
}

func (m *merging) Write(p []byte) (int, error) {
	if len(m.before) == 0 {
		return m.Conn.Write(p)
	}
	all := append(m.before, p...)
	m.before = nil
	if _, err := m.Conn.Write(all); err != nil {
		return 0, err
	}
	return len(p), nil
}

// swallowed are the bytes of the transcript that went no further, by who said them.
func swallowed(tr *decode.Transcript, id string) (text string) {
	for _, e := range tr.Entries {
		if e.Event != nil && slices.ContainsFunc(e.Event.Notes, func(n decode.Note) bool { return n.ID == id }) {
			text += string(e.Event.Raw)
		}
	}
	return text
}

// Clear text of the client's after STARTTLS does not enter TLS, whenever it
// comes before the reply, and the session goes on without it.
func TestClientInjection(t *testing.T) {
	const evil = "MAIL FROM:<" + canary + "@example.org>\r\nRSET\r\n"
	for name, tt := range map[string]struct {
		same   string // sent in one segment with STARTTLS
		later  string // sent when the server has accepted
		before string // sent in one segment with STARTTLS, in front of a ClientHello
	}{
		"same segment":         {same: evil},
		"next segment":         {later: evil},
		"both":                 {same: evil, later: evil},
		"before a ClientHello": {before: evil},
		"a NOOP":               {same: "NOOP\r\n"},
		"half a line":          {same: "MAIL FROM:<" + canary},
	} {
		t.Run(name, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, nil)
			client, server := b.connect()
			exchange(t, client, server, "<- 220 mail.example.com ESMTP")
			done := make(chan *tls.Conn, 1)
			if tt.before != "" {
				go func() {
					// The client does not wait for the reply: it reads that
					// when its ClientHello has gone.
					c, err := clientHelloFirst("STARTTLS\r\n"+tt.before, &skipping{Conn: client, skip: len("220 2.0.0 go ahead\r\n")}, b.clientConfig())
					if err != nil {
						t.Error(err)
					}
					done <- c
				}()
			} else {
				write(t, client, "STARTTLS\r\n"+tt.same)
			}
			expect(t, server, "STARTTLS\r\n")
			write(t, server, "220 2.0.0 go ahead\r\n")
			if tt.later != "" {
				write(t, client, tt.later)
			}
			s := b.secureServer(server)
			var c *tls.Conn
			if tt.before != "" {
				c = <-done
			} else {
				expect(t, client, "220 2.0.0 go ahead\r\n")
				c = b.secureClient(client)
			}
			exchange(t, c, s, "-> EHLO client.example.org", "<- 250 mail.example.com")
			bye(t, c, s)
			tr := b.transcript()
			if got, want := swallowed(tr, "starttls-injection"), tt.same+tt.later+tt.before; got != want {
				t.Errorf("the transcript tells of %q, want %q", got, want)
			}
		})
	}
}

// skipping drops what is read first.
type skipping struct {
	net.Conn
	skip int
}

func (s *skipping) Read(p []byte) (int, error) {
	if s.skip > 0 {
		n, err := io.ReadFull(s.Conn, make([]byte, s.skip))
		s.skip -= n
		if err != nil {
			return 0, err
		}
	}
	return s.Conn.Read(p)
}

// A client may send its ClientHello along with STARTTLS.
func TestEagerClientHello(t *testing.T) {
	for _, pieces := range []int{1, 2, 3} {
		b := setUpTLS(t, proxy.Intercept, nil)
		client, server := b.connect()
		exchange(t, client, server, "<- 220 mail.example.com ESMTP")
		done := make(chan *tls.Conn, 1)
		go func() {
			c, err := clientHelloFirst("STARTTLS\r\n", &skipping{Conn: &slicing{client, pieces}, skip: len("220 2.0.0 go ahead\r\n")}, b.clientConfig())
			if err != nil {
				t.Error(err)
			}
			done <- c
		}()
		expect(t, server, "STARTTLS\r\n")
		write(t, server, "220 2.0.0 go ahead\r\n")
		s := b.secureServer(server)
		c := <-done
		bye(t, c, s)
		if got := swallowed(b.transcript(), "starttls-injection"); got != "" {
			t.Errorf("%d pieces: swallowed %q", pieces, got)
		}
	}
}

// slicing writes in that many pieces.
type slicing struct {
	net.Conn
	pieces int
}

func (s *slicing) Write(p []byte) (int, error) {
	for chunk := range slices.Chunk(p, len(p)/s.pieces+1) {
		if _, err := s.Conn.Write(chunk); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Clear text of the server's after its 220 does not enter TLS.
func TestServerInjection(t *testing.T) {
	for name, later := range map[string]bool{"same segment": false, "next segment": true} {
		t.Run(name, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, nil)
			client, server := b.connect()
			exchange(t, client, server, "<- 220 mail.example.com ESMTP", "-> STARTTLS")
			const evil = "250-" + canary + "\r\n250 AUTH PLAIN\r\n"
			if later {
				write(t, server, "220 2.0.0 go ahead\r\n")
				write(t, server, evil)
			} else {
				write(t, server, "220 2.0.0 go ahead\r\n"+evil)
			}
			// A server that speaks in clear now can't be shaken hands with,
			// unless smtptap has taken that away before its ClientHello.
			var heard bytes.Buffer
			s := tls.Server(server, b.serverConfig())
			if err := s.Handshake(); err == nil {
				expect(t, client, "220 2.0.0 go ahead\r\n")
				c := b.secureClient(client)
				write(t, c, "EHLO client.example.org\r\n")
				expect(t, s, "EHLO client.example.org\r\n")
				write(t, s, "250 mail.example.com\r\n")
				s.Close()
				io.Copy(&heard, c)
				c.Close()
				if strings.Contains(heard.String(), canary) {
					t.Errorf("the client heard %q inside TLS", heard.String())
				}
			} else {
				server.Close()
				io.Copy(&heard, client)
				client.Close()
				if !strings.HasPrefix(heard.String(), "454 4.7.0 [smtptap] ") {
					t.Errorf("the client heard %q", heard.String())
				}
			}
			tr := b.transcript()
			if got := swallowed(tr, "starttls-reply-injection"); got != evil {
				t.Errorf("the transcript tells of %q, want %q", got, evil)
			}
		})
	}
}

// What the server's handshake is mixed with is told apart from it.
func TestServerInjectionBeforeServerHello(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	upToSTARTTLS(t, client, server)
	const evil = "250-" + canary + "\r\n250 AUTH PLAIN\r\n"
	shaken := make(chan error, 1)
	go func() { shaken <- tls.Server(&merging{server, []byte(evil)}, b.serverConfig()).Handshake() }()
	if heard, _ := io.ReadAll(client); !strings.HasPrefix(string(heard), "454 4.7.0 [smtptap] ") {
		t.Errorf("the client heard %q", heard)
	}
	client.Close()
	if err := <-shaken; err == nil {
		t.Error("the handshake came about")
	}
	if got := swallowed(b.transcript(), "starttls-reply-injection"); got != evil {
		t.Errorf("the transcript tells of %q, want %q", got, evil)
	}
}

// Whatever comes with the reply, its whole line reaches the client and nothing
// more; a reply of several lines in several pieces too.
func TestAcceptingReplyInPieces(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	exchange(t, client, server, "<- 220 mail.example.com ESMTP", "-> STARTTLS")
	for _, piece := range []string{"22", "0-ready\r", "\n220 go", " ahead\r\n"} {
		write(t, server, piece)
	}
	s := b.secureServer(server)
	expect(t, client, "220-ready\r\n220 go ahead\r\n")
	c := b.secureClient(client)
	bye(t, c, s)
}

// None of these is a STARTTLS that is to be acted upon, or only the last one
// is: the upgrade happens when the paired reply is 220, and then exactly there.
func TestFalseSTARTTLS(t *testing.T) {
	for name, before := range map[string][]string{
		"in a message": {
			"-> MAIL FROM:<a@example.org>", "<- 250 ok", "-> RCPT TO:<b@example.com>", "<- 250 ok", "-> DATA", "<- 354 go",
			"-> STARTTLS", "-> .", "<- 220 queued",
		},
		"in a chunk": {"-> BDAT 22 LAST", "-> STARTTLS", "-> STARTTLS\r\n", "<- 220 ok"},
		"in an AUTH exchange": {
			"-> AUTH LOGIN", "<- 334 VXNlcm5hbWU6", "-> STARTTLS", "<- 220 odd", "-> NOOP", "<- 250 ok",
		},
		"refused":             {"-> STARTTLS", "<- 454 not now", "-> NOOP", "<- 250 ok"},
		"lower case, refused": {"-> starttls", "<- 502 no"},
		"trailing space":      {"-> STARTTLS ", "<- 501 no"},
		"with a parameter":    {"-> STARTTLS now", "<- 501 no parameters"},
		"twice":               {"-> STARTTLS", "<- 454 not now", "-> STARTTLS", "<- 454 still not"},
		"another command":     {"-> XSTARTTLS", "<- 220 hm", "-> STARTTLSX", "<- 220 hm"},
		"before EHLO":         {},
	} {
		t.Run(name, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, nil)
			client, server := b.connect()
			exchange(t, client, server, "<- 220 mail.example.com ESMTP")
			exchange(t, client, server, before...)
			exchange(t, client, server, "-> STARTTLS")
			write(t, server, "220 2.0.0 go ahead\r\n")
			c, s := b.secureBoth(client, server)
			exchange(t, c, s, "-> EHLO client.example.org", "<- 250 mail.example.com")
			exchange(t, c, s, "-> STARTTLS", "<- 503 TLS is active") // after TLS
			bye(t, c, s)
			if end := endOf(b.transcript()); end.Cause != facts.CauseClosed {
				t.Errorf("ended as %+v", end)
			}
		})
	}
}

// How the command is spelt is the server's to judge.
func TestAcceptedSTARTTLS(t *testing.T) {
	for _, command := range []string{"starttls\r\n", "StartTLS \r\n", "STARTTLS\n", "STARTTLS now\r\n"} {
		t.Run(command, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, nil)
			client, server := b.connect()
			exchange(t, client, server, "<- 220 mail.example.com ESMTP")
			write(t, client, command)
			expect(t, server, command)
			write(t, server, "220 2.0.0 go ahead\r\n")
			c, s := b.secureBoth(client, server)
			bye(t, c, s)
		})
	}
}

// A message that was pipelined after a refused DATA may hold the word; it is a
// command then, and what follows it has gone to the server in clear already.
func TestSTARTTLSBehindRefusedDATA(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	exchange(t, client, server, "<- 220 mail.example.com ESMTP")
	const text = "DATA\r\nSubject: x\r\n\r\nSTARTTLS\r\n.\r\n"
	write(t, client, text)
	expect(t, server, text)
	const replies = "503 no\r\n500 what\r\n500 what\r\n454 not now\r\n500 what\r\n"
	write(t, server, replies)
	expect(t, client, replies)
	exchange(t, client, server, "-> STARTTLS")
	write(t, server, "220 2.0.0 go ahead\r\n")
	c, s := b.secureBoth(client, server)
	bye(t, c, s)
}

// A client that begins TLS after STARTTLS and a 220 has upgraded, however many
// replies the server has left out or said too many.
func TestSTARTTLSOutOfStep(t *testing.T) {
	for name, before := range map[string][]string{
		"an empty line unanswered": {"-> ", "-> EHLO client.example.org", "<- 250 mail.example.com"},
		"two":                      {"-> ", "-> ", "-> EHLO client.example.org", "<- 250 mail.example.com"},
		"a PROXY header":           {"-> PROXY TCP4 192.0.2.1 192.0.2.2 1234 25", "-> EHLO client.example.org", "<- 250 mail.example.com"},
		"NOOP unanswered":          {"-> NOOP", "-> EHLO client.example.org", "<- 250 mail.example.com"},
		"answered twice":           {"-> EHLO client.example.org", "<- 250 mail.example.com", "<- 250 mail.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, nil)
			client, server := b.connect()
			exchange(t, client, server, "<- 220 mail.example.com ESMTP")
			exchange(t, client, server, before...)
			exchange(t, client, server, "-> STARTTLS")
			c, s := b.upgradeBoth(client, server)
			exchange(t, c, s, "-> EHLO client.example.org", "<- 250 mail.example.com")
			bye(t, c, s)
			if end := endOf(b.transcript()); end.Cause != facts.CauseClosed {
				t.Errorf("ended as %+v", end)
			}
		})
	}
}

// upgradeBoth accepts STARTTLS and shakes hands on both legs, whichever comes first.
func (b *tlsBench) upgradeBoth(client, server net.Conn) (c, s *tls.Conn) {
	b.t.Helper()
	write(b.t, server, "220 2.0.0 go ahead\r\n")
	var both sync.WaitGroup
	both.Go(func() {
		s = tls.Server(server, b.serverConfig())
		if err := s.Handshake(); err != nil {
			b.t.Error(err)
		}
	})
	expect(b.t, client, "220 2.0.0 go ahead\r\n")
	c = b.secureClient(client)
	both.Wait()
	return c, s
}

// A reply that is taken for that to STARTTLS does not hide the one that is.
func TestSTARTTLSReplyAfterAnother(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	exchange(t, client, server, "<- 220 mail.example.com ESMTP", "-> STARTTLS", "<- 250 still here")
	c, s := b.upgradeBoth(client, server)
	bye(t, c, s)
}

// What waits for a reply to STARTTLS that does not come is let go, and told of.
func TestUnansweredSTARTTLS(t *testing.T) {
	for name, before := range map[string][]string{
		"nothing said since": {"-> STARTTLS"},
		"out of step":        {"-> ", "-> STARTTLS", "<- 500 what"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setUpTLS(t, proxy.Intercept, func(p *proxy.Proxy, _ *named) { p.SetWait(time.Millisecond) })
			client, server := b.connect()
			exchange(t, client, server, "<- 220 mail.example.com ESMTP")
			exchange(t, client, server, before...)
			exchange(t, client, server, "-> NOOP", "<- 250 ok")
			bye(t, client, server)
			if got := notes(b.transcript()); !slices.Contains(got, "starttls-let-go") || !slices.Contains(got, "starttls-waiting") {
				t.Errorf("noted %v", got)
			}
		})
	}
}

// A refusal of STARTTLS is found however many lines the server has left
// unanswered before.
func TestRefusedSTARTTLSOutOfStep(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	exchange(t, client, server, "<- 220 mail.example.com ESMTP", "-> ", "-> STARTTLS", "<- 454 not now", "-> NOOP", "<- 250 ok")
	bye(t, client, server)
}

// The reply that was on its way to the client when it grew too long can't be
// taken back; then nothing is put in its place.
func TestEndlessAcceptingReply(t *testing.T) {
	b := setUpTLS(t, proxy.Intercept, nil)
	client, server := b.connect()
	exchange(t, client, server, "<- 220 mail.example.com ESMTP", "-> STARTTLS")
	reply := strings.Repeat("220-wait\r\n", 40000)
	var heard bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { io.Copy(&heard, client) })
	write(t, server, reply+"220 go ahead\r\n")
	server.Close()
	reading.Wait()
	client.Close()
	if got := heard.String(); !strings.HasPrefix(reply+"220 go ahead\r\n", got) || len(got) < 64<<10 {
		t.Errorf("the client heard %d bytes, ending in %q", len(got), got[max(0, len(got)-40):])
	}
	if f := handshakes(b.transcript())[who.ServerLeg]; f == nil || f.Err == "" {
		t.Errorf("the server's leg: %+v", f)
	}
}
