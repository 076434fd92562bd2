package smtp

import (
	"bytes"
	"slices"
)

// Place says what a client's next bytes are.
type Place uint8

const (
	InCommands    Place = iota // a line: a command, or a response within a login
	AfterDATA                  // DATA was said and its reply has not come: a message or commands
	AfterSTARTTLS              // STARTTLS was said and its reply has not come: TLS or commands
	Upgraded                   // STARTTLS was accepted: TLS, unless the client does not heed it
	InMessage                  // a message after 354
	InChunk                    // a chunk after BDAT
	NotText                    // TLS or another protocol: nothing here is a line
)

// EndOfData is what a reply to a whole message answers, in place of a verb.
const EndOfData = "."

// A Sequence tells what a client's next bytes are and what a server's reply
// answers (RFC 5321 section 4.3). It hears of whole lines and replies; a Framer
// finds those in bytes. The zero value stands before the greeting.
//
// Replies are counted, and the count is not trusted where a reply tells by
// itself what it answers: servers leave lines unanswered and answer lines that
// are none.
type Sequence struct {
	// MidSession is set for a dialogue whose beginning was not seen: the first
	// reply need not be the greeting.
	MidSession bool

	place   Place
	greeted bool
	asked   []Question // without a reply, oldest first

	auth     bool // a login is under way
	prompted bool // a 334 came that no line of the client has followed

	lmtp  bool  // LHLO was accepted: each recipient gets a reply after the message (RFC 2033 section 4.2)
	rcpts []int // in LMTP, the RCPT commands that were accepted for this message

	data     Question // a DATA that was answered as nothing answers it, while nothing follows
	tls      tlsAsked
	noReply  bool // the server sends no more
	starttls int  // ID of the STARTTLS whose reply decides
	early    bool // the server is past the end of a message in which the client still is
}

// tlsAsked is how far the client and the server have come towards TLS.
type tlsAsked uint8

const (
	notAsked tlsAsked = iota
	isAsked           // the client has said STARTTLS
	isHeard           // and a 220 has come since, whatever it answered
)

// A Question is something of the client's that a reply is due for, or may come.
type Question struct {
	ID   int
	Verb string // "AUTH" for every line of a login, EndOfData, "" for a line with no verb

	whole    bool // it ends a message
	optional int  // how many refusals may come for what need not be answered at all; 0 for an ordinary question
}

// Place says what the client's next bytes are.
func (s *Sequence) Place() Place { return s.place }

// LMTP reports that the client speaks LMTP, and the server too.
func (s *Sequence) LMTP() bool { return s.lmtp }

// Greeted reports that the server has greeted.
func (s *Sequence) Greeted() bool { return s.greeted }

// Waiting reports whether a reply is due.
func (s *Sequence) Waiting() bool {
	return slices.ContainsFunc(s.asked, func(q Question) bool { return q.optional == 0 })
}

// waits reports whether a reply to that verb is due.
func (s *Sequence) waits(verb string) bool {
	for i := range s.asked {
		if s.asked[i].Verb == verb {
			return true
		}
	}
	return false
}

// Due is what the next reply will answer, "" for the greeting and when none is
// due. Only that reply can show which command a server has left unanswered.
func (s *Sequence) Due() string {
	if !s.greeted && !s.MidSession || s.place == InMessage {
		return ""
	}
	for i := range s.asked {
		if s.asked[i].optional == 0 {
			return s.asked[i].Verb
		}
	}
	return ""
}

// Header hears of a PROXY header, which is answered only by servers that do not
// know it, and by those as often as they see a line in it.
func (s *Sequence) Header(id int, h Header) {
	s.asked = append(s.asked, Question{ID: id, Verb: "PROXY", optional: h.lines()})
}

// Command hears of a command line that is complete.
func (s *Sequence) Command(id int, c *Command) {
	q := Question{ID: id, Verb: c.Verb, whole: c.Verb == "BDAT" && c.Last}
	if q.Verb == "" {
		q.optional = emptyLine(c)
	}
	s.asked, s.data = append(s.asked, q), Question{}
	switch {
	case c.Verb == "AUTH":
		s.auth, s.prompted = true, false
	case c.Verb == "DATA":
		s.place = AfterDATA
	case c.Verb == "STARTTLS" && !s.noReply && !s.early:
		s.place, s.tls, s.starttls = AfterSTARTTLS, isAsked, id
	case c.Verb == "BDAT" && c.Size > 0:
		s.place = InChunk
	}
}

// emptyLine is 1 for a line that holds nothing: some servers pass over it.
func emptyLine(c *Command) int {
	if _, rest := trimBlanks(c.Arg); len(c.Word) == 0 && len(rest) == 0 {
		return 1
	}
	return 0
}

