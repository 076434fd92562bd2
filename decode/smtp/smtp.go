// Package smtp is the grammar of SMTP (RFC 5321 section 4): the only place that
// looks for a blank, a hyphen or a colon in a line. Whoever must know what a
// command or a reply is asks here, so that all agree.
//
// It reads leniently, because servers do, and says how regular a line is,
// because not all servers do: a guard lets through only what every server
// reads as it does itself (Command.Clear), a decoder shows what was meant and
// notes what is wrong. Lines are read without allocation, and reading never
// fails. Sequence tells from lines, and Framer from bytes, what is a command, what
// a message, and what a reply answers.
//
// What it takes, and why:
//
//   - Blanks before the verb, and several blanks or tabs where one space
//     belongs, as Postfix and Sendmail do. The form feed, the vertical tab and
//     a CR inside the line count as blanks: they are such for isspace in C.
//   - "TO :<path>", "TO: <path>" and a path without angle brackets, as Sendmail
//     does and many a client says.
//   - "AUTH=" for AUTH: what follows is a credential all the same.
//   - A line that ends in LF alone.
//   - The size of a BDAT chunk is digits and nothing else, and LAST is all that
//     may follow: what a server takes for no chunk it reads as commands.
//   - A reply line is three digits and then a space, a hyphen, a tab or the
//     line's end. "250" alone is a reply, "2500 x" and "foo-bar" are not: they
//     have no code. Such a line is part of a reply that has begun and not
//     ended, and else a reply of its own.
package smtp

import "bytes"

// isBlank reports what isspace in C reports, the line feed excepted.
func isBlank(b byte) bool {
	return b == ' ' || b == '\t' || b == '\v' || b == '\f' || b == '\r'
}

// trimBlanks cuts blanks off the start, and returns them.
func trimBlanks(p []byte) (blanks, rest []byte) {
	i := 0
	for i < len(p) && isBlank(p[i]) {
		i++
	}
	return p[:i], p[i:]
}

// withoutEnd cuts the end off a line that has one. A CR at the end of a line
// that has none is part of it.
func withoutEnd(line []byte) []byte {
	if n := len(line); n == 0 || line[n-1] != '\n' {
		return line
	}
	return TrimEnd(line)
}

// TrimEnd cuts the line's end off, CRLF, a bare LF, or a CR whose LF did not come.
func TrimEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}

// Word cuts the first word off an argument: what stands before the first
// blanks, and what follows these.
func Word(arg []byte) (word, rest []byte) {
	_, arg = trimBlanks(arg)
	n := wordLen(arg)
	_, rest = trimBlanks(arg[n:])
	return arg[:n], rest
}

// wordLen is where the first blank stands, or the end.
func wordLen(p []byte) int {
	n := 0
	for n < len(p) && !isBlank(p[n]) {
		n++
	}
	return n
}

// isAlnum reports a letter or a digit of ASCII.
func isAlnum(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || isDigit(b)
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// isName reports a keyword: letters, digits and hyphens, and no hyphen first.
func isName(p []byte) bool {
	for _, b := range p {
		if !isAlnum(b) && b != '-' {
			return false
		}
	}
	return len(p) > 0 && p[0] != '-'
}

// hasFold reports whether p begins with prefix, in any case.
func hasFold(p []byte, prefix string) bool {
	return len(p) >= len(prefix) && equalFold(p[:len(prefix)], prefix)
}

// equalFold compares ASCII in any case, without making a string of p.
func equalFold(p []byte, s string) bool { return bytes.EqualFold(p, []byte(s)) }
