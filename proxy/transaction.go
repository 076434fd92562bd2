package proxy

import (
	"bytes"
	"strings"
)

// A transaction watches the client's side of a mail transaction whose server
// is known, from its first RCPT on. It relays everything but what must not
// reach that server: a recipient of another domain, and a login. It holds the
// client's next command until the reply to the one before has come, because
// what the bytes mean depends on it; nothing that was offered to the client
// lets it expect otherwise. It does no I/O.
type transaction struct {
	goesTo func(domain string) bool // whether that domain's mail goes to this server

	state   txState
	asked   string // verb whose reply is waited for; "." for the end of the message
	chunk   int64  // octets of a BDAT chunk still to come
	last    bool   // it is the last one
	tail    eodScanner
	midLine bool // within a command line too long to look at
	early   bool // the server answered the message before its end
	over    bool // the front desk takes the client's next bytes
	spoilt  bool // and the server is in no state to take another transaction
}

type txState uint8

const (
	txCommands txState = iota // the next line is a command
	txReply                   // the reply to asked is waited for
	txMessage                 // behind 354
	txChunk                   // behind BDAT
	txAnswered                // behind a message that the server had answered before its end
	txClosing                 // behind the reply to QUIT; nothing is looked at any more
)

// A txTurn says what happens to the first n bytes of the client's that nobody
// has looked at yet. With n 0, more bytes or a reply of the server's must come
// first, or the transaction is over.
type txTurn struct {
	n     int
	reply []byte // smtptap answers and the server does not get them; nil means that they are relayed
}

// take looks at bytes of the client.
func (t *transaction) take(p []byte) txTurn {
	if len(p) == 0 || t.over {
		return txTurn{}
	}
	switch t.state {
	case txCommands:
		return t.command(p)
	case txMessage:
		n, ended := t.tail.scan(p)
		switch {
		case ended && t.early:
			t.state = txAnswered
		case ended:
			t.ask(".")
		}
		return txTurn{n: n}
	case txAnswered:
		t.over, t.spoilt = true, true
	case txClosing:
		return txTurn{n: len(p)}
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

func (t *transaction) command(p []byte) txTurn {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		if len(p) < maxDeskLine && !t.midLine {
			return txTurn{}
		}
		t.midLine = true
		return txTurn{n: len(p)}
	}
	line := p[:end+1]
	if t.midLine {
		t.midLine = false
		t.ask("")
		return txTurn{n: len(line)}
	}
	verb, arg := splitCommand(line)
	switch verb {
	case "EHLO", "HELO", "STARTTLS":
		t.over, t.spoilt = true, true // the front desk answers these
		return txTurn{}
	case "AUTH":
		return txTurn{len(line), own(503, "5.5.1", "no login during a mail transaction, and none to an MX")}
	case "RCPT":
		if r, why := parseRcpt(arg); why == "" && !t.goesTo(r.domain) {
			return txTurn{len(line), own(452, "4.5.3", "the mail of this domain goes to another server; send it in a transaction of its own")}
		}
	case "BDAT":
		t.chunk = chunkSize(arg)
		_, last, _ := strings.Cut(arg, " ")
		t.last = strings.EqualFold(last, "LAST")
		if t.chunk > 0 {
			t.state = txChunk
			return txTurn{n: len(line)}
		}
	}
	t.ask(verb)
	return txTurn{n: len(line)}
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

// An eodScanner finds the end of a message: a line that holds a single dot,
// with CR LF before and behind it (RFC 5321 section 4.1.1.4).
type eodScanner struct {
	seen int // octets of endOfData that the last ones match; a message begins behind a CR LF
	mid  bool
}

const endOfData = "\r\n.\r\n"

// scan says how many bytes belong to the message, its end included, and
// whether that came.
func (e *eodScanner) scan(p []byte) (n int, ended bool) {
	if !e.mid {
		e.mid, e.seen = true, 2
	}
	for i, c := range p {
		switch {
		case c == endOfData[e.seen]:
			e.seen++
		case c == '\r':
			e.seen = 1
		default:
			e.seen = 0
		}
		if e.seen == len(endOfData) {
			return i + 1, true
		}
	}
	return len(p), false
}

// A replyScanner finds the ends of replies in what a server says. A code that
// is none counts as 0.
type replyScanner struct {
	head []byte // of the unfinished line, at most four octets
}

// next goes through p up to the end of the first reply that p completes, and
// returns how far that is and the reply's code.
func (r *replyScanner) next(p []byte) (n, code int, complete bool) {
	for i, c := range p {
		if c != '\n' {
			if len(r.head) < 4 {
				r.head = append(r.head, c)
			}
			continue
		}
		code, more := replyHead(r.head)
		r.head = r.head[:0]
		if !more {
			return i + 1, code, true
		}
	}
	return len(p), 0, false
}

// replyHead reads the code of a reply line, and whether other lines follow it.
func replyHead(line []byte) (code int, more bool) {
	for i := range 3 {
		if i >= len(line) || line[i] < '0' || line[i] > '9' {
			return 0, false
		}
		code = code*10 + int(line[i]-'0')
	}
	return code, len(line) > 3 && line[3] == '-'
}
