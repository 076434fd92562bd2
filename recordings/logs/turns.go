package logs

import (
	"strconv"
	"strings"

	"smtptap/decode"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// A turn is what one side said at a time: a command, a credential, a whole
// message, or a reply of one or more lines.
type turn struct {
	verb     string // of the client: its verb, credential or endOfData; "" for a line that is no command
	server   bool
	many     bool // a reply of several lines
	open     bool // a reply whose last line the log does not show
	answered bool // a command to which the log shows the reply
	quoted   bool // a reply that only an error repeats
	resumed  bool // a message whose beginning the log does not show
	unseen   bool // a message of which the log shows nothing
	at, end  int  // the lines from at to before end; others may stand between
	code     int
	about    topic
	hint     string // what the log itself says that the reply answers
	to       int    // of a reply: the turn that it answers, toGreeting or toNothing
}

const (
	credential = "AUTH+" // the verb of a turn inside an AUTH exchange
	toGreeting = -1      // a reply that answers nothing because it comes first
	toNothing  = -2      // a reply for which the log shows no command
)

// turnsOf takes lines apart into turns. hidesBody: the tool never shows the
// message.
func turnsOf(lines []line, hidesBody bool) []turn {
	s := turnScan{lines: lines, hidesBody: hidesBody, resumes: resumesMessage(lines)}
	s.lookAhead()
	for i := range lines {
		switch l := &lines[i]; {
		case l.kind == unseen && l.side == who.Client:
			s.unseen(i)
		case l.isWire() && l.side == who.Server:
			s.server(i, l)
		case l.isWire():
			s.client(i, l)
		}
	}
	return s.turns
}

// A turnScan follows just enough of the dialogue to tell a message and an AUTH
// exchange from commands.
type turnScan struct {
	lines     []line
	hidesBody bool
	resumes   bool    // the log begins in the middle of a message
	next      []int32 // the next line that is said, -1 for none
	dots      []bool  // a dot comes before the server's next line

	turns    []turn
	message  int  // the turn of the message under way, after the index; 0 for none
	waiting  int  // commands without a reply
	wanted   bool // DATA was said or answered with 354: a message may follow
	asked    bool // by a 354
	auth     bool
	prompted bool // a 334 came that no line of the client has followed
	open     int  // the reply under way, after the index; 0 for none
	spoken   bool // the client spoke since that reply began
}

// lookAhead says of every line what follows it, from the end: asking at each
// line would take time that grows with the square of the log.
func (s *turnScan) lookAhead() {
	s.next, s.dots = make([]int32, len(s.lines)), make([]bool, len(s.lines))
	next, dot := int32(-1), false
	for i := len(s.lines) - 1; i >= 0; i-- {
		s.next[i], s.dots[i] = next, dot
		if l := &s.lines[i]; l.isWire() {
			next, dot = int32(i), l.side == who.Client && (dot || isDot(l.text))
		}
	}
}

// after is the next line that is said, nil for none.
func (s *turnScan) after(i int) *line {
	if s.next[i] < 0 {
		return nil
	}
	return &s.lines[s.next[i]]
}

func isDot(text string) bool { return strings.TrimRight(text, "\r\n") == "." }

func (s *turnScan) server(i int, l *line) {
	n := code(l.text)
	if s.open > 0 {
		if t := &s.turns[s.open-1]; (t.code == n || n == 0) && !l.quoted && (!s.spoken || goesOn(l.text)) {
			t.end, t.many = i+1, true
			t.about |= topicsOf(l.text)
			if t.open = more(l.text) || n == 0; !t.open {
				s.open = 0
			}
			return
		}
		s.open = 0
	}
	if s.asked && s.message == 0 && n != 0 && n != 354 || s.wanted && !s.asked && s.message == 0 && n/100 == 2 && s.waiting == 1 {
		s.add(endOfData, i)
		s.turns[len(s.turns)-1].unseen = true
	}
	s.turns = append(s.turns, turn{server: true, at: i, end: i + 1, code: n, about: topicsOf(l.text), hint: l.answers, to: toNothing, open: more(l.text), quoted: l.quoted})
	if more(l.text) {
		s.open, s.spoken = len(s.turns), false
	}
	switch {
	case n == 354:
		s.wanted, s.asked, s.message = true, true, 0
	case n == 334:
		s.auth, s.prompted = true, true
	case n != 0:
		s.auth, s.prompted = false, false
		if s.message > 0 || s.asked || n >= 400 || s.waiting <= 1 {
			s.endMessage()
		}
	}
	s.waiting = max(s.waiting-1, 0)
}

func (s *turnScan) endMessage() { s.wanted, s.asked, s.message = false, false, 0 }

// goesOn reports that a reply's line is more of one that the client did not
// wait for: one of EHLO's.
func goesOn(text string) bool {
	return len(text) > 4 && !enhancedFront.MatchString(text[4:]) && (more(text) || topicsOf(text)&aboutKeywords != 0)
}

// unseen takes bytes of the client that the log leaves out: a message, or the
// chunk of a BDAT, which belongs to its command.
func (s *turnScan) unseen(i int) {
	switch n := len(s.turns); {
	case s.message > 0:
		s.turns[s.message-1].end = i + 1
	case n > 0 && s.turns[n-1].verb == "BDAT":
	default:
		s.add(endOfData, i)
		s.message = len(s.turns)
	}
}

func (s *turnScan) client(i int, l *line) {
	s.spoken = true
	verb := verbOf(l.text)
	switch {
	case s.message > 0 && !s.endsWith(i, verb):
		s.turns[s.message-1].end = i + 1
		if isDot(l.text) && !s.insideMessage(i) || l.kind == exact && endsMessage(l.text) {
			s.endMessage()
		}
	case (s.wanted || s.message > 0) && isDot(l.text):
		s.add(endOfData, i)
		s.endMessage()
	case s.wanted && l.kind != hidden && !s.endsWith(i, verb) && (verb == "" || s.asked && s.dots[i]), len(s.turns) == 0 && s.resumes:
		s.add(endOfData, i)
		s.message = len(s.turns)
		s.turns[s.message-1].resumed = !s.wanted
	case l.kind == said && l.text == "" && !s.auth:
		// Nothing was said: the paste lost it, or the tool printed a blank.
	case s.isCredential(i, l, verb):
		s.add(credential, i)
		s.prompted = false
	default:
		s.message = 0
		s.add(verb, i)
		s.auth, s.prompted = verb == "AUTH", false
		s.wanted, s.asked = verb == "DATA", false
	}
}

// endsWith reports a command after a message that the log does not show to its
// end.
func (s *turnScan) endsWith(i int, verb string) bool {
	return verb == "QUIT" && !s.dots[i] || s.hidesBody && verb != ""
}

// insideMessage reports that the dot at i ends nothing: the message goes on, so
// it was a line of which the paste lost the rest.
func (s *turnScan) insideMessage(i int) bool {
	l := s.after(i)
	return l != nil && l.side == who.Client && !isDot(l.text) && verbOf(l.text) == "" && s.dots[i]
}

// isCredential reports a line of an AUTH exchange.
func (s *turnScan) isCredential(i int, l *line, verb string) bool {
	text := strings.TrimRight(l.text, "\r\n")
	looks := l.kind == hidden || verb == "" && (text == "" || isCredential(text) || isRedacted(text))
	switch {
	case s.prompted:
		return verb == "" || strings.IndexByte(text, ' ') < 0
	case s.auth:
		return looks
	case len(s.turns) > 0 && (len(s.turns) > 1 || !s.turns[0].server) || !looks || l.text == "":
		return false
	}
	// A log whose AUTH command was cut off.
	answer := s.after(i)
	if answer == nil || answer.side != who.Server {
		return false
	}
	n := code(answer.text)
	return n == 334 || n == 235 || n == 535
}

// resumesMessage recognises a log that begins in the middle of a message: lines
// of the client that are no commands, and then the dot.
func resumesMessage(lines []line) bool {
	for _, l := range lines {
		switch {
		case !l.isWire():
		case l.kind != said || l.side == who.Server || verbOf(l.text) != "":
			return false
		case isDot(l.text):
			return true
		}
	}
	return true
}

// endsMessage reports that bytes of a message hold its end.
func endsMessage(text string) bool {
	return strings.HasSuffix(text, "\r\n.\r\n") || text == ".\r\n"
}

func (s *turnScan) add(verb string, i int) {
	s.waiting++
	s.turns = append(s.turns, turn{verb: verb, at: i, end: i + 1})
}

// prepared are lines made ready for turns: what is exact a line at a time, what
// stands for a message as left out, and the replies that only errors repeat as
// the server's.
func prepared(lines []line) []line {
	out, copied := lines, false
	for i, l := range lines {
		as := readyAs(&l)
		if as == ready && !copied {
			continue
		}
		if !copied {
			out, copied = append(make([]line, 0, len(lines)+8), lines[:i]...), true
		}
		switch as {
		case several:
			for part := range strings.Lines(l.text) {
				l.text = part
				out = append(out, l)
			}
			continue
		case leftOut:
			l = line{kind: unseen, side: who.Client, size: leftOutSize(l.text), at: l.at}
		case quoting:
			out = quote(out, l)
		}
		out = append(out, l)
	}
	return out
}

// How a line is made ready.
const (
	ready   = iota // it is
	several        // it holds several
	leftOut        // it stands for a message
	quoting        // it may repeat a reply
)

func readyAs(l *line) int {
	switch {
	case l.kind == exact && strings.IndexByte(l.text, '\n') < len(l.text)-1 && !smtp.BeginsTLS([]byte(l.text[:min(len(l.text), 8)])):
		return several
	case l.kind == said && l.side == who.Client && l.text != "" && strings.IndexByte("<{[w", l.text[0]) >= 0 && leftOutText.MatchString(l.text):
		return leftOut
	case l.kind == trouble && l.reply != "":
		return quoting
	}
	return ready
}

// quote adds the reply inside an error, unless the log has it as the server's own
// line already.
func quote(out []line, l line) []line {
	if last := len(out) - 1; last >= 0 && l.answers != "" && out[last].kind == said && out[last].side == who.Server && out[last].answers == "" && sameReply(out[last].text, l.reply) {
		out[last].answers = l.answers
	}
	if shows(out, l.reply) {
		return out
	}
	reply := strings.Split(withoutSecrets(l.reply), "\n")
	for k, text := range reply {
		if k == len(reply)-1 && more(text) {
			text = text[:3] + " " + text[4:]
		}
		s := server(text)
		s.at, s.session, s.answers, s.quoted = l.at, l.session, l.answers, k == 0
		out = append(out, s)
	}
	return out
}

// sameReply compares the beginnings of replies.
func sameReply(a, b string) bool {
	a, b = replyWords(a), replyWords(b)
	n := min(len(a), len(b), shownWords/2)
	return code(b) == code(a) && a[:n] == b[:n]
}

const (
	shownWords = 40 // how much of a reply is compared with what an error repeats
	maxReplies = 40 // how far back a reply is looked for that an error repeats
)

// shows reports that lines have the reply as the server's own. Tools cut, wrap
// and translate what they repeat, so the same code to the last command is
// enough.
func shows(lines []line, reply string) bool {
	words := replyWords(reply)
	start := words[:min(len(words), shownWords)]
	said := func(i int) bool { return i >= 0 && lines[i].isWire() && lines[i].side == who.Server }
	spoken := false
	for i, n := len(lines)-1, 0; i >= 0 && n < maxReplies; i-- {
		if spoken = spoken || lines[i].isWire() && lines[i].side == who.Client; !said(i) || code(lines[i].text) == 0 {
			continue
		}
		r := replyWords(lines[i].text)
		for ; said(i-1) && more(lines[i-1].text) && lines[i-1].text[:3] == r[:3]; i-- {
			r = replyWords(lines[i-1].text) + r
		}
		if strings.HasPrefix(r, start) || len(r) > 3 && strings.HasPrefix(words, r) || n == 0 && !spoken && r[:3] == words[:3] {
			return true
		}
		n++
	}
	return false
}

var notWords = compile(`[^0-9A-Za-z]+`)

// replyWords is a reply without what copying changes.
func replyWords(reply string) string {
	return notWords.ReplaceAllString(strings.Join(splitReply(reply), "\n"), "")
}

// guess tells from a reply, from the verb that was answered well before it, and
// from whether STARTTLS was offered, what it answers; "" when it could be
// anything.
func (b *builder) guess(t *turn, text string) string {
	switch n := t.code; n {
	case 334, 235, 535, 534, 538:
		return "AUTH"
	case 354:
		return "DATA"
	case 221:
		return "QUIT"
	case 220:
		if b.offersTLS || strings.Contains(strings.ToUpper(text), "TLS") {
			return "STARTTLS"
		}
		return ""
	case 250, 251:
		return b.guessGood(t)
	}
	if t.code >= 400 && t.about&aboutLogin != 0 && (b.stage == "EHLO" || b.stage == "HELO") {
		return "AUTH"
	}
	return map[string]string{"MAIL": "RCPT", "RCPT": "RCPT", "DATA": endOfData}[b.stage]
}

// guessGood is guess for a 250.
func (b *builder) guessGood(t *turn) string {
	if t.many || t.open || b.stage == "" && b.greeted && !b.fromClient {
		return "EHLO"
	}
	switch b.stage {
	case "EHLO", "HELO", "AUTH", endOfData, "RSET":
		return "MAIL"
	case "MAIL", "RCPT":
		return "RCPT"
	case "STARTTLS":
		return "EHLO"
	}
	return ""
}

// leftOutSize is the number of bytes that a tool says it does not show.
func leftOutSize(text string) int64 {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			return n
		}
	}
	return -1
}

// redactedInitial hides an initial response that the tool or the poster has
// hidden already.
func redactedInitial(l line) line {
	words := strings.Fields(l.text)
	if len(words) < 3 {
		return l
	}
	if response := strings.Join(words[2:], " "); isRedacted(response) {
		l.kind, l.text = hidden, words[0]+" "+words[1]+" "
		l.mask = &decode.Mask{What: "credentials", Mechanism: strings.ToUpper(words[1]), User: revealedUser(response)}
	}
	return l
}
