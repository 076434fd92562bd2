package logs

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/who"
)

// prompts are the challenges of AUTH LOGIN, base64 for "Username:" and
// "Password:".
var prompts = [...]string{"334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"}

// redactInitial hides an initial response that the tool or the poster has
// hidden already.
func (c *completer) redactInitial() {
	l := &c.out[len(c.out)-1]
	words := strings.Fields(l.text)
	if len(words) < 3 {
		return
	}
	response := strings.Join(words[2:], " ")
	if !isRedacted(response) {
		return
	}
	l.kind = hidden
	l.text = words[0] + " " + words[1] + " "
	l.mask = &decode.Mask{What: "credentials", Mechanism: strings.ToUpper(words[1]), User: revealedUser(response)}
	c.secret = true
}

// credential takes a line of an AUTH exchange, and reports whether it was one.
func (c *completer) credential(l line, verb string, i int) bool {
	if !c.auth && c.resumesAuth(l, verb, i) {
		c.auth, c.prompted = true, true
	}
	if !c.auth {
		return false
	}
	if !c.fromServer && !c.prompted && (verb == "" || l.kind == hidden && !c.ahead.verdict[i]) {
		c.assumeGood(l, &l)
	}
	if !c.prompted && verb != "" && l.kind != hidden {
		c.auth = false
		return false
	}
	if !c.prompted && c.fromServer {
		if len(c.asked) == 0 || l.kind == said && l.text != "" && !isCredential(l.text) && !isRedacted(l.text) {
			return false
		}
		// The prompt is not in the log.
		c.infer(who.Server, prompts[min(c.steps, 1)], l)
		c.asked, c.prompted = nil, true
	}
	if verb == "QUIT" || verb == "RSET" {
		return false // a client that gave up; the decoder knows this case
	}
	if l.kind == hidden || isRedacted(l.text) || l.text == "" && (c.eaten || c.goesOn(i)) {
		l.kind, l.text = hidden, ""
		if l.mask == nil {
			l.mask = &decode.Mask{What: "credentials"}
		}
		c.secret = true
	}
	c.add(l)
	c.prompted = false
	c.steps++
	c.ask("AUTH", i)
	return true
}

// goesOn reports that the server takes an empty line in an exchange well: a
// credential stood there that the paste lost.
func (c *completer) goesOn(i int) bool {
	j := c.ahead.word[i]
	if j < 0 || c.in[j].side != who.Server {
		return false
	}
	n := code(c.in[j].text)
	return n == 334 || n == 235 || n == 0
}

// resumesAuth recognises a credential at the start of a log whose AUTH command
// was cut off, by the reply to it.
func (c *completer) resumesAuth(l line, verb string, i int) bool {
	if verb != "" || c.stage != "" || len(c.asked) > 0 || !c.midway || !isCredential(l.text) && !isRedacted(l.text) {
		return false
	}
	j := c.ahead.next[i]
	if j < 0 || c.in[j].side != who.Server {
		return false
	}
	n := code(c.in[j].text)
	if n != 334 && n != 235 && n != 535 {
		return false
	}
	c.infer(who.Client, "AUTH LOGIN", l)
	c.infer(who.Server, prompts[0], l)
	if n != 334 {
		c.infer(who.Client, "KiBub3Qgc2VlbiAq", l)
		c.infer(who.Server, prompts[1], l)
	}
	return true
}
