package replay

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"smtptap/decode"
	"smtptap/decode/visible"
)

// Options say how a script is said.
type Options struct {
	// TLS is used after an accepted STARTTLS.
	TLS *tls.Config
	// Implicit: the connection is in TLS already, so that STARTTLS is not said.
	Implicit bool
	// MaySay is asked before a password or token is said; an error ends the
	// session. It may be nil.
	MaySay func() error
	// Patience is how long a reply to that verb ("" is the greeting, "." the
	// end of a message) is waited for; nil means the times of RFC 5321.
	Patience func(verb string) time.Duration
}

// patience is how long a client should wait (RFC 5321 section 4.5.3.2).
func patience(verb string) time.Duration {
	switch verb {
	case "DATA":
		return 2 * time.Minute
	case ".", "BDAT":
		return 10 * time.Minute
	}
	return 5 * time.Minute
}

// mostPending is how many replies may be due while more is said. It is more
// than clients have under way, and few enough for the server's replies to find
// room on their way.
const mostPending = 100

// Play says the script on conn and returns what of it was not said, and why, in
// sentences. The error is of the connection, of ctx, or of Options.MaySay. Play
// does not close conn.
func Play(ctx context.Context, conn net.Conn, s *Script, o Options) (unsaid []error, err error) {
	if o.Patience == nil {
		o.Patience = patience
	}
	p := &player{ctx: ctx, script: s, options: o, heard: -1, unsaid: slices.Clone(s.unsaid)}
	p.use(conn)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err = p.play(); err == nil {
		p.leave()
	}
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, errOver):
		err = nil
	}
	return p.unsaid, err
}

// errOver ends a session that can't go on; the reason is among what was not
// said.
var errOver = words.Error("over")

var errUnreadable = words.Error("reading")

// A player is a script on its way.
type player struct {
	ctx     context.Context
	script  *Script
	options Options
	conn    net.Conn
	r       *bufio.Reader
	w       *bufio.Writer

	at      int // the step that is next
	greeted bool
	pending []int           // steps whose replies are due, oldest first
	heard   int             // the last step whose reply has come, or -1
	last    reply           // the newest reply
	offers  map[string]bool // by the server, in its reply to EHLO
	lmtp    bool            // LHLO was accepted
	rcpts   int             // in LMTP, the recipients that a reply to the message is due for

	oneByOne  bool // nothing is pipelined, and that is told
	noLogin   bool // the server has ended the login: its further lines are not said
	noMessage bool // DATA was refused: the message is not said
	unsaid    []error
}

func (p *player) use(conn net.Conn) {
	p.conn, p.r, p.w = conn, bufio.NewReader(conn), bufio.NewWriterSize(conn, 64<<10)
}

func (p *player) play() error {
	for i := range p.script.steps {
		s := &p.script.steps[i]
		p.at = i
		if err := p.waitFor(s); err != nil {
			return err
		}
		if p.skips(s) {
			continue
		}
		if err := p.say(i, s); err != nil {
			return err
		}
	}
	p.at = len(p.script.steps)
	if err := p.waitUntil(p.script.last); err != nil {
		return err
	}
	if err := p.flush(); err != nil { // the client may have left without waiting
		return p.over("closed-early")
	}
	return nil
}

// linger is how long the server has to hang up once all is said.
const linger = 2 * time.Second

// leave ends the session in order: what the server still sends is read, because
// closing with bytes unread would reset the connection.
func (p *player) leave() {
	half, ok := p.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	p.conn.SetReadDeadline(time.Now().Add(linger))
	io.Copy(io.Discard, p.r)
}

// waitFor waits until the server has said what the client had heard.
func (p *player) waitFor(s *step) error {
	if s.greeted && !p.greeted {
		if err := p.hear(); err != nil {
			return err
		}
	}
	if err := p.waitUntil(s.heard); err != nil {
		return err
	}
	for len(p.pending) >= p.room(s) {
		if err := p.hear(); err != nil {
			return err
		}
	}
	return nil
}

// room is how many replies may be due before a step is said. A message is not
// said before the server has asked for it, even where the client did not wait:
// the lines of one that is refused would be taken for commands.
func (p *player) room(s *step) int {
	switch {
	case s.inMessage() && p.dataPending():
		return 1
	case s.inMessage() || !p.script.pipelining || p.offers["PIPELINING"] || p.offers == nil:
		return mostPending
	case len(p.pending) > 0 && !p.oneByOne:
		p.oneByOne = true
		p.note("one-by-one")
	}
	return 1
}

func (p *player) dataPending() bool {
	return len(p.pending) > 0 && p.script.steps[p.pending[len(p.pending)-1]].verb() == "DATA"
}

// waitUntil waits for the replies up to that of a step.
func (p *player) waitUntil(step int) error {
	for len(p.pending) > 0 && p.pending[0] <= step {
		if err := p.hear(); err != nil {
			return err
		}
	}
	return nil
}

// hear reads the next reply and does what follows from it.
func (p *player) hear() error {
	var answered *step
	verb := ""
	if p.greeted && len(p.pending) > 0 {
		answered = &p.script.steps[p.pending[0]]
		verb = answered.verb()
	}
	if err := p.flush(); err != nil {
		return p.gone(verb, err)
	}
	p.conn.SetReadDeadline(time.Now().Add(p.options.Patience(verb)))
	if p.ctx.Err() != nil {
		return p.ctx.Err()
	}
	r, err := readReply(p.r)
	if err != nil {
		return p.gone(verb, err)
	}
	p.last = r
	if answered == nil {
		p.greeted = true
		return nil
	}
	if answered.endsMessage() && p.rcpts > 0 {
		if p.rcpts--; p.rcpts > 0 {
			return nil // one for each recipient (RFC 2033 section 4.2)
		}
	}
	p.heard, p.pending = p.pending[0], p.pending[1:]
	return p.follow(verb)
}