// InLogin reports whether a line of the client's is part of a login (RFC 4954
// section 4). After a 334 every line is. Before it a client that does not wait
// may be at its credentials or at its next command.
func (s *Sequence) InLogin(c *Command) bool {
	return s.auth && (s.prompted || !c.Plain())
}

// Prompted reports that a 334 came which no line of the client has followed.
func (s *Sequence) Prompted() bool { return s.prompted }

// Plain recognises a command by all of its line where a credential might stand as
// well.
func (c *Command) Plain() bool {
	const odd = NoPath | NoBrackets | Unclosed | BadPath | BadParam | BareCR | Control
	switch c.Verb {
	case "MAIL", "RCPT":
		return c.Form&odd == 0
	case "EHLO", "HELO", "LHLO":
		return bytes.IndexFunc(c.Arg, func(r rune) bool { return !isHostRune(r) }) < 0
	case "BDAT":
		return c.Size >= 0
	case "AUTH":
		return true
	case "XCLIENT", "XFORWARD":
		return bytes.IndexByte(c.Arg, '=') >= 0
	}
	return c.Verb != "" && len(c.Arg) == 0
}

func isHostRune(r rune) bool {
	return r < 0x80 && (isAlnum(byte(r)) || bytes.IndexByte([]byte(".-:[]_"), byte(r)) >= 0)
}

// Response hears of a line within a login.
func (s *Sequence) Response(id int) {
	s.prompted, s.data = false, Question{}
	s.asked = append(s.asked, Question{ID: id, Verb: "AUTH"})
}

// MessageEnds hears of the end of a message, or of what stands for it.
func (s *Sequence) MessageEnds(id int) {
	s.place, s.early = InCommands, false
	s.asked = append(s.asked, Question{ID: id, Verb: EndOfData, whole: true})
}

// EndsEarly hears that a message ended for the server before it did for the
// client, which does not mean the commands that the server reads in the rest.
func (s *Sequence) EndsEarly(id int) {
	s.MessageEnds(id)
	s.early = true
}

// EndedEarly reports that the server is past the end of a message in which the
// client still is.
func (s *Sequence) EndedEarly() bool { return s.early }

// Clone is a copy that goes its own way.
func (s *Sequence) Clone() Sequence {
	c := *s
	c.asked, c.rcpts = slices.Clone(s.asked), slices.Clone(s.rcpts)
	return c
}

// ChunkEnds hears of the end of a chunk.
func (s *Sequence) ChunkEnds() { s.place = InCommands }

// Decide settles what the client's bytes were after a DATA or STARTTLS whose
// reply can't tell.
func (s *Sequence) Decide(place Place) { s.place = place }

// ServerEnds hears that no more replies come.
func (s *Sequence) ServerEnds() { s.noReply = true }

// Forget forgets what was asked, and what would come of it: of a dialogue with
// gaps only Expect tells what the next reply answers.
func (s *Sequence) Forget() {
	s.asked, s.tls = s.asked[:0], notAsked
	if s.place != NotText {
		s.place = InCommands
	}
}

// Expect tells what the next reply answers, nothing for a question without a
// verb, or that it is the greeting.
func (s *Sequence) Expect(q Question, greeting bool) {
	s.greeted = !greeting
	q.whole = q.Verb == EndOfData
	if s.asked = s.asked[:0]; q.Verb != "" {
		s.asked = append(s.asked, q)
	}
}

// Secured hears that TLS is up: everything begins again but for the greeting
// (RFC 3207 section 4.2).
func (s *Sequence) Secured() {
	*s = Sequence{MidSession: s.MidSession, greeted: s.greeted, noReply: s.noReply, asked: s.asked[:0]}
}

// TLSBegins reports whether bytes of the client's where a line might begin are
// TLS: a 220 has come since its STARTTLS, and these begin a record. That counts
// whatever the 220 was taken for. It is told once; a caller that goes on in
// clear reads a line there.
func (s *Sequence) TLSBegins(p []byte) bool {
	if s.tls != isHeard || s.place != InCommands || !BeginsTLS(p) {
		return false
	}
	s.place, s.tls = Upgraded, notAsked
	return true
}

// An Answer is what a reply was taken for.
type Answer struct {
	Question         // with Greeting or Unsolicited none
	Rcpt        int  // in LMTP, the ID of the RCPT whose fate a reply to a message is; 0 for none
	Greeting    bool // the server's first reply
	Unsolicited bool // it answers nothing
	Early       bool // it came within a message
}

