package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy"
	"smtptap/proxy/upstream"
	"smtptap/proxy/upstream/dnstest"
)

// A fakeMX is a receiving server at an address of its own. It answers each
// verb from replies, "." for the end of a message and "" for the greeting, and
// keeps what it was told.
type fakeMX struct {
	addr    netip.Addr
	replies map[string]string
	once    string           // said, before the connection is closed, after its first message; "" for no such thing
	cert    *tls.Certificate // for STARTTLS; nil closes the connection after the reply to it

	mu   sync.Mutex
	said []string // command lines, one list for all connections; "connect" where one begins
	mail []string // messages
}

var friendly = map[string]string{
	"":     "220 mx ESMTP\r\n",
	"EHLO": "250-mx\r\n250-SIZE 1000\r\n250 8BITMIME\r\n",
	"DATA": "354 go ahead\r\n",
	"QUIT": "221 bye\r\n",

	"EHLO in TLS": "250-mx\r\n250-SIZE 1000\r\n250 8BITMIME\r\n",
}

// answers are the friendly replies with others in their place.
func answers(changes ...string) map[string]string {
	all := map[string]string{}
	for k, v := range friendly {
		all[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		all[changes[i]] = changes[i+1]
	}
	return all
}

func (m *fakeMX) reply(verb string) string {
	if r, ok := m.replies[verb]; ok {
		return r
	}
	return "250 " + strings.ToLower(verb) + " ok\r\n"
}

func (m *fakeMX) log(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said = append(m.said, line)
}

func (m *fakeMX) heard() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.said)
}

func (m *fakeMX) serve(conn net.Conn) {
	defer conn.Close()
	m.log("connect")
	var r *bufio.Reader
	say := func(s string) { io.WriteString(conn, s) }
	ehlo := "EHLO"
	say(m.reply(""))
	if r := m.reply(""); r == "" || strings.HasPrefix(r, "421") {
		return
	}
	r = bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		m.log(line)
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if verb == "EHLO" {
			verb = ehlo
		}
		say(m.reply(verb))
		if verb == "STARTTLS" && strings.HasPrefix(m.reply(verb), "220") {
			if m.cert == nil {
				return
			}
			secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*m.cert}})
			if secured.Handshake() != nil {
				return
			}
			defer secured.Close()
			conn, r, ehlo = secured, bufio.NewReader(secured), "EHLO in TLS"
			m.log("TLS")
		}
		switch {
		case verb == "QUIT" || strings.HasPrefix(m.reply(verb), "421"):
			return
		case verb == "DATA" && strings.HasPrefix(m.reply(verb), "354"):
			var b strings.Builder
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
				b.WriteString(line)
			}
			m.mu.Lock()
			m.mail = append(m.mail, b.String())
			m.mu.Unlock()
			say(m.reply("."))
			if m.once != "" {
				say(strings.TrimSuffix(m.once, " "))
				return
			}
		}
	}
}

// startMX serves all servers on one port that is free at each of their
// addresses, and returns it.
func startMX(t *testing.T, servers ...*fakeMX) uint16 {
	t.Helper()
	for range 20 {
		// Held until the test ends, so that the proxy gets another port.
		first := listenTCP(t)
		port := netip.MustParseAddrPort(first.Addr().String()).Port()
		var listeners []net.Listener
		for _, m := range servers {
			l, err := net.Listen("tcp", netip.AddrPortFrom(m.addr, port).String())
			if err != nil {
				break
			}
			listeners = append(listeners, l)
		}
		if len(listeners) < len(servers) {
			for _, l := range listeners {
				l.Close()
			}
			continue
		}
		var all sync.WaitGroup
		for i, l := range listeners {
			all.Go(func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					all.Go(func() { servers[i].serve(conn) })
				}
			})
		}
		t.Cleanup(func() {
			for _, l := range listeners {
				l.Close()
			}
			all.Wait()
		})
		return port
	}
	t.Fatal("no port is free at all addresses")
	return 0
}

