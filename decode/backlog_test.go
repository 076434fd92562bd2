package decode_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/who"
)

// TestBacklogOfCommands lets a client send very many commands after which
// everything waits for a reply, and a server refuse them one by one.
func TestBacklogOfCommands(t *testing.T) {
	const n = 50_000
	for _, command := range []string{"DATA\r\n", "STARTTLS\r\n"} {
		t.Run(command[:4], func(t *testing.T) {
			var d decode.Dialogue
			begin := time.Now()
			commands, answered := 0, 0
			take := func(out decode.Out) {
				for _, e := range out.Events {
					if e.Command != nil {
						commands++
					}
					if e.Reply != nil && e.Reply.To >= 0 {
						answered++
					}
				}
			}
			take(d.Feed(0, who.Server, []byte("220 mx.example.com\r\n")))
			for p := bytes.Repeat([]byte(command), n); len(p) > 0; {
				out := d.Feed(0, who.Client, p)
				take(out)
				p = p[out.N:]
			}
			for range n {
				take(d.Feed(0, who.Server, []byte("503 no\r\n")))
			}
			if commands != n || answered != n {
				t.Errorf("%d commands and %d answers, want %d of each", commands, answered, n)
			}
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("%d commands took %v", n, took)
			}
		})
	}
}

// TestEndlessReply: of a reply that does not end, what is kept is bounded.
func TestEndlessReply(t *testing.T) {
	var d decode.Dialogue
	d.Feed(0, who.Server, []byte("220 mx\r\n"))
	d.Feed(0, who.Client, []byte("EHLO x\r\n"))
	lines := []byte(strings.Repeat("250-and so on, for ever and ever\r\n", 1000))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 200 {
		if out := d.Feed(0, who.Server, lines); out.N != len(lines) || len(out.Events) > 0 {
			t.Fatalf("took %d of %d, told %v", out.N, len(lines), out.Events)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes more in use", grown)
	}
	out := d.Feed(0, who.Server, []byte("250 enough\r\n"))
	if r := out.Events[0].Reply; len(r.Lines) > decode.MaxReplyLines || r.Dropped+len(r.Lines) != 200001 {
		t.Errorf("%d lines kept, %d dropped", len(r.Lines), r.Dropped)
	}
}
