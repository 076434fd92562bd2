package capture_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/capture"
	"smtptap/recordings/export"
	"smtptap/recordings/transcript"
)

// delivery is a session in which a message is sent after a login.
func delivery() *wire {
	return newWire().open().
		server("220 mx.example.net ESMTP\r\n").
		client("EHLO app.example.org\r\n").
		server("250-mx.example.net\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n").
		client("AUTH PLAIN AGFubmEAaHVudGVyMg==\r\n").
		server("235 2.7.0 ok\r\n").
		client("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n").
		server("250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go on\r\n").
		client("Subject: hello\r\n\r\nfirst line\r\nsecond line\r\n.\r\n").
		server("250 2.0.0 queued as 7\r\n").
		client("QUIT\r\n").
		server("221 2.0.0 bye\r\n").
		close()
}

// said is the delivery's dialogue as lines reads it.
var said = []string{
	"S greeting 220 mx.example.net ESMTP", "C command EHLO app.example.org", "S reply 250-mx.example.net|250-PIPELINING|250 AUTH PLAIN",
	"C command AUTH PLAIN [secret]", "S reply 235 2.7.0 ok", "C command MAIL FROM:<a@example.org>", "C command RCPT TO:<b@example.net>", "C command DATA",
	"S reply 250 2.1.0 ok", "S reply 250 2.1.5 ok", "S reply 354 go on", "C header Subject: hello", "C body ", "C end-of-data .",
	"S reply 250 2.0.0 queued as 7", "C command QUIT", "S reply 221 2.0.0 bye",
}