// mxZone leads example.org to 127.0.0.2, example.com to 127.0.0.3, and some
// other domains to nowhere.
func mxZone() []string {
	return []string{
		"example.org. MX 10 mx.example.org.", "mx.example.org. A 127.0.0.2",
		"example.com. MX 10 mx.example.com.", "mx.example.com. A 127.0.0.3",
		"two.example. MX 10 mx.example.org.", "two.example. MX 20 mx.example.com.",
		"none.example. MX 0 .",
		"bad.example. MX 10 localhost.",
	}
}

// setUpMX starts a proxy that chooses the server by recipient.
func setUpMX(t *testing.T, servers ...*fakeMX) *bench {
	t.Helper()
	return setUpMXWith(t, func(*proxy.Proxy) {}, servers...)
}

// setUpMXWith is setUpMX with more changes to the proxy.
func setUpMXWith(t *testing.T, change func(*proxy.Proxy), servers ...*fakeMX) *bench {
	t.Helper()
	addr := dnstest.Serve(t, dnstest.Records(t, mxZone()...))
	port := startMX(t, servers...)
	return setUp(t, func(p *proxy.Proxy) {
		p.Upstream, p.Target = nil, "mx"
		p.Router = &upstream.MX{
			Resolver:  &upstream.Resolver{Servers: []string{addr}},
			Connector: upstream.Connector{Port: port, AllowPrivate: true},
		}
		change(p)
	})
}

// dialogue says the client's lines, each when the reply to the one before has
// come, and returns the first line of each reply, the greeting first.
func dialogue(t *testing.T, conn net.Conn, lines ...string) []string {
	t.Helper()
	r := bufio.NewReader(conn)
	var heard []string
	hear := func() {
		for first := true; ; first = false {
			line, err := r.ReadString('\n')
			if err != nil {
				heard = append(heard, err.Error())
				return
			}
			if first {
				heard = append(heard, strings.TrimRight(line, "\r\n"))
			}
			if len(line) < 4 || line[3] != '-' {
				return
			}
		}
	}
	hear()
	for _, l := range lines {
		write(t, conn, l)
		hear()
	}
	return heard
}

func codes(heard []string) string {
	var list []string
	for _, h := range heard {
		list = append(list, strings.SplitN(h, " ", 2)[0][:3])
	}
	return strings.Join(list, " ")
}

func org() *fakeMX { return &fakeMX{addr: netip.MustParseAddr("127.0.0.2"), replies: friendly} }
func com() *fakeMX { return &fakeMX{addr: netip.MustParseAddr("127.0.0.3"), replies: friendly} }

const message = "Subject: hello\r\n\r\nRCPT TO:<x@example.com>\r\n..\r\n.\r\n"

func TestMXOneMessage(t *testing.T) {
	mx := org()
	b := setUpMX(t, mx)
	c := b.dial()
	heard := dialogue(t, c, "EHLO client.example\r\n", "MAIL FROM:<a@example.net> SIZE=100\r\n", "RCPT TO:<b@example.org>\r\n",
		"RCPT TO:<c@EXAMPLE.org>\r\n", "DATA\r\n", message, "QUIT\r\n")
	if got := codes(heard); got != "220 250 250 250 250 354 250 221" {
		t.Errorf("the client heard %q", heard)
	}
	expectEOF(t, c)
	c.Close()
	want := []string{"connect", "EHLO client.example", "MAIL FROM:<a@example.net> SIZE=100", "RCPT TO:<b@example.org>", "RCPT TO:<c@EXAMPLE.org>", "DATA", "QUIT"}
	if got := mx.heard(); !slices.Equal(got, want) {
		t.Errorf("the server heard %q, want %q", got, want)
	}
	if len(mx.mail) != 1 || mx.mail[0] != message {
		t.Errorf("the server got %q", mx.mail)
	}
	tr := b.transcript()
	checkWords(t, tr, []string{
		"P>C 220 smtptap.localhost", "C>P EHLO client.example", "P>C 250-smtptap.localhost", "C>P MAIL FROM:<a@example.net>", "P>C 250 2.1.0",
		"S>P 220 mx", "P>S EHLO client.example", "S>P 250-mx", "P>S MAIL FROM:<a@example.net>", "S>P 250 mail",
		"C>S RCPT TO:<b@example.org>", "S>C 250 rcpt", "C>S RCPT TO:<c@EXAMPLE.org>", "S>C 250 rcpt", "C>S DATA", "S>C 354 go",
		"C>S Subject: hello", "C>S .", "S>C 250 .", "C>P QUIT", "P>S QUIT", "S>P 221 bye", "P>C 221 2.0.0",
	})
	if end := tr.Entries[len(tr.Entries)-1].Fact.(*facts.End); end.Cause != facts.CauseClosed {
		t.Errorf("ended as %+v", end)
	}
}

