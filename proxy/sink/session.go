package sink

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"smtptap/decode/smtp"
)

// maxLine is the longest line that is taken. AUTH may need 12288 octets (RFC
// 4954 section 4), tokens in use are longer.
const maxLine = 64 << 10

// A session is one client's connection.
type session struct {
	server *Server
	conn   net.Conn
	r      *bufio.Reader
	w      *bufio.Writer

	authenticated bool
	mail          bool // MAIL was given
	lmtp          bool // LHLO was: a message has a reply for each recipient (RFC 2033 section 4.2)
	rcpts         int
	chunks        int64 // octets of the BDAT chunks so far
}

func newSession(s *Server, conn net.Conn) *session {
	if s.Implicit && s.TLS != nil {
		conn = tls.Server(conn, s.TLS)
	}
	c := &session{server: s}
	c.use(conn)
	return c
}

// use goes on over conn. What was buffered of the connection before is gone,
// as it must be after STARTTLS (RFC 3207 section 6).
func (c *session) use(conn net.Conn) {
	c.conn = conn
	c.r = bufio.NewReaderSize(conn, 16<<10)
	c.w = bufio.NewWriter(conn)
}

// errQuit ends a session that the client ended with QUIT.
var errQuit = errors.New("quit")

// run speaks with the client until one of them hangs up.
func (c *session) run() {
	c.reply("220 " + c.server.name() + " ESMTP smtptap sink; accepts everything, delivers nothing")
	for {
		line, err := c.line()
		if errors.Is(err, bufio.ErrTooLong) {
			c.reply("500 5.5.6 Line too long")
			continue
		}
		if err == nil {
			err = c.command(line)
		}
		if err != nil {
			break
		}
	}
	c.w.Flush()
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		// A client that is still sending can thus read the last reply.
		half.CloseWrite()
		c.conn.SetReadDeadline(time.Now().Add(linger))
		io.Copy(io.Discard, c.r)
	}
}

// linger is how long a client has to hang up after the last reply.
const linger = 5 * time.Second

// reply queues a reply. It is sent when the client's next bytes are waited for,
// so that pipelined commands are answered together (RFC 2920 section 3.2).
func (c *session) reply(lines ...string) {
	for i, l := range lines {
		if i < len(lines)-1 {
			l = l[:3] + "-" + l[4:]
		}
		c.w.WriteString(l + "\r\n")
	}
}

// flush sends the replies unless another command is there already.
func (c *session) flush() error {
	if p, _ := c.r.Peek(c.r.Buffered()); bytes.IndexByte(p, '\n') >= 0 {
		return nil
	}
	return c.w.Flush()
}

// line reads a line without its end, CR LF or a bare LF. A line that is too
// long is read to its end.
func (c *session) line() (string, error) {
	var line []byte
	long := false
	for {
		if err := c.flush(); err != nil {
			return "", err
		}
		p, err := c.r.ReadSlice('\n')
		if len(line)+len(p) > maxLine {
			long = true
		}
		if !long {
			line = append(line, p...)
		}
		switch {
		case err == bufio.ErrBufferFull:
		case err != nil:
			return "", err
		case long:
			return "", bufio.ErrTooLong
		default:
			return string(bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))), nil
		}
	}
}

// command answers one command. An error ends the session.
func (c *session) command(line string) error {
	cmd := smtp.ReadCommand([]byte(line))
	switch cmd.Verb {
	case "HELO":
		c.greeted(false, "250 "+c.server.name())
	case "EHLO", "LHLO":
		c.greeted(cmd.Verb == "LHLO", c.offers()...)
	case "STARTTLS":
		return c.startTLS()
	case "AUTH":
		return c.auth(cmd.Arg)
	case "MAIL":
		c.mailFrom(cmd.Path)
	case "RCPT":
		c.rcptTo(cmd.Path)
	case "DATA":
		return c.data()
	case "BDAT":
		return c.bdat(cmd)
	case "RSET":
		c.reset()
		c.reply("250 2.0.0 OK")
	case "NOOP":
		c.reply("250 2.0.0 OK")
	case "VRFY", "EXPN":
		c.reply("252 2.5.0 Cannot verify, but will accept everything")
	case "HELP":
		c.reply("214 2.0.0 This server accepts everything and delivers nothing")
	case "QUIT":
		c.reply("221 2.0.0 " + c.server.name() + " closing connection")
		return errQuit
	default:
		c.reply("500 5.5.2 Command not recognized")
	}
	return nil
}

