package findings

import (
	"smtptap/decode"
	"smtptap/decode/facts"
)

// sessionRules are about the order of the dialogue and its end.
var sessionRules = []rule{
	{id: "PIPELINING-MISUSE", severity: Failure,
		any:     []when{{code: "5..", text: `synchroni[sz]ation error|improper use of (smtp )?(command )?pipelining|pipelining|early talker`}},
		text:    "the client did not wait for a reply, and the server minds: {reply}",
		cause:   "Commands were sent ahead where that is not allowed: before the greeting, behind EHLO, AUTH, DATA or STARTTLS, or without PIPELINING on offer.",
		fix:     Fix{General: "Wait for each reply", PHPMailer: "raise $mail->Timeout: a short one makes it speak before the greeting"},
		sources: []string{"RFC 2920 section 3.1", "RFC 5321 section 4.3.1"}},
	{id: "PIPELINING-WITHOUT-OFFER", severity: Warning, test: noted("pipelined", "early-talker"),
		text:    "the client speaks before the reply or greeting it should wait for",
		cause:   "Strict servers take that for a spam program.",
		fix:     Fix{General: "Wait for each reply unless the server offers PIPELINING"},
		sources: []string{"RFC 2920 section 3.1"}},
	{id: "BDAT-MISUSE", severity: Failure,
		any:     []when{{to: "BDAT", code: "5.."}, {code: "503", text: `bdat`}},
		text:    "the server refuses the chunk: {reply}",
		cause:   "BDAT and DATA were mixed, a chunk has a wrong size, or the message does not end its lines in CRLF.",
		fix:     Fix{General: "Use DATA, or send whole chunks with the last one marked LAST"},
		sources: []string{"RFC 3030 section 2"}},
	{id: "REPLY-DESYNC", severity: Failure, test: desync,
		any:     []when{{client: `expected response code "?(354|250|334|220|235)"? but got (response )?code "?(2|3)\d\d`}},
		text:    "replies are out of step with commands: {reply}",
		cause:   "A reply was read as the answer to a later command: a multi-line reply that was not read to its end, a reply too many, or a shared connection.",
		fix:     Fix{General: "Update the client library; use one connection for one thread"},
		sources: []string{"RFC 5321 section 4.2", "RFC 5321 section 4.3.2"}},
	{id: "TRANSACTION-NOT-RESET", severity: Failure,
		any:     []when{{to: "MAIL", code: "503", text: `nested mail|sender already|already (given|specified)`}},
		text:    "MAIL inside a transaction that was not ended: {reply}",
		cause:   "After refused recipients the old transaction is still open.",
		fix:     Fix{General: "Send RSET before the next MAIL"},
		sources: []string{"RFC 5321 section 4.1.1.5"}},
	{id: "DATA-NOT-354", severity: Failure, noise: true,
		any:     []when{{to: "DATA", code: "2..|4..|5.."}},
		text:    "the server does not want the message now: {reply}",
		cause:   "DATA is refused when no recipient was accepted, or by a rule that looks at sender and recipients together.",
		fix:     Fix{General: "Look at the replies to MAIL and RCPT"},
		sources: []string{"RFC 5321 section 4.1.1.4"}},
	{id: "TIMEOUT-COMMAND", severity: Failure,
		any:     []when{{code: "421|451", text: `time(d)? ?out|timeout exceeded|idle too long|inactivity|idle timeout`}, {client: `read timed out|timed out waiting|SMTP command timeout|SocketTimeoutException|has timed out`}},
		text:    "one side waited too long for the other: {reply}",
		cause:   "The server ends sessions in which the client is silent; clients give up on servers that are.",
		fix:     Fix{General: "See in the timing who was idle", PHPMailer: "$mail->Timeout = 300;"},
		sources: []string{"RFC 5321 section 4.5.3.2"}},
	{id: "KEEPALIVE-STALE", severity: Failure, test: staleConnection,
		text:    "a kept connection had died when it was used again",
		cause:   "The server closed it after some idle time; the client did not look before it sent.",
		fix:     Fix{General: "Send NOOP before using an old connection, or open a new one", PHPMailer: "$mail->smtpClose(); // before a long pause", Nodemailer: "pool: true renews connections by itself"},
		sources: []string{"RFC 5321 section 4.5.3.2.7"}},
	{id: "CONN-CLOSED-DURING-AUTH", severity: Failure, test: closedBehind("AUTH"),
		text:    "the connection was closed during the login",
		cause:   "The server ends the session after a failed login, too many of them, or a mechanism that crashed it.",
		fix:     Fix{General: "Check the credentials, wait a while, and try another mechanism", PHPMailer: "$mail->AuthType = 'LOGIN';"},
		sources: []string{"RFC 4954 section 4"}},
	{id: "CONN-CLOSED-AFTER-EHLO", severity: Failure, test: closedBehind("EHLO", "HELO"),
		text:    "the connection was closed behind EHLO",
		cause:   "A filter or the server dislikes the greeting name or the client's address.",
		fix:     Fix{General: "Set a proper host name for EHLO, and try from another network", PHPMailer: heloFix},
		sources: []string{"RFC 5321 section 3.8"}},
	{id: "CONN-CLOSED-AFTER-DATA", severity: Failure, test: closedInMessage,
		any:     []when{{client: `connection unexpectedly closed.*data|lost connection (after|while sending) (end of )?data`}},
		text:    "the connection was closed while the message was being sent or before it was accepted",
		cause:   "A content filter, a size limit, or the network cut it.",
		fix:     Fix{General: "Try a short message without attachments; if that works, look at size and content"},
		sources: []string{"RFC 5321 section 4.5.3.2"}},
	{id: "TIMEOUT-FINAL-DOT", severity: Failure, test: gaveUpOnDot,
		text:    "the client gave up waiting behind the final dot; the server may have taken the message all the same",
		cause:   "Checking a message can take the server minutes. A client that gives up sends it again later, and the receiver gets it twice.",
		fix:     Fix{General: "Wait ten minutes behind the final dot", PHPMailer: "$mail->Timeout = 600; $mail->getSMTPInstance()->Timelimit = 600;", Nodemailer: "socketTimeout: 600000"},
		sources: []string{"RFC 5321 section 4.5.3.2.6", "RFC 1047", "PHPMailer#1072"}},
	{id: "CONN-CLOSED-MID-SESSION", severity: Failure, test: closedBehind(),
		any:     []when{{client: `connection (unexpectedly closed|closed unexpectedly|reset by peer|lost)|SMTPServerDisconnected|EOF caught|ECONNRESET|broken pipe|remote host closed connection|has been closed unexpectedly|but got an empty response`}},
		text:    "the connection was closed in the middle of the session",
		cause:   "The server or something between closed it without a reply: a crash, a limit, a firewall that forgets idle connections.",
		fix:     Fix{General: "Look at what the last command was, and try from another network"},
		sources: []string{"RFC 5321 section 3.8"}},
	{id: "BAD-SEQUENCE-503", severity: Failure,
		any:     []when{{code: "503"}, {code: "5..", text: `bad sequence|need (mail|rcpt|helo|ehlo)|(helo|ehlo).{0,12}first|polite people say hel`}},
		text:    "a command came at the wrong time: {reply}",
		cause:   "A command that should come first was left out or refused.",
		fix:     Fix{General: "Look at the first refused command before it"},
		sources: []string{"RFC 5321 section 4.1.4"}},
	{id: "UNKNOWN-COMMAND-500", severity: Failure,
		any:     []when{{code: "50[02]", and: notAuth}, {code: "221", text: `i can break rules`}},
		text:    "the server does not know the command: {reply}",
		cause:   "The command is mistyped, not implemented, or was no command at all.",
		fix:     Fix{General: "Look at the line that was sent"},
		sources: []string{"RFC 5321 section 4.2.4"}},
	{id: "TEMP-451-LOCAL", severity: Failure,
		any:     []when{{code: "451|452|450|421", to: "MAIL RCPT . DATA EHLO"}},
		text:    "the server can't take the mail now: {reply}",
		cause:   "A fault or limit on the server's side that is meant to pass.",
		fix:     Fix{General: "Try again later; a queueing mail server does so by itself"},
		sources: []string{"RFC 5321 section 4.2.1"}},
	{id: "REPLY-MALFORMED", severity: Warning, test: noted("reply-no-code", "reply-codes-differ", "reply-too-long"),
		text:    "a reply is not of the form that SMTP wants",
		cause:   "The server, or something between, is broken; clients may read it wrongly.",
		fix:     Fix{General: "Find out what answers there"},
		sources: []string{"RFC 5321 section 4.2"}},
	{id: "REPLY-NON-UTF8", severity: Advice, test: replyCharset,
		text:    "a reply holds text in another charset than UTF-8",
		cause:   "Some providers answer in GBK or Latin-1; logs show garbage there.",
		fix:     Fix{General: "Read the decoded line"},
		sources: []string{"RFC 5321 section 4.2"}},
	{id: "EARLY-REPLY", severity: Warning, test: noted("early-reply"),
		text:    "the server accepted the message before its end: it sees the end elsewhere than the client",
		cause:   "A line in the message ended it for the server. The rest was read as commands: that is smuggling.",
		fix:     Fix{General: "Send CRLF line ends with dots doubled; the server should be mended too"},
		sources: []string{"RFC 5321 section 4.1.1.4", "CVE-2023-51764"}},
	{id: "QUIT-MISSING", severity: Advice, test: noQuit,
		text:    "the client left without QUIT",
		cause:   "The mail is delivered; but servers log it, and an unfinished transaction would be lost.",
		fix:     Fix{General: "Say QUIT", Smtplib: "with smtplib.SMTP(…) as smtp:"},
		sources: []string{"RFC 5321 section 4.1.1.10"}},
	{id: "LOOP-TO-SELF", severity: Failure, test: dialFailed("loop"),
		text:    "the session would have come back to smtptap itself",
		cause:   "The target is the address that smtptap listens on.",
		fix:     Fix{General: "Give the real server with --to"},
		sources: []string{"RFC 5321 section 6.3"}},
	{id: "MX-NOT-ALLOWED", severity: Failure, test: dialFailed("not-allowed"),
		text:    "the domain's mail server has a private or otherwise special address",
		cause:   "smtptap does not follow MX records into private networks, or a stranger's DNS could use it to reach them.",
		fix:     Fix{General: "Use --allow-private if that is what you want"},
		sources: []string{"RFC 6890"}},
	{id: "DNS-NO-SERVER", severity: Failure, test: dnsFailed,
		text:    "DNS gave no server for the domain",
		cause:   "The domain does not exist, takes no mail, or its name servers don't answer.",
		fix:     Fix{General: "Check the spelling of the domain; look at it with `smtptap check DOMAIN`"},
		sources: []string{"RFC 5321 section 5.1"}},
}

