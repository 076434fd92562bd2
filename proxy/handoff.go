package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
)

// handOff finds the server of a recipient and takes it to where a RCPT can
// follow. It returns "" then, and otherwise the reply to the RCPT.
func (rc *reception) handOff(ctx context.Context, to recipient) (refusal string) {
	d, err := upstream.ParseDomain(to.domain)
	if err != nil {
		return rc.refusal(err)
	}
	if known := rc.answers[d.ASCII]; known != "" {
		return known
	}
	if reply := rc.reuse(d); reply != nil {
		return rc.judge(d, reply)
	}
	rc.hangUp()
	rc.s.note("mx-rcpt", "the client has named a recipient of "+visible.Text(d.ASCII)+": smtptap looks for that domain's server")
	route, err := rc.s.proxy.Router.Route(ctx, rc.s, d)
	if err != nil {
		return rc.remember(d, rc.refusal(err))
	}
	reply, err := rc.connect(ctx, route)
	if err != nil {
		return rc.remember(d, rc.refusal(err))
	}
	return rc.judge(d, reply)
}

// reuse begins another transaction with the server that is still connected to,
// if it is that of the domain and has heard who the client is. It returns the
// reply to MAIL, nil if another connection is needed: servers close those that
// have nothing to do, with a 421 or without.
func (rc *reception) reuse(d upstream.Domain) []byte {
	if rc.server == nil || rc.domain != d.ASCII || !bytes.Equal(rc.greeted, rc.desk.hello) {
		return nil
	}
	reply, err := rc.begin()
	if err != nil {
		return nil
	}
	if code, _ := replyHead(reply); code == 421 {
		return nil
	}
	return reply
}

// judge looks at the server's reply to MAIL, or to what came before it.
func (rc *reception) judge(d upstream.Domain, reply []byte) (refusal string) {
	if code, _ := replyHead(reply); code/100 == 2 {
		rc.domain, rc.reached, rc.unable = d.ASCII, true, nil
		return ""
	}
	rc.s.note("mx-refused", "the reply to this RCPT is what the server has answered before it: the client hears it only now, when the server is known")
	return rc.remember(d, string(reply))
}

// maxAnswers bounds how many domains of one transaction are remembered.
const maxAnswers = 100

// remember keeps the reply for other recipients of that domain in this
// transaction: for them nothing would be different.
func (rc *reception) remember(d upstream.Domain, refusal string) string {
	if len(rc.answers) < maxAnswers {
		rc.answers[d.ASCII] = refusal
	}
	return refusal
}

// refusal is the reply to a RCPT whose server could not be found or reached.
func (rc *reception) refusal(err error) string {
	if !rc.reached {
		rc.unable = err
	}
	var reply upstream.Replier
	if errors.As(err, &reply) {
		r := reply.Reply()
		return string(own(r.Code, r.Enhanced, r.Text))
	}
	return string(own(451, "4.4.2", err.Error()))
}

// connect tries the servers of a route until one takes the client's EHLO and
// MAIL, and returns its reply to MAIL; or else the reply of the last one that
// gave any.
func (rc *reception) connect(ctx context.Context, route *upstream.Route) (reply []byte, err error) {
	for {
		server, none := route.Next(ctx)
		switch {
		case none == nil:
		case reply != nil:
			return reply, nil
		case err == nil:
			return nil, none
		default:
			return nil, err
		}
		if err := rc.attach(server); err != nil {
			return nil, err
		}
		refused, failed := rc.introduce(ctx, route)
		if refused == nil && failed == nil {
			begun, err := rc.begin()
			if err == nil {
				return begun, nil
			}
			failed = err
		}
		if refused != nil {
			reply = refused
		} else {
			err = fmt.Errorf("%s (%s): %w", server.Host.Name, server.Addr, failed)
		}
		rc.hangUp()
	}
}

// replyTimeout is how long a server has for one reply that smtptap waits for
// (RFC 5321 section 4.5.3.2).
const replyTimeout = 5 * time.Minute

// hear waits for one reply of the server's. rest is what followed it.
func (rc *reception) hear() (reply, rest []byte, err error) {
	conn := rc.server.Conn
	conn.SetReadDeadline(time.Now().Add(replyTimeout))
	defer conn.SetReadDeadline(time.Time{})
	return rc.s.hear(conn, nil)
}

// askWhole says one line to the server and waits for the reply.
func (rc *reception) askWhole(line string) (reply, rest []byte, err error) {
	if err := rc.s.say(rc.s.server, rc.server.Conn, line); err != nil {
		return nil, nil, fmt.Errorf("the server closed the connection: %w", err)
	}
	return rc.hear()
}

// ask says one line to the server and waits for the reply. What follows that
// without having been asked for is noted and passed over.
func (rc *reception) ask(line string) ([]byte, error) {
	reply, rest, err := rc.askWhole(line)
	if len(rest) > 0 {
		rc.s.noteOwn(who.Server, rest)
	}
	return reply, err
}

