package sink

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"smtptap/decode/smtp"
)

// maxLine is the longest line that is taken. AUTH may need 12288 octets (RFC
// 4954 section 4), tokens in use are longer.
const maxLine = 64 << 10

// A session is one client's connection.
type session struct {
	server *Server
	script Script
	over   <-chan struct{} // closed when the server ends
	conn   net.Conn
	r      *bufio.Reader
	w      *bufio.Writer

	challenges    []string // of a login, that are still to come
	authenticated bool
	mail          bool // MAIL was given
	lmtp          bool // LHLO was: a message has a reply for each recipient (RFC 2033 section 4.2)
	rcpts         int
	chunks        int64 // octets of the BDAT chunks so far
}

func newSession(ctx context.Context, s *Server, conn net.Conn, script Script) *session {
	if s.Implicit && s.TLS != nil {
		conn = tls.Server(conn, s.TLS)
	}
	c := &session{server: s, script: script, over: ctx.Done()}
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
	a, ok := c.script.Greeting()
	if !ok {
		a = reply("220 " + c.server.name() + " ESMTP smtptap sink; accepts everything, delivers nothing")
	}
	err := c.say(a)
	for err == nil {
		var line string
		if line, err = c.line(); err == nil {
			err = c.command(line)
		} else if errors.Is(err, bufio.ErrTooLong) {
			err = c.say(reply("500 5.5.6 Line too long"))
		}
	}
	c.w.Flush()
	c.leave(err)
}

// leave ends the connection as err says.
func (c *session) leave(err error) {
	base := c.conn
	if t, ok := base.(*tls.Conn); ok {
		base = t.NetConn()
	}
	tcp, _ := base.(*net.TCPConn)
	half, _ := c.conn.(interface{ CloseWrite() error })
	switch {
	case errors.Is(err, FallsSilent):
		io.Copy(io.Discard, c.r)
		return
	case errors.Is(err, Resets) && tcp != nil:
		tcp.SetLinger(0)
		tcp.Close()
		return
	case errors.Is(err, Truncates) && tcp != nil:
		half = tcp
	}
	if half != nil {
		// A client that is still sending can thus read the last reply.
		half.CloseWrite()
		c.conn.SetReadDeadline(time.Now().Add(linger))
		io.Copy(io.Discard, c.r)
	}
}

// linger is how long a client has to hang up after the last reply.
const linger = 5 * time.Second

// say queues an answer. It is sent when the client's next bytes are waited for,
// so that pipelined commands are answered together (RFC 2920 section 3.2).
func (c *session) say(a Answer) error {
	if a.Wait > 0 {
		if err := c.pause(a.Wait); err != nil {
			return err
		}
	}
	c.w.WriteString(a.Reply)
	if a.Then != GoesOn {
		return a.Then
	}
	return nil
}

// pause sends what is queued and lets time pass, unless the client leaves.
func (c *session) pause(wait time.Duration) error {
	if err := c.w.Flush(); err != nil {
		return err
	}
	until := time.Now().Add(wait)
	c.conn.SetReadDeadline(until)
	defer c.conn.SetReadDeadline(time.Time{})
	for {
		switch _, err := c.r.Peek(c.r.Buffered() + 1); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case errors.Is(err, bufio.ErrBufferFull), errors.Is(err, io.EOF): // it may still listen
			select {
			case <-time.After(min(time.Until(until), linger)):
			case <-c.over:
			}
			return nil
		case err != nil:
			return err
		}
	}
}

