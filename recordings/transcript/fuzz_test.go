package transcript

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
)

// A tee is a live session that records into memory.
type tee struct {
	decoder decoder
	entries []decode.Entry
	file    bytes.Buffer
	writer  *recordings.Writer
	at      time.Duration
	relayed bool // the client's words have reached the server that is connected to
}

func newTee(t testing.TB, split bool) *tee {
	t.Helper()
	l := &tee{}
	var err error
	l.writer, err = recordings.NewWriter(&l.file, recordings.Header{ID: "x", SplitLegs: split})
	if err != nil {
		t.Fatal(err)
	}
	l.decoder = decoder{
		entry: func(e decode.Entry) { l.entries = append(l.entries, e) },
		record: func(r recordings.Record) {
			if err := l.writer.Append(r); err != nil {
				t.Fatal(err)
			}
		},
	}
	l.decoder.begin(split)
	return l
}

// step does one thing that a byte chooses, with the bytes that follow.
func (l *tee) step(what byte, p []byte) {
	l.at += time.Millisecond
	d := &l.decoder
	routes := [...]route{
		{who.Client, who.Server}, {who.Server, who.Client},
		{who.Client, who.Smtptap}, {who.Smtptap, who.Client},
		{who.Smtptap, who.Server}, {who.Server, who.Smtptap},
	}
	r := routes[int(what>>4)%len(routes)]
	switch own := r.from == who.Smtptap && r.to == who.Server || r.from == who.Server && r.to == who.Smtptap; {
	case what&15 == 3:
		l.relayed = false
	case r.relayed():
		l.relayed = true
	case own && l.relayed:
		return // smtptap doesn't talk to a server that the client talks to
	}
	if !r.relayed() {
		p = append(bytes.Clone(p), "\r\n"...) // smtptap takes and says whole lines
	}
	switch what & 15 {
	case 1:
		from := who.Client
		if r.side() == who.Server {
			from = who.Server
		}
		d.swallow(l.at, from, p)
	case 2:
		d.skip(l.at, r.from, r.to, int64(len(p))-1, decode.WhyEncrypted)
	case 3:
		d.fact(l.at, &facts.Dial{Addr: string(p)})
	case 4:
		d.fact(l.at, &facts.Note{ID: "fuzz", Text: facts.Plain(string(p))})
	case 5:
		d.secured(l.at, who.ClientLeg)
	case 6:
		d.secured(l.at, who.ServerLeg)
	case 7:
		d.unopened(l.at)
	case 8:
		d.closed(l.at, r.side(), facts.Closed{Leg: r.side().Leg(), How: "fin"})
	default:
		d.data(l.at, r.from, r.to, p)
	}
}

// seeds are steps, each with its byte in front of its text.
var seeds = [][]string{
	{"\x10", "220 mx\r\n", "\x00", "EHLO x\r\n", "\x10", "250 STARTTLS\r\n", "\x00", "STARTTLS\r\n", "\x10", "220 go\r\n",
		"\x01", "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n", "\x11", "250 injected\r\n", "\x05", "", "\x00", "QUIT\r\n", "\x08", ""},
	{"\x30", "220 mx\r\n", "\x20", "EHLO x\r\n", "\x03", "", "\x50", "554 no\r\n", "\x40", "QUIT\r\n", "\x03", "", "\x50", "220 up\r\n",
		"\x40", "EHLO y\r\n", "\x50", "250 y\r\n", "\x00", "MAIL FROM:<a@example.com>\r\n", "\x10", "250 ok\r\n", "\x18", ""},
	{"\x10", "220 mx\r\n", "\x00", "AUTH PLAIN AHVz", "\x02", "12345", "\x00", "ZXIAc2VjcmV0\r\n", "\x10", "235 ok\r\n", "\x07", "", "\x02", "1", "\x12", "123"},
	{"\x10", "220 mx\r\n", "\x00", "DATA\r\nSubject: x\r\n\r\n.\r\n", "\x04", "note \xff", "\x10", "354 go\r\n250 ok\r\n", "\x00", "RSET\r"},
}

func planned(steps []string) []byte {
	var plan []byte
	for i := 0; i < len(steps); i += 2 {
		plan = append(plan, steps[i][0], byte(len(steps[i+1])))
		plan = append(plan, steps[i+1]...)
	}
	return plan
}