// Reply hears of a complete reply. hello says that it lists extensions as the
// reply to EHLO does.
func (s *Sequence) Reply(code int, hello bool) Answer {
	if !s.greeted && s.isGreeting(code) {
		s.greeted = true
		return Answer{Greeting: true}
	}
	s.greeted = true
	if code == 220 && s.tls == isAsked {
		s.tls = isHeard
	}
	if s.place == InMessage {
		// Only the final dot, which has not come, is waited for now.
		return Answer{Unsolicited: true, Early: true}
	}
	q, found := s.take(code, s.onlyFor(code, hello))
	if code == 354 && s.data.Verb != "" && (!found || q.Verb != "DATA") {
		// What was taken for the answer was none.
		q, found, s.place = s.data, true, AfterDATA
	}
	s.data = Question{}
	if !found {
		s.login(q, code)
		return Answer{Unsolicited: true}
	}
	s.react(q, code)
	s.login(q, code)
	return Answer{Question: q, Rcpt: s.delivered(q, code)}
}

// maxRcpts bounds how many recipients of one message are followed.
const maxRcpts = 1 << 16

// delivered follows which recipients a message has in LMTP: the replies after
// it come in the order in which they were accepted (RFC 2033 section 4.2). The
// one that a reply is for is returned.
func (s *Sequence) delivered(q Question, code int) (rcpt int) {
	accepted := 200 <= code && code < 400
	switch {
	case accepted && Greets(q.Verb):
		s.lmtp, s.rcpts = q.Verb == "LHLO", nil
	case accepted && (q.Verb == "MAIL" || q.Verb == "RSET"):
		s.rcpts = nil
	case accepted && q.Verb == "RCPT" && s.lmtp && len(s.rcpts) < maxRcpts:
		s.rcpts = append(s.rcpts, q.ID)
	case q.whole && len(s.rcpts) > 0:
		rcpt = s.rcpts[0]
		if s.rcpts = s.rcpts[1:]; len(s.rcpts) > 0 {
			s.asked = slices.Insert(s.asked, 0, q)
		}
	}
	return rcpt
}

// login follows a login: a 334 asks for a response, whatever it answers.
func (s *Sequence) login(q Question, code int) {
	switch {
	case code == 334 && s.place != InMessage:
		s.auth, s.prompted = true, !s.waits("AUTH")
	case code != 334 && q.Verb == "AUTH":
		s.auth = false
	}
}

// isGreeting tells the greeting from a reply in a dialogue whose beginning was
// not seen.
func (s *Sequence) isGreeting(code int) bool {
	if !s.MidSession || len(s.asked) == 0 {
		return true
	}
	return code == 220 && s.asked[0].Verb != "STARTTLS"
}

// onlyFor is the one verb that a reply can answer, "" for most.
func (s *Sequence) onlyFor(code int, hello bool) string {
	switch code {
	case 220:
		return "STARTTLS"
	case 221:
		return "QUIT"
	case 235, 334, 534, 535, 538:
		return "AUTH"
	case 354:
		return "DATA"
	case 250:
		if hello && s.waits("LHLO") {
			return "LHLO"
		}
		if hello {
			return "EHLO"
		}
	}
	return ""
}

// take takes the question that a reply with that code is for. Servers that leave
// something unanswered are found by replies that only one command can have.
func (s *Sequence) take(code int, only string) (Question, bool) {
	for i := range s.asked {
		if only != "" && s.asked[i].Verb == only {
			s.drop(i)
			break
		}
	}
	for len(s.asked) > 0 {
		q := &s.asked[0]
		switch fits := q.fits(code, !s.Waiting()); {
		case q.optional == 0 && !fits:
			return Question{}, false
		case !fits:
			s.drop(1)
		case q.optional > 1:
			q.optional--
			return *q, true
		default:
			answered := *q
			s.drop(1)
			return answered, true
		}
	}
	return Question{}, false
}

// drop drops the oldest n questions. When none is left their room is used again.
func (s *Sequence) drop(n int) {
	if s.asked = s.asked[n:]; len(s.asked) == 0 {
		s.asked = s.asked[:0]
	}
}

// fits reports whether a reply with that code can answer the question; alone says
// that nothing is waited for that must be answered. A line that is no reply may
// be meant for anything.
func (q *Question) fits(code int, alone bool) bool {
	switch {
	case q.optional > 0 && code == 221:
		return q.Verb == "PROXY" // QUIT stands in the header of version 2
	case q.optional > 0:
		return code == 0 || 500 <= code && code <= 503 || alone && code >= 400
	case code == 0 || code >= 400:
		return true
	case q.Verb == "STARTTLS":
		return code == 220
	}
	return true
}

// react moves the client on after the reply to a question.
func (s *Sequence) react(q Question, code int) {
	switch {
	case q.Verb == "STARTTLS" && s.place == AfterSTARTTLS && q.ID == s.starttls:
		s.place = InCommands
		if code == 220 {
			s.place, s.tls = Upgraded, notAsked
		}
	case q.Verb == "DATA" && s.place == AfterDATA:
		s.place = InCommands
		switch code / 100 {
		case 2:
			s.data = q
		case 3:
			s.place = InMessage
		}
	}
}
