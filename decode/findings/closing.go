package findings

import (
	"slices"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// closingRules are about connections that ended before their time.
var closingRules = []rule{
	{
		id: "KEEPALIVE-STALE", severity: Failure, title: "a kept connection is dead",
		find:    lost("KEEPALIVE-STALE"),
		when:    []when{{to: "RSET MAIL NOOP", code: "421 451", also: afterMessage, text: `time|idle|clos|lost`}},
		text:    "a connection that was kept for the next message had died[: {reply}]",
		cause:   "The server closed it while nothing was said, and the client did not look before it went on.",
		fix:     Fix{General: "Send NOOP before an old connection is used again, or connect anew after a pause", PHPMailer: "$mail->smtpClose(); // before a pause", Nodemailer: "pool: true renews connections by itself", Symfony: "MAILER_DSN=…?ping_threshold=10"},
		sources: []string{"RFC 5321 section 4.5.3.2.7", "symfony/symfony#53647"},
	},
	{
		id: "TIMEOUT-FINAL-DOT", severity: Failure, title: "the client gave up behind the final dot",
		find:    lost("TIMEOUT-FINAL-DOT"),
		text:    "the client gave up waiting for the reply to its message[ after {took}]; the server may have taken it all the same",
		cause:   "Checking a message can take minutes. A client that gives up sends it again later, and the receiver gets it twice.",
		fix:     Fix{General: "Wait ten minutes behind the final dot", PHPMailer: "$mail->Timeout = 300; $mail->getSMTPInstance()->Timelimit = 300; // PHPMailer doubles it there", Nodemailer: "socketTimeout: 600000", Smtplib: "smtplib.SMTP(host, 587, timeout=600)"},
		sources: []string{"RFC 5321 section 4.5.3.2.6", "RFC 1047", "PHPMailer#1072"},
	},
	{
		id: "TIMEOUT-COMMAND", severity: Failure, title: "no reply in time",
		find: lost("TIMEOUT-COMMAND"),
		when: []when{
			{code: "421 451", text: `tim(e|ed)[ -]?out|idle (for )?too long|inactivity|idle time`}, {enhanced: "4.4.2", text: `time|idle`},
			{said: `(read|reply|response|socket|stream|command|server) .{0,40}timed? ?out|timed? ?out.{0,40}(reading|waiting|reply|response|data|receiv)|sockettimeoutexception|select timed-out|timelimit reached|\bterror\b.*timeout|etimedout|timeouterror`},
		},
		text:    "one side waited too long for the other[ ({took})][: {reply}]",
		cause:   "Servers look things up, scan, or slow clients down on purpose; they end sessions in which the client is silent. Where long lines only are lost, the network drops large packets (MTU, VPN).",
		fix:     Fix{General: "Give the client five minutes for a reply, and see in the timing who was waited for", PHPMailer: phpWait, Nodemailer: "socketTimeout: 300000", Smtplib: "smtplib.SMTP(host, 587, timeout=300)"},
		sources: []string{"RFC 5321 section 4.5.3.2"},
	},
	{
		id: "CONN-CLOSED-DURING-AUTH", severity: Failure, title: "closed during the login",
		find:    lost("CONN-CLOSED-DURING-AUTH"),
		text:    "the connection was closed during the login",
		cause:   "The server bans the address after too many failed logins, does not like the mechanism, or broke on the credentials.",
		fix:     Fix{General: "Mend the credentials, wait until the ban has passed, and try another mechanism", PHPMailer: "$mail->AuthType = 'LOGIN';", Nodemailer: "authMethod: 'LOGIN'"},
		sources: []string{"RFC 4954 section 4", "cosullivan/SmtpServer#272"},
	},
	{
		id: "CONN-CLOSED-AFTER-EHLO", severity: Failure, title: "closed or silent behind EHLO",
		find:    lost("CONN-CLOSED-AFTER-EHLO"),
		text:    "nothing came back to EHLO[ {helo}]",
		cause:   "The server or something before it dislikes the greeting name or the client's address and drops it without a word.",
		fix:     Fix{General: "Greet with a proper host name, and try from another network or over port 465", PHPMailer: phpHelo, Nodemailer: nodeName, Smtplib: pyName},
		sources: []string{"RFC 5321 section 3.8", "PHPMailer#2550"},
	},
	{
		id: "CONN-CLOSED-AFTER-DATA", severity: Failure, title: "closed during or behind the message",
		find:    lost("CONN-CLOSED-AFTER-DATA"),
		when:    []when{{said: `lost connection (after|while sending) (end of )?data|connection (unexpectedly )?closed.{0,40}data|timed? ?out.{0,20}while sending message`}},
		text:    "the connection was lost while the message was sent or before it was accepted",
		cause:   "A size limit, a content filter that failed, large packets lost on the way, or a fault of the server.",
		fix:     Fix{General: "Try a tiny message, then one with the attachment, and look at the server's log", PHPMailer: phpDebug},
		sources: []string{"RFC 5321 section 4.5.3.2", "maildev/maildev#482"},
	},
	{
		id: "CONN-CLOSED-MID-SESSION", severity: Failure, title: "closed in the middle",
		find:    lost("CONN-CLOSED-MID-SESSION"),
		when:    []when{{said: `connection (was )?(unexpectedly closed|closed unexpectedly|reset|lost|aborted|closed by (the )?(remote|server|foreign|peer))|smtpserverdisconnected|eof caught|econnreset|econnection|broken pipe|remote host closed|has been closed unexpectedly|got an empty response|please run connect\(\) first|socket hang up|unexpected socket close|unexpected eof|forcibly closed|lost connection`}},
		text:    "the connection was lost in the middle of the session[, behind {verb}]",
		cause:   "The server went away without a reply: a limit, a crash, a firewall that forgets quiet connections.",
		fix:     Fix{General: "Connect again and try once more; in queues renew the connection for each batch", PHPMailer: "$mail->SMTPKeepAlive = false; // or $mail->smtpClose() between batches", Nodemailer: "pool: true, maxMessages: 50", Symfony: "MAILER_DSN=…?ping_threshold=10&restart_threshold=50"},
		sources: []string{"RFC 5321 section 3.8"},
	},
	{
		id: "QUIT-MISSING", severity: Advice, title: "the client left without QUIT",
		find:    leftWithoutQuit,
		text:    "the client left without QUIT",
		cause:   "Nothing is lost: what was accepted is accepted. Servers log it.",
		fix:     Fix{General: "Say QUIT", PHPMailer: "$mail->smtpClose(); // behind the last message with SMTPKeepAlive", Smtplib: "with smtplib.SMTP(…) as smtp:"},
		sources: []string{"RFC 5321 section 4.1.1.10"},
	},
}

// shortWait is from how long on a client that closes has given up waiting,
// rather than changed its mind.
const shortWait = 3 * time.Second

// lost finds a connection that was lost in that way.
func lost(id string) finder {
	return func(s *session) *sighting {
		if s.lossFault == nil || s.lossFault.id != id {
			return nil
		}
		return &s.lossFault.sighting
	}
}

// findLoss tells how the connection was lost: what was waited for, and who
// ended it. Nil when it ended as it should, or the transcript does not show it.
func (s *session) findLoss() *fault {
	if s.dialFault != nil || s.tlsFault != nil || s.running() {
		return nil
	}
	by, gone := s.lossShown()
	if by < 0 {
		return nil
	}
	if s.greeting < 0 && len(s.replies) == 0 {
		return s.noGreeting(by)
	}
	last := s.unanswered()
	if last < 0 {
		return nil
	}
	f := &fault{id: s.lossRule(last, gone), sighting: *see(last, by)}
	slices.Sort(f.entries)
	if ev := s.ev(last); ev.Command != nil && ev.Command.Verb != "" {
		f.with("verb", ev.Command.Verb)
	}
	if waited := s.t.Entries[by].At - s.t.Entries[last].At; waited >= time.Second && !s.lack(decode.LackTimes) {
		f.with("took", duration(waited))
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
		if left >= 0 && (s.end == nil || s.end.fact.Cause != facts.CauseShutdown) && !s.quitSaid() && s.waitedFor(left) {
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
	return slices.ContainsFunc(s.replies, func(r reply) bool { return r.code == 221 || r.code == 421 || r.code == 521 })
}

// quitSaid reports a client that said QUIT and was not waiting for anything
// else then.
func (s *session) quitSaid() bool { return s.said("QUIT") && s.unanswered() < 0 }

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
	for i := s.lastWire; i >= 0; i-- {
		ev := s.t.Entries[i].Event
		switch {
		case ev == nil || ev.Kind == decode.KindMissing || ev.Kind == decode.KindOpaque:
		case ev.Side == who.Server:
			return -1
		case ev.Command != nil && (ev.Command.Verb == "QUIT" || ev.Command.Verb == "RSET" && s.isPHPMailer()):
		case s.answer(i) != nil:
			return -1
		default:
			return i
		}
	}
	return -1
}

// lossRule is the rule for a connection that was lost behind an entry.
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
	case verb == "EHLO" || verb == "HELO":
		return "CONN-CLOSED-AFTER-EHLO"
	case (verb == "MAIL" || verb == "RSET" || verb == "NOOP") && s.accepted(0, toMessage) && gone == serverClosed:
		return "KEEPALIVE-STALE"
	case gone != serverClosed:
		return "TIMEOUT-COMMAND"
	}
	return "CONN-CLOSED-MID-SESSION"
}

// afterMessage reports a reply behind a message that was taken: the connection
// was kept for the next one.
func afterMessage(s *session, r *reply) bool {
	for m := range s.to(toMessage) {
		if m.entry < r.entry && m.positive() {
			return true
		}
	}
	return false
}

func leftWithoutQuit(s *session) *sighting {
	if s.pasted() || s.running() || s.said("QUIT") || s.serverLeft() >= 0 || s.farewell() || s.ehlo < 0 || s.unanswered() >= 0 {
		return nil
	}
	if left := s.clientLeft(); left >= 0 && strings.Contains("fin close-notify truncated", s.closed[0].fact.How) {
		return see(left)
	}
	return nil
}