// checkWords compares what the transcript shows: who said what to whom, by the
// first two words. Message bodies are left out.
func checkWords(t *testing.T, tr *decode.Transcript, want []string) {
	t.Helper()
	var got []string
	for _, e := range tr.Entries {
		if e.Event == nil || e.Event.Kind == decode.KindBody {
			continue
		}
		words := strings.SplitN(strings.TrimRight(string(e.Event.Raw), "\r\n"), " ", 3)
		got = append(got, fmt.Sprintf("%c>%c %s", e.From.Letter(), e.To.Letter(), strings.Join(words[:min(2, len(words))], " ")))
		if e.Leg == who.ServerLeg != (e.From == who.Smtptap && e.To == who.Server || e.From == who.Server && e.To == who.Smtptap) {
			t.Errorf("%s: Upstream is %v", got[len(got)-1], e.Leg == who.ServerLeg)
		}
	}
	for i, w := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], w) {
			t.Fatalf("entry %d: want %q in\n%s", i, w, strings.Join(got, "\n"))
		}
	}
	if len(got) > len(want) {
		t.Errorf("entries nobody wants: %q", got[len(want):])
	}
}

// TestMXTwoDomains: a recipient of another domain waits for a transaction of
// its own, which goes to another server in the same session.
func TestMXTwoDomains(t *testing.T) {
	one, two := org(), com()
	b := setUpMX(t, one, two)
	c := b.dial()
	heard := dialogue(t, c, "EHLO client.example\r\n",
		"MAIL FROM:<a@example.net>\r\n", "RCPT TO:<b@example.org>\r\n", "RCPT TO:<b@example.com>\r\n", "DATA\r\n", message,
		"MAIL FROM:<a@example.net>\r\n", "RCPT TO:<b@example.com>\r\n", "RCPT TO:<b@example.org>\r\n", "DATA\r\n", message,
		"MAIL FROM:<a@example.net>\r\n", "RCPT TO:<c@example.com>\r\n", "RSET\r\n",
		"QUIT\r\n")
	if got := codes(heard); got != "220 250 250 250 452 354 250 250 250 452 354 250 250 250 250 221" {
		t.Errorf("the client heard %q", heard)
	}
	wantOne := []string{"connect", "EHLO client.example", "MAIL FROM:<a@example.net>", "RCPT TO:<b@example.org>", "DATA", "QUIT"}
	wantTwo := []string{"connect", "EHLO client.example", "MAIL FROM:<a@example.net>", "RCPT TO:<b@example.com>", "DATA",
		"MAIL FROM:<a@example.net>", "RCPT TO:<c@example.com>", "RSET", "QUIT"}
	if got := one.heard(); !slices.Equal(got, wantOne) {
		t.Errorf("the first server heard %q, want %q", got, wantOne)
	}
	if got := two.heard(); !slices.Equal(got, wantTwo) {
		t.Errorf("the second server heard %q, want %q", got, wantTwo)
	}
}

