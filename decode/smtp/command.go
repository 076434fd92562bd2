package smtp

import (
	"bytes"
	"unicode/utf8"
)

// verbs are the commands that some RFC or a widespread extension defines.
var verbs = map[string]string{}

func init() {
	for _, v := range []string{
		"HELO", "EHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP", // RFC 5321
		"SEND", "SOML", "SAML", "TURN", // RFC 821
		"STARTTLS", "AUTH", "BDAT", "ETRN", "ATRN", // RFC 3207, 4954, 3030, 1985, 2645
		"BURL", "LHLO", // RFC 4468, 2033
		"XCLIENT", "XFORWARD", // Postfix
	} {
		verbs[v] = v
	}
}

// Greets reports the verbs that begin a session: EHLO, its form in LMTP, and HELO.
func Greets(verb string) bool { return Extends(verb) || verb == "HELO" }

// Extends reports the verbs whose reply lists extensions: EHLO, and its form in
// LMTP (RFC 2033 section 4.1).
func Extends(verb string) bool { return verb == "EHLO" || verb == "LHLO" }

// longestVerb is longer than any known verb; a longer first word is none.
const longestVerb = 32

// A Command is a command line. Its slices are parts of the line.
type Command struct {
	Verb string // upper case; "" when the line begins with no known verb
	Word []byte // the verb as it stands there, known or not; nil when the line begins with nothing like one
	Arg  []byte // after the blanks that follow the verb, or the whole line when there is no Word; trailing blanks are in it

	Path   Path   // of MAIL and RCPT
	Params Params // of MAIL and RCPT
	Size   int64  // of the chunk that follows BDAT; -1 when it can't be read: no chunk follows then
	Last   bool   // of BDAT

	Form Form // in what the line differs from the grammar of RFC 5321; 0 for nothing
}

// Form says how a command line differs from what RFC 5321 allows. Known are
// only differences that some server forgives.
type Form uint32

const (
	LeadingBlank  Form = 1 << iota // blanks stand before the verb
	OddBlank                       // a tab or another blank stands where only a space may
	ManyBlanks                     // several blanks stand where one may
	TrailingBlank                  // blanks stand at the end (RFC 5321 section 4.1.1 asks servers to bear them)
	BareLF                         // the line ends in LF alone
	BareCR                         // a CR stands without LF
	Control                        // holds a NUL or another control character
	NotUTF8                        // holds octets above 127 that are not UTF-8
	NoVerb                         // begins with nothing that has the form of a verb
	NoPath                         // of MAIL or RCPT: "FROM:" or "TO:" with an address is missing
	ColonBlank                     // blanks stand before the colon
	PathBlank                      // blanks stand between the colon and the path
	NoBrackets                     // the path has no angle brackets
	Unclosed                       // the path begins with < and has no >
	BadPath                        // the path is no mailbox of RFC 5321 section 4.1.2, so that its domain may be another
	BadParam                       // what follows the path is no list of ESMTP parameters
	BadSize                        // what follows BDAT is not a size and perhaps LAST
	Excess                         // an argument stands where none belongs
)

// harmless are differences that leave no doubt about what is meant: a server
// refuses the command or reads it as it is read here.
const harmless = TrailingBlank | BareLF | PathBlank | NoBrackets

// Clear reports that every server reads the line as it is read here, or refuses
// it. In BDAT nothing is forgiven: the commands of a server that refuses begin
// where the chunk of one that does not begins.
func (c *Command) Clear() bool {
	if c.Verb == "BDAT" {
		return c.Form == 0
	}
	return c.Form&^harmless == 0
}

