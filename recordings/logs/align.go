package logs

import (
	"strings"
)

// Which reply answers which command is decided over the whole session, because
// a log leaves out lines of either side: every assignment that keeps the order
// has a cost, and the cheapest is taken.

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
	costs := shown(turns)
	for i := range turns {
		t := &turns[i]
		if !t.server {
			commands = append(commands, i)
			continue
		}
		if t.code == 0 {
			continue
		}
		first := !greeted && replies == 0 && (len(commands) == 0 || t.code == 220 || t.about&aboutWaiting != 0)
		greeted = greeted || first && greets(t) < costIllegal
		paths = extendPaths(paths, turns, commands, t, first, costs)
		replies++
	}
	return settle(turns, commands, paths)
}

// extendPaths carries every path over one more reply.
func extendPaths(paths []*path, turns []turn, commands []int, t *turn, first bool, c sides) []*path {
	best := map[int]*path{}
	take := func(from *path, next, cost, choice int) {
		if p := best[next]; p == nil || cost < p.cost {
			best[next] = &path{next: next, cost: cost, choice: choice, before: from}
		}
	}
	for _, p := range paths {
		take(p, p.next, p.cost+c.unsolicited(t), toNothing)
		if first {
			take(p, p.next, p.cost+greets(t), toGreeting)
		}
		skipped := 0
		for k := p.next; k < len(commands) && k < p.next+maxAhead; k++ {
			at := commands[k]
			take(p, k+1, p.cost+skipped+fit(&turns[at], t), at)
			if k+1 == len(commands) || turns[commands[k+1]].verb != credential { // the log hides prompts
				skipped += c.unanswered()
			}
		}
		// Far back, as in a log that shows few replies: the newest command too.
		if k := len(commands) - 1; k >= p.next+maxAhead {
			take(p, k+1, p.cost+c.unanswered()*maxAhead+fit(&turns[commands[k]], t), commands[k])
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

// sides are those that the log shows: what it never shows is not missed.
type sides struct{ client, server bool }

func shown(turns []turn) (c sides) {
	for i := range turns {
		c.client = c.client || !turns[i].server
		c.server = c.server || turns[i].server && !turns[i].quoted
	}
	return c
}

// unsolicited is the cost of a reply that answers nothing.
func (c sides) unsolicited(t *turn) int {
	if t.code == 421 || !c.client {
		return costSlightly
	}
	return costUnsolicited
}

// unanswered is the cost of a command without a reply.
func (c sides) unanswered() int {
	if !c.server {
		return 0
	}
	return costUnanswered
}

// greets is the cost of taking a reply for the greeting.
func greets(t *turn) int {
	switch {
	case t.hint != "" || t.quoted:
		return costIllegal
	case t.code == 220 || t.about&aboutWaiting != 0:
		return 0
	case t.code == 421 || t.code == 554 || t.code == 521:
		return costSlightly
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
	aboutWaiting
)

var topicWords = []struct {
	is    topic
	words []string
}{
	{aboutQueue, []string{"queued", " id=", "accepted for delivery", "message accepted", "2.6.0"}},
	{aboutSender, []string{"sender", "2.1.0", "4.1.7", "4.1.8", "5.1.7", "5.1.8"}},
	{aboutRecipient, []string{"recipient", "2.1.5", "4.1.1", "4.1.2", "4.1.6", "5.1.1", "5.1.2", "5.1.6", "mailbox", "user unknown", "no such user"}},
	{aboutKeywords, []string{"starttls", "size", "pipelining", "8bitmime", "auth", "enhancedstatuscodes", "help", "dsn", "smtputf8", "chunking"}},
	{aboutWaiting, []string{"synchroni"}},
	{aboutLogin, []string{"authentication succe", "authentication fail", "authentication unsucc", "credential", "username and password", "5.7.8", "2.7.0 a"}},
}

// maxWords is how much of a reply's line is looked at for what it answers.
const maxWords = 400

// topicsOf are what the words of a reply are about.
func topicsOf(text string) (all topic) {
	words := strings.ToLower(text[:min(len(text), maxWords)])
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
		if t.hint == c.verb || c.verb == credential && (t.hint == "AUTH" || t.hint == "QUIT" && t.code/10 == 50) { // the server took it for a response
			return 0
		}
		return costIllegal
	}
	if t.code < 400 {
		return fitGood(c, t)
	}
	switch {
	case t.about&aboutWaiting != 0:
		return costUnlikely
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
