package tui

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"smtptap/decode/visible"
	"smtptap/recordings"
)

// TestPicture compares the screen with its picture in the README: an afternoon
// with a web shop.
func TestPicture(t *testing.T) {
	const width, height = 118, 36
	folder, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	sim := newSimulation(time.Date(2026, 3, 4, 14, 2, 11, 0, time.UTC), folder, false)
	for i, script := range []string{attachmentScript(), unknownRecipientScript(), wrongPasswordScript(), sentScript()} {
		sim.Play("smtp.example.com:587", script)
		sim.Wait(time.Duration(21+17*i) * time.Second)
	}
	settle(t, sim)
	s := newScreen(t, sim, width, height, func(o *Options) { o.Target = "smtp.example.com:587" })
	s.press("k", "enter")
	got := svg(steady(s.view()), width, height, dark)
	path := filepath.Join("..", ".github", "screen.svg")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("the picture in the README is not what the screen shows: go test ./tui -update draws it anew")
	}
}

// Size of a cell in the picture, and the air around the screen.
const (
	cellWidth, cellHeight = 8.4, 18
	margin                = 14
	ascent                = 13.5
)

// palette are the terminal's sixteen colours, its text and its background.
type palette struct {
	colours    [16]string
	text, back string
}

var dark = palette{
	colours: [16]string{
		"#16191d", "#e5626b", "#86c07c", "#d9b15f", "#6fa8dc", "#c58fd6", "#5fb9c1", "#c3c9d1",
		"#78818c", "#ff7b85", "#a3d99a", "#f0ca7b", "#8dbff0", "#d9a8e8", "#7fd3da", "#f2f4f7",
	},
	text: "#dfe3e8", back: "#16191d",
}

// A style is how the cells that follow look.
type style struct {
	colour                          int // -1: the text's own
	bold, faint, underline, reverse bool
}

// An svgRun is a stretch of cells of one style.
type svgRun struct {
	style
	column, width int
	text          string
}

// svg draws a frame.
func svg(frame string, width, height int, p palette) string {
	var b strings.Builder
	w, h := float64(width)*cellWidth+2*margin, float64(height)*cellHeight+2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.1f %.1f" width="%.0f" font-family="'DejaVu Sans Mono','Noto Sans Mono CJK SC',Menlo,Consolas,monospace" font-size="13.8">`+"\n", w, h, w)
	fmt.Fprintf(&b, `<title>smtptap showing a session whose login was refused</title>`+"\n")
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="9" fill="%s"/>`+"\n", p.back)
	for row, line := range strings.Split(frame, "\n") {
		for _, r := range runs(line) {
			drawRun(&b, r, row, p)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func drawRun(b *strings.Builder, r svgRun, row int, p palette) {
	x, y := margin+float64(r.column)*cellWidth, margin+float64(row)*cellHeight
	colour, back := p.text, ""
	if r.colour >= 0 {
		colour = p.colours[r.colour]
	}
	if r.reverse {
		colour, back = p.back, colour
	}
	if back != "" {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s"/>`+"\n", x, y, float64(r.width)*cellWidth, cellHeight, back)
	}
	if strings.TrimSpace(r.text) == "" {
		return
	}
	attributes := ""
	if r.bold {
		attributes += ` font-weight="bold"`
	}
	if r.faint {
		attributes += ` fill-opacity="0.6"`
	}
	if r.underline {
		attributes += ` text-decoration="underline"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s"%s textLength="%.1f" lengthAdjust="spacingAndGlyphs" xml:space="preserve">%s</text>`+"\n",
		x, y+ascent, colour, attributes, float64(r.width)*cellWidth, html.EscapeString(r.text))
}

// runs takes a row of a frame apart. It knows the sequences that the screen
// writes: colours, and going to a column.
func runs(line string) []svgRun {
	var all []svgRun
	now := style{colour: -1}
	column := 0
	for line != "" {
		if rest, ok := strings.CutPrefix(line, "\x1b["); ok {
			end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' && r <= '~' })
			switch args := rest[:end]; rest[end] {
			case 'm':
				now = now.change(args)
			case 'G':
				n, _ := strconv.Atoi(args)
				column = n - 1
			}
			line = rest[end+1:]
			continue
		}
		end := strings.IndexByte(line, '\x1b')
		if end < 0 {
			end = len(line)
		}
		for _, text := range pieces(line[:end]) {
			width := visible.Width(text)
			all = append(all, svgRun{now, column, width, text})
			column += width
		}
		line = line[end:]
	}
	return all
}

// pieces splits text where narrow and wide letters meet, so that each piece can
// be fitted to its cells.
func pieces(text string) []string {
	var all []string
	wide := false
	from := 0
	for i, r := range text {
		if w := visible.Width(string(r)) > 1; i == 0 || w != wide {
			if i > from {
				all = append(all, text[from:i])
			}
			from, wide = i, w
		}
	}
	return append(all, text[from:])
}

// change applies the numbers of an SGR sequence.
func (s style) change(args string) style {
	for _, arg := range strings.Split(args, ";") {
		n, _ := strconv.Atoi(arg)
		switch {
		case n == 0:
			s = style{colour: -1}
		case n == 1:
			s.bold = true
		case n == 2:
			s.faint = true
		case n == 4:
			s.underline = true
		case n == 7:
			s.reverse = true
		case n >= 30 && n <= 37:
			s.colour = n - 30
		case n >= 90 && n <= 97:
			s.colour = n - 90 + 8
		}
	}
	return s
}