// follow does what a client does at a reply, beside going on.
func (p *player) follow(verb string) error {
	accepted := p.last.code/100 == 2
	switch verb {
	case "EHLO", "LHLO":
		p.offers = p.last.keywords
		p.lmtp, p.rcpts = verb == "LHLO" && accepted, 0
	case "MAIL", "RSET":
		p.rcpts = 0
	case "RCPT":
		if p.lmtp && accepted {
			p.rcpts++
		}
	case "AUTH":
		return p.mayLogIn()
	case "STARTTLS":
		return p.startTLS()
	case "DATA":
		return p.mayTransmit()
	}
	return nil
}

// next is the step after the one just answered, nil when something after it
// was said already, or there is none.
func (p *player) next() *step {
	if p.at != p.heard+1 || p.at == len(p.script.steps) {
		return nil
	}
	return &p.script.steps[p.at]
}

// mayLogIn decides at a reply of a login whether its next line is said.
func (p *player) mayLogIn() error {
	p.noLogin = p.last.code != 334
	if next := p.next(); !p.noLogin && next != nil && next.event.Kind != decode.KindAuth {
		return p.over("more-login")
	}
	return nil
}

// startTLS goes on in TLS. What was said inside TLS must not be said in clear.
func (p *player) startTLS() error {
	if p.last.code != 220 {
		if p.toldInTLS() {
			return p.over("starttls-refused", "reply", p.last)
		}
		return nil
	}
	if p.options.TLS == nil {
		return words.Error("tls-unprepared")
	}
	secured := tls.Client(p.conn, p.options.TLS)
	if err := secured.HandshakeContext(p.ctx); err != nil {
		return words.Error("tls", "why", err)
	}
	p.use(secured)
	return nil
}

// toldInTLS reports that something after the STARTTLS just answered was said
// inside TLS.
func (p *player) toldInTLS() bool {
	for i := p.heard + 1; i < len(p.script.steps); i++ {
		if p.script.steps[i].event.TLS {
			return true
		}
	}
	return false
}

// mayTransmit decides at the reply to DATA whether the message is said.
func (p *player) mayTransmit() error {
	next, accepted := p.next(), p.last.code == 354
	switch {
	case next == nil:
		return nil // the client had not waited
	case accepted && !next.inMessage():
		return p.over("message-accepted")
	case !accepted && next.inMessage():
		p.noMessage = true
		p.note("message-refused", "reply", p.last)
	}
	return nil
}

// skips leaves out what no client would say now.
func (p *player) skips(s *step) bool {
	if s.inMessage() {
		return p.noMessage
	}
	p.noMessage = false
	if s.verb() == "STARTTLS" && p.options.Implicit {
		p.note("starttls-implicit")
		return true
	}
	if a := s.event.Auth; s.event.Kind == decode.KindAuth && a != nil && a.Step != decode.StepStray && p.noLogin {
		p.note("login-ended", "reply", p.last)
		return true
	}
	return false
}

func (p *player) say(i int, s *step) error {
	if s.verb() == "BDAT" && !p.offers["CHUNKING"] {
		// The chunk would be taken for commands.
		return p.over("no-chunking")
	}
	if s.secret && p.options.MaySay != nil {
		if err := p.options.MaySay(); err != nil {
			return err
		}
	}
	if s.verb() == "AUTH" {
		p.noLogin = false
	}
	bytes, err := p.script.read(s, p.last.text)
	if err != nil {
		return err
	}
	if err := p.copy(bytes); err != nil {
		return p.gone(s.verb(), err)
	}
	if s.answered() {
		p.pending = append(p.pending, i)
	}
	return nil
}

// copy sends what r holds. The deadline moves on with what the server takes.
func (p *player) copy(r io.Reader) error {
	piece := make([]byte, 64<<10)
	for {
		n, err := r.Read(piece)
		p.conn.SetWriteDeadline(time.Now().Add(p.options.Patience("")))
		if p.ctx.Err() != nil {
			return p.ctx.Err()
		}
		if _, err := p.w.Write(piece[:n]); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", errUnreadable, err)
		}
	}
}

func (p *player) flush() error {
	p.conn.SetWriteDeadline(time.Now().Add(p.options.Patience("")))
	return p.w.Flush()
}

// gone is the end of a session whose server is gone, or says nothing.
func (p *player) gone(verb string, err error) error {
	due := words.Error("due-greeting")
	if verb != "" {
		due = words.Error("due-reply", "verb", visible.Text(verb))
	}
	if verb == "." {
		due = words.Error("due-message")
	}
	switch {
	case p.ctx.Err() != nil:
		return p.ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return p.over("late", "due", due)
	case errors.Is(err, errUnreadable):
		return err
	}
	if verb == "QUIT" {
		return errOver // it said goodbye in its own way
	}
	return p.over("closed-before", "due", due)
}

// over ends the session for a reason that is told.
func (p *player) over(key string, filling ...any) error {
	p.note(key, filling...)
	return errOver
}

// mostUnsaid is how many reasons are kept: a session may be long.
const mostUnsaid = 20

func (p *player) note(key string, filling ...any) {
	if len(p.unsaid) < mostUnsaid {
		p.unsaid = append(p.unsaid, words.Error(key, filling...))
	}
}
