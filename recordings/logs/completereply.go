package logs

import (
	"regexp"
	"strings"

	"smtptap/decode/who"
)

// server takes a line of the server.
func (c *completer) server(i int, l line) {
	c.open(i)
	n := code(l.text)
	if n == 0 {
		c.add(l)
		return
	}
	if !c.under {
		c.settle(i, l)
		c.question(l, n)
		c.last = ""
	}
	c.under = more(l.text)
	if len(c.last) < shownWords {
		c.last += replyWords(l.text)
	}
	if strings.Contains(strings.ToUpper(l.text), "STARTTLS") && n == 250 {
		c.offersTLS = true
	}
	c.add(l)
	if c.under && c.ends[i] {
		// The last line of the reply is not in the log.
		c.add(line{kind: said, side: who.Server, text: l.text[:3] + " ", at: l.at, inferred: true, closes: true})
		c.under = false
	}
	if !c.under {
		c.remember(c.last)
		c.answer(n, l)
	}
}

// settle makes what the reply at i answers the first that waits: what stands
// before it was answered, but the log does not show how.
func (c *completer) settle(i int, l line) {
	t := c.begins[i]
	if t < 0 || c.turns[t].to < 0 {
		return
	}
	for k, a := range c.asked {
		if a.turn == c.turns[t].to {
			rest := c.asked[k:]
			c.asked = c.asked[:k:k]
			c.assumeGood(l, nil)
			c.asked = append([]asked{}, rest...)
			return
		}
	}
}

// answer takes a whole reply.
func (c *completer) answer(n int, l line) {
	verb := ""
	if len(c.asked) > 0 {
		verb = c.asked[0].verb
		c.asked = c.asked[1:]
	}
	c.react(verb, n, l)
}

// question makes sure that there is something for a reply to answer.
func (c *completer) question(l line, n int) {
	if c.message && n != 354 {
		if n != 421 || !c.shown {
			c.endMessage(line{at: l.at}, false)
		}
		return
	}
	if len(c.asked) > 0 || len(c.out) == 0 || !c.greeted {
		return
	}
	if !c.heard && !c.midway {
		return // this is the greeting
	}
	verb := l.answers
	if verb == "" {
		verb = c.guess(l.text, n)
	}
	if verb == "" || verb == "?" {
		return
	}
	if c.accepted && verb == "EHLO" {
		c.add(line{kind: secured, at: l.at})
		c.accepted = false
	}
	c.inferQuestion(verb, l)
}

// inferQuestion says what the client must have said for verb to be answered.
func (c *completer) inferQuestion(verb string, l line) {
	c.guessed = true
	switch verb {
	case endOfData:
		c.infer(who.Client, "DATA", l)
		c.infer(who.Server, "354 ", l)
		c.startMessage(l)
		c.endMessage(line{at: l.at}, false)
		return
	case "MAIL":
		c.infer(who.Client, "MAIL FROM:<>", l)
	case "RCPT":
		c.infer(who.Client, "RCPT TO:<>", l)
	case "AUTH":
		if c.auth && c.prompted {
			// The exchange goes on; the tool hides what the client answered.
			c.add(line{kind: hidden, side: who.Client, at: l.at, inferred: true})
			c.prompted, c.secret = false, true
			c.steps++
			break
		}
		c.infer(who.Client, "AUTH LOGIN", l)
		c.auth = true
	case "EHLO", "HELO":
		c.infer(who.Client, verb+" unknown", l)
	default:
		c.infer(who.Client, verb, l)
	}
	c.ask(verb, -1)
}

var aboutAuth = regexp.MustCompile(`(?i)authenti|credential|log ?in|password|username`)

// guess tells from a reply and from what was answered before it what it
// answers; "" when it could be anything.
func (c *completer) guess(text string, n int) string {
	switch n {
	case 334, 235, 535, 534, 538:
		return "AUTH"
	case 354:
		return "DATA"
	case 221:
		return "QUIT"
	case 220:
		if c.offersTLS || strings.Contains(strings.ToUpper(text), "TLS") {
			return "STARTTLS"
		}
		return ""
	case 250, 251:
		return c.guessGood(text)
	}
	if n >= 400 && aboutAuth.MatchString(text) && (c.stage == "EHLO" || c.stage == "HELO") {
		return "AUTH"
	}
	return map[string]string{"MAIL": "RCPT", "RCPT": "RCPT", "DATA": endOfData}[c.stage]
}