// ReadCommand reads a command line, with or without its end.
func ReadCommand(line []byte) Command {
	text := withoutEnd(line)
	c := Command{Arg: text, Form: octets(text)}
	if len(line) > 0 && line[len(line)-1] == '\n' && len(line)-len(text) == 1 {
		c.Form |= BareLF
	}
	lead, rest := trimBlanks(text)
	if len(lead) > 0 {
		c.Form |= LeadingBlank
	}
	end := 0
	for end < len(rest) && end <= longestVerb && (isAlnum(rest[end]) || rest[end] == '-') {
		end++
	}
	word, after := rest[:end], rest[end:]
	equals := len(after) > 0 && after[0] == '=' && equalFold(word, "AUTH")
	if !isName(word) || end > longestVerb || len(after) > 0 && !isBlank(after[0]) && !equals {
		c.Form |= NoVerb
		return c
	}
	c.Word, c.Verb = word, known(word)
	if equals {
		c.Form |= NoVerb
		after = after[1:]
	}
	blanks, arg := trimBlanks(after)
	c.Arg = arg
	if len(arg) > 0 {
		c.Form |= separation(blanks)
	}
	if isBlank(text[len(text)-1]) {
		c.Form |= TrailingBlank
	}
	c.readArg()
	return c
}

// known is the verb that word is in any case, "" for none.
func known(word []byte) string {
	var upper [longestVerb]byte
	return verbs[string(upperCase(upper[:], word))]
}

// upperCase writes word into room, in upper case.
func upperCase(room, word []byte) []byte {
	for i, b := range word {
		if 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		room[i] = b
	}
	return room[:len(word)]
}

// readArg reads the argument of the commands whose meaning lies in it.
func (c *Command) readArg() {
	switch c.Verb {
	case "MAIL":
		c.readPath("FROM")
	case "RCPT":
		c.readPath("TO")
	case "BDAT":
		c.readChunk()
	case "DATA", "RSET", "QUIT", "STARTTLS":
		if len(c.Arg) > 0 {
			c.Form |= Excess
		}
	}
}

// octets finds what stands in no command.
func octets(text []byte) Form {
	var f Form
	eightBit := false
	for _, b := range text {
		switch {
		case b == '\r':
			f |= BareCR
		case b == '\t':
		case b < ' ', b == 0x7f:
			f |= Control
		case b > 0x7f:
			eightBit = true
		}
	}
	if eightBit && !utf8.Valid(text) {
		f |= NotUTF8
	}
	return f
}

// separation says how blanks differ from the one space that belongs there.
func separation(blanks []byte) Form {
	var f Form
	if len(blanks) > 1 {
		f |= ManyBlanks
	}
	if len(bytes.Trim(blanks, " ")) > 0 {
		f |= OddBlank
	}
	return f
}

// readPath reads "FROM:<path> params" as far as it is there (RFC 5321 section
// 4.1.1.2).
func (c *Command) readPath(keyword string) {
	if !hasFold(c.Arg, keyword) {
		c.Form |= NoPath
		return
	}
	blanks, rest := trimBlanks(c.Arg[len(keyword):])
	if len(rest) == 0 || rest[0] != ':' {
		c.Form |= NoPath
		return
	}
	if len(blanks) > 0 {
		c.Form |= ColonBlank
	}
	blanks, rest = trimBlanks(rest[1:])
	if len(rest) == 0 {
		c.Form |= NoPath
		return
	}
	if len(blanks) > 0 {
		c.Form |= PathBlank | separation(blanks)&OddBlank
	}
	var form Form
	c.Path, rest, form = readPath(rest)
	c.Form |= form
	c.Params = Params(rest)
	c.Form |= c.Params.form()
}

// readChunk reads "size [LAST]" (RFC 3030 section 2). A size has digits only,
// and no more than 18: it can be counted then.
func (c *Command) readChunk() {
	c.Size = -1
	digits := c.Arg[:wordLen(c.Arg)]
	blanks, after := trimBlanks(c.Arg[len(digits):])
	last, rest := Word(after)
	var n int64
	bad := len(digits) == 0 || len(digits) > 18 || len(rest) > 0 || len(last) > 0 && !equalFold(last, "LAST")
	for _, b := range digits {
		bad = bad || !isDigit(b)
		n = n*10 + int64(b-'0')
	}
	if bad {
		c.Form |= BadSize
		return
	}
	if len(last) > 0 {
		c.Form |= separation(blanks)
	}
	c.Size, c.Last = n, len(last) > 0
}
