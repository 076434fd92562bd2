package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// Where smtptap speaks itself, it notes what it says and hears as its own.

// say writes text to a peer as smtptap's own words. Line ends are in the text.
func (s *session) say(to *peer, conn net.Conn, text string) error {
	s.log.Data(who.Smtptap, to.party, []byte(text))
	s.touch()
	_, err := io.WriteString(conn, text)
	if err != nil {
		s.isDeaf(to, err)
	}
	return err
}

// maxOwnReply bounds a reply that smtptap itself waits for.
const maxOwnReply = 64 << 10

// hear reads one reply of the server that is meant for smtptap. before is what
// was read earlier and not yet noted; rest is what followed the reply, likewise.
func (s *session) hear(conn net.Conn, before []byte) (reply, rest []byte, err error) {
	got := bytes.Clone(before)
	buf := make([]byte, idleBuffer)
	for {
		if n := firstReply(got); n > 0 {
			s.log.Data(who.Server, who.Smtptap, got[:n])
			return got[:n], got[n:], nil
		}
		if len(got) > maxOwnReply {
			s.log.Data(who.Server, who.Smtptap, got)
			return nil, nil, fmt.Errorf("a reply of the server is longer than %d octets", maxOwnReply)
		}
		n, err := conn.Read(buf)
		if n > 0 {
			s.touch()
			s.server.bytes.Add(int64(n))
			got = append(got, buf[:n]...)
		}
		if err != nil {
			if len(got) > 0 {
				s.log.Data(who.Server, who.Smtptap, got)
			}
			if s.isOver() {
				return nil, nil, errOver
			}
			s.hasEnded(s.server, endedHow(conn, err), err)
			return nil, nil, fmt.Errorf("the server closed the connection instead of replying: %w", err)
		}
	}
}

// firstReply is the length of the reply at the start of p, 0 if it is not complete.
func firstReply(p []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			return 0
		}
		line := p[at : at+i+1]
		at += len(line)
		if !continues(line) {
			return at
		}
	}
}

// dismiss tells the client something as the last words of the session, and
// gives it time to read them: what it has sent meanwhile would turn a plain
// close into a reset. text may be "", to let the client finish what it says.
func (s *session) dismiss(ph phase, text string) {
	if ph.client == nil {
		return
	}
	if text != "" && s.say(s.client, ph.client, text+"\r\n") != nil {
		return
	}
	closeWrite(ph.client, true)
	ph.client.SetReadDeadline(time.Now().Add(orDefault(s.proxy.linger, defaultLinger)))
	buf := make([]byte, idleBuffer)
	for {
		n, err := ph.client.Read(buf)
		if n > 0 {
			s.client.bytes.Add(int64(n))
			s.noteOwn(who.Client, buf[:n])
		}
		switch {
		case err == nil:
		case s.isOver(), errors.Is(err, os.ErrDeadlineExceeded):
			return
		default:
			s.hasEnded(s.client, endedHow(ph.client, err), err)
			return
		}
	}
}

// note notes one sentence about what smtptap did.
func (s *session) note(id, text string) { s.log.Fact(&facts.Note{ID: id, Text: text}) }
