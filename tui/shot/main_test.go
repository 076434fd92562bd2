package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestPictureIsWhatTheScreenShows draws the picture of the README anew.
func TestPictureIsWhatTheScreenShows(t *testing.T) {
	defer func(was *time.Location) { time.Local = was }(time.Local)
	fresh := filepath.Join(t.TempDir(), "screen.svg")
	if err := shoot(fresh, defaultWidth, defaultHeight, defaultKeys); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("..", "..", ".github", "screen.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the picture in the README is not what the screen shows: go run ./tui/shot draws it anew")
	}
}
