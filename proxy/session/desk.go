package session

import (
	"bytes"
	"fmt"

	"smtptap/decode/smtp"
	"smtptap/decode/visible"
)

// frontDeskName is how the front desk calls itself. It must not be this
// machine's name: a mail server that meets its own name in a greeting takes it
// for a loop.
const frontDeskName = "smtptap.localhost"

// maxDeskLine is the longest command line that the front desk reads. RFC 5321
// section 4.5.3.1.4 allows 512 octets, extensions some hundreds more.
const maxDeskLine = 8 << 10

// A frontDesk speaks to a client until the server is known, which is at the
// first recipient. It is the receiving half of an SMTP session (RFC 5321
// section 4.1) that never takes a message: it reads commands, gives replies,
// and says when somebody else has to act. It does no I/O.
type frontDesk struct {
	startTLS bool // STARTTLS can be offered
	secured  bool // TLS is up

	hello []byte // the client's EHLO or HELO as sent, line end included; nil before
	mail  []byte // its MAIL, nil outside of a transaction
	junk  int64  // octets of a BDAT chunk that are still to come, or of an endless line: -1
}

// A deskTurn is what the front desk makes of some bytes of the client.
type deskTurn struct {
	n     int    // how many it took; 0 means that it waits for the rest of a line
	reply []byte // what it says to them, if anything
	then  deskNext
	rcpt  recipient // with deskHandOff
}

// deskNext says who acts after a turn.
type deskNext uint8

const (
	deskStays    deskNext = iota
	deskHandOff           // a server is needed for this recipient; the n bytes are its RCPT line
	deskStartTLS          // TLS begins, after the reply is sent
	deskCloses            // the session is over, after the reply is sent
)

// A recipient is the path of a RCPT command.
type recipient struct {
	address string // local part and domain
	domain  string // as sent; not empty
}

// greeting is the first thing that a client hears.
func (f *frontDesk) greeting() []byte {
	return []byte("220 " + frontDeskName + " ESMTP smtptap, the server follows at the first RCPT\r\n")
}

// take looks at the client's bytes that nobody has looked at yet.
func (f *frontDesk) take(p []byte) deskTurn {
	if f.junk != 0 {
		return f.skip(p)
	}
	end := bytes.IndexByte(p, '\n')
	switch {
	case end < 0 && len(p) < maxDeskLine:
		return deskTurn{}
	case end < 0 || end >= maxDeskLine:
		f.junk = -1
		return f.skip(p)
	}
	turn := f.command(p[:end+1])
	turn.n = end + 1
	return turn
}

// skip passes over the rest of an endless line or of a BDAT chunk.
func (f *frontDesk) skip(p []byte) deskTurn {
	if f.junk > 0 {
		n := min(int64(len(p)), f.junk)
		f.junk -= n
		return deskTurn{n: int(n)}
	}
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		return deskTurn{n: len(p)}
	}
	f.junk = 0
	return deskTurn{n: end + 1, reply: own(500, "5.5.2", "line too long")}
}

// command answers one command line. What servers might read in another way is
// not taken: EHLO, MAIL and RCPT will be said to a server as they are.
func (f *frontDesk) command(line []byte) deskTurn {
	say := func(code int, enhanced, text string) deskTurn {
		return deskTurn{reply: own(code, enhanced, text)}
	}
	c := smtp.ReadCommand(line)
	if why := unclear(&c); why != "" {
		if c.Verb == "BDAT" {
			f.junk = max(c.Size, 0)
		}
		return say(500, "5.5.2", why)
	}
	switch c.Verb {
	case "EHLO", "HELO":
		return f.greet(c.Verb, c.Arg, line)
	case "STARTTLS":
		return f.secure()
	case "AUTH":
		return say(502, "5.5.1", "no login here: the server is the MX of the recipient, and those take mail without one")
	case "MAIL":
		return f.begin(line)
	case "RCPT":
		return f.address(c.Path)
	case "DATA":
		return say(503, "5.5.1", "RCPT first")
	case "BDAT":
		f.junk = c.Size
		return say(503, "5.5.1", "RCPT first; CHUNKING is not offered")
	case "RSET":
		f.mail = nil
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
		t.then = deskCloses
		return t
	}
	return say(500, "5.5.2", notRelayed)
}

// greet answers EHLO and HELO. Its list holds only what a server can still
// decline by itself: it hears the client's own MAIL with the parameters, so
// when it can't do what they ask for, the client gets its answer.
func (f *frontDesk) greet(verb string, arg, line []byte) deskTurn {
	if len(arg) == 0 {
		return deskTurn{reply: own(501, "5.5.4", verb+" wants the client's name")}
	}
	f.mail = nil
	f.hello = bytes.Clone(line)
	if verb == "HELO" {
		return deskTurn{reply: []byte("250 " + frontDeskName + "\r\n")}
	}
	lines := append([]string{frontDeskName}, f.offers()...)
	var b bytes.Buffer
	for i, l := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		b.WriteString("250" + sep + l + "\r\n")
	}
	return deskTurn{reply: b.Bytes()}
}

// offers is the list of extensions: those that hardly any server lacks. Not
// SMTPUTF8 and DSN, which clients use as soon as they are offered and many
// servers refuse; not PIPELINING and CHUNKING, because the recipient's server
// has to be known before more may follow.
func (f *frontDesk) offers() []string {
	list := []string{"8BITMIME", "SIZE", "ENHANCEDSTATUSCODES"}
	if f.startTLS && !f.secured {
		list = append(list, "STARTTLS")
	}
	return list
}

// secure answers STARTTLS (RFC 3207).
func (f *frontDesk) secure() deskTurn {
	switch {
	case f.secured:
		return deskTurn{reply: own(503, "5.5.1", "TLS is up already")}
	case !f.startTLS:
		return deskTurn{reply: own(502, "5.5.1", "STARTTLS is not offered")}
	}
	return deskTurn{reply: own(220, "2.0.0", "go ahead"), then: deskStartTLS}
}

// upgraded tells that TLS is up. The client has to greet again.
func (f *frontDesk) upgraded() {
	f.secured = true
	f.hello, f.mail = nil, nil
}

// begin answers MAIL. The address is the server's to judge.
func (f *frontDesk) begin(line []byte) deskTurn {
	switch {
	case f.hello == nil:
		return deskTurn{reply: own(503, "5.5.1", "EHLO or HELO first")}
	case f.mail != nil:
		return deskTurn{reply: own(503, "5.5.1", "a transaction is open already")}
	}
	f.mail = bytes.Clone(line)
	return deskTurn{reply: own(250, "2.1.0", "sender noted; the server is asked at the first RCPT")}
}

// address answers RCPT, or calls for a server.
func (f *frontDesk) address(path smtp.Path) deskTurn {
	if f.mail == nil {
		return deskTurn{reply: own(503, "5.5.1", "MAIL first")}
	}
	if isRoute(path) {
		return deskTurn{reply: own(501, "5.1.3", noRoutes)}
	}
	if len(path.Domain) == 0 {
		return deskTurn{reply: own(501, "5.1.3", "without a domain in the address no MX can be looked up")}
	}
	return deskTurn{then: deskHandOff, rcpt: recipient{address: string(path.Text), domain: string(path.Domain)}}
}

// own is a reply that smtptap makes up. The mark tells its readers that it was
// no server's.
func own(code int, enhanced, text string) []byte {
	return fmt.Appendf(nil, "%d %s [smtptap] %s\r\n", code, enhanced, visible.Text(text))
}