// idle waits for the client, and says or does what is due while it is silent.
func (c *session) idle() error {
	for c.r.Buffered() == 0 {
		a, ok := c.script.Idle()
		if !ok {
			return nil
		}
		c.conn.SetReadDeadline(time.Now().Add(a.Wait))
		_, err := c.r.Peek(1)
		c.conn.SetReadDeadline(time.Time{})
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return nil // reading tells of an error
		case a.Then == GoesOn && a.Reply == "":
			return nil
		}
		a.Wait = 0
		if err := c.say(a); err != nil {
			return err
		}
		if err := c.w.Flush(); err != nil {
			return err
		}
	}
	return nil
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
		if len(line) == 0 {
			if err := c.idle(); err != nil {
				return "", err
			}
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

// command answers one command, and does what follows from the answer. An error
// ends the session.
func (c *session) command(line string) error {
	cmd := smtp.ReadCommand([]byte(line))
	content := io.Writer(io.Discard)
	if cmd.Verb == "BDAT" && cmd.Size >= 0 {
		// The chunk is read whatever the answer is, because the client does not
		// wait for it (RFC 3030 section 2).
		if c.rcpts > 0 {
			content = c.script.Content()
		}
		if err := c.flush(); err != nil {
			return err
		}
		if _, err := io.CopyN(content, c.r, cmd.Size); err != nil {
			return err
		}
		if cmd.Last && c.rcpts > 0 {
			return c.message(c.chunks + cmd.Size)
		}
	}
	a, ok := c.script.Command(&cmd)
	if !ok {
		a = c.answer(&cmd)
	}
	if err := c.say(a); err != nil {
		return err
	}
	return c.follow(&cmd, a.code())
}

// answer is what the server itself says to a command.
func (c *session) answer(cmd *smtp.Command) Answer {
	switch cmd.Verb {
	case "HELO":
		return reply("250 " + c.server.name())
	case "EHLO", "LHLO":
		return reply(c.offers()...)
	case "STARTTLS":
		if !c.offersTLS() {
			return reply("502 5.5.1 TLS is not available here")
		}
		return reply("220 2.0.0 Ready to start TLS")
	case "AUTH":
		return c.auth(cmd.Arg)
	case "MAIL":
		return c.mailFrom(cmd.Path)
	case "RCPT":
		return c.rcptTo(cmd.Path)
	case "DATA":
		if c.rcpts == 0 {
			return reply("503 5.5.1 RCPT comes first")
		}
		return reply("354 End data with <CR><LF>.<CR><LF>")
	case "BDAT":
		return c.chunk(cmd)
	case "RSET", "NOOP":
		return reply("250 2.0.0 OK")
	case "VRFY", "EXPN":
		return reply("252 2.5.0 Cannot verify, but will accept everything")
	case "HELP":
		return reply("214 2.0.0 This server accepts everything and delivers nothing")
	case "QUIT":
		return reply("221 2.0.0 " + c.server.name() + " closing connection")
	}
	return reply("500 5.5.2 Command not recognized")
}

// follow does what a server does after its reply to a command.
func (c *session) follow(cmd *smtp.Command, code string) error {
	switch verb := cmd.Verb; {
	case smtp.Greets(verb) && code == "250":
		c.reset()
		c.lmtp = verb == "LHLO"
	case verb == "STARTTLS" && code == "220":
		return c.startTLS()
	case verb == "AUTH" && code == "334":
		return c.login()
	case verb == "AUTH":
		c.authenticated = c.authenticated || code == "235"
	case verb == "MAIL" && code == "250":
		c.mail = true
	case verb == "RCPT" && (code == "250" || code == "251"):
		c.rcpts++
	case verb == "DATA" && code == "354":
		if err := c.w.Flush(); err != nil {
			return err
		}
		size, err := copyMessage(c.script.Content(), c.r)
		if err != nil {
			return err
		}
		return c.message(size)
	case verb == "BDAT" && code == "250":
		c.chunks += cmd.Size
	case verb == "RSET":
		c.reset()
	case verb == "QUIT" && code == "221":
		return errQuit
	}
	return nil
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

func (c *session) mailFrom(path smtp.Path) Answer {
	switch {
	case !path.Found:
		return reply("501 5.5.4 Syntax: MAIL FROM:<address>")
	case c.mail:
		return reply("503 5.5.1 MAIL was given already")
	}
	return reply("250 2.1.0 OK")
}

func (c *session) rcptTo(path smtp.Path) Answer {
	switch {
	case !path.Found:
		return reply("501 5.5.4 Syntax: RCPT TO:<address>")
	case !c.mail:
		return reply("503 5.5.1 MAIL comes first")
	}
	return reply("250 2.1.5 OK")
}

// chunk answers BDAT, unless it ends a message.
func (c *session) chunk(cmd *smtp.Command) Answer {
	switch {
	case cmd.Size < 0:
		return reply("501 5.5.4 Syntax: BDAT size [LAST]")
	case c.rcpts == 0:
		return reply("503 5.5.1 RCPT comes first")
	}
	return reply(fmt.Sprintf("250 2.0.0 %d octets received", cmd.Size))
}

// message answers a whole message, as a server does that has put it into its
// queue, and ends the transaction.
func (c *session) message(size int64) error {
	due := 1
	if c.lmtp {
		due = c.rcpts
	}
	c.reset()
	all, ok := c.script.Message(due)
	for i := 0; !ok && i < due; i++ {
		all = append(all[:i], reply(fmt.Sprintf("250 2.0.0 OK: %d octets queued as %s", size, rand.Text()[:12])))
	}
	for _, a := range all {
		if err := c.say(a); err != nil {
			return err
		}
	}
	return nil
}
