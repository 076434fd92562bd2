package transcript_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"smtptap/decode"
	"smtptap/decode/decodetest"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

func verify(m *testing.M) { goleak.VerifyTestMain(m) }

// A clock goes on by a millisecond whenever it is looked at.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 23, 59, 12, 0, time.UTC)} }

func openFolder(t testing.TB) *recordings.Folder {
	t.Helper()
	f, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// newSet returns a Set that records into a new folder. It is closed at the end
// of the test, unless the test does it.
func newSet(t testing.TB, change ...func(*transcript.Options)) *transcript.Set {
	t.Helper()
	o := transcript.Options{Folder: openFolder(t), Program: "smtptap test", Clock: newClock().Now}
	for _, c := range change {
		c(&o)
	}
	s := transcript.NewSet(o)
	t.Cleanup(func() { s.Close() })
	return s
}

// play tells a log a dialogue, one line after the other. Beside what is said:
//
//	C! S!        swallowed
//	tls client   a handshake is done on that leg, and secured
//	dial ADDR    another server was reached
//	hello WHY    a TLS hello of the client was seen
//	note ID      smtptap noted that
//	skip C 100   bytes passed unseen
//
// cut says how many bytes go into one call.
func play(t testing.TB, l *transcript.Log, text string, cut func(int) int) {
	t.Helper()
	for _, s := range decodetest.Script(text) {
		switch s.Word {
		case "":
			tell(l, s.From, s.To, s.Said, cut)
		case "tls":
			l.Fact(&facts.TLS{Leg: who.Named(s.Rest).Leg(), Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Took: time.Millisecond})
			l.Secured(who.Named(s.Rest).Leg())
		case "dial":
			l.Fact(&facts.Dial{Host: "mx.example.org", Addr: s.Rest, Why: "configured", Took: time.Millisecond})
		case "hello":
			l.Fact(&facts.Hello{Leg: who.ClientLeg, Why: s.Rest})
		case "note":
			l.Fact(&facts.Note{ID: s.Rest, Text: facts.Plain("what " + s.Rest + " means")})
		case "skip":
			var n int64
			fmt.Sscan(s.Rest[2:], &n)
			from := who.FromLetter(s.Rest[0])
			l.Skip(from, from.Other(), n, decode.WhyEncrypted)
		case "C!", "S!":
			l.Swallow(who.FromLetter(s.Word[0]), decodetest.Line(s.Rest))
		default:
			t.Fatalf("no line of a dialogue: %s %s", s.Word, s.Rest)
		}
	}
}

func tell(l *transcript.Log, from, to who.Party, p []byte, cut func(int) int) {
	for len(p) > 0 {
		n := cut(len(p))
		l.Data(from, to, p[:n])
		p = p[n:]
	}
}

func whole(n int) int { return n }

// A dialogue is a session of the tests.
type dialogue struct {
	name  string
	split bool
	text  string
}

// ended is how the sessions of the tests end.
var ended = facts.End{Cause: facts.CauseClosed}

const goodbye = "C: QUIT\nS: 221 2.0.0 bye\n"

var dialogues = []dialogue{
	{name: "a message", text: `
		dial 192.0.2.1:25
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250-mx.example.org
		S: 250-PIPELINING
		S: 250 SIZE 1000
		C: MAIL FROM:<a@example.com> SIZE=100
		S: 250 2.1.0 ok
		C: RCPT TO:<b@example.org>
		S: 250 2.1.5 ok
		C: DATA
		S: 354 go
		C: From: a@example.com
		C: Subject: hello
		C:  folded
		C:
		C: ..stuffed
		C: text
		C: .
		S: 250 2.0.0 queued as 4711
		` + goodbye},
	{name: "pipelined", text: `
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250-mx.example.org
		S: 250 PIPELINING
		C: MAIL FROM:<a@example.com>
		C: RCPT TO:<b@example.org>
		C: DATA
		C: Subject: early
		C:
		C: text
		C: .
		S: 250 ok
		S: 250 ok
		S: 354 go
		S: 250 taken
		` + goodbye},
	{name: "auth login", text: `
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250-mx.example.org
		S: 250 AUTH LOGIN PLAIN
		C: AUTH LOGIN
		S: 334 VXNlcm5hbWU6
		C: dXNlckBleGFtcGxlLmNvbQ==
		S: 334 UGFzc3dvcmQ6
		C: c2VjcmV0IGNhbmFyeQ==
		S: 535 5.7.8 no
		C: c2VjcmV0IGNhbmFyeQ==
		S: 500 5.5.1 what
		` + goodbye},
	{name: "auth plain, a user in Latin-1", text: `
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250 AUTH PLAIN
		C: AUTH PLAIN AG38bGxlckBleGFtcGxlLmNvbQBzZWNyZXQ=
		S: 235 2.7.0 ok
		` + goodbye},
	{name: "auth plain outside utf-8", text: `
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250 AUTH PLAIN
		C: AUTH PLAIN AG38/wBzZWNyZXQ=
		S: 235 2.7.0 ok
		` + goodbye},
	{name: "starttls", text: `
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250-mx.example.org
		S: 250 STARTTLS
		C: STARTTLS
		S: 220 2.0.0 go
		tls server
		C: EHLO client.example.com
		S: 250 mx.example.org
		` + goodbye},
	{name: "injection", text: `
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250 STARTTLS
		C: STARTTLS
		S: 220 2.0.0 go
		C! AUTH PLAIN AHVzZXIAc2VjcmV0IGNhbmFyeQ==
		S! 250 injected
		tls client
		C: EHLO client.example.com
		S: 250 mx.example.org
		` + goodbye},
	{name: "bdat", text: `
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250 CHUNKING
		C: MAIL FROM:<a@example.com>
		S: 250 ok
		C: RCPT TO:<b@example.org>
		S: 250 ok
		C: BDAT 14
		C: Subject: one
		S: 250 14 bytes
		C: BDAT 8 LAST
		C: \r\nbody\
		C: \r\n\
		S: 250 taken
		` + goodbye},
	{name: "odd bytes", text: `
		C: EHLO early.example.com
		S: 220 mx.example.org\n\
		S: 250\x00 ok\r\r\n\
		C: MAIL FROM:<a@example.com>\n\
		S: 250-ok\r\n550 no
		S: hello
		C: RCPT TO:<b\xff@example.org>
		S: 421 4.3.2 shutting down
		C: no end\
		S: 4\
		`},
	{name: "handed through", text: `
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250 STARTTLS
		skip C 100
		skip C 20
		skip S 3000
		skip C 7
		`},
	{name: "another protocol", text: `
		S: 220 mx.example.org ESMTP
		C: GET / HTTP/1.1
		C: Authorization: Basic c2VjcmV0IGNhbmFyeQ==
		S: 500 what
		`},
	{name: "responder", split: true, text: `
		PC: 220 smtptap.example.net ESMTP
		CP: EHLO client.example.com
		PC: 250 smtptap.example.net
		CP: MAIL FROM:<a@example.com>
		PC: 250 2.1.0 ok
		CP: RCPT TO:<b@example.org>
		dial 192.0.2.1:25
		SP: 554 5.3.2 not today
		PS: QUIT
		SP: 221 bye
		dial 192.0.2.2:25
		SP: 220 mx2.example.org ESMTP
		PS: EHLO client.example.com
		SP: 250-mx2.example.org
		SP: 250 STARTTLS
		PS: STARTTLS
		SP: 220 go
		tls server
		PS: EHLO client.example.com
		SP: 250 mx2.example.org
		PS: MAIL FROM:<a@example.com>
		SP: 250 2.1.0 ok
		PS: RCPT TO:<b@example.org>
		S: 250 2.1.5 ok
		C: DATA
		S: 354 go
		C: Subject: through the responder
		C:
		C: text
		C: .
		S: 250 2.0.0 queued
		` + goodbye},
	{name: "hidden starttls", split: true, text: `
		dial 192.0.2.1:587
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		SP: 250-mx.example.org
		SP: 250-STARTTLS
		SP: 250 AUTH PLAIN
		PS: STARTTLS
		SP: 220 go
		tls server
		PS: EHLO client.example.com
		SP: 250-mx.example.org
		SP: 250 AUTH PLAIN
		PC: 250-mx.example.org
		PC: 250 AUTH PLAIN
		C: AUTH PLAIN AHVzZXIAc2VjcmV0IGNhbmFyeQ==
		S: 235 2.7.0 ok
		` + goodbye},
}

// live plays a dialogue to its end, and returns what it was live.
func live(t testing.TB, s *transcript.Set, d dialogue, cut func(int) int) (*transcript.Log, *decode.Transcript) {
	t.Helper()
	l := s.Begin(transcript.Session{Listen: "127.0.0.1:2525", Target: "mx.example.org:25", Mode: "intercept", SplitLegs: d.split})
	l.Fact(&facts.Open{Client: "127.0.0.1:40000", Listen: "127.0.0.1:2525"})
	play(t, l, d.text, cut)
	l.Closed(who.Client, facts.Closed{Leg: who.ClientLeg, How: "fin"})
	l.Closed(who.Server, facts.Closed{Leg: who.ServerLeg, How: "fin"})
	was := l.Transcript()
	end := facts.End{Cause: facts.CauseClosed, ClientBytes: 1, ServerBytes: 2}
	l.End(end)
	// By now the end may be recorded, and the entries released.
	at := was.Entries[len(was.Entries)-1].At + time.Millisecond
	was.Entries = append(was.Entries, decode.Entry{At: at, From: who.Smtptap, To: who.Smtptap, Fact: &end})
	return l, was
}

// Live and loaded sessions are the same, however the bytes were cut.
func TestLoadedEqualsLive(t *testing.T) {
	for _, d := range dialogues {
		for _, cutting := range []struct {
			name string
			cut  func(int) int
		}{
			{"whole", whole},
			{"one byte", func(int) int { return 1 }},
			{"random", func(n int) int { return min(n, rand.IntN(7)+1) }},
		} {
			t.Run(d.name+"/"+cutting.name, func(t *testing.T) {
				s := newSet(t)
				_, was := live(t, s, d, cutting.cut)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				got, damage, err := transcript.Load(s.Path(was.ID))
				if err != nil || damage != nil {
					t.Fatal(err, damage)
				}
				sameEntries(t, got.Entries, was.Entries)
				if got.Mode != was.Mode || got.Target != was.Target || got.Listen != was.Listen || !got.Started.Equal(was.Started) {
					t.Errorf("got %+v, want %+v", got, was)
				}
				noCanary(t, s.Path(was.ID))
				sum, err := transcript.Summarize(s.Path(was.ID))
				if err != nil {
					t.Fatal(err)
				}
				live := s.Summary(0)
				live.Source = sum.Source
				if sum.Started = live.Started; sum != live {
					t.Errorf("summary of the recording\n%+v\nlive\n%+v", sum, live)
				}
			})
		}
	}
}

// With secrets kept, a session reads as it was live as well, and says so.
func TestKeepSecrets(t *testing.T) {
	for _, d := range dialogues {
		t.Run(d.name, func(t *testing.T) {
			s := newSet(t, func(o *transcript.Options) { o.KeepSecrets = true })
			_, was := live(t, s, d, func(n int) int { return min(n, rand.IntN(9)+1) })
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			got, damage, err := transcript.Load(s.Path(was.ID))
			if err != nil || damage != nil {
				t.Fatal(err, damage)
			}
			sameEntries(t, got.Entries, was.Entries)
			checkBytes(t, got)
			sum, err := transcript.Summarize(s.Path(was.ID))
			if err != nil || !sum.SecretsKept || !got.SecretsKept || !was.SecretsKept || !s.Summary(0).SecretsKept {
				t.Errorf("%v, %+v does not say that secrets are kept", err, sum)
			}
			file, err := os.ReadFile(s.Path(was.ID))
			if err != nil || bytes.Contains(file, []byte(decode.MaskText)) || bytes.Contains(file, []byte("\nmask ")) {
				t.Errorf("%v, something is masked:\n%s", err, file)
			}
		})
	}
}

func sameEntries(t testing.TB, got, want []decode.Entry) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Fatalf("entry %d is missing: %s", i, show(want[i]))
		case i >= len(want):
			t.Fatalf("entry %d is too much: %s", i, show(got[i]))
		case !reflect.DeepEqual(got[i], want[i]):
			t.Fatalf("entry %d is\n%s\nwant\n%s", i, show(got[i]), show(want[i]))
		}
	}
}

