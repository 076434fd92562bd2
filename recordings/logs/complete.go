package logs

import (
	"strings"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// complete makes a session's lines whole enough for the decoder: a log leaves
// out the greeting, the replies, the commands or the message, and the decoder
// follows a protocol in which each of them has its place. Lines that are added
// for that are marked as inferred and are not shown. What the client did next
// tells what a missing reply was; what came back tells what a missing command
// was.
func complete(lines []line, d *dialect) ([]line, *completer) {
	c := &completer{in: lines, dialect: d, eaten: eaten(lines)}
	c.out = make([]line, 0, len(lines)+len(lines)/8+8)
	c.assign()
	c.fromClient, c.fromServer = sidesSeen(lines)
	c.adoptAnswers()
	if c.eaten {
		cutEaten(lines)
	}
	c.folding = lostFolding(lines)
	c.ahead = lookAhead(lines)
	for i := range lines {
		c.line(i)
	}
	return c.out, c
}

type completer struct {
	in, out    []line
	turns      []turn
	begins     []int  // by line: the turn that begins there, -1 for none
	ends       []bool // by line: a turn ends there
	ahead      *outlook
	dialect    *dialect
	fromClient bool // the log shows lines of the client
	fromServer bool // the log shows lines of the server
	eaten      bool // the paste lost what stood in angle brackets
	folding    bool // the paste lost the white space in front of folded header lines

	begun       bool // a line of the client was seen
	heard       bool // a line of the server was added
	tlsTold     bool // what became of TLS was told
	greeted     bool
	midway      bool     // the greeting is not in the log
	asked       []asked  // what a reply is due for
	stage       string   // the last verb that was answered well
	message     bool     // a message is being sent
	messageTurn int      // the turn that it is
	header      bool     // its header is
	shown       bool     // some of it is in the log
	auth        bool     // an AUTH exchange is under way
	prompted    bool     // a 334 waits for a line of the client
	steps       int      // lines of the exchange so far
	offersTLS   bool     // the last EHLO reply has STARTTLS
	accepted    bool     // STARTTLS was answered with 220, and nothing followed yet
	under       bool     // a reply of several lines is under way
	last        string   // the reply under way, normalised
	replies     []string // the newest replies, normalised
	guessed     bool     // commands were inferred from replies
	bodyLost    bool     // a message, or its end, is not in the log
	secret      bool     // credentials were hidden
}

// asked is a command that waits for its reply.
type asked struct {
	verb string
	turn int // the turn that it is, -1 for one that was inferred
}

// assign decides which replies answer which commands.
func (c *completer) assign() {
	c.turns = turnsOf(c.in)
	align(c.turns)
	c.begins = make([]int, len(c.in))
	c.ends = make([]bool, len(c.in))
	for i := range c.begins {
		c.begins[i] = -1
	}
	for i := range c.turns {
		c.begins[c.turns[i].at] = i
		c.ends[c.turns[i].end-1] = true
	}
}

// ask notes that the line at i waits for a reply.
func (c *completer) ask(verb string, i int) {
	turn := -1
	if i >= 0 {
		turn = c.begins[i]
	}
	c.asked = append(c.asked, asked{verb, turn})
}

func (c *completer) add(l line) {
	switch {
	case l.isWire() && l.side == who.Server:
		c.heard = true
	case l.kind == secured, l.kind == tlsFailed, l.kind == dialed && l.tls != nil && l.tls.Err != "":
		c.tlsTold = true
	}
	c.out = append(c.out, l)
}

// adoptAnswers tells replies what they answer where an error behind them does.
func (c *completer) adoptAnswers() {
	for i := 1; i < len(c.in); i++ {
		l, before := &c.in[i], &c.in[i-1]
		if l.kind == trouble && l.answers != "" && before.kind == said && before.side == who.Server && before.answers == "" && code(before.text) == code(l.reply) {
			before.answers = l.answers
		}
	}
}

func (c *completer) infer(side who.Party, text string, like line) {
	c.add(line{kind: said, side: side, text: text, at: like.at, inferred: true})
}

func (c *completer) line(i int) {
	l := c.in[i]
	switch l.kind {
	case said, exact, hidden:
		if l.side == who.Client {
			c.client(i)
		} else {
			c.server(i, l)
		}
		return
	case unseen:
		c.startMessage(l)
		c.shown = true
		c.bodyLost = true
	case secured:
		c.accepted = false
		c.asked = nil
	case tlsFailed:
		c.accepted = false
	case trouble:
		c.trouble(i)
		return
	case noReply:
		if c.accepted && !c.ahead.tls[i] {
			c.failTLS(i)
		}
	case dialed:
		c.add(l)
		if l.tls != nil && l.tls.Err == "" && l.dial.Err == "" && c.speaksFirst(i) {
			c.add(line{kind: secured, tls: l.tls, at: l.at})
		}
		return
	}
	c.add(l)
}

// speaksFirst reports that the dialogue goes on behind i without a word about
// TLS.
func (c *completer) speaksFirst(i int) bool {
	for _, l := range c.in[i+1:] {
		switch {
		case l.kind == secured || l.kind == tlsFailed || l.kind == dialed:
			return false
		case l.isWire():
			return true
		}
	}
	return false
}

// client takes a line of the client.
func (c *completer) client(i int) {
	l := c.in[i]
	c.open(i)
	if c.accepted {
		c.behindSTARTTLS(i)
	}
	if l.kind == exact {
		c.bytes(i, l)
		return
	}
	if c.message {
		c.messageLine(i)
		return
	}
	first := !c.begun
	c.begun = true
	if first && c.resumesMessage(i) {
		c.messageLine(i)
		return
	}
	verb := verbOf(l.text)
	if l.kind == said && l.text == "" && !c.auth {
		return // nothing was said: the paste lost it, or the tool printed a blank
	}
	if c.credential(l, verb, i) {
		return
	}
	if !c.fromServer || c.beginsMessage(i) {
		c.assumeGood(l, nil)
		if c.message {
			c.messageLine(i)
			return
		}
	}
	c.command(i, l, verb)
}

// open settles the greeting before the first line that is said.
func (c *completer) open(i int) {
	if c.greeted {
		return
	}
	l := c.in[i]
	if l.side == who.Server && isGreeting(c.in[i:], l) {
		c.greeted = true
		return
	}
	if l.side == who.Client && c.ahead.late {
		return // the client did not wait; its greeting comes
	}
	c.greeted, c.midway = true, true
	c.infer(who.Server, "220 ", l)
}

// isGreeting tells the greeting from a reply in the middle of a session.
func isGreeting(rest []line, l line) bool {
	if l.answers != "" {
		return false
	}
	switch n := code(l.text); n {
	case 220:
		return true
	case 421, 554, 521:
		// Only a refusal of the connection comes first; behind it there is
		// nothing, or QUIT.
		for _, next := range rest[1:] {
			if next.isWire() && next.side == who.Client {
				v := verbOf(next.text)
				return v == "QUIT" || smtp.Greets(v)
			}
		}
		return true
	case 0:
		return l.kind == said // another service, or garbage
	}
	return false
}

// greetedLate reports that the server's first line is a greeting although the
// client spoke before it.
func greetedLate(lines []line) bool {
	for _, l := range lines {
		if l.kind == said && l.side == who.Server {
			lower := strings.ToLower(l.text)
			return code(l.text) == 220 && !strings.Contains(lower, "tls") || code(l.text) == 554 && strings.Contains(lower, "synchroni")
		}
		if l.kind == trouble && strings.Contains(strings.ToLower(l.text), "synchroni") {
			return true
		}
	}
	return false
}

// beginsMessage reports that a message begins at i although the log does not
// show that the server asked for it.
func (c *completer) beginsMessage(i int) bool {
	t := c.begins[i]
	n := len(c.asked)
	return t >= 0 && c.turns[t].verb == endOfData && n > 0 && c.asked[n-1].verb == "DATA"
}

// command takes a command line.
func (c *completer) command(i int, l line, verb string) {
	c.add(l)
	switch verb {
	case "AUTH":
		c.auth, c.steps, c.prompted = true, 0, false
		l.text = strings.TrimSpace(l.text)
		c.redactInitial()
	case "BDAT":
		c.add(line{kind: unseen, side: who.Client, size: chunkSize(l.text), at: l.at})
		c.bodyLost = true
	}
	c.ask(verb, i)
}

// assumeGood answers what the client went on from without the log showing a
// reply. step is the credential that goes on from an AUTH command.
func (c *completer) assumeGood(l line, step *line) {
	for _, a := range c.asked {
		verb := a.verb
		reply := inferredReply(verb)
		if verb == "AUTH" && step != nil {
			reply = prompts[min(c.steps, 1)]
			c.prompted = true
		} else if verb == "AUTH" {
			c.auth = false
			if verbOf(l.text) == "AUTH" {
				reply = "535 " // it tries another mechanism
			}
		}
		c.infer(who.Server, reply, l)
		c.react(verb, code(reply), l)
	}
	c.asked = nil
	if c.accepted {
		c.add(line{kind: secured, at: l.at})
		c.accepted = false
	}
}

// inferredReply is the reply that lets the client go on behind verb.
func inferredReply(verb string) string {
	switch verb {
	case "STARTTLS":
		return "220 "
	case "AUTH":
		return "235 "
	case "DATA":
		return "354 "
	case "QUIT":
		return "221 "
	}
	return "250 "
}

// react moves the state on behind a reply.
func (c *completer) react(verb string, n int, l line) {
	switch {
	case verb == "DATA" && n == 354:
		c.startMessage(l)
		return
	case verb == "STARTTLS" && n == 220:
		c.accepted = true
	case verb == "AUTH" && n == 334:
		c.prompted = true
		return
	case verb == "AUTH":
		c.auth, c.prompted = false, false
	}
	if n >= 200 && n < 400 {
		c.stage = verb
	}
}

func (c *completer) startMessage(l line) {
	if !c.message {
		c.message, c.header, c.shown = true, true, false
	}
}
