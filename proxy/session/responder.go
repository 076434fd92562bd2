package session

import (
	"bytes"
	"fmt"

	"smtptap/decode/smtp"
	"smtptap/decode/visible"
)

// responderName is how the responder calls itself. It must not be this
// machine's name: a mail server that meets its own name in a greeting takes it
// for a loop.
const responderName = "smtptap.localhost"

// A responder speaks to a client until the server is known, which is at the
// first recipient. It is the receiving half of an SMTP session (RFC 5321
// section 4.1) that never takes a message: it reads commands, gives replies,
// and says when somebody else has to act. It does no I/O.
type responder struct {
	startTLS bool // STARTTLS can be offered
	secured  bool // TLS is up

	hello []byte // the client's EHLO or HELO as sent, line end included; nil before
	mail  []byte // its MAIL, nil outside of a transaction
	lines commandLines
}

// A response is what the responder makes of some bytes of the client.
type response struct {
	n      int    // how many it took; 0 means that it waits for the rest of a line
	reply  []byte // what it says to them, if anything
	then   responseNext
	domain string // of the recipient, with responseNeedsServer
}

// responseNext says who acts after a turn.
type responseNext uint8

const (
	responseStays       responseNext = iota
	responseNeedsServer              // a server is needed for this recipient; the n bytes are its RCPT line
	responseStartTLS                 // TLS begins, after the reply is sent
	responseCloses                   // the session is over, after the reply is sent
)

// greeting is the first thing that a client hears.
func (r *responder) greeting() []byte {
	return []byte("220 " + responderName + " ESMTP smtptap, the server follows at the first RCPT\r\n")
}

// next looks at the client's bytes that nobody has looked at yet.
func (r *responder) next(p []byte) response {
	line, n, reply := r.lines.next(p)
	if line == nil {
		return response{n: n, reply: reply}
	}
	answer := r.command(line)
	answer.n = n
	return answer
}

// command answers one command line. What servers might read in another way is
// not taken: EHLO, MAIL and RCPT will be said to a server as they are.
func (r *responder) command(line []byte) response {
	say := func(code int, enhanced, text string) response {
		return response{reply: own(code, enhanced, text)}
	}
	c := smtp.ReadCommand(line)
	if why := unclear(&c); why != "" {
		if c.Verb == "BDAT" {
			r.lines.skip = max(c.Size, 0)
		}
		return say(500, "5.5.2", why)
	}
	switch c.Verb {
	case "EHLO", "HELO":
		return r.greet(c.Verb, c.Arg, line)
	case "STARTTLS":
		return r.secure()
	case "AUTH":
		return say(502, "5.5.1", "no login here: the server is the MX of the recipient, and those take mail without one")
	case "MAIL":
		return r.begin(line)
	case "RCPT":
		return r.address(c.Path)
	case "DATA":
		return say(503, "5.5.1", "RCPT first")
	case "BDAT":
		r.lines.skip = c.Size
		return say(503, "5.5.1", "RCPT first; CHUNKING is not offered")
	case "RSET":
		r.mail = nil
		return say(250, "2.0.0", "reset")
	case "NOOP":
		return say(250, "2.0.0", "ok")
	case "VRFY":
		return say(252, "2.5.0", "no server is known yet that could tell; send RCPT")
	case "EXPN":
		return say(502, "5.5.1", "not implemented")
	case "HELP":
		return say(214, "2.0.0", "smtptap relays to the MX of the first recipient's domain; the server speaks from then on")
	case "QUIT":
		t := say(221, "2.0.0", "bye")
		t.then = responseCloses
		return t
	}
	return say(500, "5.5.2", notRelayed)
}

// greet answers EHLO and HELO. Its list holds only what a server can still
// decline by itself: it hears the client's own MAIL with the parameters, so
// when it can't do what they ask for, the client gets its answer.
func (r *responder) greet(verb string, arg, line []byte) response {
	if len(arg) == 0 {
		return response{reply: own(501, "5.5.4", verb+" wants the client's name")}
	}
	r.mail = nil
	r.hello = bytes.Clone(line)
	if verb == "HELO" {
		return response{reply: []byte("250 " + responderName + "\r\n")}
	}
	lines := append([]string{responderName}, r.offers()...)
	var b bytes.Buffer
	for i, l := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		b.WriteString("250" + sep + l + "\r\n")
	}
	return response{reply: b.Bytes()}
}

// offers is the list of extensions: those that hardly any server lacks. Not
// SMTPUTF8 and DSN, which clients use as soon as they are offered and many
// servers refuse; not PIPELINING and CHUNKING, because the recipient's server
// has to be known before more may follow.
func (r *responder) offers() []string {
	list := []string{"8BITMIME", "SIZE", "ENHANCEDSTATUSCODES"}
	if r.startTLS && !r.secured {
		list = append(list, "STARTTLS")
	}
	return list
}

// secure answers STARTTLS (RFC 3207).
func (r *responder) secure() response {
	switch {
	case r.secured:
		return response{reply: own(503, "5.5.1", "TLS is up already")}
	case !r.startTLS:
		return response{reply: own(502, "5.5.1", "STARTTLS is not offered")}
	}
	return response{reply: own(220, "2.0.0", "go ahead"), then: responseStartTLS}
}

// upgraded tells that TLS is up. The client has to greet again.
func (r *responder) upgraded() {
	r.secured = true
	r.hello, r.mail = nil, nil
}

// begin answers MAIL. The address is the server's to judge.
func (r *responder) begin(line []byte) response {
	switch {
	case r.hello == nil:
		return response{reply: own(503, "5.5.1", "EHLO or HELO first")}
	case r.mail != nil:
		return response{reply: own(503, "5.5.1", "a transaction is open already")}
	}
	r.mail = bytes.Clone(line)
	return response{reply: own(250, "2.1.0", "sender noted; the server is asked at the first RCPT")}
}

// address answers RCPT, or calls for a server.
func (r *responder) address(path smtp.Path) response {
	if r.mail == nil {
		return response{reply: own(503, "5.5.1", "MAIL first")}
	}
	if isRoute(path) {
		return response{reply: own(501, "5.1.3", noRoutes)}
	}
	if len(path.Domain) == 0 {
		return response{reply: own(501, "5.1.3", "without a domain in the address no MX can be looked up")}
	}
	return response{then: responseNeedsServer, domain: string(path.Domain)}
}

// own is a reply that smtptap makes up. The mark tells its readers that it was
// no server's.
func own(code int, enhanced, text string) []byte {
	return fmt.Appendf(nil, "%d %s [smtptap] %s\r\n", code, enhanced, visible.Text(text))
}