// TestMXRefusals: what the client hears at RCPT when there is no server, or
// when the server does not want what came before.
func TestMXRefusals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		mx     map[string]string // of the server of example.org
		rcpt   string
		reply  string // prefix of what the client hears
		server []string
		cause  string
	}{
		{name: "no such domain", rcpt: "b@nowhere.example", reply: "550 5.1.2 [smtptap]", cause: facts.CauseRefused},
		{name: "null MX", rcpt: "b@none.example", reply: "556 5.1.10 [smtptap]", cause: facts.CauseRefused},
		{name: "MX of localhost", rcpt: "b@bad.example", reply: "550 5.4.4 [smtptap]", cause: facts.CauseRefused},
		{name: "no domain name", rcpt: "b@ex_ample..org", reply: "501 5.1.3 [smtptap]", cause: facts.CauseRefused},
		{name: "server down", rcpt: "b@example.com", reply: "451 4.4.1 [smtptap]", cause: facts.CauseUnreachable},
		{name: "MAIL refused", mx: answers("MAIL", "550-5.7.1 not from you\r\n550 5.7.1 go away\r\n"), rcpt: "b@example.org", reply: "550-5.7.1 not from you",
			server: []string{"connect", "EHLO client.example", "MAIL FROM:<a@example.net>", "QUIT"}, cause: facts.CauseClosed},
		{name: "greeting refused", mx: answers("", "554 5.7.1 blocked\r\n"), rcpt: "b@example.org", reply: "554 5.7.1 blocked",
			server: []string{"connect", "QUIT"}, cause: facts.CauseClosed},
		{name: "greeting 421", mx: answers("", "421 4.7.0 later\r\n"), rcpt: "b@example.org", reply: "421 4.7.0 later", cause: facts.CauseClosed},
		{name: "EHLO refused, and HELO", mx: answers("EHLO", "550 who are you\r\n", "HELO", "550 5.7.1 no\r\n"), rcpt: "b@example.org", reply: "550 5.7.1 no",
			server: []string{"connect", "EHLO client.example", "HELO client.example", "QUIT"}, cause: facts.CauseClosed},
		{name: "closes without a greeting", mx: answers("", ""), rcpt: "b@example.org", reply: "451 4.4.2 [smtptap]", cause: facts.CauseUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mx := org()
			if tt.mx != nil {
				mx.replies = tt.mx
			}
			b := setUpMX(t, mx)
			c := b.dial()
			heard := dialogue(t, c, "EHLO client.example\r\n", "MAIL FROM:<a@example.net>\r\n", "RCPT TO:<"+tt.rcpt+">\r\n", "RCPT TO:<"+tt.rcpt+">\r\n", "DATA\r\n", "QUIT\r\n")
			c.Close()
			if !strings.HasPrefix(heard[3], tt.reply) || heard[4] != heard[3] {
				t.Errorf("at RCPT the client heard %q, then %q, want %q", heard[3], heard[4], tt.reply)
			}
			if codes(heard[5:]) != "503 221" {
				t.Errorf("behind it %q", heard[5:])
			}
			if got := mx.heard(); tt.server != nil && !slices.Equal(got, tt.server) {
				t.Errorf("the server heard %q, want %q", got, tt.server)
			}
			tr := b.transcript()
			if end := tr.Entries[len(tr.Entries)-1].Fact.(*facts.End); end.Cause != tt.cause {
				t.Errorf("ended as %+v, want cause %q", end, tt.cause)
			}
		})
	}
}

// TestMXPrivate: without leave, no recipient leads to a private or otherwise
// special address, whether by name or by an address literal.
func TestMXPrivate(t *testing.T) {
	mx := org()
	b := setUpMXWith(t, func(p *proxy.Proxy) { p.Router.(*upstream.MX).Connector.AllowPrivate = false }, mx)
	c := b.dial()
	said := []string{"EHLO client.example\r\n", "MAIL FROM:<>\r\n"}
	for _, d := range []string{"example.org", "[127.0.0.2]", "[IPv6:::1]", "[IPv6:::ffff:127.0.0.2]", "[169.254.169.254]", "[0.0.0.0]"} {
		said = append(said, "RCPT TO:<b@"+d+">\r\n")
	}
	heard := dialogue(t, c, said...)
	c.Close()
	for i, h := range heard[3:] {
		if !strings.HasPrefix(h, "550 5.7.1 [smtptap]") {
			t.Errorf("at %q the client heard %q", said[i+2], h)
		}
	}
	if got := mx.heard(); len(got) > 0 {
		t.Errorf("the server heard %q", got)
	}
}

