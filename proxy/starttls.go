package proxy

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/proxy/upstream"
)

// startTLS has smtptap itself ask the server for STARTTLS before the client is
// heard. It takes the greeting and returns it, for the client to be told when
// all is well. A server that greets with anything else than 220 is left to the
// client, without TLS.
func (s *session) startTLS(ph *phase) (greeting []byte, err error) {
	greeting, rest, err := s.await(ph.server, nil)
	if err != nil {
		return nil, refused(facts.CauseServerGone, "421 4.4.2", "no greeting from the server", err)
	}
	if code, _ := replyHead(greeting); code != 220 {
		s.note("starttls-not-tried", "the server did not greet with 220, so smtptap did not ask for STARTTLS")
		ph.fromServer = rest
		return greeting, nil
	}
	hello, rest, err := s.ask(ph.server, "EHLO "+s.ownAddress(ph.server)+"\r\n", rest)
	if err != nil {
		return nil, refused(facts.CauseServerGone, "421 4.4.2", "STARTTLS with the server failed", err)
	}
	if !slices.Contains(keywords(hello), "STARTTLS") {
		return nil, refused(facts.CauseTLS, "421 4.7.0", "STARTTLS with the server failed", errNoSTARTTLS)
	}
	ph.server, err = s.askSTARTTLS(ph.server, ph.target, rest)
	if err != nil {
		return nil, refused(facts.CauseTLS, "421 4.7.0", "TLS with the server failed", err)
	}
	return greeting, nil
}

var errNoSTARTTLS = errors.New("the server does not offer STARTTLS, which --tls-to-server wants")

// askSTARTTLS asks a server that offers STARTTLS for it, and shakes hands.
func (s *session) askSTARTTLS(conn net.Conn, at *upstream.Server, before []byte) (net.Conn, error) {
	reply, rest, err := s.ask(conn, "STARTTLS\r\n", before)
	if err != nil {
		return conn, err
	}
	if code, _ := replyHead(reply); code != 220 {
		return conn, fmt.Errorf("the server refused STARTTLS: %s", visible.Text(strings.TrimRight(string(reply), "\r\n")))
	}
	s.swallow(s.server, conn, rest)
	return s.secureServer(conn, at, false)
}

// ask says one line to the server and waits for its reply. before is what the
// server has said earlier and nobody has noted.
func (s *session) ask(conn net.Conn, line string, before []byte) (reply, rest []byte, err error) {
	if err := s.say(s.server, conn, line); err != nil {
		return nil, nil, errServerGone
	}
	return s.await(conn, before)
}

var errServerGone = errors.New("the server closed the connection")

// await is hear for a server that has only so long.
func (s *session) await(conn net.Conn, before []byte) (reply, rest []byte, err error) {
	conn.SetReadDeadline(time.Now().Add(replyTimeout))
	defer conn.SetReadDeadline(time.Time{})
	return s.hear(conn, before)
}

// ownAddress is how smtptap calls itself in an EHLO of its own: the literal of
// its address, which a server can't take for anybody else's name (RFC 5321
// section 4.1.4).
func (s *session) ownAddress(conn net.Conn) string {
	ip := addrPort(conn.LocalAddr()).Addr().WithZone("")
	if ip.Is4() {
		return "[" + ip.String() + "]"
	}
	return "[IPv6:" + ip.String() + "]"
}