func notAuth(v *view, i int) bool {
	c := v.askedCommand(i)
	return c == nil || c.Verb != "AUTH" && c.Verb != "STARTTLS"
}

// desync finds replies that no server gives to that command.
func desync(v *view) []int {
	for n := range v.answers {
		a := &v.answers[n]
		switch {
		case a.reply.Code == 235 && a.verb != "AUTH" && a.verb != "",
			a.reply.Code == 334 && a.verb != "AUTH" && a.verb != "",
			a.reply.Code == 354 && a.verb != "DATA" && a.verb != "",
			a.verb == "DATA" && a.reply.Code == 250:
			return v.proof(a)
		}
	}
	return nil
}

// lastSaid is the last entry in which either side said something, and who.
func (v *view) lastSaid() int {
	for i := len(v.t.Entries) - 1; i >= 0; i-- {
		if e := v.t.Entries[i].Event; e != nil && e.Kind != decode.KindMissing {
			return i
		}
	}
	return -1
}

// serverLeft is the entry that tells that the server closed first, or -1.
func (v *view) serverLeft() int {
	for i, e := range v.t.Entries {
		if c, ok := e.Fact.(*facts.Closed); ok {
			if c.Leg == facts.ServerLeg {
				return i
			}
			return -1
		}
	}
	return -1
}

