package transcript_test

import (
	"bytes"
	"runtime"
	"syscall"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings/transcript"
)

// inMessage begins a session and brings it to where its message begins.
func inMessage(t testing.TB, s *transcript.Set) *transcript.Log {
	t.Helper()
	l := s.Begin(transcript.Session{Target: "mx.example.org:25"})
	play(t, l, `
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250 mx.example.org
		C: MAIL FROM:<a@example.com>
		S: 250 ok
		C: RCPT TO:<b@example.org>
		S: 250 ok
		C: DATA
		S: 354 go
		C: Subject: large
		C:
		`, whole)
	return l
}

// bodyOf is about n bytes of message text, in lines.
func bodyOf(n int) []byte {
	line := append(bytes.Repeat([]byte("x"), 76), "\r\n"...)
	return bytes.Repeat(line, n/len(line))
}

func BenchmarkData(b *testing.B) {
	for name, recorded := range map[string]bool{"recorded": true, "not recorded": false} {
		b.Run("body of 64 KiB "+name, func(b *testing.B) {
			s := newSet(b, func(o *transcript.Options) {
				o.Clock = time.Now
				if !recorded {
					o.Folder = nil
				}
			})
			l := inMessage(b, s)
			body := bodyOf(64 << 10)
			b.SetBytes(int64(len(body)))
			sent := 0
			for b.Loop() {
				l.Data(who.Client, who.Server, body)
				if sent += len(body); sent > 256<<20 { // don't fill the disk
					b.StopTimer()
					l.End(facts.End{Cause: facts.CauseClosed})
					l, sent = inMessage(b, s), 0
					b.StartTimer()
				}
			}
			l.End(facts.End{Cause: facts.CauseClosed})
			s.Close()
			b.ReportMetric(float64(s.State().Lost)/1e6, "MB-lost")
		})
		b.Run("lines "+name, func(b *testing.B) {
			s := newSet(b, func(o *transcript.Options) {
				o.Clock = time.Now
				if !recorded {
					o.Folder = nil
				}
			})
			l := s.Begin(transcript.Session{})
			play(b, l, "S: 220 mx.example.org ESMTP", whole)
			ask, answer := []byte("NOOP\r\n"), []byte("250 2.0.0 ok\r\n")
			b.ReportAllocs()
			for b.Loop() {
				l.Data(who.Client, who.Server, ask)
				l.Data(who.Server, who.Client, answer)
			}
			l.End(facts.End{Cause: facts.CauseClosed})
			s.Close()
			b.ReportMetric(float64(s.State().Lost)/1e6, "MB-lost")
		})
	}
}

// spent is how much processor time this process has used so far. It counts what
// goes on in the background, and does not count what other programs do.
func spent(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A session with a message of 4 KB.
func session(s *transcript.Set, body []byte) {
	l := s.Begin(transcript.Session{Listen: "127.0.0.1:2525", Target: "mx.example.org:25"})
	l.Fact(&facts.Open{Client: "127.0.0.1:40000", Listen: "127.0.0.1:2525"})
	l.Fact(&facts.Dial{Addr: "192.0.2.1:25", Why: "configured", Took: time.Millisecond})
	for _, tell := range []struct {
		from, to who.Party
		text     string
	}{
		{who.Server, who.Client, "220 mx.example.org ESMTP\r\n"}, {who.Client, who.Server, "EHLO client.example.com\r\n"},
		{who.Server, who.Client, "250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n"},
		{who.Client, who.Server, "MAIL FROM:<a@example.com>\r\n"}, {who.Server, who.Client, "250 2.1.0 ok\r\n"},
		{who.Client, who.Server, "RCPT TO:<b@example.org>\r\n"}, {who.Server, who.Client, "250 2.1.5 ok\r\n"},
		{who.Client, who.Server, "DATA\r\n"}, {who.Server, who.Client, "354 go\r\n"},
	} {
		l.Data(tell.from, tell.to, []byte(tell.text))
	}
	l.Data(who.Client, who.Server, body)
	l.Data(who.Server, who.Client, []byte("250 2.0.0 queued as 4711\r\n"))
	l.Data(who.Client, who.Server, []byte("QUIT\r\n"))
	l.Data(who.Server, who.Client, []byte("221 2.0.0 bye\r\n"))
	l.Closed(who.Server, facts.Closed{Leg: who.ServerLeg, How: "fin"})
	l.Closed(who.Client, facts.Closed{Leg: who.ClientLeg, How: "fin"})
	l.End(facts.End{Cause: facts.CauseClosed, ClientBytes: 4200, ServerBytes: 200})
}

func BenchmarkSession(b *testing.B) {
	body := append([]byte("From: a@example.com\r\nTo: b@example.org\r\nSubject: hello\r\n\r\n"), bodyOf(4<<10)...)
	body = append(body, ".\r\n"...)
	for name, change := range map[string]func(o *transcript.Options){
		"recorded":                func(*transcript.Options) {},
		"recorded, unwatched":     func(o *transcript.Options) { o.Unwatched = true },
		"not recorded":            unrecorded,
		"not recorded, unwatched": func(o *transcript.Options) { o.Folder, o.Unwatched = nil, true },
	} {
		b.Run(name, func(b *testing.B) {
			s := newSet(b, change, func(o *transcript.Options) { o.Clock = time.Now })
			b.ReportAllocs()
			before := spent(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					session(s, body)
				}
			})
			s.Close()
			b.ReportMetric(float64((spent(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
			b.ReportMetric(float64(s.State().Lost)/1e6, "MB-lost")
		})
	}
}

// What a session allocates, decoding and writing included, is bounded whatever
// the clock says.
func TestAllocations(t *testing.T) {
	body := append([]byte("From: a@example.com\r\nTo: b@example.org\r\nSubject: hello\r\n\r\n"), bodyOf(4<<10)...)
	body = append(body, ".\r\n"...)
	for name, c := range map[string]struct {
		change func(o *transcript.Options)
		most   uint64
	}{
		"recorded":                {func(*transcript.Options) {}, 250},
		"recorded, unwatched":     {func(o *transcript.Options) { o.Unwatched = true }, 220},
		"not recorded":            {unrecorded, 210},
		"not recorded, unwatched": {func(o *transcript.Options) { o.Folder, o.Unwatched = nil, true }, 35},
	} {
		s := newSet(t, c.change)
		const sessions = 500
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range sessions {
			session(s, body)
		}
		s.Close()
		runtime.ReadMemStats(&after)
		if each := (after.Mallocs - before.Mallocs) / sessions; each > c.most {
			t.Errorf("%s: %d allocations a session, at most %d are expected", name, each, c.most)
		} else {
			t.Logf("%s: %d allocations a session", name, each)
		}
	}
}

// BenchmarkLoad opens a recording of a message of 25 MB that came in large
// pieces, and of one that came line by line, as PHPMailer sends.
func BenchmarkLoad(b *testing.B) {
	for name, chunk := range map[string][]byte{"pieces of 64 KiB": bodyOf(64 << 10), "a piece for each line": bodyOf(78)} {
		b.Run(name, func(b *testing.B) {
			s := newSet(b)
			l := inMessage(b, s)
			for range 25_000_000 / len(chunk) {
				l.Data(who.Client, who.Server, chunk)
			}
			play(b, l, "C: .\nS: 250 ok", whole)
			l.End(facts.End{Cause: facts.CauseClosed})
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			path := s.Path(l.ID())
			b.ReportAllocs()
			for b.Loop() {
				t, _, err := transcript.Load(path)
				if err != nil || len(t.Entries) != 14 {
					b.Fatal(len(t.Entries), err)
				}
			}
		})
	}
}
