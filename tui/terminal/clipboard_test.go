package terminal_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"smtptap/tui/terminal"
)

func TestSequence(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte("550 无此用户"))
	for _, c := range []struct {
		name, want, way string
		env             map[string]string
	}{
		{"plain", "\x1b]52;c;" + encoded + "\x07", "terminal", nil},
		{"tmux", "\x1bPtmux;\x1b\x1b]52;c;" + encoded, "tmux", map[string]string{"TMUX": "/tmp/x,1,0"}},
		{"screen", "\x1bP\x1b]52;c;" + encoded, "screen", map[string]string{"TERM": "screen-256color"}},
	} {
		seq, way, err := terminal.ClipboardSequence("550 无此用户", func(k string) string { return c.env[k] })
		if err != nil || !strings.Contains(seq, c.want) || way != c.way {
			t.Errorf("%s: %q, %q, %v", c.name, seq, way, err)
		}
	}
}

func TestTooLong(t *testing.T) {
	seq, _, err := terminal.ClipboardSequence(strings.Repeat("x", terminal.ClipboardMax+1), func(string) string { return "" })
	if err != (terminal.TooLong{Bytes: terminal.ClipboardMax + 1}) || seq != "" {
		t.Errorf("%q, %v", seq, err)
	}
}