// introduce takes a server that has just been connected to where it waits for
// MAIL. It returns the reply that refuses, if one does.
func (rc *reception) introduce(ctx context.Context, route *upstream.Route) (refused []byte, err error) {
	refused, offers, err := rc.greet()
	if refused == nil && err == nil && slices.Contains(offers, "STARTTLS") {
		refused, offers, err = rc.secureServer(ctx, route, offers)
	}
	rc.chunking = slices.Contains(offers, "CHUNKING")
	if refused == nil && err == nil {
		rc.compare(offers)
	}
	return refused, err
}

// greet waits for the greeting and says the client's own EHLO.
func (rc *reception) greet() (refused []byte, offers []string, err error) {
	greeting, rest, err := rc.hear()
	if err != nil {
		return nil, nil, err
	}
	if len(rest) > 0 {
		rc.s.noteOwn(who.Server, rest)
	}
	if code, _ := replyHead(greeting); code != 220 {
		return greeting, nil, nil
	}
	return rc.hello()
}

// hello says the client's own EHLO or HELO. To a server that does not know
// EHLO it says HELO, as any client would.
func (rc *reception) hello() (refused []byte, offers []string, err error) {
	rc.greeted = rc.desk.hello
	reply, err := rc.ask(string(rc.desk.hello))
	if err != nil {
		return nil, nil, err
	}
	said := smtp.ReadCommand(rc.desk.hello)
	verb := said.Verb
	if code, _ := replyHead(reply); verb == "EHLO" && code/100 == 5 {
		if reply, err = rc.ask("HELO " + string(said.Arg) + "\r\n"); err != nil {
			return nil, nil, err
		}
		verb = "HELO"
	}
	if code, _ := replyHead(reply); code != 250 {
		return reply, nil, nil
	}
	if verb == "EHLO" {
		offers = keywords(reply)
	}
	return nil, offers, nil
}

// compare notes what the server lacks of the front desk's offer.
func (rc *reception) compare(offers []string) {
	if hello := smtp.ReadCommand(rc.desk.hello); hello.Verb != "EHLO" {
		return
	}
	var lacks []string
	for _, k := range rc.desk.offers() {
		if k != "STARTTLS" && k != "ENHANCEDSTATUSCODES" && !slices.Contains(offers, k) {
			lacks = append(lacks, k)
		}
	}
	if len(lacks) > 0 {
		rc.s.note("mx-lacks", fmt.Sprintf("%s does not offer %s, which smtptap offered before the server was known; what the client asks for of it is the server's to refuse",
			visible.Text(rc.server.Host.Name), strings.Join(lacks, ", ")))
	}
}

// keywords are the extensions in a reply to EHLO, in upper case.
func keywords(reply []byte) []string {
	var list []string
	for i, line := range strings.Split(strings.TrimRight(string(reply), "\r\n"), "\n") {
		if i == 0 || len(line) < 4 {
			continue
		}
		word, _, _ := strings.Cut(strings.TrimRight(line[4:], "\r"), " ")
		list = append(list, strings.ToUpper(word))
	}
	return list
}

// begin says the client's own MAIL to the server and returns the reply.
func (rc *reception) begin() ([]byte, error) {
	return rc.ask(string(rc.desk.mail))
}

// farewell is how long a server has to answer smtptap's QUIT. Nothing depends
// on what it says.
const farewell = 2 * time.Second

// hangUp says QUIT to the server, if one is connected, and closes the
// connection.
func (rc *reception) hangUp() {
	if rc.server == nil {
		return
	}
	s, conn := rc.s, rc.server.Conn
	rc.server, rc.domain = nil, ""
	if s.isOver() {
		return
	}
	defer s.detach()
	if s.hasLeft(s.server) || s.say(s.server, conn, "QUIT\r\n") != nil {
		return
	}
	conn.SetReadDeadline(time.Now().Add(farewell))
	if _, rest, err := s.hear(conn, nil); err == nil {
		closeWrite(conn, true)
		s.drainServer(conn, rest)
	}
}

// drainServer notes what a server still says, until it closes the connection
// or the deadline passes.
func (s *session) drainServer(conn net.Conn, rest []byte) {
	buf := make([]byte, idleBuffer)
	for {
		if len(rest) > 0 {
			s.noteOwn(who.Server, rest)
		}
		n, err := conn.Read(buf)
		rest = buf[:n]
		s.server.bytes.Add(int64(n))
		if err == nil {
			continue
		}
		if len(rest) > 0 {
			s.noteOwn(who.Server, rest)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			s.hasEnded(s.server, endedHow(conn, err), err)
		}
		return
	}
}

// detach closes the server's connection.
func (s *session) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server.base != nil {
		s.dropLocked(s.server.base)
	}
	s.server.base, s.server.ended, s.server.reset, s.server.deaf = nil, false, false, false
}

// hasLeft reports whether nothing can be expected of p any more.
func (s *session) hasLeft(p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.ended || p.deaf
}