// TestMXNextHost: a server that does not want the session is passed over for
// the next one, as a mail server would.
func TestMXNextHost(t *testing.T) {
	for name, first := range map[string]map[string]string{
		"greeting 421":  answers("", "421 4.3.2 busy\r\n"),
		"greeting 554":  answers("", "554 5.7.1 no\r\n"),
		"no greeting":   answers("", ""),
		"EHLO, then 42": answers("EHLO", "450 4.7.0 slow down\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			one, two := org(), com()
			one.replies = first
			b := setUpMX(t, one, two)
			c := b.dial()
			heard := dialogue(t, c, "EHLO client.example\r\n", "MAIL FROM:<a@example.net>\r\n", "RCPT TO:<b@two.example>\r\n", "DATA\r\n", message, "QUIT\r\n")
			c.Close()
			if got := codes(heard); got != "220 250 250 250 354 250 221" {
				t.Errorf("the client heard %q", heard)
			}
			if len(two.mail) != 1 {
				t.Errorf("the second server got %d messages", len(two.mail))
			}
		})
	}
}

// TestMXAllAtOnce: a client that says everything without waiting, and closes
// its direction, is served in the right order all the same.
func TestMXAllAtOnce(t *testing.T) {
	one, two := org(), com()
	b := setUpMX(t, one, two)
	c := b.dial()
	write(t, c, "EHLO client.example\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"+message+
		"MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"+message+"QUIT\r\n")
	c.CloseWrite()
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	var last []string
	for _, line := range strings.Split(strings.TrimSpace(string(all)), "\r\n") {
		if line[3] == ' ' {
			last = append(last, line[:3])
		}
	}
	if got := strings.Join(last, " "); got != "220 250 250 250 452 354 250 250 250 354 250 221" {
		t.Errorf("the client heard %q", all)
	}
	if len(one.mail) != 1 || len(two.mail) != 1 {
		t.Errorf("%d and %d messages arrived", len(one.mail), len(two.mail))
	}
}

// TestMXServerLeaves: what a server says when it closes in the middle of a
// transaction reaches the client, and so does the close.
func TestMXServerLeaves(t *testing.T) {
	mx := org()
	mx.replies = answers("DATA", "421 4.3.2 shutting down\r\n")
	b := setUpMX(t, mx)
	c := b.dial()
	heard := dialogue(t, c, "EHLO client.example\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<b@example.org>\r\n", "DATA\r\n")
	if heard[4] != "421 4.3.2 shutting down" {
		t.Errorf("the client heard %q", heard)
	}
	expectEOF(t, c)
	c.Close()
	_, closed := b.end()
	if closed[who.ServerLeg] != "fin" {
		t.Errorf("the legs closed as %v", closed)
	}
}

// TestMXIdleServerGone: a server that went away between two transactions is
// connected to anew, whether it said so or not.
func TestMXIdleServerGone(t *testing.T) {
	for _, lastWords := range []string{" ", "421 4.4.2 idle for too long\r\n "} {
		mx := org()
		mx.once = lastWords
		b := setUpMX(t, mx)
		c := b.dial()
		mail := []string{"MAIL FROM:<>\r\n", "RCPT TO:<b@example.org>\r\n", "DATA\r\n", message}
		heard := dialogue(t, c, slices.Concat([]string{"EHLO client.example\r\n"}, mail, mail, []string{"QUIT\r\n"})...)
		c.Close()
		if got := codes(heard); got != "220 250 250 250 354 250 250 250 354 250 221" {
			t.Errorf("the client heard %q", heard)
		}
		if len(mx.mail) != 2 {
			t.Errorf("%d messages arrived", len(mx.mail))
		}
	}
}

