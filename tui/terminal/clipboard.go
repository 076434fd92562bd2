package terminal

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-osc52/v2"
)

// ClipboardMax is how long a text may be, in bytes. Terminals take some 100,000 bytes of
// base64.
const ClipboardMax = 75_000

// ClipboardSequence is what to write to the terminal, and what to tell the user of it.
// The environment says which multiplexer stands between.
func ClipboardSequence(text string, getenv func(string) string) (sequence, note string, err error) {
	if len(text) > ClipboardMax {
		return "", "", fmt.Errorf("%d bytes are too many for a terminal's clipboard; e writes them to a file", len(text))
	}
	s := osc52.New(text)
	note = fmt.Sprintf("%s sent to the terminal's clipboard", bytesOf(len(text)))
	switch {
	case getenv("TMUX") != "":
		// tmux takes the plain form when set-clipboard is on, and hands the
		// wrapped one through when allow-passthrough is.
		return s.String() + s.Tmux().String(), note + "; if it is empty: tmux set -g set-clipboard on", nil
	case getenv("STY") != "" || strings.HasPrefix(getenv("TERM"), "screen"):
		return s.Screen().String(), note + "; if it is empty, screen does not hand it through", nil
	}
	return s.String(), note + "; if it is empty, the terminal does not take OSC 52", nil
}

func bytesOf(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
