package transcript

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
)

// A brittle dialogue panics on a word.
type brittle struct {
	decode.Dialogue
	word string
}

func (b *brittle) Feed(at time.Duration, side who.Party, p []byte) decode.Out {
	if bytes.Contains(p, []byte(b.word)) {
		panic("met " + b.word)
	}
	return b.Dialogue.Feed(at, side, p)
}

func (b *brittle) Swallow(time.Duration, who.Party, []byte) decode.Out { panic("swallowed") }

// A panic in the decoder ends the decoding of that session, not the session.
// What is said is no longer recorded, because it may be secret, and a server may
// repeat it.
func TestDecoderPanics(t *testing.T) {
	for name, test := range map[string]struct {
		split, keepSecrets bool
		tell               func(d *decoder)
	}{
		"in Feed":               {tell: func(d *decoder) { d.data(3, who.Client, who.Server, []byte("BOOM\r\n")) }},
		"in Feed, secrets kept": {keepSecrets: true, tell: func(d *decoder) { d.data(3, who.Client, who.Server, []byte("BOOM\r\n")) }},
		"in Swallow":            {tell: func(d *decoder) { d.swallow(3, who.Client, []byte("BOOM\r\n")) }},
		"on the server's leg": {split: true, tell: func(d *decoder) {
			d.server.dialogue = &brittle{word: "BOOM"}
			d.client.dialogue = &decode.Dialogue{}
			d.data(3, who.Client, who.Server, []byte("BOOM\r\n"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTee(t, test.split)
			d := &l.decoder
			d.keepSecrets = test.keepSecrets
			d.client.dialogue = &brittle{word: "BOOM", Dialogue: decode.Dialogue{KeepSecrets: test.keepSecrets}}
			var cause any
			d.fault = func(c any) { cause = c }
			d.data(1, who.Server, who.Client, []byte("220 mx\r\n"))
			d.data(2, who.Client, who.Server, []byte("PART"))
			test.tell(d)
			d.data(4, who.Client, who.Server, []byte("pass\r\n"))
			d.data(5, who.Server, who.Client, []byte("535 what is pass?\r\n"))
			d.skip(6, who.Client, who.Server, 10, decode.WhyEncrypted)
			d.swallow(6, who.Server, []byte("more"))
			d.mask(6, who.Client, who.Server, decode.Mask{})
			d.secured(6, who.ClientLeg)
			d.unopened(6)
			d.fact(6, &facts.Note{ID: "still", Text: "here"})
			d.closed(7, who.Client, facts.Closed{Leg: who.ClientLeg, How: "fin"})
			d.end(8, facts.End{Cause: facts.CauseClosed})
			if cause == nil {
				t.Error("nobody was told")
			}
			checkFailed(t, l.entries)
			loaded, err := load(bytes.NewReader(l.file.Bytes()), maxLoaded, "")
			if err != nil || loaded.damage != nil {
				t.Fatal(err, loaded.damage)
			}
			checkFailed(t, loaded.transcript.Entries)
			file := l.file.String()
			for _, said := range []string{"pass\r\n", "what is pass?\r\n"} {
				if strings.Contains(file, said) != test.keepSecrets {
					t.Errorf("%q is recorded as if secrets were kept %v:\n%s", said, !test.keepSecrets, file)
				}
			}
		})
	}
}

// checkFailed proves that a transcript says that decoding failed, once, and
// goes on to the end.
func checkFailed(t *testing.T, entries []decode.Entry) {
	t.Helper()
	said := 0
	for _, e := range entries {
		if n, ok := e.Fact.(*facts.Note); ok && n.ID == noteFailed {
			said++
		}
	}
	if last := entries[len(entries)-1].Fact; said != 1 || last == nil || last.Type() != "end" {
		t.Errorf("said %d times, last comes %+v", said, entries[len(entries)-1])
	}
}

// A panic after the dialogue is contained as well.
func TestTakingPanics(t *testing.T) {
	l := newTee(t, false)
	add := l.decoder.entry
	l.decoder.entry = func(e decode.Entry) {
		if e.Event != nil && e.Event.Kind == decode.KindCommand {
			panic("no commands, please")
		}
		add(e)
	}
	l.decoder.data(1, who.Server, who.Client, []byte("220 mx\r\n"))
	l.decoder.data(2, who.Client, who.Server, []byte("EHLO x\r\n"))
	l.decoder.data(3, who.Server, who.Client, []byte("250 x\r\n"))
	l.decoder.end(4, facts.End{Cause: facts.CauseClosed})
	checkFailed(t, l.entries)
	if n := strings.Count(l.file.String(), "EHLO x"); n != 1 {
		t.Errorf("the command is recorded %d times:\n%s", n, l.file.String())
	}
}

// Facts with bytes that JSON can't hold are live what they will be loaded.
func TestFactsOutsideUTF8(t *testing.T) {
	l := newTee(t, false)
	l.decoder.fact(1, &facts.TLS{Leg: who.ServerLeg, SNI: "mx\xff.example.org", Chain: []facts.Certificate{{Subject: "CN=\xc3"}}})
	l.decoder.fact(2, &facts.Note{Text: "a replaced \ufffd stays"})
	l.decoder.end(3, facts.End{Cause: facts.CauseClosed})
	loaded, err := load(bytes.NewReader(l.file.Bytes()), maxLoaded, "")
	if err != nil || !reflect.DeepEqual(loaded.transcript.Entries, l.entries) {
		t.Errorf("%v: loaded\n%+v\nlive\n%+v", err, loaded.transcript.Entries[0].Fact, l.entries[0].Fact)
	}
}

// A fact of any size leaves a recording that can be read.
func TestLargeFact(t *testing.T) {
	l := newTee(t, false)
	l.decoder.fact(1, &facts.Note{ID: "large", Text: facts.Plain(strings.Repeat("x", recordings.MaxData))})
	l.decoder.end(2, facts.End{Cause: facts.CauseClosed})
	loaded, err := load(bytes.NewReader(l.file.Bytes()), maxLoaded, "")
	if err != nil || loaded.damage != nil || !reflect.DeepEqual(loaded.transcript.Entries, l.entries) {
		t.Errorf("%v, %v", err, loaded.damage)
	}
}
