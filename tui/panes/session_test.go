package panes_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"smtptap/decode/decodetest"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
	"smtptap/tui/panes"
)

// begin begins a recorded session and sends so many messages of 100 kB in it.
func begin(t testing.TB, messages int) (*transcript.Set, *transcript.Log) {
	t.Helper()
	folder, err := recordings.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	set := transcript.NewSet(transcript.Options{Folder: folder})
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	l := set.Begin(transcript.Session{Target: "mx.example.org:25"})
	l.Fact(&facts.Dial{Addr: "192.0.2.25:25"})
	say(l, "S: 220 mx.example.org", "C: EHLO client.example.org", "S: 250 mx.example.org")
	body := bytes.Repeat(append(bytes.Repeat([]byte("x"), 76), "\r\n"...), 100_000/78)
	for i := range messages {
		say(l, "C: MAIL FROM:<a@example.org>", "S: 250 ok", "C: RCPT TO:<b@example.net>", "S: 250 ok", "C: DATA", "S: 354 go",
			fmt.Sprintf("C: Subject: number %d", i), "C: ")
		l.Data(who.Client, who.Server, body)
		say(l, "C: .", "S: 250 2.0.0 queued")
	}
	return set, l
}

func say(l *transcript.Log, lines ...string) {
	for _, s := range decodetest.Script(strings.Join(lines, "\n")) {
		l.Data(s.From, s.To, s.Said)
	}
}

// What is taken over from an earlier look is what would be worked out anew.
func TestLookAgain(t *testing.T) {
	_, l := begin(t, 3)
	var before *panes.Session
	for _, line := range []string{
		"C: NOOP", "S: 250 ok", "C: MAIL FROM:<a@example.org>", "S: 250 ok", "C: RCPT TO:<c@example.net>", "S: 550 5.1.1 no such user",
		"C: RCPT TO:<b@example.net>", "S: 250 ok", "C: DATA", "S: 354 go", "C: Subject: x", "C: ", "C: hello", "C: .", "S: 250 ok", "C: QUIT", "S: 221 bye",
	} {
		say(l, line)
		again := panes.NewSession(l.Transcript(), l.Summary(), before, lang.English)
		anew := panes.NewSession(l.Transcript(), l.Summary(), nil, lang.English)
		if !reflect.DeepEqual(again.Report.Findings, anew.Report.Findings) || again.Report.Verdict != anew.Report.Verdict ||
			!reflect.DeepEqual(again.Starts, anew.Starts) || !reflect.DeepEqual(again.Under, anew.Under) {
			t.Errorf("after %q an earlier look changes what is seen:\n%+v\n%+v", line, again.Report, anew.Report)
		}
		before = again
	}
	l.End(facts.End{Cause: facts.CauseClosed})
}

// BenchmarkLook measures a look at a live session that has grown by a line. It
// must not depend on how much came before.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("behind %d messages", n), func(b *testing.B) {
			_, l := begin(b, n)
			before := panes.NewSession(l.Transcript(), l.Summary(), nil, lang.English)
			for b.Loop() {
				say(l, "C: NOOP")
				before = panes.NewSession(l.Transcript(), l.Summary(), before, lang.English)
			}
		})
	}
}

// BenchmarkBody measures reading the newest body of a live session that has
// grown by a line.
func BenchmarkBody(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("behind %d messages", n), func(b *testing.B) {
			_, l := begin(b, n)
			t := l.Transcript()
			all := t.Messages()
			for b.Loop() {
				say(l, "C: NOOP", "S: 250 ok")
				if _, err := t.Bytes(who.ClientLeg, who.Client, all[len(all)-1].Spans[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
