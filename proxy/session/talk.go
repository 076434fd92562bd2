package session

import (
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// A talk is what smtptap says to the server on its own account: one line at a
// time, each when the reply to the one before has come.
type talk struct {
	at     *Place
	got    []byte             // said by the server and not heard yet
	then   func(reply []byte) // takes the reply that is waited for; nil for none
	failed func(err error)
}

const (
	// replyTimeout is how long a server has for one reply that smtptap waits
	// for (RFC 5321 section 4.5.3.2).
	replyTimeout = 5 * time.Minute
	// maxOwnReply bounds a reply that smtptap itself waits for.
	maxOwnReply = 64 << 10
)

// ask says a line to the server and has then called with the reply.
func (t *talk) ask(line string, then func(reply []byte)) {
	t.at.Say(who.Server, line)
	t.await(then)
}

// await has then called with the server's next reply.
func (t *talk) await(then func(reply []byte)) {
	t.then = then
	t.at.Wake(replyTimeout)
	t.bytes(nil)
}

// bytes takes what the server says.
func (t *talk) bytes(p []byte) {
	t.got = append(t.got, p...)
	if t.then == nil {
		return
	}
	n, _ := smtp.FirstReply(t.got)
	switch {
	case n > 0:
		reply := t.got[:n:n]
		t.got = t.got[n:]
		t.at.Hear(who.Server, reply)
		t.done()(reply)
	case len(t.got) > maxOwnReply:
		t.fail(facts.Say("reply-too-long", "n", maxOwnReply))
	}
}

// done ends the waiting for a reply.
func (t *talk) done() (then func([]byte)) {
	then, t.then = t.then, nil
	t.at.Wake(0)
	return then
}

// rest is what the server has said without being asked.
func (t *talk) rest() []byte {
	rest := t.got
	t.got = nil
	return rest
}

// ended hears that the server says no more.
func (t *talk) ended(err error) {
	if t.then != nil {
		t.fail(facts.Say("no-reply-but-close", "why", err))
	}
}

// late hears that the server has not replied in time.
func (t *talk) late() {
	if t.then != nil {
		t.fail(errLate)
	}
}

var errLate = facts.Say("reply-late")

func (t *talk) fail(err error) {
	t.at.Hear(who.Server, t.rest())
	t.done()
	t.failed(err)
}

// codeOf is the code of a reply.
func codeOf(reply []byte) int {
	_, code := smtp.FirstReply(reply)
	return code
}
