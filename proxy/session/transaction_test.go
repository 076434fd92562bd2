package session

import (
	"slices"
	"strings"
	"testing"

	"smtptap/decode/smtp"
)

// A txPlay drives a transaction of example.org: the client's bytes wait until
// the transaction takes them, the server's replies are heard when it is asked.
type txPlay struct {
	tx      transaction
	held    []byte
	server  strings.Builder // what reached the server
	client  []string        // replies that smtptap gave
	scanner smtp.Replies
}

func newTxPlay() *txPlay {
	return &txPlay{tx: transaction{chunking: true, goesTo: func(d string) bool { return strings.EqualFold(d, "example.org") }}}
}

func (x *txPlay) fromClient(p string) {
	x.held = append(x.held, p...)
	for {
		turn := x.tx.next(x.held)
		if turn.n == 0 {
			return
		}
		if turn.reply != nil {
			x.client = append(x.client, string(turn.reply[:9]))
		}
		if !turn.drop {
			x.server.Write(x.held[:turn.n])
		}
		x.held = x.held[turn.n:]
	}
}

func (x *txPlay) fromServer(p string) {
	x.hear([]byte(p), func() { x.fromClient("") })
}

// hear goes through what the server says and calls after once each is read.
func (x *txPlay) hear(p []byte, after func()) {
	for len(p) > 0 {
		n, reply, complete := x.scanner.Next(p)
		if complete {
			x.tx.reply(reply.Code)
			after()
		}
		p = p[n:]
	}
}

const rcptB = "RCPT TO:<b@example.org>\r\n"

