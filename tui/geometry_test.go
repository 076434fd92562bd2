package tui

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/lang"
	"smtptap/decode/visible"
)

// ours are the only sequences that may reach the terminal in a frame: colours,
// clearing of the row, going to a column.
var ours = regexp.MustCompile(`^\x1b\[(?:[0-9;]*m|2?K|[0-9]+G)`)

// checkFrame states the contract of a frame: exactly as many lines as the
// screen is high, none wider than it is, and nothing in it that we did not put
// there.
func checkFrame(t testing.TB, frame string, width, height int) {
	t.Helper()
	if width <= 0 || height <= 0 {
		if frame != "" {
			t.Fatalf("%dx%d: a frame of %q", width, height, frame)
		}
		return
	}
	lines := strings.Split(frame, "\n")
	if len(lines) != height {
		t.Fatalf("%dx%d: %d lines", width, height, len(lines))
	}
	for i, line := range lines {
		if w := visible.Width(line); w > width {
			t.Fatalf("%dx%d: line %d is %d columns wide: %q", width, height, i, w, line)
		}
		for rest := line; rest != ""; {
			if rest[0] == '\x1b' {
				seq := ours.FindString(rest)
				if seq == "" {
					t.Fatalf("%dx%d: line %d holds another's sequence: %q", width, height, i, line)
				}
				rest = rest[len(seq):]
				continue
			}
			r, size := utf8.DecodeRuneInString(rest)
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError && size == 1 || isBidi(r) {
				t.Fatalf("%dx%d: line %d holds %q: %q", width, height, i, r, line)
			}
			rest = rest[size:]
		}
	}
}

func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200b || r == 0x200e || r == 0x200f
}

// scenes are states of the screen that geometry must hold in.
var scenes = [][]string{
	nil,
	{"enter"},
	{"enter", "v"}, {"enter", "v", "v"}, {"enter", "w"}, {"enter", "enter", "G"},
	{"enter", "2"}, {"enter", "2", "v"}, {"enter", "2", "v", "v"}, {"enter", "2", "G"},
	{"enter", "3"}, {"enter", "4"}, {"enter", "5"},
	{"?"},
	{"/", "code:5xx"}, {"/", "colour:red"}, {"/", "nobody", "enter"},
	{"enter", "/", "smtp", "enter", "n"},
	{"y"}, {"enter", "y"}, {"z"}, {"-"}, {"z", "enter"},
	{"e"}, {"o"}, {"d", "k", "d"},
	{"ctrl+z"}, {"%"},
}

func TestGeometry(t *testing.T) {
	widths := []int{0, 1, 2, 5, 20, 39, 40, 41, 46, 60, 63, 80, 101, 120, 149, 150, 200, 300}
	heights := []int{0, 1, 2, 9, 10, 11, 15, 16, 24, 27, 28, 40, 60, 100}
	if testing.Short() {
		widths, heights = []int{1, 40, 80, 150}, []int{1, 10, 28, 40}
	}
	sim := emptySimulation(t, false)
	for _, script := range []string{sentScript(), attachmentScript(), unknownRecipientScript(), hostileScript()} {
		sim.Play("smtp://mail.example.com:587", script)
	}
	settle(t, sim)
	for i, keys := range scenes {
		l := [...]lang.Lang{lang.English, lang.Chinese}[i%2]
		t.Run(fmt.Sprint(l, keys), func(t *testing.T) {
			s := newScreen(t, sim, 80, 24, func(o *Options) { o.Lang = l })
			s.press(keys...)
			for _, w := range widths {
				for _, h := range heights {
					s.take(tea.WindowSizeMsg{Width: w, Height: h})
					checkFrame(t, s.view(), w, h)
				}
			}
			s.take(tea.WindowSizeMsg{Width: 80, Height: 24})
			before := s.view()
			s.take(tea.WindowSizeMsg{Width: 1, Height: 1})
			s.take(tea.WindowSizeMsg{Width: 80, Height: 24})
			if s.view() != before {
				t.Error("the frame is another after the screen was tiny for a moment")
			}
		})
	}
}

// TestHostileTextIsShown makes sure that what attacks the terminal is told, not
// hidden.
func TestHostileTextIsShown(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", hostileScript())
	settle(t, sim)
	s := newScreen(t, sim, 150, 100, nil)
	s.press("z", "enter", "g")
	for _, want := range []string{`evil\x1b[2J\x1b]0;PWNED\x07`, `\u202e\u200b\u0085\u009b31m`, `\x08\x08\r\x00\xff`} {
		if !s.has(want) {
			t.Errorf("the screen does not show %s", want)
		}
	}
}

func FuzzUpdate(f *testing.F) {
	f.Add([]byte("jjjGg\r/code:5xx\r\x1b2vvn"))
	f.Add([]byte{200, 10, 10, 'e', 201, 'd', 'k', 'd', 202, 1, 1, 'y', 'h', 203, '?', 'q'})
	sim := emptySimulation(f, true)
	for _, script := range []string{sentScript(), wrongPasswordScript(), hostileScript(), attachmentScript()} {
		sim.Play("smtp://mail.example.com:587", script)
	}
	settle(f, sim)
	f.Fuzz(func(t *testing.T, input []byte) {
		t.Chdir(t.TempDir()) // an export may be among the keys
		s := newScreen(t, sim, 80, 24, nil)
		width, height := 80, 24
		for i := 0; i < len(input) && i < 60; i++ {
			arg := func(n int) int {
				if i+n < len(input) {
					return int(input[i+n])
				}
				return 0
			}
			switch c := input[i]; {
			case c == 200:
				width, height = arg(1), arg(2)
				s.take(tea.WindowSizeMsg{Width: width, Height: height})
				i += 2
			case c == 201:
				s.carryOut(s.refresh())
			case c == 202:
				s.take(tea.MouseMsg{X: arg(1), Y: arg(2), Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
				i += 2
			case c == 203:
				s.take(tea.MouseMsg{X: arg(1), Y: arg(2), Button: tea.MouseButtonWheelDown, Action: tea.MouseActionPress})
				i += 2
			case c == 204:
				s.take(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("中文jq\x1b"), Paste: true})
			case c < ' ' || c == 127:
				s.take(tea.KeyMsg{Type: tea.KeyType(c)})
			case c < 128:
				s.take(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{rune(c)}})
			default:
				s.take(tea.KeyMsg{Type: tea.KeyType(int(c) - 256)})
			}
			checkFrame(t, s.view(), width, height)
		}
	})
}
