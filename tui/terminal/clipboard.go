package terminal

import (
	"strings"

	"github.com/aymanbagabas/go-osc52/v2"
)

// ClipboardMax is how long a text may be, in bytes. Terminals take some 100,000 bytes of
// base64.
const ClipboardMax = 75_000

// TooLong says that a text is too long for a terminal's clipboard.
type TooLong struct{ Bytes int64 }

func (e TooLong) Error() string { return "too many bytes for a terminal's clipboard" }

// ClipboardSequence is what to write to the terminal, and what stands between
// that and its clipboard, as the environment says: "tmux", "screen" or "terminal".
func ClipboardSequence(text string, getenv func(string) string) (sequence, way string, err error) {
	if len(text) > ClipboardMax {
		return "", "", TooLong{int64(len(text))}
	}
	s := osc52.New(text)
	switch {
	case getenv("TMUX") != "":
		// tmux takes the plain form when set-clipboard is on, and hands the
		// wrapped one through when allow-passthrough is.
		return s.String() + s.Tmux().String(), "tmux", nil
	case getenv("STY") != "" || strings.HasPrefix(getenv("TERM"), "screen"):
		return s.Screen().String(), "screen", nil
	}
	return s.String(), "terminal", nil
}
