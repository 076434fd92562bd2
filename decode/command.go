package decode

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// verbs are the commands that some RFC or a widespread extension defines.
var verbs = map[string]bool{
	"HELO": true, "EHLO": true, "MAIL": true, "RCPT": true, "DATA": true, "RSET": true, // RFC 5321
	"NOOP": true, "QUIT": true, "VRFY": true, "EXPN": true, "HELP": true,
	"SEND": true, "SOML": true, "SAML": true, "TURN": true, // RFC 821
	"STARTTLS": true, "AUTH": true, "BDAT": true, "ETRN": true, "ATRN": true, // RFC 3207, 4954, 3030, 1985, 2645
	"BURL": true, "LHLO": true, // RFC 4468, 2033
	"XCLIENT": true, "XFORWARD": true, // Postfix
}

// maxVerb is longer than any known verb; a longer first word is none.
const maxVerb = 32

// parseCommand reads a command line without its end.
func parseCommand(text []byte) *Command {
	word, arg, _ := bytes.Cut(text, []byte(" "))
	if i := bytes.IndexByte(word, '\t'); i >= 0 {
		word, arg = text[:i], text[i+1:]
	}
	c := &Command{Arg: string(arg)}
	if len(word) > 0 && len(word) <= maxVerb && isVerb(word) {
		c.Verb = strings.ToUpper(string(word))
	} else {
		c.Arg = string(text)
	}
	c.Known = verbs[c.Verb]
	switch c.Verb {
	case "MAIL":
		c.parsePath("FROM")
	case "RCPT":
		c.parsePath("TO")
	case "BDAT":
		c.parseChunk()
	}
	return c
}

func isVerb(word []byte) bool {
	for _, b := range word {
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-') {
			return false
		}
	}
	return true
}

// hasVerb reports whether the line begins with that verb, in any case, as a
// word of its own.
func hasVerb(text []byte, verb string) bool {
	if len(text) < len(verb) || !strings.EqualFold(string(text[:len(verb)]), verb) {
		return false
	}
	if len(text) == len(verb) {
		return true
	}
	switch text[len(verb)] {
	case ' ', '\t', '=', '\r', '\n':
		return true
	}
	return false
}

// parsePath reads "FROM:<path> params" as far as it is there (RFC 5321 section
// 4.1.1.2). Space after the colon and missing angle brackets are accepted: the
// notes say so.
func (c *Command) parsePath(keyword string) {
	arg := c.Arg
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return
	}
	arg = strings.TrimLeft(arg[len(keyword):], " \t")
	if !strings.HasPrefix(arg, ":") {
		return
	}
	arg = strings.TrimLeft(arg[1:], " \t")
	if strings.HasPrefix(arg, "<") {
		if end := closingBracket(arg); end > 0 {
			c.Path, c.HasPath = arg[1:end], true
			arg = arg[end+1:]
		} else {
			c.Path, c.HasPath = arg[1:], true
			return
		}
	} else {
		path, rest, _ := strings.Cut(arg, " ")
		if path != "" {
			c.Path, c.HasPath = path, true
		}
		arg = rest
	}
	for _, word := range strings.Fields(arg) {
		key, value, _ := strings.Cut(word, "=")
		c.Params = append(c.Params, Param{strings.ToUpper(key), value})
	}
}

// closingBracket is the place of the '>' that ends the path, outside quotes.
func closingBracket(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '>' && !quoted:
			return i
		}
	}
	return strings.IndexByte(s, '>')
}

// parseChunk reads "size [LAST]" (RFC 3030 section 2). A size that is no
// number, negative or too large to be one leaves ChunkSize at -1.
func (c *Command) parseChunk() {
	c.ChunkSize = -1
	fields := strings.Fields(c.Arg)
	if len(fields) == 0 {
		return
	}
	n, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil || n > math.MaxInt64 {
		return
	}
	c.ChunkSize = int64(n)
	c.Last = len(fields) > 1 && strings.EqualFold(fields[1], "LAST")
}

// commandNotes tells what is wrong with a command's form.
func commandNotes(c *Command, text []byte) []Note {
	var notes []Note
	switch c.Verb {
	case "MAIL", "RCPT":
		if !c.HasPath || strings.HasPrefix(c.Arg, "<") {
			return append(notes, note("path-missing", 1))
		}
		after := c.Arg[strings.IndexByte(c.Arg, ':')+1:]
		if trimmed := strings.TrimLeft(after, " \t"); trimmed != after {
			notes = append(notes, note("path-space", 1))
			after = trimmed
		}
		if !strings.HasPrefix(after, "<") {
			notes = append(notes, note("path-brackets", 1))
		}
	case "BDAT":
		if c.ChunkSize < 0 {
			notes = append(notes, note("bdat-bad-size", 1))
		}
	case "PROXY":
		if bytes.HasPrefix(text, []byte("PROXY TCP")) || bytes.HasPrefix(text, []byte("PROXY UNKNOWN")) {
			notes = append(notes, note("proxy-protocol", 1))
		}
	case "GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT":
		if bytes.Contains(text, []byte(" HTTP/")) || bytes.HasPrefix(text, []byte("CONNECT ")) {
			notes = append(notes, note("not-smtp-http", 1))
		}
	}
	return notes
}
