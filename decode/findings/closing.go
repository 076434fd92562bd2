package findings

import (
	"slices"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/units"
	"smtptap/decode/who"
)

// shortWait is from how long on a client that closes has given up waiting,
// rather than changed its mind.
const shortWait = 3 * time.Second

// lost finds a connection that was lost in that way.
func lost(id string) finder {
	return func(s *session) *evidence { return s.lossFault.of(id) }
}

// findLoss tells how the connection was lost: what was waited for, and who
// ended it. Nil when it ended as it should, or the transcript does not show it.
func (s *session) findLoss() *fault {
	if s.dialFault != nil || s.tlsFault != nil || s.running() || s.endedByRule() || noFinalDot(s) != nil {
		return nil
	}
	by, gone := s.lossShown()
	if by < 0 || gone == serverClosed && s.tookHeaderForQuit() {
		return nil
	}
	if s.greeting < 0 && len(s.replies) == 0 {
		return s.noGreeting(by)
	}
	last := s.unanswered()
	if last < 0 {
		return nil
	}
	f := &fault{id: s.lossRule(last, gone), evidence: *see(last, by)}
	if gone == serverClosed && s.ev(last).Begin > s.t.Entries[by].At && !s.pasted() { // it was gone before the client spoke
		f.id = "CONN-CLOSED-MID-SESSION"
		if s.accepted(0, toMessage) {
			f.id = "KEEPALIVE-STALE"
		}
	}
	f.as(gone.variant())
	slices.Sort(f.entries)
	if ev := s.ev(last); ev.Command != nil && ev.Command.Verb != "" && ev.Begin <= s.t.Entries[by].At {
		f.with("verb", ev.Command.Verb)
	}
	if waited := s.t.Entries[by].At - s.t.Entries[last].At; waited >= time.Second && !s.lack(decode.LackTimes) {
		f.with("took", units.Time(waited))
	}
	return f
}

// A loser is who ended a connection before its time.
type loser uint8

const (
	serverClosed loser = iota
	clientClosed       // it gave up waiting
	waitEnded          // a log says that a wait was over
)

// variant is the case of a rule for a connection that was lost.
func (l loser) variant() string {
	if l == clientClosed {
		return "client"
	}
	return ""
}

// lostWords are clients' words for a connection that is gone, timeWords for a
// wait that was over.
var (
	lostWords = newPattern(`eof caught|unexpectedly closed|closed unexpectedly|connection (was )?(reset|lost|closed|aborted)|econnreset|broken pipe|remote host closed|empty response|disconnected|socket hang up|not connected|without being connected|lost connection|unexpected eof`)
	timeWords = newPattern(`timed?[ -]?out|etimedout|timelimit reached|greeting never received`)
)

// lossShown is the entry that shows that the connection was lost, or -1.
func (s *session) lossShown() (entry int, by loser) {
	at := s.serverLeft()
	if at >= 0 && !s.farewell() {
		return at, serverClosed
	}
	if !s.pasted() {
		left := s.clientLeft()
		if left >= 0 && (s.end == nil || s.end.fact.Cause != facts.CauseShutdown && s.end.fact.Cause != facts.CauseByHand) && !s.quitSaid() && (s.inMessage() || s.waitedFor(left)) {
			return left, clientClosed
		}
		return -1, 0
	}
	for _, said := range s.says {
		switch {
		case timeWords.match(said.folded):
			return said.entry, waitEnded
		case lostWords.match(said.folded):
			return said.entry, serverClosed
		}
	}
	if s.broken >= 0 && !s.quitSaid() {
		return s.broken, serverClosed
	}
	return -1, 0
}

// farewell reports a server that said that it would close, or answered QUIT.
func (s *session) farewell() bool {
	return slices.ContainsFunc(s.spoken, func(r *reply) bool { return r.code == 221 || r.code == 421 || r.code == 521 })
}

// quitSaid reports a client that said QUIT and was not waiting for anything
// else then.
func (s *session) quitSaid() bool { return s.said("QUIT") && s.unanswered() < 0 }

