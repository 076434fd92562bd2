package check

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/smtp"
	"smtptap/decode/units"
	"smtptap/decode/who"
)

// A conversation is the client's half of an SMTP session that asks what the
// server offers. Its reading is bounded by what decode keeps of a reply.
type conversation struct {
	conn     net.Conn
	dialogue decode.Dialogue
	begun    time.Time
	replies  []*decode.Reply // heard and not yet looked at
	stray    int             // octets that came in clear after the reply to STARTTLS
}

// maxReply is how many octets of one reply are read. A server that goes on is
// given up.
const maxReply = 256 << 10

func newConversation(conn net.Conn) *conversation {
	return &conversation{conn: conn, begun: time.Now()}
}

// ask says one command and waits for its reply.
func (c *conversation) ask(command string) (*decode.Reply, error) {
	line := []byte(command + "\r\n")
	c.take(c.dialogue.Feed(time.Since(c.begun), who.Client, line))
	if _, err := c.conn.Write(line); err != nil {
		return nil, words.Error("not-sent", "verb", smtp.ReadCommand([]byte(command)).Verb, "why", err)
	}
	r, err := c.hear()
	if err != nil {
		return nil, words.Error("no-reply", "verb", smtp.ReadCommand([]byte(command)).Verb, "why", err)
	}
	return r, nil
}

// hear waits for one reply.
func (c *conversation) hear() (*decode.Reply, error) {
	buf := make([]byte, 4<<10)
	for read := 0; len(c.replies) == 0; {
		if read > maxReply {
			return nil, words.Error("reply-long", "most", units.Bytes(maxReply))
		}
		n, err := c.conn.Read(buf)
		read += n
		c.feed(buf[:n])
		if err != nil && len(c.replies) == 0 {
			return nil, readError(err)
		}
	}
	r := c.replies[0]
	c.replies = c.replies[1:]
	return r, nil
}

// feed hands the server's bytes to the decoder. It stops at the reply to an
// accepted STARTTLS: what follows in clear must not be taken for what the
// server says inside TLS.
func (c *conversation) feed(p []byte) {
	out := c.dialogue.Feed(time.Since(c.begun), who.Server, p)
	c.take(out)
	c.stray += len(p) - out.N
}

func (c *conversation) take(out decode.Out) {
	for _, e := range out.Events {
		if e.Reply != nil {
			c.replies = append(c.replies, e.Reply)
		}
	}
}

// secure goes on inside TLS, of which conn is the clear side.
func (c *conversation) secure(conn *tls.Conn) {
	c.conn = conn
	c.take(c.dialogue.Secured(time.Since(c.begun)))
	c.replies = nil
}

func readError(err error) error {
	var t net.Error
	switch {
	case errors.Is(err, io.EOF):
		return words.Error("closed")
	case errors.As(err, &t) && t.Timeout():
		return words.Error("late")
	}
	return err
}

// replyOf copies what a report holds of a reply.
func replyOf(r *decode.Reply) *Reply {
	var lines []string
	for _, l := range r.Lines {
		text := l.Text
		if l.Enhanced != "" {
			text = l.Enhanced + " " + text
		}
		lines = append(lines, text)
	}
	return &Reply{Code: r.Code, Text: strings.Join(lines, "\n")}
}