func (c *session) greeted(lmtp bool, lines ...string) {
	c.reset()
	c.lmtp = lmtp
	c.reply(lines...)
}

// offers is the reply to EHLO and LHLO.
func (c *session) offers() []string {
	lines := []string{
		"250 " + c.server.name(),
		"250 PIPELINING",
		"250 8BITMIME",
		"250 SMTPUTF8",
		"250 BINARYMIME",
		"250 CHUNKING",
		"250 DSN",
		"250 SIZE",
		"250 ENHANCEDSTATUSCODES",
	}
	if c.offersTLS() {
		lines = append(lines, "250 STARTTLS")
	}
	return append(lines, "250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER", "250 HELP")
}

func (c *session) offersTLS() bool {
	_, inTLS := c.conn.(*tls.Conn)
	return c.server.TLS != nil && !inTLS
}

func (c *session) startTLS() error {
	if !c.offersTLS() {
		c.reply("502 5.5.1 TLS is not available here")
		return nil
	}
	c.reply("220 2.0.0 Ready to start TLS")
	if err := c.w.Flush(); err != nil {
		return err
	}
	secured := tls.Server(c.conn, c.server.TLS)
	if err := secured.Handshake(); err != nil {
		return err
	}
	c.use(secured)
	c.reset()
	c.authenticated = false
	return nil
}

// reset forgets the transaction.
func (c *session) reset() { c.mail, c.rcpts, c.chunks = false, 0, 0 }

func (c *session) mailFrom(path smtp.Path) {
	switch {
	case !path.Found:
		c.reply("501 5.5.4 Syntax: MAIL FROM:<address>")
	case c.mail:
		c.reply("503 5.5.1 MAIL was given already")
	default:
		c.mail = true
		c.reply("250 2.1.0 OK")
	}
}

func (c *session) rcptTo(path smtp.Path) {
	switch {
	case !path.Found:
		c.reply("501 5.5.4 Syntax: RCPT TO:<address>")
	case !c.mail:
		c.reply("503 5.5.1 MAIL comes first")
	default:
		c.rcpts++
		c.reply("250 2.1.5 OK")
	}
}

// data takes a message and throws it away.
func (c *session) data() error {
	if c.rcpts == 0 {
		c.reply("503 5.5.1 RCPT comes first")
		return nil
	}
	c.reply("354 End data with <CR><LF>.<CR><LF>")
	if err := c.w.Flush(); err != nil {
		return err
	}
	size, err := skipMessage(c.r)
	if err != nil {
		return err
	}
	c.accepted(size)
	return nil
}

// bdat takes a chunk (RFC 3030 section 2). The chunk is read whatever the
// answer is, because the client does not wait for it.
func (c *session) bdat(cmd smtp.Command) error {
	if cmd.Size < 0 {
		c.reply("501 5.5.4 Syntax: BDAT size [LAST]")
		return nil
	}
	if err := c.flush(); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, c.r, cmd.Size); err != nil {
		return err
	}
	switch {
	case c.rcpts == 0:
		c.reply("503 5.5.1 RCPT comes first")
	case !cmd.Last:
		c.chunks += cmd.Size
		c.reply(fmt.Sprintf("250 2.0.0 %d octets received", cmd.Size))
	default:
		c.accepted(c.chunks + cmd.Size)
	}
	return nil
}

// accepted ends a transaction as a server does that has put the message into
// its queue.
func (c *session) accepted(size int64) {
	copies := 1
	if c.lmtp {
		copies = c.rcpts
	}
	c.reset()
	for range copies {
		c.reply(fmt.Sprintf("250 2.0.0 OK: %d octets queued as %s", size, rand.Text()[:12]))
	}
}
