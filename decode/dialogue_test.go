package decode_test

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/decodetest"
	"smtptap/decode/who"
)

// A turn is what one side sends without interruption.
type turn struct {
	side who.Party
	text string
}

// script reads a dialogue.
func script(text string) []turn {
	var turns []turn
	for _, s := range decodetest.Script(text) {
		turns = append(turns, turn{s.From, string(s.Said)})
	}
	return turns
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// A recorder is a caller of Dialogue that keeps what a recording would.
type recorder struct {
	d      decode.Dialogue
	events []decode.Event
	pieces []decode.Piece
	raw    [3][]byte
}

func (r *recorder) take(o decode.Out) {
	r.events = append(r.events, o.Events...)
	for _, p := range o.Pieces {
		p.Bytes = bytes.Clone(p.Bytes)
		r.pieces = append(r.pieces, p)
		r.raw[p.Side] = append(r.raw[p.Side], p.Bytes...)
		if p.Mask != nil {
			r.raw[p.Side] = append(r.raw[p.Side], decode.MaskText...)
		}
	}
}

// feed hands bytes on in pieces that cut chooses, and goes on in clear at
// every boundary, as a relay does that opens no TLS.
func (r *recorder) feed(at time.Duration, side who.Party, p []byte, cut func(int) int) {
	for len(p) > 0 {
		n := cut(len(p))
		for chunk := p[:n]; len(chunk) > 0; {
			o := r.d.Feed(at, side, chunk)
			r.take(o)
			chunk = chunk[o.N:]
		}
		p = p[n:]
	}
}

func (r *recorder) close(at time.Duration) {
	r.take(r.d.Closed(at, who.Client))
	r.take(r.d.Closed(at, who.Server))
}

func whole(n int) int { return n }

func run(turns []turn, cut func(int) int) *recorder {
	r := &recorder{}
	for i, tn := range turns {
		r.feed(time.Duration(i)*time.Millisecond, tn.side, []byte(tn.text), cut)
	}
	r.close(time.Duration(len(turns)) * time.Millisecond)
	return r
}

func decodeScript(t testing.TB, text string) *recorder {
	t.Helper()
	return run(script(text), whole)
}

// show is an event in one line.
func show(e decode.Event) string {
	speaker := "C"
	if e.Side == who.Server {
		speaker = "S"
	}
	s := fmt.Sprintf("%s %s", speaker, e.Kind)
	switch {
	case e.Kind == decode.KindCommand && e.Auth == nil:
		s += fmt.Sprintf(" %s %q", e.Command.Verb, e.Command.Arg)
	case e.Kind == decode.KindHeader:
		s += fmt.Sprintf(" %s=%q", e.Header.Name, e.Header.Value)
	case e.Kind == decode.KindBody:
		s += fmt.Sprintf(" %d lines", e.Body.Lines)
	case e.Reply != nil:
		s += fmt.Sprintf(" %d", e.Reply.Code)
		if e.Reply.Enhanced != "" {
			s += " " + e.Reply.Enhanced
		}
		s += fmt.Sprintf(" to %q", e.Reply.ToVerb)
	case e.Kind == decode.KindMissing:
		s += " " + e.Missing.Why
	}
	if e.Auth != nil {
		s += fmt.Sprintf(" %s step %d", e.Auth.Mechanism, e.Auth.Step)
		if e.Auth.Prompt != "" {
			s += fmt.Sprintf(" prompt %q", e.Auth.Prompt)
		}
		if e.Auth.User != "" {
			s += fmt.Sprintf(" user %q", e.Auth.User)
		}
		if e.Auth.Secret != nil {
			s += fmt.Sprintf(" secret %s %v", e.Auth.Secret.What, e.Auth.Secret.Facts)
		}
	}
	for _, n := range e.Notes {
		s += " !" + n.ID
		if n.Count > 1 {
			s += fmt.Sprintf("x%d", n.Count)
		}
	}
	return s
}

func shown(events []decode.Event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString(show(e) + "\n")
	}
	return b.String()
}

