package tui

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// eventsPerSecond is how many lines pass while the screen is measured.
const eventsPerSecond = 2000

// BenchmarkKeyUnderLoad is from a key on a terminal to the frame that answers
// it there, while 100,000 sessions are loaded, lines pass, and the newest
// session is followed.
func BenchmarkKeyUnderLoad(b *testing.B) {
	folder, err := recordings.OpenFolder(b.TempDir() + "/recordings")
	if err != nil {
		b.Fatal(err)
	}
	defer folder.Close()
	set := transcript.NewSet(transcript.Options{Folder: folder})
	addMany(set, 100_000)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	passed, since := 0, time.Now()
	running.Go(func() { passed = talk(ctx, set) })

	p := openPty(b, 200, 60)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{Set: set, Listen: []string{"127.0.0.1:2525"}, Target: "sink", In: p.slave, Out: p.slave, Theme: "dark"})
	}()
	p.read(b, "follow")
	var took []time.Duration
	for b.Loop() {
		for _, answer := range []string{"closes the help", "STATE"} { // ? opens the help, ? closes it
			time.Sleep(50 * time.Millisecond) // keys come when they come, not right after a frame
			pressed := time.Now()
			if _, err := p.master.WriteString("?"); err != nil {
				b.Fatal(err)
			}
			p.read(b, answer)
			took = append(took, time.Since(pressed))
		}
	}
	cancel()
	running.Wait()
	lasted := time.Since(since)
	p.drain()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	if err := set.Close(); err != nil {
		b.Error(err)
	}
	slices.Sort(took)
	b.ReportMetric(millis(took[len(took)/2]), "ms-key-to-frame-p50")
	b.ReportMetric(millis(took[len(took)*99/100]), "ms-key-to-frame-p99")
	b.ReportMetric(float64(passed)/lasted.Seconds(), "events/s")
	b.ReportMetric(0, "ns/op") // the pauses between keys are no figure
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// A line is what a client or a server says in a session that passes.
type line struct {
	from, to who.Party
	text     string
}

// spoken is what both say in a session in which a message is sent.
func spoken() (all []line) {
	quoted := false
	for _, text := range strings.Split(sentScript(), "\n") {
		text = strings.TrimSpace(text)
		switch {
		case text == "<<" || text == ">>":
			quoted = text == "<<"
		case quoted:
			all = append(all, line{who.Client, who.Server, text})
		case strings.HasPrefix(text, "C: "):
			all = append(all, line{who.Client, who.Server, text[3:]})
		case strings.HasPrefix(text, "S: "):
			all = append(all, line{who.Server, who.Client, text[3:]})
		}
	}
	return all
}

// talk lets sessions pass, line by line at an even rate, until ctx is done. It
// returns how many lines there were.
func talk(ctx context.Context, set *transcript.Set) (passed int) {
	script := spoken()
	var l *transcript.Log
	began := time.Now()
	pace := time.NewTicker(time.Second / 200)
	defer pace.Stop()
	for {
		for due := int(time.Since(began).Seconds() * eventsPerSecond); passed < due; passed++ {
			next := script[passed%len(script)]
			if passed%len(script) == 0 {
				end(l)
				l = set.Begin(transcript.Session{Listen: "127.0.0.1:2525", Target: "sink"})
			}
			l.Data(next.from, next.to, []byte(next.text+"\r\n"))
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			end(l)
			return passed
		}
	}
}

// end ends a session.
func end(l *transcript.Log) {
	if l != nil {
		l.End(facts.End{Cause: facts.CauseClosed})
	}
}

// drain reads what is still written, so that nobody waits for a reader.
func (p *pty) drain() {
	go func() {
		var rest bytes.Buffer
		rest.ReadFrom(p.master)
	}()
}
