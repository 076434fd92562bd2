package logs

import (
	"strings"

	"smtptap/decode/who"
)

// Which reply answers which command is decided over the whole session, because
// a log leaves out lines of either side: every assignment that keeps the order
// has a cost, and the cheapest is taken.

// A turn is what one side said at a time: a command, a credential, a whole
// message, or a reply of one or more lines.
type turn struct {
	verb    string // of the client: its verb, credential or endOfData; "" for a line that is no command
	server  bool
	at, end int // the lines from at to before end; others may stand between
	code    int
	words   string // of a reply, in lower case
	many    bool   // a reply of several lines
	about   topic
	hint    string // what the log itself says that the reply answers
	to      int    // of a reply: the turn that it answers, toGreeting or toNothing
}

const (
	credential = "AUTH+" // the verb of a turn inside an AUTH exchange
	toGreeting = -1      // a reply that answers nothing because it comes first
	toNothing  = -2      // a reply for which the log shows no command
)

// turnsOf takes lines apart into turns.
func turnsOf(lines []line) []turn {
	s := turnScan{}
	for i := range lines {
		if l := &lines[i]; l.isWire() {
			if l.side == who.Server {
				s.server(i, l)
			} else {
				s.client(i, l)
			}
		}
	}
	return s.turns
}

// A turnScan follows just enough of the dialogue to tell a message and an AUTH
// exchange from commands.
type turnScan struct {
	turns   []turn
	message int  // the turn of the message under way, after the index; 0 for none
	wanted  bool // DATA was said or answered with 354: a message may follow
	auth    bool
	open    int  // the reply under way, after the index; 0 for none
	spoken  bool // the client spoke since that reply began
}

func (s *turnScan) server(i int, l *line) {
	n := code(l.text)
	if s.open > 0 {
		if t := &s.turns[s.open-1]; (t.code == n || n == 0) && (!s.spoken || goesOn(l.text)) {
			t.end, t.many = i+1, true
			if len(t.words) < maxWords {
				t.words += " " + strings.ToLower(l.text)
			}
			if !more(l.text) && n != 0 {
				s.open = 0
			}
			return
		}
		s.open = 0
	}
	t := turn{server: true, at: i, end: i + 1, code: n, words: strings.ToLower(l.text[:min(len(l.text), maxWords)]), hint: l.answers, to: toNothing}
	s.turns = append(s.turns, t)
	if more(l.text) {
		s.open, s.spoken = len(s.turns), false
	}
	switch {
	case n == 354:
		s.wanted, s.message = true, 0
	case n == 334:
		s.auth = true
	case n != 0:
		s.auth = false
		if s.message > 0 || n >= 400 {
			s.wanted, s.message = false, 0
		}
	}
}

// goesOn reports that a reply's line is more of one that the client did not
// wait for: one of EHLO's.
func goesOn(text string) bool {
	return len(text) > 4 && !enhancedFront.MatchString(text[4:]) && (more(text) || topics(strings.ToLower(text))&aboutKeywords != 0)
}

// maxWords is how much of a reply is looked at for what it answers.
const maxWords = 400

func (s *turnScan) client(i int, l *line) {
	s.spoken = true
	verb := verbOf(l.text)
	switch {
	case l.text == "." && (s.wanted || s.message > 0):
		if s.message == 0 {
			s.add(endOfData, i)
		} else {
			s.turns[s.message-1].end = i + 1
		}
		s.wanted, s.message = false, 0
	case s.message > 0 && verb != "QUIT":
		s.turns[s.message-1].end = i + 1
	case s.wanted && verb == "" && l.kind != hidden:
		s.add(endOfData, i)
		s.message = len(s.turns)
		if l.kind == exact && endsMessage(l.text) {
			s.wanted, s.message = false, 0
		}
	case s.auth && (verb == "" || l.kind == hidden):
		s.add(credential, i)
	default:
		s.message = 0
		s.add(verb, i)
		s.auth = verb == "AUTH"
		s.wanted = verb == "DATA"
	}
}

// endsMessage reports that bytes of a message hold its end.
func endsMessage(text string) bool {
	return strings.HasSuffix(text, "\r\n.\r\n") || text == ".\r\n"
}

