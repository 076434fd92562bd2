package proxy

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

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

// command answers one command line.
func (f *frontDesk) command(line []byte) deskTurn {
	say := func(code int, enhanced, text string) deskTurn {
		return deskTurn{reply: own(code, enhanced, text)}
	}
	verb, arg := splitCommand(line)
	switch verb {
	case "EHLO", "HELO":
		return f.greet(verb, arg, line)
	case "STARTTLS":
		return f.secure(arg)
	case "AUTH":
		return say(502, "5.5.1", "no login here: the server is the MX of the recipient, and those take mail without one")
	case "MAIL":
		return f.begin(arg, line)
	case "RCPT":
		return f.address(arg)
	case "DATA":
		return say(503, "5.5.1", "RCPT first")
	case "BDAT":
		f.junk = chunkSize(arg)
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
	return say(500, "5.5.2", "command not recognized")
}

// greet answers EHLO and HELO. Its list holds only what a server can still
// decline by itself: it hears the client's own MAIL with the parameters, so
// when it can't do what they ask for, the client gets its answer.
func (f *frontDesk) greet(verb, arg string, line []byte) deskTurn {
	if arg == "" {
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
func (f *frontDesk) secure(arg string) deskTurn {
	switch {
	case f.secured:
		return deskTurn{reply: own(503, "5.5.1", "TLS is up already")}
	case !f.startTLS:
		return deskTurn{reply: own(502, "5.5.1", "STARTTLS is not offered")}
	case arg != "":
		return deskTurn{reply: own(501, "5.5.4", "STARTTLS takes no parameter")}
	}
	return deskTurn{reply: own(220, "2.0.0", "go ahead"), then: deskStartTLS}
}

// upgraded tells that TLS is up. The client has to greet again.
func (f *frontDesk) upgraded() {
	f.secured = true
	f.hello, f.mail = nil, nil
}

// begin answers MAIL. The address is the server's to judge.
func (f *frontDesk) begin(arg string, line []byte) deskTurn {
	switch {
	case f.hello == nil:
		return deskTurn{reply: own(503, "5.5.1", "EHLO or HELO first")}
	case f.mail != nil:
		return deskTurn{reply: own(503, "5.5.1", "a transaction is open already")}
	case !hasPrefixFold(arg, "FROM:"):
		return deskTurn{reply: own(501, "5.5.4", "MAIL FROM:<address> is wanted")}
	}
	f.mail = bytes.Clone(line)
	return deskTurn{reply: own(250, "2.1.0", "sender noted; the server is asked at the first RCPT")}
}

// address answers RCPT, or calls for a server.
func (f *frontDesk) address(arg string) deskTurn {
	if f.mail == nil {
		return deskTurn{reply: own(503, "5.5.1", "MAIL first")}
	}
	rcpt, why := parseRcpt(arg)
	if why != "" {
		return deskTurn{reply: own(501, "5.1.3", why)}
	}
	return deskTurn{then: deskHandOff, rcpt: rcpt}
}

// parseRcpt finds the path in the argument of RCPT, and its domain. why says
// why there is none.
func parseRcpt(arg string) (r recipient, why string) {
	if !hasPrefixFold(arg, "TO:") {
		return r, "RCPT TO:<address> is wanted"
	}
	path := strings.TrimLeft(arg[len("TO:"):], " ")
	if rest, ok := strings.CutPrefix(path, "<"); ok {
		end := closingBracket(rest)
		if end < 0 {
			return r, "the address is not closed with >"
		}
		path = rest[:end]
	} else {
		path, _, _ = strings.Cut(path, " ")
	}
	if strings.HasPrefix(path, "@") { // a source route, to be ignored (RFC 5321 appendix F.2)
		_, path, _ = strings.Cut(path, ":")
	}
	at := strings.LastIndexByte(path, '@')
	if at < 0 || at == len(path)-1 || strings.HasSuffix(path, `"`) {
		return r, "without a domain in the address no MX can be looked up"
	}
	return recipient{address: path, domain: path[at+1:]}, ""
}

// closingBracket finds the > that ends a path, passing over quoted strings.
func closingBracket(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '>' && !quoted:
			return i
		}
	}
	return -1
}

// splitCommand is the verb of a command line in upper case, and what follows it.
func splitCommand(line []byte) (verb, arg string) {
	verb, arg, _ = strings.Cut(strings.TrimRight(string(line), " \t\r\n"), " ")
	return strings.ToUpper(verb), strings.TrimLeft(arg, " ")
}

// chunkSize is the size of the chunk that a BDAT command announces (RFC 3030
// section 2), 0 if there is none to be read. The chunk comes without waiting
// for the reply.
func chunkSize(arg string) int64 {
	digits, _, _ := strings.Cut(arg, " ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// own is a reply that smtptap makes up. The mark tells its readers that it was
// no server's.
func own(code int, enhanced, text string) []byte {
	return fmt.Appendf(nil, "%d %s [smtptap] %s\r\n", code, enhanced, visible.Text(text))
}
