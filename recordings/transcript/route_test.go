package transcript_test

import (
	"testing"

	"smtptap/decode/who"
	"smtptap/recordings/transcript"
)

// Every event says who sent it to whom, however much of the session came at
// once.
func TestRoutes(t *testing.T) {
	for _, d := range dialogues {
		for name, cut := range map[string]func(int) int{"whole": whole, "one byte": func(int) int { return 1 }} {
			s := newSet(t)
			l := s.Begin(transcript.Session{SplitLegs: d.split})
			play(t, l, d.text, cut)
			l.End(ended)
			l.Transcript()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tr, err := s.Open(l.ID())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range tr.Entries {
				if e.Event != nil && (e.From == 0 || e.To == 0) {
					t.Errorf("%s, %s: nobody said %s", d.name, name, show(e))
				}
			}
		}
	}
	s := newSet(t)
	l := s.Begin(transcript.Session{})
	play(t, l, "S: 220 mx\nC: EHLO x\nS: 250 mx\nC: MAIL FROM:<a@example.com>\nS: 250 ok\nC: RCPT TO:<b@example.org>\nS: 250 ok\nC: DATA\nS: 354 go", whole)
	l.Data(who.Client, who.Server, []byte("First: x\r\nSecond: y\r\n\r\nbody\r\n.\r\nQUIT\r\n"))
	for _, e := range l.Transcript().Entries {
		if e.From == 0 || e.To == 0 {
			t.Errorf("nobody said %s", show(e))
		}
	}
	l.End(ended)
}
