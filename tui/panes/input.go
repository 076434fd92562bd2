package panes

import (
	"strings"
	"unicode"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/visible"
	"smtptap/tui/draw"
)

// maxRunes bounds what a paste may bring.
const maxRunes = 1 << 12

// An Input is the text with its cursor. The zero value is empty.
type Input struct {
	runes []rune
	at    int // the cursor stands before this rune
}

// Value is the text.
func (l *Input) Value() string { return string(l.runes) }

// Set replaces the text and puts the cursor behind it.
func (l *Input) Set(s string) {
	l.runes = l.runes[:0]
	l.at = 0
	l.insert([]rune(s))
}

// Update takes a key and reports whether the text changed.
func (l *Input) Update(msg tea.KeyMsg) bool {
	before := string(l.runes)
	switch msg.String() {
	case "left", "ctrl+b":
		l.at = max(l.at-1, 0)
	case "right", "ctrl+f":
		l.at = min(l.at+1, len(l.runes))
	case "home", "ctrl+a":
		l.at = 0
	case "end", "ctrl+e":
		l.at = len(l.runes)
	case "backspace", "ctrl+h":
		l.cut(l.at-1, l.at)
	case "delete":
		l.cut(l.at, l.at+1)
	case "ctrl+u":
		l.cut(0, l.at)
	case "ctrl+k":
		l.cut(l.at, len(l.runes))
	case "ctrl+w", "alt+backspace":
		l.cut(l.wordStart(), l.at)
	default:
		if !msg.Alt && (msg.Type == tea.KeyRunes || msg.Type == tea.KeySpace) {
			l.insert(msg.Runes)
		}
	}
	return string(l.runes) != before
}

// insert puts text at the cursor. Line ends of a paste become blanks, other
// controls are left out: a line has no use for them.
func (l *Input) insert(text []rune) {
	var clean []rune
	for _, r := range text {
		if r == '\n' || r == '\t' {
			r = ' '
		}
		if !unicode.IsControl(r) {
			clean = append(clean, r)
		}
	}
	clean = clean[:min(len(clean), maxRunes-min(len(l.runes), maxRunes))]
	rest := append([]rune(nil), l.runes[l.at:]...)
	l.runes = append(append(l.runes[:l.at], clean...), rest...)
	l.at += len(clean)
}

func (l *Input) cut(from, to int) {
	from, to = max(from, 0), min(to, len(l.runes))
	if from >= to {
		return
	}
	l.runes = append(l.runes[:from], l.runes[to:]...)
	l.at = from
}

func (l *Input) wordStart() int {
	i := l.at
	for i > 0 && l.runes[i-1] == ' ' {
		i--
	}
	for i > 0 && l.runes[i-1] != ' ' {
		i--
	}
	return i
}

// View shows the text in at most width columns, the cursor always among them.
func (l *Input) View(width int, s draw.Style, m draw.Marks) string {
	before, after := visible.Text(string(l.runes[:l.at])), visible.Text(string(l.runes[l.at:]))
	room := width - visible.Width(m.Caret)
	if room < 0 {
		return ""
	}
	if visible.Width(before) > room {
		for visible.Width(before) > room-visible.Width(m.Ellipsis) && before != "" {
			_, before = firstRune(before)
		}
		before = strings.TrimLeft(draw.Cut(m.Ellipsis, room, "")+before, " ")
	}
	after = draw.Cut(after, room-visible.Width(before), m.Ellipsis)
	return s.Paint(before) + m.Caret + s.Paint(after)
}

func firstRune(s string) (first, rest string) {
	for i := range s {
		if i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}
