package visible

import (
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks one letter may carry. Unicode's
// stream-safe text allows 30; real orthographies stay below 6, and what is
// stacked higher paints over the lines above.
const maxMarks = 8

// context is what the characters shown so far allow next.
type context struct {
	base  rune // last character that is no mark, selector or joiner; 0 for none
	marks int  // marks on it
	last  rune
}

func (c *context) add(r rune) {
	switch {
	case r < utf8.RuneSelf:
		c.base, c.marks = r, 0
	case unicode.Is(unicode.M, r):
		c.marks++
	case r == zeroWidthJoiner:
	default:
		c.base, c.marks = r, 0
	}
	c.last = r
}

const (
	zeroWidthJoiner = '\u200d'
	textStyle       = '\ufe0e' // variation selector 15
	emojiStyle      = '\ufe0f' // variation selector 16
)

// shows reports whether r can be shown as it is. rest is what follows it.
func (c *context) shows(r rune, rest string) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= ' ' && r <= '~'
	case r == '\u3000': // ideographic space: as wide and as common as its letters
		return true
	case r == zeroWidthJoiner:
		next, _ := utf8.DecodeRuneInString(rest)
		return isPictograph(c.base) && c.last != zeroWidthJoiner && isPictograph(next)
	case unicode.Is(unicode.Variation_Selector, r):
		return c.selects(r)
	case unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), hasDisputedWidth(r):
		return false
	case unicode.Is(unicode.M, r):
		return c.base != 0 && c.marks < maxMarks
	}
	return unicode.IsPrint(r)
}

// selects reports whether the variation selector r means something after what
// came before: an emoji or text style for a pictograph or the base of a keycap,
// a glyph variant for a Han character. Elsewhere selectors only hide data.
func (c *context) selects(r rune) bool {
	if c.base == 0 || c.last != c.base {
		return false
	}
	if r == textStyle || r == emojiStyle {
		return isPictograph(c.base) || isKeycapBase(c.base)
	}
	return unicode.Is(unicode.Han, c.base)
}

func isKeycapBase(r rune) bool {
	return r >= '0' && r <= '9' || r == '#' || r == '*'
}

// isPictograph reports whether r may be part of an emoji sequence. It covers
// the blocks that hold emoji rather than the exact property, which the
// standard library does not have.
func isPictograph(r rune) bool {
	switch {
	case r >= 0x1F000 && r <= 0x1FAFF:
	case r >= 0x2190 && r <= 0x2BFF: // arrows, technical, shapes, dingbats
	case r == 0xA9, r == 0xAE, r == 0x203C, r == 0x2049, r == 0x2122, r == 0x2139,
		r == 0x3030, r == 0x303D, r == 0x3297, r == 0x3299:
	default:
		return false
	}
	return unicode.IsPrint(r)
}

// isSpace reports whether r is a space other than U+0020 and U+3000.
func isSpace(r rune) bool { return unicode.Is(unicode.Zs, r) }

// hasDisputedWidth reports whether terminals draw r wider than the width tables
// say and no other class escapes it: circled numbers on black squares, and the
// stems and flags of musical notes. Of all code points that are shown, these
// alone were too wide when each was measured in a terminal.
func hasDisputedWidth(r rune) bool {
	return r >= 0x3248 && r <= 0x324F || r == 0x1D165 || r == 0x1D166 || r >= 0x1D16D && r <= 0x1D172
}