// FuzzSession: whatever happens in a session, its recording reads as what was
// live, and its bytes are those of the events.
func FuzzSession(f *testing.F) {
	for _, split := range []bool{false, true} {
		for _, text := range seeds {
			f.Add(split, planned(text))
		}
	}
	f.Fuzz(func(t *testing.T, split bool, plan []byte) {
		l := newTee(t, split)
		for len(plan) > 1 {
			n := min(len(plan)-2, int(plan[1]))
			l.step(plan[0], plan[2:2+n])
			plan = plan[2+n:]
		}
		l.decoder.end(l.at, facts.End{Cause: facts.CauseClosed})
		got, err := load(bytes.NewReader(l.file.Bytes()), maxLoaded, "")
		if err != nil || got.damage != nil || len(got.transcript.CannotShow) > 0 {
			t.Fatal(err, got.damage, got.transcript.CannotShow)
		}
		if !reflect.DeepEqual(got.transcript.Entries, l.entries) {
			for i, e := range l.entries {
				if i >= len(got.transcript.Entries) || !reflect.DeepEqual(got.transcript.Entries[i], e) {
					t.Logf("from entry %d on: %+v %+v", i, e, e.Event)
					if i < len(got.transcript.Entries) {
						t.Logf("got %+v %+v", got.transcript.Entries[i], got.transcript.Entries[i].Event)
					}
					break
				}
			}
			t.Fatalf("loaded %d entries, live %d:\n%s", len(got.transcript.Entries), len(l.entries), l.file.Bytes())
		}
		for i, e := range l.entries {
			if e.Event == nil || e.Event.Kind == decode.KindBody || e.Event.Span.Len() > decode.MaxRaw {
				continue
			}
			p, err := got.index.read(bytes.NewReader(l.file.Bytes()), e.Leg, e.Event.Side, e.Event.Span)
			if err != nil && e.Event.Span.Len() > 0 || !bytes.Equal(p, e.Event.Raw) {
				t.Fatalf("entry %d: bytes %q, %v, want %q:\n%s", i, p, err, e.Event.Raw, l.file.Bytes())
			}
		}
	})
}

// FuzzLoad: a recording that smtptap would not write makes the loader neither
// panic nor give more bytes than it was asked for.
func FuzzLoad(f *testing.F) {
	types := []string{"data", "mask", "skip", "swallowed", "secured", "unopened", "open", "dial", "dns", "tls", "hello", "closed", "note", "lost", "end", "other"}
	f.Add(false, []byte("\x00\x12\x08220 mx\r\n\x01\x06\x0f{\"what\":\"line\"}\x00\x06\x02\r\n"))
	f.Add(true, []byte("\x02\x02\x0b{\"bytes\":-3}\x0b\x05\x10{\"leg\":\"server\"}\x03\x03\x0aAUTH PLAIN\x0e\x00\x02{}"))
	f.Add(true, []byte("\x07\x05\x02{}\x0b\x00\x0b{\"leg\":\"x\"}\x09\x05\x04null\x01\x00\x01x"))
	f.Fuzz(func(t *testing.T, split bool, plan []byte) {
		var file bytes.Buffer
		w, err := recordings.NewWriter(&file, recordings.Header{SplitLegs: split})
		if err != nil {
			t.Fatal(err)
		}
		for at := time.Duration(0); len(plan) > 2; at++ {
			n := min(len(plan)-3, int(plan[2]))
			party := func(i byte) who.Party { return who.FromLetter("CPS"[i%3]) }
			r := recordings.Record{At: at, Type: types[int(plan[0])%len(types)], From: party(plan[1]), To: party(plan[1] / 3), Data: plan[3 : 3+n]}
			if err := w.Append(r); err != nil {
				t.Fatal(err)
			}
			plan = plan[3+n:]
		}
		l, err := load(bytes.NewReader(file.Bytes()), 1<<20, "")
		if err != nil {
			t.Fatal(err)
		}
		l.tally.Summary()
		for _, which := range []who.Leg{who.ClientLeg, who.ServerLeg} {
			for _, side := range []who.Party{who.Client, who.Server} {
				p, err := l.index.read(bytes.NewReader(file.Bytes()), which, side, decode.Span{Start: 1, End: 20})
				if err == nil && len(p) != 19 {
					t.Fatalf("19 bytes were asked for, got %d", len(p))
				}
			}
		}
	})
}
