package decode_test

import (
	"bytes"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/who"
)

// TestBacklogOfCommands lets a client send very many commands behind which
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
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("%d commands took %v", n, took)
			}
		})
	}
}