// inMessage reports that the last thing that the client said is a part of a
// message and not its end.
func (s *session) inMessage() bool {
	last := s.unanswered()
	if last < 0 {
		return false
	}
	ev := s.ev(last)
	return ev.Kind == decode.KindHeader || ev.Kind == decode.KindBody || ev.Command != nil && ev.Command.Verb == "BDAT" && ev.Command.ChunkSize > 0
}

// waitedFor reports that a client that closed had waited for a reply.
func (s *session) waitedFor(left int) bool {
	last := s.unanswered()
	since := time.Duration(0)
	switch {
	case last >= 0:
		since = s.t.Entries[last].At
	case s.greeting < 0 && len(s.replies) == 0 && s.connected():
	default:
		return false
	}
	return s.t.Entries[left].At-since >= shortWait
}

// noGreeting tells why a server that was reached never greeted.
func (s *session) noGreeting(by int) *fault {
	switch {
	case implicitTLS[s.port()] && len(s.tls) == 0:
		return &fault{"PLAIN-ON-IMPLICIT-TLS-PORT", *see(by)}
	case s.pasted() && !s.connected():
		return nil // nothing but words, which are judged as such
	}
	return &fault{"CONN-CLOSED-NO-GREETING", *see(by)}
}

// unanswered is the last thing that the client said if no reply came to it, -1
// otherwise. A QUIT is not waited for, but what stands before it may be.
func (s *session) unanswered() int {
	if s.lack(decode.LackServerLines) && s.broken < 0 {
		return -1
	}
	from := s.lastWire
	if left := s.clientLeft(); left >= 0 {
		from = min(from, left) // what the server says later answers nothing
	}
	for i := from; i >= 0; i-- {
		ev := s.t.Entries[i].Event
		switch {
		case ev == nil || ev.Kind == decode.KindMissing || ev.Kind == decode.KindOpaque:
		case ev.Side == who.Server:
			return -1
		case ev.Command != nil && (ev.Command.Verb == "QUIT" || ev.Command.Verb == "RSET" && s.isPHPMailer()):
		case s.answers[i] != nil:
			return -1
		default:
			return i
		}
	}
	return -1
}

// lossRule is the rule for a connection that was lost after an entry.
func (s *session) lossRule(last int, gone loser) string {
	ev := s.ev(last)
	message := ev.Kind == decode.KindHeader || ev.Kind == decode.KindBody || ev.Kind == decode.KindEndOfData
	verb := ""
	if ev.Command != nil {
		verb = ev.Command.Verb
	}
	switch {
	case ev.Kind == decode.KindEndOfData && gone != serverClosed:
		return "TIMEOUT-FINAL-DOT"
	case message || verb == "BDAT" || verb == "DATA" && gone == serverClosed:
		return "CONN-CLOSED-AFTER-DATA"
	case ev.Auth != nil && gone == serverClosed:
		return "CONN-CLOSED-DURING-AUTH"
	case smtp.Greets(verb):
		return "CONN-CLOSED-AFTER-EHLO"
	case (verb == "MAIL" || verb == "RSET" || verb == "NOOP") && s.accepted(0, toMessage) && gone == serverClosed:
		return "KEEPALIVE-STALE"
	case gone != serverClosed:
		return "TIMEOUT-COMMAND"
	}
	return "CONN-CLOSED-MID-SESSION"
}

// afterMessage reports a reply after a message that was taken: the connection
// was kept for the next one.
func afterMessage(s *session, r *reply) bool {
	for m := range s.to(toMessage) {
		if m.entry < r.entry && m.positive() {
			return true
		}
	}
	return false
}

func leftWithoutQuit(s *session) *evidence {
	if s.pasted() || s.running() || s.said("QUIT") || s.serverLeft() >= 0 || s.farewell() || s.ehlo < 0 || s.unanswered() >= 0 {
		return nil
	}
	if left := s.clientLeft(); left >= 0 && strings.Contains("fin close-notify truncated", s.closed[0].fact.How) {
		return see(left)
	}
	return nil
}