// TestMXNewHello: a server hears of it when the client has taken another name.
func TestMXNewHello(t *testing.T) {
	mx := org()
	b := setUpMX(t, mx)
	c := b.dial()
	mail := []string{"MAIL FROM:<>\r\n", "RCPT TO:<b@example.org>\r\n", "DATA\r\n", message}
	dialogue(t, c, slices.Concat([]string{"EHLO one.example\r\n"}, mail, []string{"EHLO two.example\r\n"}, mail, []string{"QUIT\r\n"})...)
	c.Close()
	said := []string{"MAIL FROM:<>", "RCPT TO:<b@example.org>", "DATA"}
	want := slices.Concat([]string{"connect", "EHLO one.example"}, said, []string{"QUIT", "connect", "EHLO two.example"}, said, []string{"QUIT"})
	if got := mx.heard(); !slices.Equal(got, want) {
		t.Errorf("the server heard %q, want %q", got, want)
	}
}

// TestMXClientLeaves: however a client goes, its session ends and so does the
// connection to the server.
func TestMXClientLeaves(t *testing.T) {
	begin := "EHLO client.example\r\nMAIL FROM:<>\r\n"
	for _, tt := range []struct {
		name, said string
		reset      bool
		cause      string
	}{
		{"at once", "", false, facts.CauseClosed},
		{"at the responder", begin, false, facts.CauseClosed},
		{"with half a line", begin + "RCPT TO:<b@exam", false, facts.CauseClosed},
		{"in the transaction", begin + "RCPT TO:<b@example.org>\r\n", false, facts.CauseClosed},
		{"in a message", begin + "RCPT TO:<b@example.org>\r\nDATA\r\nSubject: x\r\n", false, facts.CauseClosed},
		{"with half a line in the transaction", begin + "RCPT TO:<b@example.org>\r\nRCPT TO:<c@exam", false, facts.CauseClosed},
		{"by a reset", begin + "RCPT TO:<b@example.org>\r\n", true, facts.CauseClientReset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mx := org()
			b := setUpMX(t, mx)
			c := b.dial()
			write(t, c, tt.said)
			want := strings.Count(tt.said, "\r\n") - strings.Count(tt.said, "Subject") + 1
			r := bufio.NewReader(c)
			for n := 0; n < want; {
				line, err := r.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if line[3] == ' ' {
					n++
				}
			}
			if tt.reset {
				c.SetLinger(0)
			}
			c.Close()
			end, _ := b.end()
			if end.Cause != tt.cause {
				t.Errorf("ended as %+v, want %q", end, tt.cause)
			}
			tr := b.transcript()
			total := 0
			for _, e := range tr.Entries {
				if e.Event != nil && e.From == who.Client {
					total += int(e.Event.Span.Len())
				}
			}
			if total != len(tt.said) {
				t.Errorf("the transcript shows %d of %d bytes of the client", total, len(tt.said))
			}
		})
	}
}

// TestMXLacks: the transcript tells what the server can't do of what the front
// responder offered.
func TestMXLacks(t *testing.T) {
	mx := org()
	mx.replies = answers("EHLO", "250-mx\r\n250 size 100\r\n", "MAIL", "555 5.5.4 no such parameter\r\n")
	b := setUpMX(t, mx)
	c := b.dial()
	heard := dialogue(t, c, "EHLO client.example\r\n", "MAIL FROM:<a@example.net> BODY=8BITMIME\r\n", "RCPT TO:<b@example.org>\r\n", "QUIT\r\n")
	c.Close()
	if heard[3] != "555 5.5.4 no such parameter" {
		t.Errorf("the client heard %q", heard)
	}
	var notes []string
	for _, e := range b.transcript().Entries {
		if n, ok := e.Fact.(*facts.Note); ok {
			notes = append(notes, n.ID+" "+n.Text.String())
		}
	}
	if len(notes) != 3 || !strings.HasPrefix(notes[0], "mx-rcpt") || !strings.HasPrefix(notes[1], "mx-lacks mx.example.org does not offer 8BITMIME,") || !strings.HasPrefix(notes[2], "mx-refused") {
		t.Errorf("notes %q", notes)
	}
}

