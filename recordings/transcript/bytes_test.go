package transcript_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// Bytes gives for every event the bytes that it was made of, live and loaded.
func TestBytes(t *testing.T) {
	for _, d := range dialogues {
		t.Run(d.name, func(t *testing.T) {
			s := newSet(t)
			_, was := live(t, s, d, func(n int) int { return min(n, rand.IntN(30)+1) })
			checkBytes(t, was)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			checkBytes(t, was) // a snapshot outlives its session
			loaded, _, err := transcript.Load(s.Path(was.ID))
			if err != nil {
				t.Fatal(err)
			}
			checkBytes(t, loaded)
		})
	}
}

func checkBytes(t *testing.T, tr *decode.Transcript) {
	t.Helper()
	checked := 0
	for i, e := range tr.Entries {
		if e.Event == nil || e.Event.Kind == decode.KindBody {
			continue
		}
		p, err := tr.Bytes(e.Leg, e.Event.Side, e.Event.Span)
		if err != nil || !bytes.Equal(p, e.Event.Raw) {
			t.Errorf("entry %d: got %q, %v, want %q", i, p, err, e.Event.Raw)
		}
		if len(p) > 2 { // a part of it
			part := e.Event.Span
			part.Start++
			part.End--
			p, err := tr.Bytes(e.Leg, e.Event.Side, part)
			if err != nil || !bytes.Equal(p, e.Event.Raw[1:len(e.Event.Raw)-1]) {
				t.Errorf("inside entry %d: got %q, %v, want a part of %q", i, p, err, e.Event.Raw)
			}
		}
		checked++
	}
	if checked == 0 {
		t.Error("nothing was checked")
	}
}

func TestBytesOfNothing(t *testing.T) {
	s := newSet(t)
	_, was := live(t, s, dialogues[0], whole)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, span := range []decode.Span{{Start: -1, End: 1}, {Start: 2, End: 1}, {Start: 0, End: 1 << 40}, {Start: 1 << 40, End: 1<<40 + 1}} {
		if p, err := was.Bytes(who.ClientLeg, who.Client, span); err == nil {
			t.Errorf("%+v: got %q", span, p)
		}
	}
	if p, err := was.Bytes(who.ServerLeg, who.Client, decode.Span{Start: 0, End: 1}); err == nil {
		t.Errorf("the server's leg, where there is none: got %q", p)
	}
	if p, err := was.Bytes(who.ClientLeg, who.Client, decode.Span{Start: 5, End: 5}); len(p) > 0 || err != nil {
		t.Errorf("no bytes: got %q, %v", p, err)
	}
	if err := os.Remove(s.Path(was.ID)); err != nil {
		t.Fatal(err)
	}
	if p, err := was.Bytes(who.ClientLeg, who.Client, decode.Span{Start: 0, End: 1}); err == nil {
		t.Errorf("of a deleted recording: got %q", p)
	}
}

// A body is read from the middle of a large recording without reading all of it.
func TestBytesOfLargeBody(t *testing.T) {
	s := newSet(t)
	l := inMessage(t, s)
	var sent []byte
	for i := range 64 {
		chunk := bytes.Repeat([]byte{'a' + byte(i%26)}, 40<<10+i)
		chunk = append(chunk, "\r\n"...)
		sent = append(sent, chunk...)
		l.Data(who.Client, who.Server, chunk)
	}
	play(t, l, "C: .\nS: 250 ok", whole)
	l.End(ended)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tr, _, err := transcript.Load(s.Path(l.ID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range tr.Entries {
		if e.Event == nil || e.Event.Kind != decode.KindBody {
			continue
		}
		want := append([]byte("\r\n"), sent...)
		start := e.Event.Span.Start
		for _, part := range [][2]int64{{0, e.Event.Span.Len()}, {0, 1}, {1 << 20, 1<<20 + 100_000}, {e.Event.Span.Len() - 3, e.Event.Span.Len()}} {
			p, err := tr.Bytes(who.ClientLeg, who.Client, decode.Span{Start: start + part[0], End: start + part[1]})
			if err != nil || !bytes.Equal(p, want[part[0]:part[1]]) {
				t.Errorf("%v: got %d bytes, %v", part, len(p), err)
			}
		}
		return
	}
	t.Error("no body")
}

// A recording of a program that did not know a secret for one shows it no more
// than its own do, on neither leg.
func TestBytesOfUnmaskedRecording(t *testing.T) {
	const times = 100
	for _, split := range []bool{false, true} {
		records := []recordings.Record{{Type: "data", From: who.Server, To: who.Client, Data: []byte("220 mx.example.org ESMTP\r\n")}}
		for range times {
			records = append(records,
				recordings.Record{Type: "data", From: who.Client, To: who.Server, Data: []byte("AUTH PLAIN AHVzZXIAc2Vj")},
				recordings.Record{Type: "data", From: who.Client, To: who.Server, Data: []byte("cmV0IGNhbmFyeQ==\r\nNOOP\r\n")},
				recordings.Record{Type: "data", From: who.Server, To: who.Client, Data: []byte("535 5.7.8 no\r\n250 ok\r\n")},
				recordings.Record{Type: "data", From: who.Client, To: who.Server, Data: []byte("AUTH LOGIN dTE=\r\n")},
				recordings.Record{Type: "data", From: who.Server, To: who.Client, Data: []byte("334 UGFzc3dvcmQ6\r\n")},
				recordings.Record{Type: "data", From: who.Client, To: who.Server, Data: []byte("cA==\r\n")}, // shorter than its mask
				recordings.Record{Type: "data", From: who.Server, To: who.Client, Data: []byte("535 5.7.8 no\r\n")},
				recordings.Record{Type: "data", From: who.Client, To: who.Server, Data: []byte("AUTH PLAIN\r\n")},
				recordings.Record{Type: "data", From: who.Server, To: who.Client, Data: []byte("334\r\n")},
				recordings.Record{Type: "data", From: who.Client, To: who.Server, Data: []byte("\r\n")}, // no secret at all
				recordings.Record{Type: "data", From: who.Server, To: who.Client, Data: []byte("501 5.5.2 what\r\n")})
		}
		path := write(t, recordings.Header{ID: "x", SplitLegs: split}, records...)
		tr, damage, err := transcript.Load(path)
		if err != nil || damage == nil || !damage.Torn {
			t.Fatal(err, damage)
		}
		checkBytes(t, tr)
		want := strings.Repeat("AUTH PLAIN [secret]\r\nNOOP\r\nAUTH LOGIN dTE=\r\n[secret]\r\nAUTH PLAIN\r\n[secret]\r\n", times)
		for _, leg := range []who.Leg{who.ClientLeg, who.ServerLeg} {
			if leg == who.ServerLeg && !split {
				continue
			}
			all, err := tr.Bytes(leg, who.Client, decode.Span{Start: 0, End: int64(len(want))})
			if string(all) != want {
				t.Errorf("split %v, the %s's leg: got %q, %v", split, leg, all, err)
			}
		}
	}
}
