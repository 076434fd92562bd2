package session

import "smtptap/decode/smtp"

// What is said to a server that was found by a recipient must read to it as it
// reads here, or a recipient of another domain or a login would reach it in a
// form that was not recognised. So the guard is a list of what may pass.

// notRelayed answers a command that is not on the list.
const notRelayed = "command not recognized, so it is not relayed to an MX"

// unclear says why servers may read a command in more than one way, "" when
// they can't.
func unclear(c *smtp.Command) string {
	if c.Clear() {
		return ""
	}
	for _, f := range faults {
		if c.Form&f.form != 0 {
			return f.text + ": servers don't agree on such a line, so it is not relayed to an MX"
		}
	}
	return notRelayed
}

// faults are the reasons to tell, the most telling first.
var faults = []struct {
	form smtp.Form
	text string
}{
	{smtp.Control, "a control character stands in the line"},
	{smtp.BareCR, "a CR without LF stands in the line"},
	{smtp.NotUTF8, "the line is not UTF-8"},
	{smtp.LeadingBlank, "a blank stands before the command"},
	{smtp.NoVerb, "the line begins with no command"},
	{smtp.OddBlank, "a tab stands where a space belongs"},
	{smtp.ManyBlanks, "several blanks stand where one belongs"},
	{smtp.ColonBlank, "a blank stands before the colon"},
	{smtp.NoPath, "FROM:<address> or TO:<address> is missing"},
	{smtp.Unclosed, "the address is not closed with >"},
	{smtp.BadPath, "the address is not one of RFC 5321"},
	{smtp.BadParam, "what follows the address is not a list of parameters"},
	{smtp.BadSize, "BDAT takes a size and perhaps LAST"},
	{smtp.BareLF, "the line ends in LF alone"},
	{smtp.TrailingBlank, "a blank stands at the end of the line"},
	{smtp.Excess, "the command takes no argument"},
}

// isRoute reports a path that names servers to go through (RFC 5321 appendix F.2).
// Nobody uses them, and the servers that still heed them send the mail to another
// domain first.
func isRoute(path smtp.Path) bool { return len(path.Text) > 0 && path.Text[0] == '@' }

const noRoutes = "source routes are not relayed to an MX"

// An eodScanner finds the end of a message: a line that holds a single dot,
// with CR LF before and after it (RFC 5321 section 4.1.1.4). Some servers see
// one where the line ends are a bare CR or LF, or pass over a NUL, and read what
// follows as commands. Such a place is in doubt.
type eodScanner struct {
	begun bool
	seen  int  // octets of endOfData that the last ones match; a message begins after a CR LF
	loose byte // the last octet that is not NUL: 'n' for CR or LF, '.' for a dot after one, 0 for another
}

const endOfData = "\r\n.\r\n"

// scan says how many octets belong to the message, whether its end is among
// them, and whether an end that is in doubt follows. A CR after the dot waits
// for the next octet.
func (e *eodScanner) scan(p []byte) (n int, ended, doubt bool) {
	if !e.begun {
		*e = eodScanner{begun: true, seen: 2, loose: 'n'}
	}
	for i, c := range p {
		exact := c == endOfData[e.seen]
		switch lineEnd := c == '\r' || c == '\n'; {
		case exact && e.seen == len(endOfData)-1:
			return i + 1, true, false
		case exact && e.seen == len(endOfData)-2:
			if i == len(p)-1 {
				return i, false, false
			}
			if p[i+1] != '\n' {
				return i, false, true
			}
		case lineEnd && e.loose == '.':
			return i, false, true
		case lineEnd:
			e.loose = 'n'
		case c == '.' && e.loose == 'n':
			e.loose = '.'
		case c != 0:
			e.loose = 0
		}
		switch {
		case exact:
			e.seen++
		case c == '\r':
			e.seen = 1
		default:
			e.seen = 0
		}
	}
	return len(p), false, false
}