var scripts = map[string]string{
	"a message": `
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250-mx.example.org at your service
		S: 250-SIZE 1000000
		S: 250-AUTH LOGIN PLAIN
		S: 250 8BITMIME
		C: MAIL FROM:<a@example.com> SIZE=120
		S: 250 2.1.0 fine
		C: RCPT TO:<b@example.org>
		S: 250 2.1.5 fine
		C: DATA
		S: 354 go on
		C: Subject: one
		C:  two
		C: To: b@example.org
		C:
		C: hello
		C: ..dot
		C: .
		S: 250 2.0.0 queued as 4711
		C: QUIT
		S: 221 2.0.0 bye`,
	"pipelined and refused": `
		S: 220 mx
		C: EHLO c
		S: 250-mx
		S: 250 PIPELINING
		C: MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA
		S: 250 ok
		S: 550-5.1.1 no
		S: 550 5.1.1 such user
		S: 554 no valid recipients
		C: RSET
		S: 250 ok`,
	"a false end, answered before the real one": `
		S: 220 mx
		C: HELO c
		S: 250 mx
		C: MAIL FROM:<a@example.com>
		S: 250 ok
		C: DATA
		S: 354 go
		C: Subject: x\r\n\r\ntext\n.\n\
		C: MAIL FROM:<b@example.com>\r\nAUTH PLAIN AGEAYg==
		S: 250 queued
		C: RCPT TO:<c@example.com>\r\nDATA
		S: 250 ok\r\n535 no\r\n250 ok\r\n354 go
		C: hidden\r\n.\r\nQUIT
		S: 250 queued\r\n221 bye`,
	"a false end, answered after the real one": `
		S: 220 mx
		C: HELO c
		S: 250 mx
		C: MAIL FROM:<a@example.com>
		S: 250 ok
		C: DATA
		S: 354 go
		C: Subject: x\r\n\r\ntext\r.\r\
		C: MAIL FROM:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nDATA\r\nhidden\r\n.
		S: 250 queued
		S: 250 ok\r\n250 ok\r\n354 go\r\n250 queued
		C: QUIT
		S: 221 bye`,
	"a false end that was none": `
		S: 220 mx
		C: DATA
		S: 354 go
		C: Subject: x\r\n\r\ntext\n.\nMAIL FROM:<b@example.com>\r\n.
		S: 250 queued
		C: QUIT
		S: 221 bye`,
	"data sent before its reply": `
		S: 220 mx
		C: HELO c
		S: 250 mx
		C: MAIL FROM: a@example.com
		S: 250 ok
		C: DATA\r\nSubject: early\r\n\r\nbody\r\n.\r\nQUIT
		S: 354 go
		S: 250 ok
		S: 221 bye`,
	"data sent and refused": `
		S: 220 mx
		C: DATA\r\nSTARTTLS\r\nNOOP
		S: 503 no
		S: 502 no
		S: 250 ok`,
	"bdat": `
		S: 220 mx
		C: EHLO c
		S: 250-mx
		S: 250 CHUNKING
		C: BDAT 18
		C: Subject: x\r\n\r\nbody\
		S: 250 ok
		C: BDAT 11 LAST
		C: STARTTLS\r\n.\
		S: 250 done
		C: BDAT -1
		S: 501 no`,
	"auth login": `
		S: 220 mx
		C: AUTH LOGIN
		S: 334 VXNlcm5hbWU6
		C: dXNlckBleGFtcGxlLmNvbQ==
		S: 334 UGFzc3dvcmQ6
		C: c2VjcmV0LTEyMw==
		S: 535 5.7.8 no
		C: c2VjcmV0LTEyMw==
		S: 500 what is c2VjcmV0LTEyMw==
		C: QUIT
		S: 221 bye`,
	"auth login prompts end in NUL": `
		S: 220 mx
		C: AUTH LOGIN
		S: 334 UGFzc3dvcmQA
		C: c2VjcmV0LTEyMw==
		S: 334 VXNlciBOYW1lAA==
		C: dXNlckBleGFtcGxlLmNvbQ==
		S: 535 5.7.8 no`,
	"odd bytes": `
		S: 220 mx \xff\x00\
		S: \n
		C: \x00\x01\x02
		S: 500 ?
		C: NOOP\
		C: \n
		C: a\rb
		S: hello
		S: 12
		S: 250-one
		S: 550 two
		C: DATA
		S: 354
		C: a\n.\nb\r.\rc\r\n.\r\r\n\x00.\r\nd\r.\r\n.x
		C: .
		S: 250 ok`,
	"starttls": `
		S: 220 mx
		C: EHLO c
		S: 250-mx
		S: 250 STARTTLS
		C: starttls
		S: 454 no
		C: STARTTLS\r\nMAIL FROM:<evil@example.com>
		S: 220 go
		S: 250 what`,
	"tls on a plain port": `
		C: \x16\x03\x01\x00\x04abcd\x17\x03\x03
		S: 500 what`,
}

