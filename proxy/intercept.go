package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/handshake"
)

// intercept opens the STARTTLS that the server has accepted. The server's
// handshake comes first: only when that is done does the client get the reply,
// so that it can be told in clear what failed.
func (s *session) intercept(ph phase) (phase, error) {
	if _, err := s.proxy.TLS.Ready(); err != nil {
		return s.takeBack(ph, "TLS can't be opened here", err)
	}
	s.swallow(s.server, ph.server, ph.fromServer)
	ph.fromServer = nil
	server, err := s.secureServer(ph.server, ph.target, false)
	if err != nil {
		return s.takeBack(ph, "TLS with the server failed", err)
	}
	ph.server = server
	hello := s.swallow(s.client, ph.client, ph.fromClient)
	ph.fromClient = nil
	if _, err := ph.client.Write(ph.reply); err != nil {
		s.isDeaf(s.client, err)
	}
	ph.reply = nil
	if ph.client, err = s.secureClient(withPrefix(ph.client, hello), false); err != nil {
		closeWrite(ph.server, true)
		return ph, err
	}
	s.noteSecured(true, true)
	return ph, nil
}

// takeBack ends a session whose server has accepted STARTTLS for nothing. The
// client is told so in place of the server's reply.
func (s *session) takeBack(ph phase, what string, err error) (phase, error) {
	if errors.Is(err, errOver) {
		return ph, err
	}
	s.note("starttls-taken-back", "the server's reply to STARTTLS did not go to the client; smtptap told it that "+what)
	end := refused(facts.CauseTLS, "454 4.7.0", what, err)
	if ph.begun {
		end.reply = "" // it would stand in the middle of the server's reply
	}
	return ph, end
}

// swallow takes what a peer said in clear behind STARTTLS or its reply: what
// came with it, and what waits in its socket. None of it may enter TLS (RFC
// 3207 section 6, CVE-2011-0411). A client that did not wait for the reply
// may have begun TLS; that much is returned.
func (s *session) swallow(from *peer, conn net.Conn, came []byte) (hello []byte) {
	waiting := pending(conn)
	from.bytes.Add(int64(len(waiting)))
	text, hello := bytes.Join([][]byte{came, waiting}, nil), []byte(nil)
	if from == s.client {
		text, hello = cutAtTLS(text)
	}
	if len(text) > 0 {
		s.log.Swallow(from.party, text)
	}
	return hello
}

// cutAtTLS separates lines of clear text from the TLS handshake behind them.
func cutAtTLS(p []byte) (text, hello []byte) {
	for at := 0; at < len(p); {
		if handshake.Begins(p[at:]) {
			return p[:at], p[at:]
		}
		end := bytes.IndexByte(p[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	return p, nil
}

// clientRefuses notes why TLS with a client failed and what would mend it. A
// client that waits for words in clear text is told.
func (s *session) clientRefuses(failed *handshake.Error, implicit bool) error {
	end := &sessionEnd{cause: facts.CauseTLS, err: failed}
	s.advise(failed)
	switch {
	case len(failed.Said) == 0:
	case failed.Class == handshake.ClassNotTLS && !implicit:
		s.log.Swallow(who.Client, failed.Said)
	default:
		s.noteOwn(who.Client, failed.Said)
	}
	if implicit && (failed.Class == handshake.ClassNotTLS || failed.Class == handshake.ClassTimeout && failed.Nothing) {
		end.reply = "554 5.7.0 [smtptap] TLS begins with the first byte on this port"
	}
	return end
}

// refused is the end of a session for that cause, and the reply that tells the
// client of it.
func refused(cause, code, what string, err error) *sessionEnd {
	return &sessionEnd{
		cause: cause,
		reply: fmt.Sprintf("%s [smtptap] %s", code, inReply(what+": "+err.Error())),
		err:   fmt.Errorf("%s: %w", what, err),
	}
}

// maxInReply is how much text a reply of smtptap's has room for. The line may
// hold 512 octets with its end (RFC 5321 section 4.5.3.1.5).
const maxInReply = 512 - len("454 4.7.0 [smtptap] \r\n")

// inReply makes text fit for a reply: ASCII, which is all that a client may
// expect (RFC 5321 section 4.2), and not too long.
func inReply(text string) string {
	var b strings.Builder
	for _, r := range text {
		piece := string(r)
		if r >= 0x80 {
			piece = fmt.Sprintf(`\u%04x`, r)
		}
		if b.Len()+len(piece) > maxInReply-len("...") {
			return b.String() + "..."
		}
		b.WriteString(piece)
	}
	return b.String()
}
