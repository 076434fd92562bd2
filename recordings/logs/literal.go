package logs

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// literal undoes a string literal of Python, JavaScript, Ruby or JSON: quotes,
// a b or u prefix, escapes. What is cut off in the middle, or is no literal,
// comes back as far as it can be read.
func literal(s string) string {
	s = strings.TrimSpace(s)
	for len(s) > 1 && strings.IndexByte("bBuUrR", s[0]) >= 0 && (s[1] == '\'' || s[1] == '"') {
		s = s[1:]
	}
	if s == "" || s[0] != '\'' && s[0] != '"' && s[0] != '`' {
		return s
	}
	quote := s[0]
	s = s[1:]
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return b.String()
		case s[i] == '\\' && i+1 < len(s):
			i += escaped(&b, s[i+1:])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// escaped writes what the escape after a backslash means and returns how many
// bytes of s it took.
func escaped(b *strings.Builder, s string) int {
	switch s[0] {
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case '0', '1', '2', '3':
		n := 1
		for n < 3 && n < len(s) && '0' <= s[n] && s[n] <= '7' {
			n++
		}
		v, _ := strconv.ParseUint(s[:n], 8, 8)
		b.WriteByte(byte(v))
		return n
	case 'x':
		if len(s) >= 3 {
			if v, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				return 3
			}
		}
		b.WriteString(`\x`)
	case 'u':
		if len(s) >= 5 {
			if v, err := strconv.ParseUint(s[1:5], 16, 32); err == nil && utf8.ValidRune(rune(v)) {
				b.WriteRune(rune(v))
				return 5
			}
		}
		b.WriteString(`\u`)
	default:
		b.WriteByte(s[0])
	}
	return 1
}

// withoutEOL cuts line ends off, real ones and those written out.
func withoutEOL(s string) string {
	for {
		t := strings.TrimRight(s, "\r\n")
		t = strings.TrimSuffix(t, `\n`)
		t = strings.TrimSuffix(t, `\r`)
		if t == s {
			return s
		}
		s = t
	}
}

// writtenOut turns the line ends of a text that writes them out into LF and
// cuts the last one off.
func writtenOut(s string) string {
	s = strings.ReplaceAll(s, `\r\n`, "\n")
	s = strings.ReplaceAll(s, `\n`, "\n")
	return withoutEOL(s)
}
