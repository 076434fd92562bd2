package keys

import tea "github.com/charmbracelet/bubbletea"

// Split takes apart what arrived in one read of the terminal: over a slow line
// three presses of j are one message "jjj". Pasted text is never keys.
func Split(msg tea.KeyMsg) []tea.KeyMsg {
	if msg.Type != tea.KeyRunes || msg.Paste || len(msg.Runes) < 2 {
		return []tea.KeyMsg{msg}
	}
	one := make([]tea.KeyMsg, len(msg.Runes))
	for i, r := range msg.Runes {
		one[i] = tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt && i == 0}
		if r == ' ' {
			one[i].Type = tea.KeySpace
		}
	}
	return one
}

// LateAnswers drops answers of the terminal that arrive too late: Bubble Tea asks
// for the background colour when the program starts, and what a slow terminal
// then answers would be read as keys.
type LateAnswers struct{ inside bool }

// Drop reports whether a key is part of such an answer.
func (s *LateAnswers) Drop(msg tea.KeyMsg) bool {
	if msg.Type == tea.KeyRunes && msg.Alt && len(msg.Runes) > 0 && msg.Runes[0] == ']' {
		s.inside = true
		return true
	}
	if !s.inside {
		return false
	}
	if msg.Type == tea.KeyCtrlG || msg.Alt && string(msg.Runes) == `\` {
		s.inside = false
		return true
	}
	for _, r := range msg.Runes {
		if !isColourAnswer(r) {
			s.inside = false
			return false
		}
	}
	return msg.Type == tea.KeyRunes
}

// isColourAnswer reports whether r may stand in "11;rgb:ffff/ffff/ffff".
func isColourAnswer(r rune) bool {
	switch {
	case r >= '0' && r <= '9', r >= 'a' && r <= 'f', r >= 'A' && r <= 'F':
		return true
	case r == ';', r == ':', r == '/', r == 'r', r == 'g', r == '?':
		return true
	}
	return false
}
