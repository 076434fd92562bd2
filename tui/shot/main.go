// The shot command draws the picture of the screen that the README shows. It
// plays sessions to the real screen and writes what it draws:
//
//	go run ./tui/shot -o .github/screen.svg
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"smtptap/recordings"
	"smtptap/tui"
	"smtptap/tui/scene"
)

// What the picture in the README is.
const (
	defaultWidth, defaultHeight = 118, 36
	defaultKeys                 = "k enter"
)

func main() {
	out := flag.String("o", filepath.Join(".github", "screen.svg"), "file to write")
	width := flag.Int("width", defaultWidth, "columns")
	height := flag.Int("height", defaultHeight, "rows")
	keys := flag.String("keys", defaultKeys, "keys to press, separated by blanks")
	flag.Parse()
	if err := shoot(*out, *width, *height, *keys); err != nil {
		fmt.Fprintln(os.Stderr, "shot:", err)
		os.Exit(1)
	}
}

func shoot(out string, width, height int, keys string) error {
	dir, err := os.MkdirTemp("", "shot")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	folder, err := recordings.OpenFolder(filepath.Join(dir, "recordings"))
	if err != nil {
		return err
	}
	stage := play(folder)
	if err := stage.Set.Close(); err != nil { // waits until all is recorded
		return err
	}
	frame := tui.Frame(tui.Options{
		Set: stage.Set, Listen: []string{"127.0.0.1:2525"}, Target: "smtp.example.com:587", TLS: "intercept",
		Theme: "dark", Now: stage.Now,
	}, width, height, strings.Fields(keys)...)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, []byte(svg(frame, width, height, dark)), 0o644)
}

// play is what the picture shows: an afternoon with a web shop.
func play(folder *recordings.Folder) *scene.Stage {
	time.Local = time.UTC
	stage := scene.New(time.Date(2026, 3, 4, 14, 2, 11, 0, time.UTC), folder, false)
	for i, script := range []string{scene.Attachment(), scene.UnknownRecipient(), scene.WrongPassword(), scene.Sent()} {
		stage.Play("smtp.example.com:587", script)
		stage.Wait(time.Duration(21+17*i) * time.Second)
	}
	return stage
}