func TestSameStreamsOtherCuts(t *testing.T) {
	for name, text := range scripts {
		turns := script(text)
		want := run(turns, whole)
		checkTiles(t, name, want)
		cuts := map[string]func(int) int{"bytes": func(int) int { return 1 }}
		for seed := range uint64(50) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			cuts[fmt.Sprint("seed ", seed)] = func(n int) int { return 1 + rnd.IntN(n) }
		}
		for how, cut := range cuts {
			got := run(turns, cut)
			if !reflect.DeepEqual(got.events, want.events) {
				t.Fatalf("%s, cut by %s:\n%s\nwant\n%s", name, how, shown(got.events), shown(want.events))
			}
			if !bytes.Equal(got.raw[who.Client], want.raw[who.Client]) || !bytes.Equal(got.raw[who.Server], want.raw[who.Server]) {
				t.Fatalf("%s, cut by %s: streams differ", name, how)
			}
		}
	}
}

// checkTiles proves that the spans of the events cover each side's stream
// without gap or overlap, and that Raw is what stands there.
func checkTiles(t testing.TB, name string, r *recorder) {
	t.Helper()
	at := [3]int64{}
	for _, e := range r.events {
		if e.Span.Start != at[e.Side] {
			t.Fatalf("%s: event %d (%s) begins at %d of the %s, want %d\n%s", name, e.Seq, show(e), e.Span.Start, e.Side, at[e.Side], shown(r.events))
		}
		at[e.Side] = e.Span.End
		if raw := r.raw[e.Side][e.Span.Start:e.Span.End]; e.Raw != nil && !bytes.HasPrefix(raw, e.Raw) {
			t.Fatalf("%s: event %d has raw %q, the stream %q", name, e.Seq, e.Raw, raw)
		}
	}
	for _, side := range []who.Party{who.Client, who.Server} {
		if at[side] != int64(len(r.raw[side])) {
			t.Fatalf("%s: events end at %d of the %s, its stream at %d\n%s", name, at[side], side, len(r.raw[side]), shown(r.events))
		}
	}
}

// A recording that is read again gives the events of the live session.
func TestRecordedPiecesGiveTheSameEvents(t *testing.T) {
	for name, text := range scripts {
		live := run(script(text), func(n int) int { return min(n, 7) })
		if got := replay(live); !reflect.DeepEqual(got.events, live.events) {
			t.Errorf("%s:\n%s\nwant\n%s", name, shown(got.events), shown(live.events))
		}
	}
}

func replay(live *recorder) *recorder {
	got := &recorder{}
	for _, p := range live.pieces {
		switch {
		case p.Mask != nil:
			got.take(got.d.FeedMask(p.At, p.Side, *p.Mask))
		case p.Missing != nil:
			got.take(got.d.Skip(p.At, p.Side, p.Missing.Bytes, p.Missing.Why))
		default:
			got.feed(p.At, p.Side, p.Bytes, whole)
		}
	}
	got.close(live.events[len(live.events)-1].At)
	return got
}

var update = flag.Bool("update", false, "write the golden files anew")

func TestEvents(t *testing.T) {
	for name, text := range scripts {
		t.Run(name, func(t *testing.T) {
			got := shown(decodeScript(t, text).events)
			path := filepath.Join("testdata", "events", strings.ReplaceAll(name, " ", "-")+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
