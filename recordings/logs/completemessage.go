package logs

import (
	"regexp"
	"strconv"
	"strings"

	"smtptap/decode/who"
)

// resumesMessage recognises a log that begins in the middle of a message: lines
// of the client that are no commands, and then the dot.
func (c *completer) resumesMessage(i int) bool {
	if !c.midway || c.stage != "" || len(c.asked) > 0 || c.auth {
		return false
	}
	for _, l := range c.in[i:] {
		if l.kind == said && (l.side == who.Server || verbOf(l.text) != "") {
			return false
		}
		if l.kind == said && l.text == "." {
			break
		}
	}
	first := c.in[i]
	for _, side := range []struct {
		who  who.Party
		text string
	}{{who.Client, "MAIL FROM:<>"}, {who.Server, "250 "}, {who.Client, "RCPT TO:<>"}, {who.Server, "250 "}, {who.Client, "DATA"}, {who.Server, "354 "}} {
		c.infer(side.who, side.text, first)
	}
	c.startMessage(first)
	if !fieldLine.MatchString(first.text) {
		c.infer(who.Client, "", first)
		c.header = false
	}
	c.stage, c.guessed, c.bodyLost = "DATA", true, true
	return true
}

// messageLine takes a line of the client behind 354.
func (c *completer) messageLine(i int) {
	l := c.in[i]
	if t := c.begins[i]; t >= 0 && c.turns[t].verb == endOfData {
		c.messageTurn = t
	}
	switch {
	case l.text == "." && c.insideMessage(i):
		l.text = ".." // as the line must have been sent
	case l.text == ".":
		c.endMessage(l, true)
		return
	case l.text != "" && strings.IndexByte("<{[w", l.text[0]) >= 0 && leftOutText.MatchString(l.text):
		c.add(line{kind: unseen, side: who.Client, size: leftOutSize(l.text), at: l.at})
		c.shown, c.bodyLost = true, true
		return
	case c.dialect.bodyHidden && verbOf(l.text) != "", verbOf(l.text) == "QUIT" && !c.ahead.dot[i]:
		// The tool never shows the message, or the paste lost its end.
		c.endMessage(l, false)
		c.client(i)
		return
	}
	if c.header {
		l.text = c.headerLine(l.text)
	}
	c.shown = true
	c.add(l)
}

// insideMessage reports that the dot at i ends nothing: the message goes on, so
// it was a line of which the paste lost the rest.
func (c *completer) insideMessage(i int) bool {
	j := c.ahead.next[i]
	if j < 0 {
		return false
	}
	l := c.in[j]
	return l.side == who.Client && l.text != "." && verbOf(l.text) == "" && c.ahead.dot[i]
}

// fieldLine is the start of a header field. A name could begin with "=", but
// then it is the rest of an encoded-word.
var fieldLine = regexp.MustCompile(`^[!-9;<>-~][!-9;-~]*[ \t]*:`)

// headerLine follows the header and gives a folded line its white space back
// where the paste lost it.
func (c *completer) headerLine(text string) string {
	switch {
	case text == "":
		c.header = false
	case c.folding && c.shown && !fieldLine.MatchString(text):
		return " " + text
	}
	return text
}

// lostFolding reports that no header line of the log begins with white space
// although some can only be folded ones.
func lostFolding(lines []line) bool {
	inMessage, first, lost := false, true, false
	for _, l := range lines {
		if l.kind != said {
			continue
		}
		switch {
		case l.side == who.Server:
		case strings.EqualFold(l.text, "DATA"):
			inMessage, first = true, true
		case !inMessage:
		case l.text == "" || l.text == ".":
			inMessage = false
		case l.text[0] == ' ' || l.text[0] == '\t':
			return false
		case !fieldLine.MatchString(l.text) && !first:
			lost = lost || strings.Contains(l.text, "boundary=") || strings.HasPrefix(l.text, "=?") || strings.Contains(l.text, "@")
			first = false
		default:
			first = false
		}
	}
	return lost
}

// endMessage ends the message under way, with the dot of the log or without
// one. A message that is not in the log is told as missing.
func (c *completer) endMessage(l line, dot bool) {
	if !c.shown && c.message {
		c.add(line{kind: unseen, side: who.Client, size: -1, at: l.at, inferred: c.dialect.errorOnly})
		c.bodyLost = true
	}
	if dot {
		c.add(l)
	} else {
		c.infer(who.Client, ".", l)
		c.bodyLost = true
	}
	c.message, c.header, c.shown = false, false, false
	c.asked = append(c.asked, asked{endOfData, c.messageTurn})
}

// bytes takes what the client sent as its bytes are in the log.
func (c *completer) bytes(i int, l line) {
	if !c.fromServer {
		var step *line
		if c.auth && verbOf(l.text) == "" {
			step = &l
		}
		c.assumeGood(l, step)
	}
	c.add(l)
	if c.message {
		c.shown = true
		if strings.HasSuffix(l.text, "\r\n.\r\n") || l.text == ".\r\n" {
			c.message, c.header, c.shown = false, false, false
			c.ask(endOfData, i)
		}
		return
	}
	for _, part := range strings.Split(strings.TrimRight(l.text, "\r\n"), "\n") {
		part = strings.TrimSuffix(part, "\r")
		verb := verbOf(part)
		switch {
		case c.auth && c.prompted:
			c.prompted = false
			verb = "AUTH"
		case verb == "AUTH":
			c.auth, c.steps = true, 0
		}
		c.ask(verb, i)
	}
}

// leftOutSize is the number of bytes that a tool says it does not show.
func leftOutSize(text string) int64 {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			return n
		}
	}
	return -1
}

// chunkSize is the size of a BDAT command.
func chunkSize(text string) int64 {
	words := strings.Fields(text)
	if len(words) < 2 {
		return 0
	}
	n, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
