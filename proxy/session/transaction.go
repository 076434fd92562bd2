package session

import (
	"math"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
)

// A transaction guards the client's side of a mail transaction whose server is
// known, from its first RCPT on. It relays the commands that belong to one, if
// every server reads them alike, and keeps back what must not reach that
// server: a recipient of another domain, and a login. It holds the client's
// next command until the reply to the one before has come, because what the
// bytes mean depends on it; nothing that was offered to the client lets it
// expect otherwise. It does no I/O.
type transaction struct {
	goesTo   func(domain string) bool // whether that domain's mail goes to this server
	chunking bool                     // the server offers CHUNKING: otherwise it would read chunks as commands

	state  txState
	asked  string // verb whose reply is waited for; "." for the end of the message
	chunk  int64  // octets of a BDAT chunk still to come
	last   bool   // it is the last one
	lines  commandLines
	tail   eodScanner
	early  bool           // the server answered the message before its end
	over   bool           // the responder takes the client's next bytes
	spoilt bool           // and the server is in no state to take another transaction
	doubt  facts.Sentence // and the session is over, because servers would not agree where the message ends
}

type txState uint8

const (
	txCommands txState = iota // the next line is a command
	txReply                   // the reply to asked is waited for
	txMessage                 // after 354
	txChunk                   // after BDAT
	txAnswered                // after a message that the server had answered before its end
	txClosing                 // after the reply to QUIT
)

// A txTurn says what happens to the first n bytes of the client's that nobody
// has looked at yet. With n 0, more bytes or a reply of the server's must come
// first, or the transaction is over.
type txTurn struct {
	n     int
	drop  bool   // the server does not get them
	reply []byte // what smtptap answers, if anything
}

// next looks at bytes of the client.
func (t *transaction) next(p []byte) txTurn {
	if len(p) == 0 || t.over {
		return txTurn{}
	}
	if t.lines.skip != 0 {
		return t.command(p)
	}
	switch t.state {
	case txCommands:
		return t.command(p)
	case txMessage:
		return t.message(p)
	case txAnswered:
		t.over, t.spoilt = true, true
	case txClosing:
		return txTurn{n: len(p), drop: true}
	case txChunk:
		n := min(int64(len(p)), t.chunk)
		t.chunk -= n
		if t.chunk == 0 {
			t.ask("BDAT")
		}
		return txTurn{n: int(n)}
	}
	return txTurn{}
}

// message relays a message. What follows the server's answer to it is not
// relayed: the server may be reading commands.
func (t *transaction) message(p []byte) txTurn {
	n, ended, doubt := t.tail.scan(p)
	switch {
	case doubt && n == 0:
		t.over, t.spoilt = true, true
		t.doubt = "eod-doubtful"
	case ended && t.early:
		t.state = txAnswered
	case ended:
		t.ask(".")
	}
	return txTurn{n: n, drop: t.early}
}

func (t *transaction) command(p []byte) txTurn {
	line, n, reply := t.lines.next(p)
	if line == nil {
		return txTurn{n: n, drop: n > 0, reply: reply}
	}
	c := smtp.ReadCommand(line)
	if why := unclear(&c); why != "" {
		t.lines.skip = max(c.Size, 0)
		return refuse(line, 500, "5.5.2", why)
	}
	switch c.Verb {
	case "EHLO", "HELO", "STARTTLS":
		t.over, t.spoilt = true, true // the responder answers these
		return txTurn{}
	case "AUTH":
		return refuse(line, 503, "5.5.1", "no login during a mail transaction, and none to an MX")
	case "RCPT":
		if code, enhanced, why := t.elsewhere(c.Path); why != "" {
			return refuse(line, code, enhanced, why)
		}
	case "BDAT":
		if !t.chunking {
			t.lines.skip = c.Size
			return refuse(line, 503, "5.5.1", "the server does not offer CHUNKING")
		}
		if c.Size > math.MaxInt32 || c.Arg[0] == '0' && c.Size > 0 {
			t.lines.skip = c.Size
			return refuse(line, 500, "5.5.2", "servers don't agree on how large such a chunk is, so it is not relayed to an MX")
		}
		if t.chunk, t.last = c.Size, c.Last; t.chunk > 0 {
			t.state = txChunk
			return txTurn{n: len(line)}
		}
	case "MAIL", "DATA", "RSET", "NOOP", "VRFY", "EXPN", "HELP", "QUIT":
	default:
		return refuse(line, 500, "5.5.2", notRelayed)
	}
	t.ask(c.Verb)
	return txTurn{n: len(line)}
}

// elsewhere says why mail for that path does not go to this server.
func (t *transaction) elsewhere(path smtp.Path) (code int, enhanced, why string) {
	switch {
	case isRoute(path):
		return 501, "5.1.3", noRoutes
	case len(path.Domain) == 0 && strings.EqualFold(string(path.Local), "postmaster"):
		return 0, "", "" // every server has one (RFC 5321 section 4.5.1)
	case len(path.Domain) == 0:
		return 501, "5.1.3", "the address has no domain"
	case !t.goesTo(string(path.Domain)):
		return 452, "4.5.3", "the mail of this domain goes to another server; send it in a transaction of its own"
	}
	return 0, "", ""
}

// refuse has smtptap answer a line in the server's place.
func refuse(line []byte, code int, enhanced, why string) txTurn {
	return txTurn{n: len(line), drop: true, reply: own(code, enhanced, why)}
}

func (t *transaction) ask(verb string) {
	t.state, t.asked = txReply, verb
}

// reply hears the code of a complete reply of the server's. A reply that
// nothing has asked for changes nothing.
func (t *transaction) reply(code int) {
	if t.state == txMessage {
		t.early = true
	}
	if t.state != txReply {
		return
	}
	t.state = txCommands
	switch {
	case t.asked == "DATA" && code == 354:
		t.state, t.tail = txMessage, eodScanner{}
	case t.asked == "QUIT":
		t.state = txClosing
	case t.asked == ".", t.asked == "RSET" && code == 250, t.asked == "BDAT" && t.last && code/100 == 2:
		t.over = true
	}
}