func (s *turnScan) add(verb string, i int) {
	s.turns = append(s.turns, turn{verb: verb, at: i, end: i + 1})
}

// Costs of an assignment. What they are relative to each other counts: a reply
// with a code that its command can't have is worse than one of them missing.
const (
	costUnanswered  = 3
	costUnsolicited = 5
	costAtEnd       = 1 // a command that waits when the log stops
	costIllegal     = 9
	costUnlikely    = 4
	costSlightly    = 1
)

// A path is a way of assigning the replies so far.
type path struct {
	next   int // the first command that can still be answered
	cost   int
	choice int // what the last reply answers
	before *path
}

// Bounds of the search, which keep it linear.
const (
	maxPaths  = 6
	maxAhead  = 12 // how many commands one reply may leave unanswered
	costGiven = 24 // a path that is this much worse is given up
)

// align sets what each reply answers and returns what the assignment costs.
func align(turns []turn) int {
	var commands []int
	paths := []*path{{next: 0, choice: toNothing}}
	greeted, replies := false, 0
	for i := range turns {
		t := &turns[i]
		if !t.server {
			commands = append(commands, i)
			continue
		}
		if t.code == 0 {
			continue
		}
		t.about = topics(t.words)
		first := !greeted && replies == 0 && (len(commands) == 0 || t.code == 220)
		greeted = greeted || first && greets(t) < costIllegal
		paths = extendPaths(paths, turns, commands, t, first)
		replies++
	}
	return settle(turns, commands, paths)
}

// extendPaths carries every path over one more reply.
func extendPaths(paths []*path, turns []turn, commands []int, t *turn, first bool) []*path {
	best := map[int]*path{}
	take := func(from *path, next, cost, choice int) {
		if p := best[next]; p == nil || cost < p.cost {
			best[next] = &path{next: next, cost: cost, choice: choice, before: from}
		}
	}
	for _, p := range paths {
		take(p, p.next, p.cost+unsolicited(t), toNothing)
		if first {
			take(p, p.next, p.cost+greets(t), toGreeting)
		}
		for k := p.next; k < len(commands) && k < p.next+maxAhead; k++ {
			c := commands[k]
			take(p, k+1, p.cost+costUnanswered*(k-p.next)+fit(&turns[c], t), c)
		}
		// Far behind, as in a log that shows few replies: the newest command too.
		if k := len(commands) - 1; k >= p.next+maxAhead {
			take(p, k+1, p.cost+costUnanswered*maxAhead+fit(&turns[commands[k]], t), commands[k])
		}
	}
	return cheapest(best)
}

// cheapest keeps the best paths, in a fixed order.
func cheapest(all map[int]*path) []*path {
	kept := make([]*path, 0, maxPaths+1)
	for _, p := range all {
		i := len(kept)
		for i > 0 && (p.cost < kept[i-1].cost || p.cost == kept[i-1].cost && p.next < kept[i-1].next) {
			i--
		}
		if i >= maxPaths {
			continue
		}
		kept = append(kept, nil)
		copy(kept[i+1:], kept[i:])
		kept[i] = p
		kept = kept[:min(len(kept), maxPaths)]
	}
	for len(kept) > 1 && kept[len(kept)-1].cost > kept[0].cost+costGiven {
		kept = kept[:len(kept)-1]
	}
	return kept
}

// settle writes the choices of the cheapest path into the turns.
func settle(turns []turn, commands []int, paths []*path) int {
	var best *path
	cost := 0
	for _, p := range paths {
		open := min(len(commands)-p.next, maxAhead)
		if c := p.cost + costAtEnd*open; best == nil || c < cost {
			best, cost = p, c
		}
	}
	for i := len(turns) - 1; i >= 0 && best.before != nil; i-- {
		if turns[i].server && turns[i].code != 0 {
			turns[i].to = best.choice
			best = best.before
		}
	}
	return cost
}

// unsolicited is the cost of a reply that answers nothing.
func unsolicited(t *turn) int {
	if t.code == 421 {
		return costSlightly
	}
	return costUnsolicited
}

