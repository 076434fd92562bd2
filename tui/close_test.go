package tui

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"smtptap/decode/facts"
)

// X closes the session that is selected, once that is confirmed, and says why where
// it can't.
func TestCloseSession(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", sentScript())
	l := sim.Begin("smtp://mail.example.com:587", greetingLines)
	t.Cleanup(func() { settle(t, sim) })
	var closed []string
	s := newScreen(t, sim, 120, 40, func(o *Options) {
		o.Close = func(id string) error {
			if closed = append(closed, id); len(closed) > 1 {
				return errors.New("it has ended \x1b[2J")
			}
			return nil
		}
	})
	for _, step := range []struct {
		keys string
		want string
		n    int
	}{
		{"X", "Close session", 0}, {"n", "", 0}, {"X X", "", 1}, {"X enter", `it has ended \x1b[2J`, 2},
		{"ended", "", 2}, {"X", "Only a running session", 2},
	} {
		if step.keys == "ended" {
			l.End(facts.End{Cause: facts.CauseByHand})
			s.carryOut(s.refresh())
			continue
		}
		s.press(strings.Fields(step.keys)...)
		if view := s.view(); !strings.Contains(view, step.want) || len(closed) != step.n {
			t.Errorf("%s: %d closed, and not %q:\n%s", step.keys, len(closed), step.want, view)
		}
	}
	if slices.ContainsFunc(closed, func(id string) bool { return id != l.ID() }) {
		t.Errorf("closed %q", closed)
	}
}
