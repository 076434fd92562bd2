package panes_test

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/visible"
	"smtptap/tui/draw"
	"smtptap/tui/panes"
)

func key(t tea.KeyType) tea.KeyMsg { return tea.KeyMsg{Type: t} }
func typed(s string) tea.KeyMsg    { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)} }
func pasted(s string) tea.KeyMsg {
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s), Paste: true}
}
func press(l *panes.Input, k ...tea.KeyMsg) {
	for _, k := range k {
		l.Update(k)
	}
}

func TestEditing(t *testing.T) {
	for _, c := range []struct {
		name string
		keys []tea.KeyMsg
		want string
	}{
		{"typing", []tea.KeyMsg{typed("co"), typed("de:5xx")}, "code:5xx"},
		{"Chinese from an input method", []tea.KeyMsg{typed("验证码")}, "验证码"},
		{"backspace", []tea.KeyMsg{typed("验证码"), key(tea.KeyBackspace)}, "验证"},
		{"in the middle", []tea.KeyMsg{typed("ac"), key(tea.KeyLeft), typed("b")}, "abc"},
		{"delete", []tea.KeyMsg{typed("abc"), key(tea.KeyHome), key(tea.KeyDelete)}, "bc"},
		{"word", []tea.KeyMsg{typed("from:ann  code:5"), key(tea.KeyCtrlW)}, "from:ann  "},
		{"to the start", []tea.KeyMsg{typed("abc"), key(tea.KeyLeft), key(tea.KeyCtrlU)}, "c"},
		{"to the end", []tea.KeyMsg{typed("abc"), key(tea.KeyHome), key(tea.KeyRight), key(tea.KeyCtrlK)}, "a"},
		{"paste of lines", []tea.KeyMsg{pasted("a\nb\x1b[2J\r")}, "a b[2J "},
		{"paste that asks for the system's clipboard", []tea.KeyMsg{typed("a"), key(tea.KeyCtrlV)}, "a"},
		{"past the ends", []tea.KeyMsg{key(tea.KeyBackspace), key(tea.KeyLeft), key(tea.KeyRight), key(tea.KeyDelete), typed("x")}, "x"},
		{"huge paste", []tea.KeyMsg{pasted(strings.Repeat("x", 1<<20))}, strings.Repeat("x", 1<<12)},
	} {
		l := panes.NewInput("")
		press(&l, c.keys...)
		if l.Value() != c.want {
			t.Errorf("%s: %q, want %q", c.name, l.Value(), c.want)
		}
	}
}

func TestViewKeepsTheCursorInSight(t *testing.T) {
	marks := draw.NewTheme(draw.Mono, true).Marks
	l := panes.NewInput("")
	press(&l, typed("size>1M 主题:验证码验证码验证码 and more of it"))
	for width := range 60 {
		row := l.View(width, draw.Style{}, marks)
		if visible.Width(row) > width {
			t.Errorf("width %d: %q is too wide", width, row)
		}
		if width > 0 && !strings.HasSuffix(row, marks.Caret) {
			t.Errorf("width %d: %q does not show the cursor", width, row)
		}
	}
	press(&l, key(tea.KeyHome))
	if row := l.View(12, draw.Style{}, marks); !strings.HasPrefix(row, marks.Caret+"size") || visible.Width(row) > 12 {
		t.Errorf("at the start: %q", row)
	}
}
