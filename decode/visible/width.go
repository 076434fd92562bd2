package visible

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/mattn/go-runewidth"
)

// runes counts columns per code point. It is a value of ours because the
// package's default follows the locale: under a Chinese one it counts "…" and
// "→" as two columns, which no terminal in its default setting does.
var runes = runewidth.Condition{StrictEmojiNeutral: true}

// Width is how many columns s takes at most. Escape sequences of a renderer
// (colours) count nothing.
//
// Terminals disagree about emoji sequences, vowel signs and new characters: a
// width per grapheme cluster is too small in some, a width per code point in
// others. The larger of the two, cluster by cluster, is never too small for
// what [Text] lets through; at worst it leaves a gap.
func Width(s string) int {
	if plainASCII(s) {
		return len(s)
	}
	width := 0
	walk(s, func(_ string, columns int) { width += columns })
	return width
}

// Truncate cuts s so that it takes at most width columns, between grapheme
// clusters. When something is cut, tail ("…") stands at the end and is counted;
// where not even tail fits, nothing is left. Escape sequences of a renderer
// that stand after the cut are kept, so that a colour is switched off again.
func Truncate(s string, width int, tail string) string {
	if Width(s) <= width {
		return s
	}
	room := width - Width(tail)
	if room < 0 {
		room, tail = 0, ""
	}
	var b strings.Builder
	used, cut := 0, false
	walk(s, func(piece string, columns int) {
		switch {
		case isSequence(piece):
			b.WriteString(piece)
		case cut:
		case used+columns > room:
			cut = true
			b.WriteString(tail)
		default:
			used += columns
			b.WriteString(piece)
		}
	})
	return b.String()
}

func isSequence(s string) bool { return s[0] == '\x1b' }

// walk calls each for every grapheme cluster and escape sequence of s, with its
// width.
func walk(s string, each func(piece string, columns int)) {
	for len(s) > 0 {
		var piece string
		columns := 0
		if isSequence(s) {
			piece, _, _, _ = ansi.DecodeSequence(s, 0, nil)
		} else {
			piece, columns = ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
			columns = max(columns, sumOfRunes(piece))
		}
		each(piece, columns)
		s = s[len(piece):]
	}
}

func sumOfRunes(cluster string) int {
	sum := 0
	for _, r := range cluster {
		sum += runes.RuneWidth(r)
	}
	return sum
}
