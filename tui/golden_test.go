package tui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"smtptap/decode/lang"
)

var update = flag.Bool("update", false, "write the golden frames anew")

var sizes = [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 50}}

var looks = map[string]func(*Options){
	"colour":   nil,
	"no-color": func(o *Options) { o.NoColor = true },
	"zh":       func(o *Options) { o.NoColor, o.Lang = true, lang.Chinese },
	"ascii":    func(o *Options) { o.NoColor, o.ASCII = true, true },
}

// TestGoldenFrames compares whole screens with those in testdata/frames. Most
// of the words on them are those of decode/annotate and decode/findings.
func TestGoldenFrames(t *testing.T) {
	if testing.Short() {
		t.Skip("the words on the frames change with other packages")
	}
	states := map[string][]string{
		"list":     nil,
		"failed":   {"k", "k", "enter"},
		"message":  {"enter", "2"},
		"tls":      {"g", "enter", "3"},
		"findings": {"k", "enter", "4"},
		"timing":   {"k", "k", "enter", "5"},
		"help":     {"?"},
		"columns":  {"C"},
		"sorted":   {"S", "8", "S"},
	}
	for look, change := range looks {
		for _, size := range sizes {
			for state, keys := range states {
				name := fmt.Sprintf("%s-%dx%d-%s", state, size[0], size[1], look)
				t.Run(name, func(t *testing.T) {
					s := newScreen(t, played(t), size[0], size[1], change)
					s.press(keys...)
					compareFrame(t, name, steady(s.view()))
				})
			}
		}
	}
}

// TestGoldenNotice compares screens with a notice, which Esc closes.
func TestGoldenNotice(t *testing.T) {
	for look, change := range looks {
		for _, size := range sizes {
			name := fmt.Sprintf("notice-%dx%d-%s", size[0], size[1], look)
			t.Run(name, func(t *testing.T) {
				s := newScreen(t, newSimulation(start, nil, false), size[0], size[1], func(o *Options) {
					o.Notice = "@qq is smtps://smtp.qq.com. QQ Mail wants the full address and an authorization code, not the QQ password: web mail, Settings, Account, turn SMTP on, generate it."
					if change != nil {
						change(o)
					}
				})
				compareFrame(t, name, s.view())
				s.press("esc")
				s.expectNot("@qq")
			})
		}
	}
}

// TestGoldenEmpty compares the screen before the first session.
func TestGoldenEmpty(t *testing.T) {
	for look, change := range looks {
		for _, size := range sizes {
			name := fmt.Sprintf("empty-%dx%d-%s", size[0], size[1], look)
			t.Run(name, func(t *testing.T) {
				s := newScreen(t, newSimulation(start, nil, false), size[0], size[1], func(o *Options) {
					o.CA = "/home/ann/.local/state/smtptap/ca.pem"
					if change != nil {
						change(o)
					}
				})
				compareFrame(t, name, s.view())
			})
		}
	}
}

// compareFrame holds a frame against its golden file, in which ESC is written as ␛.
func compareFrame(t *testing.T, name, frame string) {
	t.Helper()
	path := filepath.Join("testdata", "frames", name+".txt")
	got := strings.ReplaceAll(frame, "\x1b", "␛") + "\n"
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./tui -update writes it)", err)
	}
	if got == string(want) {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if g, w := at(gotLines, i), at(wantLines, i); g != w {
			t.Errorf("line %d\n got %q\nwant %q", i+1, g, w)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// steady is a frame without what differs by a few bytes each time: the size of
// the recordings.
func steady(frame string) string { return recordedSize.ReplaceAllString(frame, "REC 14 kB") }

var recordedSize = regexp.MustCompile(`REC 1[3-6] kB`)
