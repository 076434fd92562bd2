package tui

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/recordings"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	os.Exit(m.Run())
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A screen is a model with what is around it played by the test.
type screen struct {
	*model
	t   testing.TB
	sim *simulation
	out bytes.Buffer // what is written to the terminal beside frames
}

func newScreen(t testing.TB, sim *simulation, width, height int, change func(*Options)) *screen {
	o := Options{
		Set: sim.Set, Listen: []string{"127.0.0.1:2525"}, Target: "smtp://mail.example.com:587", TLS: "intercept",
		Theme: "dark", Now: sim.Now, Getenv: func(string) string { return "" },
	}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &screen{t: t, sim: sim}
	s.model = newModel(ctx, o, &s.out)
	t.Cleanup(func() { cancel(); s.close() })
	s.ticking = true
	s.changes, s.unsubscribe = sim.Set.Subscribe()
	s.carryOut(s.refresh())
	s.take(tea.WindowSizeMsg{Width: width, Height: height})
	return s
}

// press sends keys by their names; what is no name is typed.
func (s *screen) press(keys ...string) {
	s.t.Helper()
	for _, k := range keys {
		s.take(keyNamed(k))
	}
}

// take gives the model a message and carries out what comes of it.
func (m *model) take(msg tea.Msg) { m.carryOut(m.update(msg)) }

// carryOut does what a command asks for, and all that comes of it.
func (m *model) carryOut(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			m.carryOut(c)
		}
	default:
		m.take(msg)
	}
}

// keyNamed is the key of a name; what is no name is text being typed.
func keyNamed(name string) tea.KeyMsg {
	for t := tea.KeyF20; t <= tea.KeyBackspace; t++ {
		if k := (tea.KeyMsg{Type: t}); t != tea.KeyRunes && k.String() == name {
			return k
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

func (s *screen) has(want string) bool { return strings.Contains(stripped(s.view()), want) }

// stripped is text without our own sequences.
func stripped(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\x1b' {
			for i < len(s) && !(s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 'a' && s[i] <= 'z') {
				i++
			}
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// played is a simulation with one session of each kind.
func played(t testing.TB) *simulation {
	t.Helper()
	sim := emptySimulation(t, false)
	for _, script := range []string{sentScript(), wrongPasswordScript(), unknownRecipientScript(), attachmentScript()} {
		sim.Play("smtp://mail.example.com:587", script)
		sim.Wait(37 * time.Second)
	}
	settle(t, sim)
	return sim
}

// settle waits until all that was played is recorded.
func settle(t testing.TB, sim *simulation) {
	t.Helper()
	if err := sim.Set.Close(); err != nil {
		t.Fatal(err)
	}
}

func emptySimulation(t testing.TB, keepSecrets bool) *simulation {
	t.Helper()
	folder, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	return newSimulation(start, folder, keepSecrets)
}

// A screen that has grown with its sessions looks as one that is opened on them.
func TestListGrows(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {100, 30}, {120, 40}, {149, 60}, {200, 50}} {
		sim := emptySimulation(t, false)
		grown := newScreen(t, sim, size[0], size[1], nil)
		for range 12 {
			sim.Play("smtp://mail.example.com:587", sentScript())
			settle(t, sim)
			grown.carryOut(grown.refresh())
		}
		grown.press("g")
		fresh := newScreen(t, sim, size[0], size[1], nil)
		fresh.press("g")
		if grown.places != fresh.places {
			t.Errorf("%dx%d: the panes stand at %+v, on a new screen at %+v", size[0], size[1], grown.places, fresh.places)
		}
	}
}
