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
	"smtptap/tui/scene"
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
	t     testing.TB
	stage *scene.Stage
	out   bytes.Buffer // what is written to the terminal beside frames
}

func newScreen(t testing.TB, stage *scene.Stage, width, height int, change func(*Options)) *screen {
	o := Options{
		Set: stage.Set, Listen: []string{"127.0.0.1:2525"}, Target: "smtp://mail.example.com:587", TLS: "intercept",
		Theme: "dark", Now: stage.Now, Getenv: func(string) string { return "" },
	}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &screen{t: t, stage: stage}
	s.model = newModel(ctx, o, &s.out)
	t.Cleanup(func() { cancel(); s.close() })
	s.ticking = true
	s.changes, s.unsubscribe = stage.Set.Subscribe()
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

// played is a stage with one session of each kind.
func played(t testing.TB) *scene.Stage {
	t.Helper()
	stage := emptyStage(t, false)
	for _, script := range []string{scene.Sent(), scene.WrongPassword(), scene.UnknownRecipient(), scene.Attachment()} {
		stage.Play("smtp://mail.example.com:587", script)
		stage.Wait(37 * time.Second)
	}
	settle(t, stage)
	return stage
}

// settle waits until all that was played is recorded.
func settle(t testing.TB, stage *scene.Stage) {
	t.Helper()
	if err := stage.Set.Close(); err != nil {
		t.Fatal(err)
	}
}

func emptyStage(t testing.TB, keepSecrets bool) *scene.Stage {
	t.Helper()
	folder, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	return scene.New(start, folder, keepSecrets)
}

// A screen that has grown with its sessions looks as one that is opened on them.
func TestListGrows(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {100, 30}, {120, 40}, {149, 60}, {200, 50}} {
		stage := emptyStage(t, false)
		grown := newScreen(t, stage, size[0], size[1], nil)
		for range 12 {
			stage.Play("smtp://mail.example.com:587", scene.Sent())
			settle(t, stage)
			grown.carryOut(grown.refresh())
		}
		grown.press("g")
		fresh := newScreen(t, stage, size[0], size[1], nil)
		fresh.press("g")
		if grown.places != fresh.places {
			t.Errorf("%dx%d: the panes stand at %+v, on a new screen at %+v", size[0], size[1], grown.places, fresh.places)
		}
	}
}