// guessGood is guess for a 250.
func (c *completer) guessGood(text string) string {
	if more(text) || c.stage == "" && !c.midway && !c.fromClient {
		return "EHLO"
	}
	switch c.stage {
	case "EHLO", "HELO", "AUTH", endOfData, "RSET":
		return "MAIL"
	case "MAIL", "RCPT":
		return "RCPT"
	case "STARTTLS":
		return "EHLO"
	}
	return ""
}

// behindSTARTTLS decides by what the client says next whether TLS came about:
// a client that greets again has it; one that says QUIT or nothing has not.
func (c *completer) behindSTARTTLS(i int) {
	c.accepted = false
	l := c.in[i]
	if v := verbOf(l.text); l.kind == said && (v == "QUIT" || v == "RSET") {
		c.failTLS(i)
		return
	}
	c.add(line{kind: secured, at: l.at})
}

// failTLS tells of a handshake that came to nothing, in the words of the
// nearest error.
func (c *completer) failTLS(i int) {
	c.accepted = false
	text := ""
	for j := i; j >= 0 && (j == i || !c.in[j].isWire()); j-- {
		if c.in[j].kind == trouble {
			text = c.in[j].text
		}
	}
	if c.ahead.handshake != "" && causeOf(text) == nil {
		text = c.ahead.handshake
	}
	if text == "" {
		text = "the client gave up after the reply to STARTTLS"
	}
	c.add(line{kind: tlsFailed, tls: failedTLS(text), at: c.in[i].at})
}

// trouble takes an error of the tool. A reply inside it that the log does not
// show otherwise is the server's line.
func (c *completer) trouble(i int) {
	l := c.in[i]
	if l.reply == "" || c.shows(l.reply) {
		if why := causeOf(l.text); l.reply == "" && why != nil && why.tls != "" && !c.tlsTold && !c.ahead.tls[i] {
			c.failTLS(i)
		}
		c.add(l)
		return
	}
	reply := strings.Split(withoutSecrets(l.reply), "\n")
	if c.under {
		c.under = false
	}
	if !c.fromServer {
		c.assumeUpTo(l)
	}
	n := code(reply[0])
	if !c.greeted && !c.fromClient && l.answers == "" {
		l.answers = c.guess(l.reply, n)
	}
	if !c.greeted {
		c.greeted, c.midway = true, true
		c.infer(who.Server, "220 ", l)
	}
	first := server(reply[0])
	first.answers = l.answers
	c.question(first, n)
	for k, text := range reply {
		s := server(text)
		if k == len(reply)-1 && more(text) {
			s.text = text[:3] + " " + text[4:]
		}
		s.at = l.at
		c.add(s)
	}
	c.remember(replyWords(l.reply))
	c.answer(code(reply[len(reply)-1]), l)
	c.add(l)
}

// shownWords is how much of a reply is compared with what an error repeats.
const shownWords = 40

// maxReplies bounds how far back a reply is looked for that an error repeats.
const maxReplies = 40

// remember keeps a reply for shows.
func (c *completer) remember(words string) {
	c.replies = append(c.replies, words)
	if len(c.replies) > maxReplies {
		c.replies = c.replies[1:]
	}
}

// shows reports that the log has the reply as the server's own line already.
// Tools cut, wrap and translate what they repeat, so the same code to the last
// command is enough.
func (c *completer) shows(reply string) bool {
	words := replyWords(reply)
	start := words[:min(len(words), shownWords)]
	for i, r := range c.replies {
		if strings.HasPrefix(r, start) || len(r) > 3 && strings.HasPrefix(words, r) {
			return true
		}
		if i == len(c.replies)-1 && len(c.asked) == 0 && r[:3] == words[:3] {
			return true
		}
	}
	return false
}

// assumeUpTo answers well what the client had asked before the command that an
// error is about.
func (c *completer) assumeUpTo(l line) {
	if len(c.asked) < 2 {
		return
	}
	keep := c.asked[len(c.asked)-1]
	c.asked = c.asked[:len(c.asked)-1]
	c.assumeGood(l, nil)
	c.asked = append(c.asked, keep)
	c.auth = keep.verb == "AUTH"
}

var notWords = regexp.MustCompile(`[^0-9A-Za-z]+`)

// replyWords is a reply without codes of further lines and without what
// copying changes.
func replyWords(reply string) string {
	return notWords.ReplaceAllString(strings.Join(splitReply(reply), "\n"), "")
}