// greets is the cost of taking a reply for the greeting.
func greets(t *turn) int {
	switch {
	case t.hint != "":
		return costIllegal
	case t.code == 220:
		return 0
	case t.code == 421 || t.code == 554 || t.code == 521:
		return costSlightly
	case t.code >= 400:
		return costUnlikely
	}
	return costIllegal
}

// positive are the codes that say yes to each verb.
var positive = map[string][]int{
	"EHLO": {250}, "HELO": {250}, "LHLO": {250}, "MAIL": {250}, "RCPT": {250, 251, 252}, "DATA": {354}, endOfData: {250}, "BDAT": {250},
	"RSET": {250}, "NOOP": {250}, "QUIT": {221}, "VRFY": {250, 251, 252}, "EXPN": {250, 252}, "HELP": {211, 214}, "STARTTLS": {220},
	"AUTH": {334, 235}, credential: {334, 235}, "XCLIENT": {220, 250}, "XFORWARD": {250}, "ETRN": {250, 251, 252, 253}, "TURN": {250},
}

// A topic is what the words of a reply are about.
type topic uint8

const (
	aboutQueue topic = 1 << iota
	aboutSender
	aboutRecipient
	aboutKeywords
	aboutLogin
)

var topicWords = []struct {
	is    topic
	words []string
}{
	{aboutQueue, []string{"queued", " id=", "accepted for delivery", "message accepted", "2.6.0"}},
	{aboutSender, []string{"sender", "2.1.0", "4.1.7", "4.1.8", "5.1.7", "5.1.8"}},
	{aboutRecipient, []string{"recipient", "2.1.5", "4.1.1", "4.1.2", "4.1.6", "5.1.1", "5.1.2", "5.1.6", "mailbox", "user unknown", "no such user"}},
	{aboutKeywords, []string{"starttls", "size", "pipelining", "8bitmime", "auth", "enhancedstatuscodes", "help", "dsn", "smtputf8", "chunking"}},
	{aboutLogin, []string{"authentication succe", "authentication fail", "authentication unsucc", "credential", "username and password", "5.7.8", "2.7.0 a"}},
}

// topics are what words in lower case are about.
func topics(words string) (all topic) {
	for _, t := range topicWords {
		for _, w := range t.words {
			if strings.Contains(words, w) {
				all |= t.is
				break
			}
		}
	}
	return all
}

// fit is the cost of reply t as the answer to command c.
func fit(c, t *turn) int {
	if t.hint != "" && t.hint != "?" {
		if t.hint == c.verb || t.hint == "AUTH" && c.verb == credential {
			return 0
		}
		return costUnlikely
	}
	if t.code < 400 {
		return fitGood(c, t)
	}
	switch {
	case t.code == 535 || t.code == 534 || t.code == 538:
		if c.verb != "AUTH" && c.verb != credential {
			return costUnlikely
		}
	case t.about&aboutLogin != 0 && (c.verb == "AUTH" || c.verb == credential):
		return 0
	case t.about&aboutRecipient != 0:
		if c.verb != "RCPT" && c.verb != endOfData {
			return costSlightly
		}
	case t.about&aboutSender != 0:
		if c.verb != "MAIL" && c.verb != "RCPT" && c.verb != endOfData {
			return costSlightly
		}
	}
	return 0
}

// fitGood is fit for a reply that says yes.
func fitGood(c, t *turn) int {
	legal := false
	for _, n := range positive[c.verb] {
		legal = legal || n == t.code
	}
	switch {
	case !legal && c.verb == "" && t.code == 250:
		return costUnlikely
	case !legal:
		return costIllegal
	case t.code != 250:
		return 0
	case t.many && t.about&aboutKeywords != 0 && c.verb != "EHLO" && c.verb != "HELO" && c.verb != "LHLO":
		return costUnlikely
	case t.about&aboutQueue != 0 && c.verb != endOfData && c.verb != "BDAT":
		return costUnlikely
	case t.about&aboutRecipient != 0 && c.verb == "MAIL", t.about&aboutSender != 0 && c.verb == "RCPT":
		return costSlightly
	}
	return 0
}