// closedBehind finds a connection that the server closed while a reply to one
// of these verbs was due; without verbs, to any that no other rule names.
func closedBehind(verbs ...string) func(*view) []int {
	return func(v *view) []int {
		closed, last := v.serverLeft(), v.lastSaid()
		if closed < 0 || last < 0 || v.greeting < 0 {
			return nil
		}
		ev := v.event0(last)
		if ev.Side != decode.Client || v.answerTo(last) != nil {
			return nil
		}
		verb := ""
		switch {
		case ev.Auth != nil:
			verb = "AUTH"
		case ev.Command != nil:
			verb = ev.Command.Verb
		default:
			return nil
		}
		if verb == "QUIT" {
			return nil
		}
		if len(verbs) == 0 {
			if verb == "AUTH" || verb == "EHLO" || verb == "HELO" {
				return nil
			}
			return []int{last, closed}
		}
		for _, want := range verbs {
			if verb == want {
				return []int{last, closed}
			}
		}
		return nil
	}
}

func closedInMessage(v *view) []int {
	closed, last := v.serverLeft(), v.lastSaid()
	if closed < 0 || last < 0 {
		return nil
	}
	switch ev := v.event0(last); ev.Kind {
	case decode.KindHeader, decode.KindBody, decode.KindEndOfData:
		return []int{last, closed}
	}
	return nil
}

