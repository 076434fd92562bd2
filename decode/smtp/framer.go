package smtp

import "bytes"

// MaxLine is how much of a client's line is looked at. RFC 5321 section
// 4.5.3.1.4 allows 512 octets, extensions some hundreds more.
const MaxLine = 8 << 10

// MaxEarly bounds what may follow a DATA whose reply has not come and still be
// read as commands if that refuses. A server that has read so much wants it.
const MaxEarly = 1 << 20

// A Framer is a Sequence for the bytes of both sides, cut anywhere: it finds
// commands, messages and replies in them, and holds no more of them than it
// needs for that. The zero value stands at the start of both streams.
//
// It is told of all bytes that are relayed, in the order in which they are
// noted, and says where TLS may begin; what the bytes mean beyond that is not its
// business.
type Framer struct {
	order   Sequence
	begun   bool   // past the client's first bytes
	opening []byte // the client's first bytes, while they may become a header
	asked   int    // questions so far

	line    []byte // the start of the client's unfinished line
	early   []byte // after a DATA or STARTTLS whose reply has not come
	reading bool   // early is being read
	end     End    // of the message
	chunk   int64  // octets of a chunk that are still to come
	replies Replies
}

// A Turn is what a Framer makes of some bytes.
type Turn struct {
	// N is how many it took. It is less than given only where TLS may begin.
	N int
	// Hold: STARTTLS has ended and its reply has not come. What the client says
	// now waits for it.
	Hold bool
	// Accepted: what follows on both sides is TLS. After bytes of the server
	// the reply to STARTTLS ends here, after bytes of the client a TLS record
	// begins.
	Accepted bool
}

// Due is what the server's next reply will answer; see Sequence.Due.
func (f *Framer) Due() string { return f.order.Due() }

// Place says what the client's next bytes are.
func (f *Framer) Place() Place { return f.order.Place() }

// Client takes bytes of the client.
func (f *Framer) Client(p []byte) Turn {
	f.goOn()
	n := f.client(p)
	return f.turn(n)
}

// Server takes bytes of the server, at most to the end of the reply that accepts
// a STARTTLS.
func (f *Framer) Server(p []byte) Turn {
	f.goOn()
	if len(f.opening) > 0 {
		f.settle()
	}
	n := 0
	for n < len(p) {
		used, reply, complete := f.replies.Next(p[n:])
		n += used
		if !complete {
			break
		}
		before := f.order.Place()
		f.order.Reply(reply.Code, reply.Hello)
		if f.order.Place() == Upgraded {
			break
		}
		if before != f.order.Place() {
			f.readEarly()
		}
	}
	return f.turn(n)
}

func (f *Framer) turn(n int) Turn {
	place := f.order.Place()
	return Turn{N: n, Hold: place == AfterSTARTTLS, Accepted: place == Upgraded}
}

// Refuse lets the client go on in clear where it waits for the reply to a
// STARTTLS.
func (f *Framer) Refuse() {
	if f.order.Place() == AfterSTARTTLS {
		f.order.Decide(InCommands)
		f.readEarly()
	}
}

// ServerEnds hears that the server says no more: nothing waits for it.
func (f *Framer) ServerEnds() {
	f.order.ServerEnds()
	for f.order.Place() == AfterDATA || f.order.Place() == AfterSTARTTLS {
		f.order.Decide(InCommands)
		f.readEarly()
	}
}

// Secured hears that both go on within TLS.
func (f *Framer) Secured() {
	f.order.Secured()
	*f = Framer{order: f.order, begun: true, line: f.line[:0]}
}

// goOn goes on in clear after a STARTTLS that was accepted and not heeded.
func (f *Framer) goOn() {
	if f.order.Place() == Upgraded {
		f.order.Decide(InCommands)
		f.readEarly()
	}
}

// client goes through bytes of the client's and returns how many it took.
func (f *Framer) client(p []byte) int {
	n := f.open(p)
	for n < len(p) {
		rest := p[n:]
		switch f.order.Place() {
		case AfterSTARTTLS, Upgraded:
			return n
		case NotText:
			return len(p)
		case AfterDATA:
			if f.reading {
				return n
			}
			n += f.wait(rest)
		case InMessage:
			used, done := f.end.Scan(rest)
			if n += used; done {
				f.order.MessageEnds(f.id())
			}
		case InChunk:
			used := min(int64(len(rest)), f.chunk)
			f.chunk -= used
			if n += int(used); f.chunk == 0 {
				f.order.ChunkEnds()
			}
		default:
			if !f.reading && len(f.line) == 0 && f.order.TLSBegins(rest) {
				return n
			}
			n += f.text(rest)
		}
	}
	return n
}

func (f *Framer) id() int {
	f.asked++
	return f.asked
}

// open looks at the client's first bytes, and returns how many of p belong to
// a header.
func (f *Framer) open(p []byte) int {
	if f.begun || len(p) == 0 {
		return 0
	}
	held, first := len(f.opening), p
	if held > 0 {
		first = append(f.opening, p...)
	}
	header, size, more := ReadHeader(first)
	if more {
		f.opening = append(f.opening, p...)
		return len(p)
	}
	n := size - held
	switch header {
	case NoHeader:
		f.settle()
		return 0
	case TLS:
		f.order.Decide(NotText)
		n = 0
	default:
		f.order.Header(f.id(), header)
	}
	f.begun, f.opening = true, nil
	return n
}

// settle takes the client's first bytes for lines.
func (f *Framer) settle() {
	first := f.opening
	f.begun, f.opening = true, nil
	f.client(first)
}

// wait keeps bytes whose meaning hangs on the reply to DATA.
func (f *Framer) wait(p []byte) int {
	n := min(len(p), MaxEarly-len(f.early))
	f.early = append(f.early, p[:n]...)
	if n < len(p) {
		f.order.Decide(InMessage)
		f.readEarly()
	}
	return n
}

// readEarly goes on after DATA or STARTTLS with the bytes that came before the
// reply. Another of these among them makes the rest wait where it is.
func (f *Framer) readEarly() {
	if f.order.Place() == InMessage {
		f.end, f.line = NewEnd(), f.line[:0]
	}
	f.reading = true
	f.early = f.early[f.client(f.early):]
	f.reading = false
	if len(f.early) == 0 {
		f.early = nil
	}
}

// text takes bytes of a line.
func (f *Framer) text(p []byte) int {
	end := bytes.IndexByte(p, '\n')
	n := end + 1
	if end < 0 {
		n = len(p)
	}
	line := p[:n]
	if len(f.line) > 0 || end < 0 {
		f.line = append(f.line, line[:min(n, MaxLine-len(f.line))]...)
		line = f.line
	}
	if end >= 0 {
		f.command(line[:min(len(line), MaxLine)])
		f.line = f.line[:0]
	}
	return n
}

// command takes a line that is complete.
func (f *Framer) command(line []byte) {
	c := ReadCommand(TrimEnd(line))
	if f.order.InLogin(&c) {
		f.order.Response(f.id())
		return
	}
	f.order.Command(f.id(), &c)
	if f.order.Place() == InChunk {
		f.chunk = c.Size
	}
}
