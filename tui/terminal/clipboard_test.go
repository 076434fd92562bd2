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
		name, want, says string
		env              map[string]string
	}{
		{"plain", "\x1b]52;c;" + encoded + "\x07", "OSC 52", nil},
		{"tmux", "\x1bPtmux;\x1b\x1b]52;c;" + encoded, "set-clipboard", map[string]string{"TMUX": "/tmp/x,1,0"}},
		{"screen", "\x1bP\x1b]52;c;" + encoded, "screen", map[string]string{"TERM": "screen-256color"}},
	} {
		seq, note, err := terminal.ClipboardSequence("550 无此用户", func(k string) string { return c.env[k] })
		if err != nil || !strings.Contains(seq, c.want) || !strings.Contains(note, c.says) || !strings.Contains(note, "16 bytes") {
			t.Errorf("%s: %q, %q, %v", c.name, seq, note, err)
		}
	}
}

func TestTooLong(t *testing.T) {
	seq, _, err := terminal.ClipboardSequence(strings.Repeat("x", terminal.ClipboardMax+1), func(string) string { return "" })
	if err == nil || seq != "" || !strings.Contains(err.Error(), "file") {
		t.Errorf("%q, %v", seq, err)
	}
}