// gaveUpOnDot finds a client that closed first while the reply to its message
// was due.
func gaveUpOnDot(v *view) []int {
	last := v.lastSaid()
	if last < 0 || !v.t.Ended || v.serverLeft() >= 0 || v.t.Source == decode.SourceLog {
		return nil
	}
	if ev := v.event0(last); ev.Kind == decode.KindEndOfData {
		for i, e := range v.t.Entries {
			if c, ok := e.Fact.(*facts.Closed); ok && c.Leg == facts.ClientLeg {
				return []int{last, i}
			}
		}
	}
	return nil
}

// staleConnection finds a second transaction on a connection that had died.
func staleConnection(v *view) []int {
	if len(v.messages) == 0 || v.messages[0].Reply < 0 {
		return nil
	}
	for n := range v.answers {
		a := &v.answers[n]
		if a.entry > v.messages[0].Reply && a.reply.Code == 421 && (a.verb == "RSET" || a.verb == "MAIL" || a.verb == "NOOP" || a.verb == "") {
			return v.proof(a)
		}
	}
	return nil
}

func replyCharset(v *view) []int {
	for _, a := range v.answers {
		if hasNote(v.event0(a.entry), "invalid-utf8") {
			return []int{a.entry}
		}
	}
	return nil
}

func noQuit(v *view) []int {
	if !v.t.Ended || v.t.Source == decode.SourceLog || v.ehlo < 0 || v.serverLeft() >= 0 {
		return nil
	}
	if _, quit := v.last["QUIT"]; quit {
		return nil
	}
	for i, e := range v.t.Entries {
		if c, ok := e.Fact.(*facts.Closed); ok && c.Leg == facts.ClientLeg {
			return []int{i}
		}
	}
	return nil
}

func dnsFailed(v *view) []int {
	if v.connected() {
		return nil
	}
	var at []int
	for i, e := range v.t.Entries {
		if d, ok := e.Fact.(*facts.DNS); ok && d.Err != "" {
			at = append(at, i)
		}
	}
	return firstFew(at)
}
