// Package visible makes bytes from the wire safe to show and shows what is in
// them. Everything a peer chose goes through it on its way to a terminal, a
// page, a log or an error text.
//
// Nothing is ever removed: what would be invisible, would move the cursor or
// would reorder its neighbours is replaced by an escape in plain ASCII.
//
//	\r \n \t      the three controls that people know by name
//	\x1b          any other ASCII control, or a byte that is no UTF-8
//	\u202e        a code point up to U+FFFF
//	\U000e0041    a code point beyond
//
// Escaped are: control characters (C0, DEL, C1), format characters (bidi
// controls, zero-width characters, byte order mark, soft hyphen, tags), line
// and paragraph separators, spaces other than U+0020 and U+3000, private use,
// unassigned code points and noncharacters, blank letters (Hangul fillers),
// variation selectors and combining marks with nothing to apply to or stacked
// higher than any script needs, and the few characters whose width terminals
// and width tables disagree about (see [Width]).
//
// A zero width joiner stays only between two pictographs, where it makes one
// picture of them; anywhere else it hides between letters and is escaped.
// Text that is already visible comes out unchanged, so applying a function of
// this package twice does no harm. The price is that a peer who sends the six
// characters \u202e looks as if it had sent one; [Raw] tells them apart.
package visible

import (
	"strings"
	"unicode/utf8"
)

// Text makes s visible on one line.
func Text(s string) string {
	if plainASCII(s) {
		return s
	}
	return string(appendVisible(make([]byte, 0, len(s)+16), s, oneLine))
}

// Bytes makes b visible on one line.
func Bytes(b []byte) string { return Text(string(b)) }

// Append appends the visible form of s to dst. What dst ends with is not
// looked at: a combining mark that begins s is escaped.
func Append(dst []byte, s string) []byte {
	if plainASCII(s) {
		return append(dst, s...)
	}
	return appendVisible(dst, s, oneLine)
}

// Lines splits s at its line ends (CRLF or LF) and makes each line visible. It
// is for reading text that may have many lines, such as a part of a message:
// tabs become spaces up to the next multiple of 8 columns, and no-break and
// typographic spaces become U+0020. An end of line at the end of s begins no
// line of its own.
func Lines(s string) []string {
	if s == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i, line := range lines {
		if i < len(lines)-1 || strings.HasSuffix(s, "\n") {
			line = strings.TrimSuffix(line, "\r")
		}
		lines[i] = readable(line)
	}
	return lines
}

// readable is one line of Lines.
func readable(line string) string {
	if plainASCII(line) {
		return line
	}
	var out []byte
	column := 0
	for {
		text, rest, tab := strings.Cut(line, "\t")
		from := len(out)
		out = appendVisible(out, text, reading)
		if !tab {
			return string(out)
		}
		column += Width(string(out[from:]))
		pad := tabWidth - column%tabWidth
		out = append(out, "        "[:pad]...)
		column += pad
		line = rest
	}
}

const tabWidth = 8

// Raw makes b visible so that every byte can be told from the result, line
// ends included. A backslash is doubled where it would read as an escape.
func Raw(b []byte) string {
	return string(appendVisible(make([]byte, 0, len(b)+16), string(b), exact))
}

// plainASCII reports whether s holds nothing but printable ASCII.
func plainASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// mode is what differs between the forms.
type mode uint8

const (
	oneLine mode = iota
	reading      // uncommon spaces are spaces
	exact        // backslashes are doubled where they are ambiguous
)

// appendVisible appends the visible form of s to dst.
func appendVisible(dst []byte, s string, m mode) []byte {
	var near context
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = appendHex(dst, 'x', uint32(s[i]), 2)
			near = context{}
		case near.shows(r, s[i+size:]):
			if m == exact && r == '\\' && readsAsEscape(s[i+1:]) {
				dst = append(dst, '\\')
			}
			dst = append(dst, s[i:i+size]...)
			near.add(r)
		case m == reading && isSpace(r):
			dst = append(dst, ' ')
			near.add(' ')
		default:
			dst = appendEscape(dst, r)
			near = context{}
		}
		i += size
	}
	return dst
}

// readsAsEscape reports whether a backslash in front of rest, once rest is
// visible, would be taken for an escape of ours.
func readsAsEscape(rest string) bool {
	if rest == "" {
		return false
	}
	r, size := utf8.DecodeRuneInString(rest)
	if strings.ContainsRune(`rntxuU\`, r) {
		return true
	}
	// After a backslash a mark or joiner has a base, everything else that
	// does not show becomes an escape, which begins with a backslash.
	after := context{}
	after.add('\\')
	return r == utf8.RuneError && size == 1 || !after.shows(r, rest[size:])
}

func appendEscape(dst []byte, r rune) []byte {
	switch {
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r < utf8.RuneSelf:
		return appendHex(dst, 'x', uint32(r), 2)
	case r <= 0xFFFF:
		return appendHex(dst, 'u', uint32(r), 4)
	}
	return appendHex(dst, 'U', uint32(r), 8)
}

func appendHex(dst []byte, letter byte, v uint32, digits int) []byte {
	dst = append(dst, '\\', letter)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[v>>shift&0xF])
	}
	return dst
}