// TestMXLoop: an MX that leads back to smtptap is not connected to.
func TestMXLoop(t *testing.T) {
	var addr string
	zone := dnstest.Serve(t, dnstest.Records(t, "example.org. MX 10 mx.example.org.", "mx.example.org. A 127.0.0.1"))
	b := setUp(t, func(p *proxy.Proxy) {
		p.Upstream, p.Target = nil, "mx"
		p.Router = routerFunc(func() *upstream.MX {
			return &upstream.MX{
				Resolver:  &upstream.Resolver{Servers: []string{zone}},
				Connector: upstream.Connector{Port: netip.MustParseAddrPort(addr).Port(), AllowPrivate: true},
			}
		})
	})
	addr = b.addr
	c := b.dial()
	heard := dialogue(t, c, "EHLO client.example\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<b@example.org>\r\n", "QUIT\r\n")
	c.Close()
	if !strings.HasPrefix(heard[3], "554 5.4.6 [smtptap]") {
		t.Errorf("the client heard %q", heard)
	}
	b.transcript()
	if n := b.set.Len(); n != 1 {
		t.Errorf("%d sessions began", n)
	}
}

// A routerFunc is a router that is made when it is needed.
type routerFunc func() *upstream.MX

func (f routerFunc) Route(ctx context.Context, ses upstream.Session, d upstream.Domain) (*upstream.Route, error) {
	return f().Route(ctx, ses, d)
}

// TestMXDomain: with one domain's servers as the target, everything is relayed
// from the greeting on.
func TestMXDomain(t *testing.T) {
	one, two := org(), com()
	zone := dnstest.Serve(t, dnstest.Records(t, mxZone()...))
	port := startMX(t, two)
	start := func(allow bool) *bench {
		return setUp(t, func(p *proxy.Proxy) {
			d, err := upstream.ParseDomain("two.example")
			if err != nil {
				t.Fatal(err)
			}
			p.Target = "mx:two.example"
			p.Upstream = &upstream.MX{
				Domain: d, Resolver: &upstream.Resolver{Servers: []string{zone}},
				Connector: upstream.Connector{Port: port, AllowPrivate: allow},
			}
		})
	}
	b := start(true)
	c := b.dial()
	heard := dialogue(t, c, "EHLO client.example\r\n", "QUIT\r\n")
	if heard[0] != "220 mx ESMTP" || codes(heard) != "220 250 221" {
		t.Errorf("the client heard %q", heard)
	}
	expectEOF(t, c)
	c.Close()
	if got := two.heard(); !slices.Equal(got, []string{"connect", "EHLO client.example", "QUIT"}) || len(one.heard()) > 0 {
		t.Errorf("the servers heard %q and %q", one.heard(), got)
	}
	var dials []string
	for _, e := range b.transcript().Entries {
		if d, ok := e.Fact.(*facts.Dial); ok {
			dials = append(dials, d.Host+" "+d.Class+" "+d.Why.String())
		}
	}
	if want := []string{"mx.example.org refused MX 10 of two.example", "mx.example.com  MX 20 of two.example"}; !slices.Equal(dials, want) {
		t.Errorf("dials %q, want %q", dials, want)
	}

	b = start(false)
	c = b.dial()
	heard = dialogue(t, c)
	c.Close()
	if !strings.HasPrefix(heard[0], "550 5.7.1 [smtptap] two.example: the address is not a public one") {
		t.Errorf("with private addresses the client heard %q", heard)
	}
	if end, _ := b.end(); end.Cause != facts.CauseRefused {
		t.Errorf("ended as %+v", end)
	}
}