func show(e decode.Entry) string {
	s := fmt.Sprintf("%v %s>%s upstream %v ", e.At, e.From, e.To, e.Leg == who.ServerLeg)
	if e.Fact != nil {
		return s + fmt.Sprintf("%s %+v", e.Fact.Type(), e.Fact)
	}
	return s + fmt.Sprintf("%+v command %+v reply %+v auth %+v", *e.Event, e.Event.Command, e.Event.Reply, e.Event.Auth)
}

// noCanary proves that a recording holds no secret of the dialogues.
func noCanary(t testing.TB, path string) {
	t.Helper()
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"c2VjcmV0", "secret canary", "NyZXQ", "WNyZXQ"} {
		if strings.Contains(string(p), secret) {
			t.Errorf("%s holds %q:\n%s", path, secret, p)
		}
	}
}

// A session is quiet from its last byte on, whether or not that made an entry.
func TestQuiet(t *testing.T) {
	now := time.Unix(1e9, 0)
	set := transcript.NewSet(transcript.Options{Clock: func() time.Time { return now }})
	defer set.Close()
	l := set.Begin(transcript.Session{})
	l.Fact(&facts.Open{Client: "192.0.2.1:4000"})
	for _, line := range []string{"220 x\r\n", "half a li", "ne"} {
		now = now.Add(7 * time.Second)
		if got := l.Summary().Quiet; got != 7*time.Second {
			t.Errorf("before %q it was quiet for %s", line, got)
		}
		l.Data(who.Server, who.Client, []byte(line))
		if got := l.Summary().Quiet; got != 0 {
			t.Errorf("after %q it was quiet for %s", line, got)
		}
	}
	l.End(facts.End{Cause: facts.CauseClosed})
	now = now.Add(time.Hour)
	if got := l.Summary().Quiet; got != 0 {
		t.Errorf("when over it was quiet for %s", got)
	}
}
