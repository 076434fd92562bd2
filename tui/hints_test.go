package tui

import (
	"fmt"
	"strings"
	"testing"
)

// lastLine is what the bottom line of the screen says.
func (s *screen) lastLine() string {
	lines := strings.Split(stripped(s.view()), "\n")
	return lines[len(lines)-1]
}

// The way out is on the bottom line wherever one is, on any screen.
func TestTheWayOutIsNamed(t *testing.T) {
	sim := played(t)
	for width := 40; width <= 200; width += 10 {
		for keys, want := range map[string]string{
			"": "q quit", "enter": "q back", "enter 2": "q back", "enter 3": "q back", "enter 4": "q back", "enter 5": "q back",
			"?": "Esc closes", "e": "Esc closes", "o": "Esc closes", "d k d": "Esc closes",
		} {
			s := newScreen(t, sim, width, 24, nil)
			s.press(strings.Fields(keys)...)
			if got := s.lastLine(); !strings.Contains(got, want) {
				t.Errorf("%d columns, after %q: %q does not say %q", width, keys, got, want)
			}
		}
	}
}

func TestHintsAreWhatIsPossible(t *testing.T) {
	for _, c := range []struct {
		name, script string
		keys         []string
		want         string
	}{
		{"nothing to open", "", nil, "? help  q quit  o open file"},
		{"one session, nothing to compare it with", sentScript(), nil, "? help  q quit  F follow  Enter open  / filter  o open file  e export"},
		{"a filter that picks nothing", sentScript(), []string{"/", "from:nobody", "enter"}, "? help  q quit  F follow  / filter  o open file"},
		{"a session that has ended", sentScript(), []string{"enter"}, "? help  q back  v view  x explain  / search  y copy  e export"},
		{"a session that runs", runningScript(), []string{"enter"}, "? help  q back  F follow  v view  x explain  / search  y copy  e export"},
		{"its message", sentScript(), []string{"enter", "2"}, "? help  q back  v view  / search  y copy  e export  o save part"},
		{"no message", wrongPasswordScript(), []string{"enter", "2"}, "? help  q back  / search  y copy  e export"},
		{"TLS", sentScript(), []string{"enter", "3"}, "? help  q back  / search  y copy  e export"},
		{"timing of a session that runs", runningScript(), []string{"enter", "5"}, "? help  q back  / search  y copy  e export"},
	} {
		sim := emptySimulation(t, false)
		if c.script != "" {
			sim.Play("smtp://mail.example.com:587", c.script)
		}
		settle(t, sim)
		s := newScreen(t, sim, 110, 24, nil)
		s.press(c.keys...)
		if got := strings.Join(strings.Fields(s.lastLine()), " "); got != strings.Join(strings.Fields(c.want), " ") {
			t.Errorf("%s: the hints are %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTabsFromTheList(t *testing.T) {
	sim := played(t)
	for i, title := range []string{"Dialogue", "Message", "TLS", "Findings", "Timing"} {
		open := fmt.Sprintf("[%d %s", i+1, title)
		for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 50}} {
			s := newScreen(t, sim, size[0], size[1], nil)
			inSight := s.places.detail.shown()
			s.press(fmt.Sprint(i + 1))
			s.expect(open)
			if s.inDetail == inSight {
				t.Errorf("%dx%d, %s: the session has the keys: %v, though it was in sight before: %v", size[0], size[1], title, s.inDetail, inSight)
			}
		}
	}
	s := newScreen(t, emptySimulation(t, false), 80, 24, nil)
	s.press("3")
	s.expect("Waiting for the first session")
}

// The open tab is named in full on the narrowest screen.
func TestOpenTabIsNamed(t *testing.T) {
	sim := played(t)
	for width := 40; width < 100; width++ {
		s := newScreen(t, sim, width, 12, nil)
		for i, title := range []string{"Dialogue", "Message", "TLS", "Findings", "Timing"} {
			s.press("enter", fmt.Sprint(i+1))
			s.expect(fmt.Sprintf("[%d %s", i+1, title))
		}
	}
}

// A recording that is looked at is suspended as any program; the terminal is
// the shell's meanwhile.
func TestSuspend(t *testing.T) {
	m := run(t, 100, 30, nil, needTmux(t)+" --version >/dev/null; bash --norc --noprofile -i")
	m.keys(needProgram(t)+" view --mouse -w "+recorded(t), "Enter")
	m.until("5 sessions", "mouse")
	for range 2 {
		m.keys("C-z")
		m.until("Stopped")
		for format, want := range map[string]string{"#{alternate_on}": "0", "#{wrap_flag}": "1", "#{cursor_flag}": "1", "#{mouse_any_flag}": "0"} {
			if got := m.ask(format); got != want {
				t.Errorf("%s is %s while it is suspended, want %s", format, got, want)
			}
		}
		m.keys("clear; fg", "Enter")
		m.until("5 sessions", "? help")
		m.untilAsked("#{alternate_on}#{wrap_flag}#{cursor_flag}#{mouse_any_flag}", "1001")
	}
	m.keys("q")
	m.untilAsked("#{alternate_on}", "0")
	m.keys("exit", "Enter")
	m.givenBack()
}

// Where no shell would continue it, it goes on and says so.
func TestSuspendWithoutJobControl(t *testing.T) {
	m := run(t, 100, 30, nil, needTmux(t)+" view -w "+recorded(t))
	m.until("5 sessions")
	m.keys("C-z")
	m.until("not suspended", "5 sessions")
	m.keys("q")
	m.givenBack()
}
