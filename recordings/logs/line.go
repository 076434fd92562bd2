package logs

import (
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// A row is one line of the text as pasted, freed bit by bit from what logging
// and copying put around it.
type row struct {
	text string
	at   time.Time // stamp that a log wrapper had put in front; zero if none
}

// A lineKind says what a line of a log tells.
type lineKind uint8

const (
	said      lineKind = iota + 1 // text is a line that side said, without its line end
	exact                         // text is the bytes that side sent, line ends included
	hidden                        // side said a line that the tool or the poster hid
	unseen                        // side sent bytes that the log leaves out
	noReply                       // the tool read an empty reply; text names what it had asked, if known
	dialed                        // the tool tried to connect; dial is set
	secured                       // TLS is up; tls may be set
	tlsFailed                     // TLS did not come about; tls is set
	trouble                       // the tool reports an error; text is what it says
	setting                       // what the tool was told to do; text is "name: value"
	closed                        // side ended the connection
)

// A line is what one entry of a log tells, whatever its dialect.
type line struct {
	kind    lineKind
	side    who.Party
	text    string
	at      time.Time // zero when the log has no stamp
	session string    // the tool's name for the connection; "" when it has none
	starts  bool      // a new connection begins here
	quoted  bool      // a reply begins here that only an error repeats
	answers string    // of a reply: the verb that the log says it answers; "." for the end of data
	reply   string    // of trouble: the server's reply inside the text, its lines joined by \n
	size    int64     // of unseen: how many bytes, -1 when unknown
	mask    *decode.Mask
	dial    *facts.Dial
	tls     *facts.TLS
}

// maxJoined is how long a text grows when the lines it was wrapped to are put
// together again.
const maxJoined = 4 << 10

// extend appends more to a text that a log or a paste had wrapped.
func extend(text *string, more string) {
	if len(*text)+len(more) < maxJoined {
		*text += " " + more
	}
}

// A tape takes down the lines that a log tells, under the stamp of their row.
type tape struct {
	lines []line
	at    time.Time
}

func (t *tape) add(lines ...line) {
	for _, l := range lines {
		l.at = t.at
		t.lines = append(t.lines, l)
	}
}

// stamp takes the stamp of a row, which may stand in its text, and returns what
// follows it.
func (t *tape) stamp(r row) string {
	at, text := takeStamp(strings.TrimSpace(r.text))
	if t.at = at; at.IsZero() {
		t.at = r.at
	}
	return strings.TrimSpace(text)
}

func client(text string) line { return line{kind: said, side: who.Client, text: text} }

func server(text string) line { return line{kind: said, side: who.Server, text: text} }

func troubled(text string) line { return line{kind: trouble, text: text} }

func set(name, value string) line { return line{kind: setting, text: name + ": " + value} }

func bodyUnseen() line {
	return line{kind: unseen, side: who.Client, size: -1}
}

// isWire reports a line that is part of one side's stream.
func (l line) isWire() bool {
	return l.kind == said || l.kind == exact || l.kind == hidden
}

// code is the reply code that text starts with, or 0.
func code(text string) int {
	if len(text) < 3 || text[0] < '2' || text[0] > '5' || !digit(text[1]) || !digit(text[2]) {
		return 0
	}
	if len(text) > 3 && text[3] != ' ' && text[3] != '-' && text[3] != '\t' && text[3] != '\r' {
		return 0
	}
	return int(text[0]-'0')*100 + int(text[1]-'0')*10 + int(text[2]-'0')
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// more reports that text is a reply line which announces another one.
func more(text string) bool { return code(text) != 0 && len(text) > 3 && text[3] == '-' }