func TestTransaction(t *testing.T) {
	const body = "Subject: x\r\n\r\nRCPT TO:<c@example.com>\r\nQUIT\r\n..\r\n.\r\n"
	for _, tt := range []struct {
		name   string
		play   []string // "C: " and "S: " with what they say
		server string   // what reached the server
		client []string // what smtptap answered itself
		held   string
		over   bool
	}{
		{name: "one message", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:DATA\r\n", "S:354 go\r\n", "C:" + body, "S:250-queued\r\n250 as 1\r\n", "C:MAIL FROM:<>\r\n"},
			server: rcptB + "DATA\r\n" + body, held: "MAIL FROM:<>\r\n", over: true},
		{name: "one byte at a time", play: slices.Concat(each("C:", rcptB), each("S:", "250 ok\r\n"), each("C:", "DATA\r\n"), each("S:", "354 go\r\n"), each("C:", body), each("S:", "550-no\r\n550 no\r\n")),
			server: rcptB + "DATA\r\n" + body, over: true},
		{name: "empty message", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:DATA\r\n", "S:354 go\r\n", "C:.\r\nQUIT\r\n"},
			server: rcptB + "DATA\r\n.\r\n", held: "QUIT\r\n"},
		{name: "CR LF CR LF dot", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:DATA\r\n", "S:354 go\r\n", "C:\r\r\n\r\n.\r\nQ"},
			server: rcptB + "DATA\r\n\r\r\n\r\n.\r\n", held: "Q"},
		{name: "another domain", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:RCPT TO:<c@example.com>\r\n", "C:RCPT TO:<d@Example.ORG>\r\n"},
			server: rcptB + "RCPT TO:<d@Example.ORG>\r\n", client: []string{"452 4.5.3"}},
		{name: "pipelined without leave", play: []string{"C:" + rcptB + "RCPT TO:<c@example.com>\r\n" + rcptB + "DATA\r\n", "S:250 ok\r\n", "S:250 ok\r\n"},
			server: rcptB + rcptB + "DATA\r\n", client: []string{"452 4.5.3"}},
		{name: "held until the reply has come", play: []string{"C:" + rcptB + "RCPT TO:<c@example.com>\r\n", "S:250-o"},
			server: rcptB, held: "RCPT TO:<c@example.com>\r\n"},
		{name: "DATA refused", play: []string{"C:" + rcptB, "S:550 no\r\n", "C:DATA\r\n", "S:503 no\r\n", "C:RCPT TO:<c@example.com>\r\n"},
			server: rcptB + "DATA\r\n", client: []string{"452 4.5.3"}},
		{name: "RSET", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:RSET\r\n", "S:250 ok\r\n", "C:MAIL"},
			server: rcptB + "RSET\r\n", held: "MAIL", over: true},
		{name: "RSET refused", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:RSET\r\n", "S:501 no\r\n", "C:NOOP\r\n"},
			server: rcptB + "RSET\r\nNOOP\r\n"},
		{name: "QUIT", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:QUIT\r\n", "S:221 bye\r\n", "C:EHLO x\r\nRCPT TO:<c@example.com>\r\n"},
			server: rcptB + "QUIT\r\n"},
		{name: "hello ends it", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:EHLO x\r\n"}, server: rcptB, held: "EHLO x\r\n", over: true},
		{name: "STARTTLS ends it", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:starttls\r\n"}, server: rcptB, held: "starttls\r\n", over: true},
		{name: "AUTH", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:AUTH PLAIN AGEAYg==\r\nNOOP\r\n"}, server: rcptB + "NOOP\r\n", client: []string{"503 5.5.1"}},
		{name: "nested MAIL is the server's to refuse", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:MAIL FROM:<>\r\n", "S:503 no\r\n", "C:NOOP\r\n"},
			server: rcptB + "MAIL FROM:<>\r\nNOOP\r\n"},
		{name: "postmaster is the server's to judge", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:RCPT TO:<postmaster>\r\n"},
			server: rcptB + "RCPT TO:<postmaster>\r\n"},
		{name: "BDAT", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:BDAT 10\r\nRCPT TO:<cBDAT 3 LAST\r\nxyz", "S:250 ok\r\n", "S:250 queued\r\n", "C:RCPT TO:<c@example.com>\r\n"},
			server: rcptB + "BDAT 10\r\nRCPT TO:<cBDAT 3 LAST\r\nxyz", held: "RCPT TO:<c@example.com>\r\n", over: true},
		{name: "BDAT 0 LAST", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:BDAT 0 LAST\r\n", "S:250 queued\r\n", "C:x"},
			server: rcptB + "BDAT 0 LAST\r\n", held: "x", over: true},
		{name: "an unasked reply changes nothing", play: []string{"C:" + rcptB, "S:250 ok\r\n250 twice\r\n", "C:DATA\r\n", "C:x\r\n"},
			server: rcptB + "DATA\r\n", held: "x\r\n"},
		{name: "answered before its end", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:DATA\r\n", "S:354 go\r\n", "C:x\r\n", "S:552 too much\r\n", "C:y\r\n.\r\n", "S:500 what\r\n", "C:QUIT\r\n"},
			server: rcptB + "DATA\r\nx\r\n", held: "QUIT\r\n", over: true},
		{name: "a command line too long to look at", play: []string{"C:RCPT TO:<" + strings.Repeat("x", maxCommandLine), "C:@example.com>\r\nNOOP\r\n", "S:500 no\r\n"},
			server: "NOOP\r\n", client: []string{"500 5.5.2"}},
		{name: "half a line", play: []string{"C:" + rcptB, "S:250 ok\r\n", "C:DA"}, server: rcptB, held: "DA"},
		{name: "replies without a code", play: []string{"C:" + rcptB, "S:hello\r\n", "C:DATA\r\n", "S:35\r\n", "C:RSET\r\n"}, server: rcptB + "DATA\r\nRSET\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newTxPlay()
			for _, said := range tt.play {
				if p, ok := strings.CutPrefix(said, "C:"); ok {
					x.fromClient(p)
				} else {
					x.fromServer(strings.TrimPrefix(said, "S:"))
				}
			}
			if x.server.String() != tt.server {
				t.Errorf("the server got %q, want %q", x.server.String(), tt.server)
			}
			if !slices.Equal(x.client, tt.client) {
				t.Errorf("smtptap said %q, want %q", x.client, tt.client)
			}
			if string(x.held) != tt.held || x.tx.over != tt.over {
				t.Errorf("held %q, over %v, want %q, %v", x.held, x.tx.over, tt.held, tt.over)
			}
		})
	}
}

// TestGuard: a line that servers might read in another way, or that has no
// business in a transaction, is answered by smtptap and does not reach the
// server; nor does a chunk that goes with it.
func TestGuard(t *testing.T) {
	const login, other = "AGEAYg==", "<c@example.com>"
	for _, line := range []string{
		"RCPT\tTO:" + other, "RCPT  TO:" + other, " RCPT TO:" + other, "\tRCPT TO:" + other, "RCPT TO :" + other, "RCPT TO\t:" + other,
		"RCPT\vTO:" + other, "RCPT\x00TO:" + other, "\x00RCPT TO:" + other, "RCPT TO:\t" + other, "RCPT TO" + other, "RCPT " + other,
		"NOOP\rRCPT TO:" + other, "NOOP \x00\rRCPT TO:" + other, "RCPT TO:<b@example.org>\rRCPT TO:" + other, "RCPT TO:<b@example.org\r",
		"RCPT TO:<b@example.org>" + other, "RCPT TO:<b@example.org>," + other, "RCPT TO:<b@example.org> TO:" + other, "RCPT TO:<c@example.com,b@example.org>",
		"RCPT TO:<c@example.com@example.org>", "RCPT TO:<@example.com:b@example.org>", "RCPT TO:<b@example.org", "RCPT TO:<\"b@example.org>",
		"RCPT TO:<c@example.com:b@example.org>", "RCPT TO:<>", "RCPT TO:<b>", "RCPT TO:<b@[192.0.2.1]>", "RCPT TO:<b@exa mple.org>", "RCPT TO:<b@example.org\x00.example.com>",
		"AUTH PLAIN " + login, "auth plain " + login, "AUTH\tPLAIN " + login, " AUTH PLAIN " + login, "AUTH  PLAIN " + login, "AUTH=PLAIN " + login,
		"AUTH", "\x0cAUTH PLAIN " + login, "NOOP\rAUTH PLAIN " + login, "AUTHPLAIN " + login, login,
		"BDAT +5 LAST", "BDAT  5 LAST", "BDAT 5 LAST x", "BDAT 5  LAST", "BDAT 5\tLAST", "BDAT 5 LAST ", "BDAT -1", "BDAT 0x5", "BDAT 5.", "BDAT", "BDAT LAST",
		"BDAT 99999999999999999999 LAST", "BDAT 5LAST", "BDAT 05 LAST", "BDAT 5 FIRST",
		"XCLIENT ADDR=192.0.2.1", "XFORWARD NAME=x", "ETRN example.com", "TURN", "ATRN", "SEND FROM:<a@example.net>", "LHLO x", "BURL x LAST", "STARTTLS x", "DATA x", "RSET x", "QUIT x", "", " ", "XYZZY",
		"R\xc0\x80CPT TO:" + other, "RCPT TO:<b@ex\xffample.org>", "\x16\x03\x01",
	} {
		x := newTxPlay()
		x.fromClient(rcptB)
		x.fromServer("250 ok\r\n")
		x.fromClient(line + "\r\n")
		if chunk := smtp.ReadCommand([]byte(line)); chunk.Size > 0 {
			x.fromClient(other[:chunk.Size])
		}
		x.fromClient("NOOP\r\n")
		if got := x.server.String(); got != rcptB+"NOOP\r\n" || len(x.client) != 1 || x.client[0] < "4" {
			t.Errorf("%q: the server got %q, the client %q", line, got, x.client)
		}
	}
}

// TestGuardWithoutCHUNKING: a server that does not know BDAT would read the
// chunk as commands.
func TestGuardWithoutCHUNKING(t *testing.T) {
	x := newTxPlay()
	x.tx.chunking = false
	x.fromClient(rcptB)
	x.fromServer("250 ok\r\n")
	x.fromClient("BDAT 25 LAST\r\nRCPT TO:<c@example.com>\r\nNOOP\r\n")
	if got := x.server.String(); got != rcptB+"NOOP\r\n" || !slices.Equal(x.client, []string{"503 5.5.1"}) {
		t.Errorf("the server got %q, the client %q", got, x.client)
	}
}

// TestDoubtfulEndOfData: a message goes no further than to where some server
// sees its end and another does not, however it is cut.
func TestDoubtfulEndOfData(t *testing.T) {
	for _, tt := range []struct{ end, relayed string }{
		{"\n.\n", "\n."}, {"\n.\r\n", "\n."}, {"\r\n.\n", "\r\n."}, {"\r.\r\n", "\r."}, {"\r.\r", "\r."}, {"\r\n.\rx", "\r\n."}, {"\r\n.\r\r\n", "\r\n."},
		{"\r\n\x00.\r\n", "\r\n\x00."}, {"\r\n.\x00\r\n", "\r\n.\x00"}, {"\n\x00.\x00\n", "\n\x00.\x00"}, {"\r\r\n.\n", "\r\r\n."},
	} {
		for _, cut := range []int{1, 2, 3, 100} {
			x := newTxPlay()
			for _, said := range []string{rcptB, "250 ok\r\n", "DATA\r\n", "354 go\r\n"} {
				if said[0] < 'A' {
					x.fromServer(said)
				} else {
					x.fromClient(said)
				}
			}
			for said := range slices.Chunk([]byte("x..x."+tt.end+"RCPT TO:<c@example.com>\r\n.\r\n"), cut) {
				x.fromClient(string(said))
			}
			if want := rcptB + "DATA\r\nx..x." + tt.relayed; x.server.String() != want || x.tx.doubt == "" || !x.tx.over {
				t.Errorf("%q in pieces of %d: the server got %q, want %q; doubt %q", tt.end, cut, x.server.String(), want, x.tx.doubt)
			}
		}
	}
}

func each(who, s string) []string {
	var out []string
	for _, c := range []byte(s) {
		out = append(out, who+string(c))
	}
	return out
}

// FuzzTransaction: nothing is lost or said twice, whatever both sides say and
// however it is cut: what reached the server, what smtptap answered itself and
// what is still held are what the client sent.
func FuzzTransaction(f *testing.F) {
	f.Add(rcptB+"RCPT TO:<c@example.com>\r\nDATA\r\nx\r\n.\r\nMAIL FROM:<>\r\n", "250 ok\r\n354 go\r\n250 ok\r\n", 5)
	f.Add("BDAT 5 LAST\r\nabcdeAUTH PLAIN\r\nQUIT\r\nx", "250 a\r\n221 b\r\n", 1)
	f.Fuzz(func(t *testing.T, client, server string, cut int) {
		x := newTxPlay()
		step := max(1, cut%40)
		swallowed := 0
		take := func(p string) {
			x.held = append(x.held, p...)
			for {
				turn := x.tx.next(x.held)
				if turn.n < 0 || turn.n > len(x.held) {
					t.Fatalf("took %d of %d bytes", turn.n, len(x.held))
				}
				if turn.n == 0 {
					return
				}
				if turn.drop {
					swallowed += turn.n
				} else {
					x.server.Write(x.held[:turn.n])
				}
				x.held = x.held[turn.n:]
			}
		}
		for i, j := 0, 0; i < len(client) || j < len(server); {
			n := min(step, len(client)-i)
			take(client[i : i+n])
			i += n
			m := min(step, len(server)-j)
			x.hear([]byte(server[j:j+m]), func() { take("") })
			j += m
		}
		if got := x.server.Len() + swallowed + len(x.held); got != len(client) {
			t.Fatalf("%d of %d bytes are accounted for", got, len(client))
		}
		if swallowed == 0 && x.server.String()+string(x.held) != client {
			t.Fatal("the bytes are not the client's")
		}
	})
}
