package keys_test

import (
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/tui/keys"
)

// A key must ask for one thing at each place, or the help lies.
func TestNoKeyIsTakenTwice(t *testing.T) {
	for _, at := range []keys.Place{keys.InList, keys.InSession} {
		taken := map[string]keys.Action{}
		for _, b := range keys.Table {
			if b.Place != keys.Anywhere && b.Place != at {
				continue
			}
			for _, k := range b.Keys {
				if other, ok := taken[k]; ok {
					t.Errorf("place %d: %q asks for %s and %s", at, k, other, b.Action)
				}
				taken[k] = b.Action
				if got := keys.Lookup(k, at); got != b.Action {
					t.Errorf("place %d: Lookup(%q) = %q, want %q", at, k, got, b.Action)
				}
			}
		}
	}
}

func TestLookupKnowsThePlace(t *testing.T) {
	for _, c := range []struct {
		key  string
		at   keys.Place
		want keys.Action
	}{
		{"d", keys.InList, keys.Compare},
		{"d", keys.InSession, keys.None},
		{"v", keys.InSession, keys.NextView},
		{"v", keys.InList, keys.None},
		{"x", keys.InList, keys.None},
	} {
		if got := keys.Lookup(c.key, c.at); got != c.want {
			t.Errorf("Lookup(%q, %d) = %q, want %q", c.key, c.at, got, c.want)
		}
	}
}

func TestEveryBindingIsExplained(t *testing.T) {
	for _, b := range keys.Table {
		if b.Group == "" || len(b.Keys) == 0 || b.Names(false) == "" {
			t.Errorf("binding %+v is incomplete", b)
		}
	}
}

func TestSplit(t *testing.T) {
	runes := func(s string) tea.KeyMsg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)} }
	if got := keys.Split(runes("jjj")); len(got) != 3 || got[2].String() != "j" {
		t.Errorf("jjj was split into %v", got)
	}
	if got := keys.Split(runes("中文q")); len(got) != 3 || got[2].String() != "q" {
		t.Errorf("中文q was split into %v", got)
	}
	if got := keys.Split(runes("a b")); len(got) != 3 || got[1].String() != " " {
		t.Errorf("a blank was split into %v", got)
	}
	paste := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("qqq"), Paste: true}
	if got := keys.Split(paste); len(got) != 1 {
		t.Errorf("a paste became %d keys", len(got))
	}
	if got := keys.Split(tea.KeyMsg{Type: tea.KeyEnter}); len(got) != 1 || got[0].Type != tea.KeyEnter {
		t.Errorf("Enter became %v", got)
	}
}

func TestSieve(t *testing.T) {
	answer := []tea.KeyMsg{
		{Type: tea.KeyRunes, Runes: []rune{']'}, Alt: true},
		{Type: tea.KeyRunes, Runes: []rune("11;rgb:0000/0000/0000")},
		{Type: tea.KeyCtrlG},
	}
	var s keys.LateAnswers
	for _, k := range answer {
		if !s.Drop(k) {
			t.Errorf("%q of a late answer came through", k)
		}
	}
	if q := (tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q")}); s.Drop(q) {
		t.Error("the key after the answer was dropped")
	}
	s.Drop(answer[0])
	if j := (tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("j")}); s.Drop(j) {
		t.Error("a key that is no part of an answer was dropped")
	}
}
