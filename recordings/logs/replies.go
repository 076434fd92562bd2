package logs

import (
	"strings"
)

var (
	enhancedFront = compile(`^[245]\.\d{1,3}\.\d{1,3}(?:[ :]|$)`)
	gluedNext     = compile(`^(?:[A-Z]{2}|[A-Z][a-z]|8BIT|[245]\.\d{1,3}\.\d)`)
)

// splitReply cuts a reply whose lines were glued together ("250-a250-b250 c")
// or joined by spaces back into its lines. A text that is one line, or no
// multi-line reply, comes back as it is.
func splitReply(text string) []string {
	if !more(text) {
		return []string{text}
	}
	var lines []string
	rest := text
	for {
		i := nextReplyLine(rest)
		if i < 0 {
			return append(lines, rest)
		}
		lines = append(lines, strings.TrimRight(rest[:i], " \t"))
		rest = rest[i:]
		if !more(rest) {
			return append(lines, rest)
		}
	}
}

// replyLines are the lines of a reply, and what it answers, "" if the log does
// not say.
func replyLines(text, verb string) []line {
	var lines []line
	for _, part := range splitReply(text) {
		l := server(part)
		l.answers = verb
		lines = append(lines, l)
	}
	return lines
}

// nextReplyLine finds where, after the first line of text, the next line of
// the same reply begins; -1 when there is none. A line that announces another
// one is looked for first, because the last line's "250 " is a weaker sign.
func nextReplyLine(text string) int {
	code := text[:3]
	last := -1
	enhanced := enhancedFront.MatchString(text[4:])
	for from := 4; ; {
		i := strings.Index(text[from:], code)
		if i < 0 {
			return last
		}
		i += from
		from = i + 1
		end := i + 3
		if end >= len(text) {
			if last < 0 && text[i-1] == ' ' {
				last = i
			}
			return last
		}
		switch text[end] {
		case '-':
			if startsReplyLine(text, i) {
				return i
			}
		case ' ':
			if last < 0 && endsReply(text, i, enhanced) {
				last = i
			}
		}
	}
}

// startsReplyLine judges the code and hyphen at i.
func startsReplyLine(text string, i int) bool {
	before := text[i-1]
	if before == ' ' || before == '\t' {
		return true
	}
	if strings.IndexByte("-._[", before) >= 0 {
		return false // part of a host name or an address
	}
	return gluedNext.MatchString(text[i+4:])
}

// endsReply judges the code and space at i.
func endsReply(text string, i int, enhanced bool) bool {
	before := text[i-1]
	if strings.IndexByte("-._[", before) >= 0 {
		return false
	}
	if enhanced {
		return enhancedFront.MatchString(strings.TrimLeft(text[i+4:], " "))
	}
	return true
}

// unfoldReply restores the codes of a reply that a tool wrote as one line with
// the code once in front: "250 host / SIZE / HELP".
func unfoldReply(text, joins string) string {
	parts := strings.Split(text, joins)
	if len(parts) == 1 || code(text) == 0 {
		return text
	}
	for i := range parts {
		switch {
		case code(parts[i]) != 0 && i < len(parts)-1:
			parts[i] = parts[i][:3] + "-" + strings.TrimPrefix(parts[i][3:], " ")
		case code(parts[i]) != 0:
		case i < len(parts)-1:
			parts[i] = text[:3] + "-" + parts[i]
		default:
			parts[i] = text[:3] + " " + parts[i]
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "\n"), "--", "-")
}