func list(t *testing.T, file []byte) []capture.Found {
	t.Helper()
	var r capture.Reader
	found, err := r.List(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// load records the n-th session of a capture and loads the recording.
func load(t *testing.T, r capture.Reader, file []byte, n int) *decode.Transcript {
	t.Helper()
	found, err := r.List(bytes.NewReader(file))
	var damage *capture.Damage
	if err != nil && !errors.As(err, &damage) {
		t.Fatal(err)
	}
	if n >= len(found) {
		t.Fatalf("%d sessions, want number %d", len(found), n)
	}
	var recorded bytes.Buffer
	if err := r.Record(&recorded, bytes.NewReader(file), found[n].Frame, recordings.NewID(started)); err != nil {
		t.Fatal(err)
	}
	return open(t, recorded.Bytes())
}

func open(t *testing.T, recorded []byte) *decode.Transcript {
	t.Helper()
	path := filepath.Join(t.TempDir(), "session"+recordings.Ext)
	if err := os.WriteFile(path, recorded, 0o600); err != nil {
		t.Fatal(err)
	}
	tr, _, err := transcript.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// lines are what was said, an event a line.
func lines(tr *decode.Transcript) []string {
	var out []string
	for _, e := range tr.Entries {
		if e.Event == nil {
			continue
		}
		text := strings.ReplaceAll(strings.TrimSuffix(string(e.Event.Raw), "\r\n"), "\r\n", "|")
		if m := e.Event.Missing; m != nil {
			text = fmt.Sprintf("%d %s", m.Bytes, m.Why)
		}
		out = append(out, fmt.Sprintf("%c %s %s", e.From.Letter(), e.Event.Kind, text))
	}
	return out
}

func fact[F facts.Fact](tr *decode.Transcript) (found F) {
	for _, e := range tr.Entries {
		if f, ok := e.Fact.(F); ok {
			return f
		}
	}
	return found
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestShapes(t *testing.T) {
	six := ethernet(25)
	six.v6, six.client, six.server = true, netip.MustParseAddrPort("[2001:db8::1]:40001"), netip.MustParseAddrPort("[2001:db8::2]:25")
	with := func(s shape, set func(*shape)) shape {
		set(&s)
		return s
	}
	for name, s := range map[string]shape{
		"ethernet":         ethernet(25),
		"pcapng":           with(ethernet(25), func(s *shape) { s.ng = true }),
		"vlan":             with(ethernet(587), func(s *shape) { s.vlan = true }),
		"another port":     ethernet(10025),
		"IPv6":             six,
		"cooked":           with(ethernet(25), func(s *shape) { s.link = layers.LinkTypeLinuxSLL }),
		"cooked, newer":    with(ethernet(25), func(s *shape) { s.link, s.ng = layers.LinkTypeLinuxSLL2, true }),
		"loopback":         with(ethernet(25), func(s *shape) { s.link = layers.LinkTypeNull }),
		"loopback of IPv6": with(six, func(s *shape) { s.link = layers.LinkTypeNull }),
		"raw":              with(ethernet(25), func(s *shape) { s.link = layers.LinkTypeRaw }),
		"raw IPv6":         with(six, func(s *shape) { s.link = layers.LinkTypeIPv6 }),
		"raw of BSD":       with(ethernet(25), func(s *shape) { s.link = 12 }),
		"higher server address": with(ethernet(25), func(s *shape) {
			s.client = netip.MustParseAddrPort("203.0.113.9:2")
		}),
	} {
		t.Run(name, func(t *testing.T) {
			tr := load(t, capture.Reader{}, file(t, connection{s, delivery().packets}), 0)
			same(t, lines(tr), said)
			if o := fact[*facts.Open](tr); o.Client != s.client.String() || o.Listen != s.server.String() {
				t.Errorf("between %s and %s", o.Client, o.Listen)
			}
			if d := fact[*facts.Dial](tr); d.Err != "" || d.Took != time.Millisecond {
				t.Errorf("dial %+v", d)
			}
			if e := fact[*facts.End](tr); e == nil || e.Cause != facts.CauseClosed {
				t.Errorf("end %+v", e)
			}
		})
	}
}

// However the network cuts, repeats and reorders segments, the same is said.
func TestSegmentsAnyhow(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		packets := cut(delivery().packets, random)
		for range random.IntN(6) { // repeated, late
			from := 3 + random.IntN(len(packets)-3)
			packets = slices.Insert(packets, from+random.IntN(len(packets)-from), packets[from])
		}
		for range random.IntN(12) { // one overtakes another
			i := 3 + random.IntN(len(packets)-4)
			packets[i], packets[i+1] = packets[i+1], packets[i]
		}
		tr := load(t, capture.Reader{}, file(t, connection{ethernet(25), packets}), 0)
		if same(t, lines(tr), said); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A packet that the capture lacks is missing at its place, and what it was
// answered with comes after it.
func TestLostPacket(t *testing.T) {
	all := delivery().packets
	i := slices.IndexFunc(all, func(p packet) bool { return strings.HasPrefix(p.data, "AUTH") })
	tr := load(t, capture.Reader{}, file(t, connection{ethernet(25), slices.Delete(slices.Clone(all), i, i+1)}), 0)
	want := slices.Clone(said)
	want[3] = "C missing 33 not recorded"
	same(t, lines(tr), want)

	i = slices.IndexFunc(all, func(p packet) bool { return strings.HasPrefix(p.data, "235") })
	tr = load(t, capture.Reader{}, file(t, connection{ethernet(25), slices.Delete(slices.Clone(all), i, i+1)}), 0)
	// Where a reply is missing shows when the next one comes.
	want = slices.Insert(slices.Delete(slices.Clone(said), 4, 5), 7, "S missing 14 not recorded")
	same(t, lines(tr), want)
}

// Of one direction alone nothing tells that bytes are lost: what follows them
// waits, as far as there is room for it, and is never dropped.
func TestOneDirection(t *testing.T) {
	w := newWire().open().client("EHLO a\r\n").client("MAIL FROM:<a@example.org>\r\n").client("DATA\r\n")
	const body = 1000
	for range body {
		w.client(strings.Repeat("a line ", 142) + "xxxx\r\n")
	}
	packets := slices.DeleteFunc(w.close().packets, func(p packet) bool { return p.fromServer || strings.HasPrefix(p.data, "MAIL") })
	tr := load(t, capture.Reader{}, file(t, connection{ethernet(25), packets}), 0)
	got := lines(tr)
	same(t, got[:3], []string{"C command EHLO a", "C missing 27 not recorded", "C command DATA"})
	if want := 3 + body; len(got) != want {
		t.Errorf("%d lines, want %d", len(got), want)
	}
}

// A capture of short packets says what it lacks.
func TestSnapLength(t *testing.T) {
	s := ethernet(25)
	s.snap = 14 + 20 + 20 + 40
	tr := load(t, capture.Reader{}, file(t, connection{s, delivery().packets}), 0)
	missing := slices.DeleteFunc(lines(tr), func(l string) bool { return !strings.Contains(l, "missing") })
	same(t, missing, []string{"S missing 12 not recorded", "C missing 18 not recorded", "C missing 6 not recorded"})
}

func TestMidway(t *testing.T) {
	all := delivery().packets
	i := slices.IndexFunc(all, func(p packet) bool { return strings.HasPrefix(p.data, "MAIL") })
	tr := load(t, capture.Reader{}, file(t, connection{ethernet(25), all[i:]}), 0)
	same(t, slices.DeleteFunc(lines(tr), func(l string) bool { return strings.Contains(l, "missing -1") }), said[5:])
	if !tr.Lack(decode.LackStart) {
		t.Errorf("lacks %q", tr.Lacks)
	}
}

func TestUnfinished(t *testing.T) {
	all := delivery().packets
	found := list(t, file(t, connection{ethernet(25), all[:len(all)-5]}))
	if len(found) != 1 || found[0].Outcome != outcome.Sent || !found[0].Incomplete {
		t.Errorf("found %+v", found)
	}
	tr := load(t, capture.Reader{}, file(t, connection{ethernet(25), all[:10]}), 0)
	if !tr.Lack(decode.LackEnd) {
		t.Errorf("lacks %q", tr.Lacks)
	}
}

// hello stands for a reader of ClientHellos.
func hello(p []byte) (*facts.Hello, error) {
	if !bytes.Contains(p, []byte("mx.example.net")) {
		return nil, errors.New("not complete")
	}
	return &facts.Hello{SNI: "mx.example.net"}, nil
}

func TestSealed(t *testing.T) {
	r := capture.Reader{Hello: hello}
	tls := []string{"\x16\x03\x01\x00\x20first half, ", "mx.example.net, second half", "\x17\x03\x03\x00\x10sixteen octets.."}
	starttls := newWire().open().server("220 mx ESMTP\r\n").client("EHLO a\r\n").server("250-mx\r\n250 STARTTLS\r\n").client("STARTTLS\r\n").server("220 go ahead\r\n").
		client(tls[0]).client(tls[1]).server(tls[2]).client(tls[2]).close()
	implicit := newWire().open().client(tls[0]).client(tls[1]).server(tls[2]).close()
	before := []string{"S greeting 220 mx ESMTP", "C command EHLO a", "S reply 250-mx|250 STARTTLS", "C command STARTTLS", "S reply 220 go ahead"}
	for _, c := range []struct {
		name  string
		wire  *wire
		port  uint16
		plain []string
	}{{"STARTTLS", starttls, 587, before}, {"465", implicit, 465, nil}} {
		t.Run(c.name, func(t *testing.T) {
			data := file(t, connection{ethernet(c.port), c.wire.packets})
			tr := load(t, r, data, 0)
			if h := fact[*facts.Hello](tr); h == nil || h.SNI != "mx.example.net" || h.Why != facts.HelloPassed {
				t.Errorf("hello %+v", h)
			}
			if n := fact[*facts.Note](tr); n == nil || n.ID != capture.NoteSealed {
				t.Errorf("note %+v", n)
			}
			var plain []string
			for _, l := range lines(tr) {
				if !strings.Contains(l, decode.WhyEncrypted) {
					plain = append(plain, l)
				}
			}
			same(t, plain, c.plain)
			if found := list(t, data); found[0].Outcome != outcome.Opaque {
				t.Errorf("outcome %s", found[0].Outcome)
			}
		})
	}
}

// A client that goes on in clear after the 220 to its STARTTLS is heard.
func TestNoTLSAfterSTARTTLS(t *testing.T) {
	w := newWire().open().server("220 mx ESMTP\r\n").client("STARTTLS\r\n").server("220 go\r\n").client("EHLO again\r\n").server("250 mx\r\n").close()
	tr := load(t, capture.Reader{}, file(t, connection{ethernet(25), w.packets}), 0)
	if got := lines(tr); !slices.Contains(got, "C command EHLO again") {
		t.Errorf("got %q", got)
	}
}

func TestWhatIsSMTP(t *testing.T) {
	refused := newWire()
	refused.send(false, func(p *packet) { p.syn, p.noAck, p.ack = true, true, 0 })
	refused.send(true, func(p *packet) { p.rst, p.seq = true, 0 })
	unanswered := newWire()
	for range 3 {
		unanswered.send(false, func(p *packet) { p.syn, p.noAck, p.ack, p.seq = true, true, 0, 7 })
		unanswered.at += time.Second
	}
	reset := newWire().open().server("220 mx ESMTP\r\n").client("EHLO a\r\n")
	reset.send(true, func(p *packet) { p.rst = true })
	for name, c := range map[string]struct {
		wire *wire
		port uint16
		want outcome.Outcome // "" for not SMTP
	}{
		"no word of SMTP":     {newWire().open().server("220 ready\r\n").client("HELO a\r\n").server("250 ok\r\n").client("QUIT\r\n").server("221 bye\r\n").close(), 9999, outcome.Nothing},
		"greeting alone":      {newWire().open().server("220 mx ESMTP\r\n").close(), 9999, outcome.Nothing},
		"turned away":         {newWire().open().server("554 no service here\r\n").close(), 25, outcome.Refused},
		"client first":        {newWire().open().client("EHLO a\r\n").server("220 mx\r\n250 mx\r\n").close(), 9999, outcome.Nothing},
		"PROXY header":        {newWire().open().client("PROXY TCP4 192.0.2.9 192.0.2.1 5 25\r\nEHLO a\r\n").server("220 mx\r\n250 mx\r\n").close(), 9999, outcome.Nothing},
		"FTP":                 {newWire().open().server("220 ftp.example.org FTP server\r\n").client("USER a\r\n").server("331 password\r\n").close(), 21, ""},
		"FTP of few words":    {newWire().open().server("220 welcome\r\n").client("AUTH TLS\r\n").server("234 go\r\n").close(), 2121, ""},
		"HTTP":                {newWire().open().client("GET / HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\n\r\n").close(), 25, ""},
		"POP3":                {newWire().open().server("+OK ready\r\n").client("USER a\r\n").close(), 110, ""},
		"TLS of the web":      {newWire().open().client("\x16\x03\x01\x00\x05hello").server("\x16\x03\x03\x00\x05hello").close(), 443, ""},
		"refused":             {refused, 25, outcome.Failed},
		"refused, another":    {refused, 80, ""},
		"unanswered":          {unanswered, 587, outcome.Failed},
		"nothing but a reset": {reset, 9999, outcome.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			var r capture.Reader
			found, err := r.List(bytes.NewReader(file(t, connection{ethernet(c.port), c.wire.packets})))
			switch {
			case c.want == "" && !errors.Is(err, capture.ErrNoSession):
				t.Errorf("found %+v, %v", found, err)
			case c.want != "" && (len(found) != 1 || found[0].Outcome != c.want):
				t.Errorf("found %+v, %v; want %s", found, err, c.want)
			}
		})
	}
}

// Sessions are told apart, also when one uses the ports of another again, and
// stand in the order in which they begin.
func TestSeveral(t *testing.T) {
	first := newWire().open().server("220 one ESMTP\r\n").client("QUIT\r\n").server("221 one\r\n").close()
	again := newWire()
	again.seq = [2]uint32{77, 99}
	again.at = time.Minute
	again.open().server("220 two ESMTP\r\n").client("EHLO two\r\n").server("250 two\r\n").close()
	other := ethernet(25)
	other.client = netip.MustParseAddrPort("192.0.2.1:40002")
	unfinished := first.packets[:len(first.packets)-3]
	data := file(t, connection{ethernet(25), unfinished}, connection{ethernet(25), again.packets}, connection{other, first.packets})
	var r capture.Reader
	for n, want := range []string{"S greeting 220 one ESMTP", "S greeting 220 two ESMTP", "S greeting 220 one ESMTP"} {
		if got := lines(load(t, r, data, n)); got[0] != want {
			t.Errorf("session %d begins %q", n, got[0])
		}
	}
	if found := list(t, data); len(found) != 3 {
		t.Errorf("found %+v", found)
	}
}

// What a recording's export holds is what the recording holds.
func TestExportAndBack(t *testing.T) {
	var recorded bytes.Buffer
	w, err := transcript.NewWriter(&recorded, recordings.Header{ID: recordings.NewID(started), Started: started})
	if err != nil {
		t.Fatal(err)
	}
	w.Fact(0, &facts.Open{Client: "192.0.2.1:40001", Listen: "127.0.0.1:2525"})
	w.Fact(0, &facts.Dial{Addr: "198.51.100.2:587"})
	for i, p := range delivery().packets {
		from, to := who.Client, who.Server
		if p.fromServer {
			from, to = to, from
		}
		if p.data != "" {
			w.Data(time.Duration(i)*time.Second, from, to, []byte(p.data))
		}
	}
	w.Data(time.Minute, who.Server, who.Client, []byte("421 "+strings.Repeat("x", 5000)+"\r\n"))
	w.Closed(time.Hour, who.Client, facts.Closed{Leg: who.ClientLeg, How: "reset"})
	w.End(time.Hour, facts.End{Cause: facts.CauseClientReset})
	if err := w.Err(); err != nil {
		t.Fatal(err)
	}
	before := open(t, recorded.Bytes())
	var packed bytes.Buffer
	if err := export.PCAPNG(&packed, before, lang.English); err != nil {
		t.Fatal(err)
	}
	after := load(t, capture.Reader{}, packed.Bytes(), 0)
	same(t, lines(after), lines(before))
	if e := fact[*facts.End](after); e == nil || e.Cause != facts.CauseClientReset {
		t.Errorf("end %+v", e)
	}
}

func TestBadFiles(t *testing.T) {
	whole := file(t, connection{ethernet(25), delivery().packets})
	var r capture.Reader
	for name, data := range map[string]string{"empty": "", "text": "220 mx ESMTP\r\n", "short": "\xd4\xc3"} {
		if _, err := r.List(strings.NewReader(data)); !errors.Is(err, capture.ErrNoCapture) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := 4; n < len(whole); n += 7 {
		found, err := r.List(bytes.NewReader(whole[:n]))
		var damage *capture.Damage
		if err != nil && !errors.As(err, &damage) && !errors.Is(err, capture.ErrNoSession) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if n > 400 && len(found) != 1 {
			t.Errorf("%d bytes: %d sessions, %v", n, len(found), err)
		}
	}
	if err := r.Record(&bytes.Buffer{}, bytes.NewReader(whole), 99, ""); !errors.Is(err, capture.ErrNoSession) {
		t.Errorf("a frame without a session: %v", err)
	}
}

// Whatever a file holds is read to an end, and what it makes is a recording.
func FuzzCapture(f *testing.F) {
	f.Add(file(f, connection{ethernet(25), delivery().packets}))
	ng := ethernet(465)
	ng.ng = true
	f.Add(file(f, connection{ng, newWire().open().client("\x16\x03\x01\x00\x05hello").close().packets}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r capture.Reader
		found, err := r.List(bytes.NewReader(data))
		if len(found) == 0 {
			if err == nil {
				t.Fatal("neither sessions nor an error")
			}
			return
		}
		var recorded bytes.Buffer
		if err := r.Record(&recorded, bytes.NewReader(data), found[0].Frame, ""); err != nil {
			t.Fatal(err)
		}
		records, err := recordings.NewReader(&recorded)
		for err == nil {
			_, err = records.Next()
		}
		var damage *recordings.Damage
		if errors.As(err, &damage) && !damage.Torn {
			t.Fatal(err)
		}
	})
}

func BenchmarkList(b *testing.B) {
	w := newWire().open().server("220 mx ESMTP\r\n").client("EHLO a\r\n").server("250 mx\r\n").client("MAIL FROM:<a@example.org>\r\n").server("250 ok\r\n").
		client("RCPT TO:<b@example.org>\r\n").server("250 ok\r\n").client("DATA\r\n").server("354 go\r\n")
	for range 10_000 {
		w.client(strings.Repeat("0123456789012345678901234567890123456789012345678901234567890123456789\r\n", 20))
	}
	data := file(b, connection{ethernet(25), w.client(".\r\n").server("250 ok\r\n").close().packets})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var r capture.Reader
		if _, err := r.List(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
