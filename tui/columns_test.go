package tui

import (
	"smtptap/decode/facts"
	"smtptap/recordings/transcript"
	"strings"
	"testing"
)

// envelopeScript is a session with that sender and recipient.
func envelopeScript(from, to string) string {
	return strings.NewReplacer("ann@example.org", from, "lin@example.net", to).Replace(attachmentScript())
}

// heading is the first row of the list.
func (s *screen) heading() string {
	return strings.Join(strings.Fields(stripped(s.list.View()[0])), " ")
}

// A column that says the same in all rows is the first to give its place up, and
// takes it back when a row differs.
func TestSameColumnsLeaveFirst(t *testing.T) {
	sim := emptySimulation(t, false)
	play := func(from, to string) {
		sim.Play("smtp://mail.example.com:587", envelopeScript(from, to))
	}
	play("ann@example.org", "lin@example.net")
	s := newScreen(t, sim, 95, 24, nil)
	want := func(name, heading string) {
		t.Helper()
		s.carryOut(s.refresh())
		if got := s.heading(); got != heading {
			t.Errorf("%s: the columns are %q, want %q", name, got, heading)
		}
	}
	want("one session", "STATE TIME CODE TO SIZE SUBJECT / REASON")
	play("eve@example.org", "lin@example.net")
	want("two senders", "STATE TIME CODE FROM SIZE TOOK SUBJECT / REASON")
	play("eve@example.org", "bob@example.net")
	want("two recipients", "STATE TIME CODE TO SIZE SUBJECT / REASON")
	settle(t, sim)
}

// A session that has no server yet says nothing of whether all have the same.
func TestColumnsWhileServersAreFound(t *testing.T) {
	sim := emptySimulation(t, false)
	for range 2 {
		sim.Play("smtp://mail.example.com:587", attachmentScript())
	}
	s := newScreen(t, sim, 120, 24, nil)
	s.carryOut(s.refresh())
	before := s.heading()
	l := sim.Set.Begin(transcript.Session{Target: "mx"})
	s.carryOut(s.refresh())
	if got := s.heading(); got != before {
		t.Errorf("the columns are %q, they were %q", got, before)
	}
	l.End(facts.End{Cause: facts.CauseClosed})
	settle(t, sim)
}

// At 200 columns the list beside a session still tells what it was about.
func TestNothingIsStarved(t *testing.T) {
	s := newScreen(t, played(t), 200, 50, nil)
	s.expect("SUBJECT / REASON", "TO", "535 5.7.8 Error: authentication")
	s.press("z")
	if got := s.heading(); got != "STATE TIME CODE CLIENT SERVER FROM TO SIZE TOOK SUBJECT / REASON" {
		t.Errorf("a list of 200 columns has %q", got)
	}
	s.expect("550 5.1.1 <nobody@example.net>: Recipient address")
}
