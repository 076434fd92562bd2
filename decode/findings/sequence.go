package findings

import (
	"strings"

	"smtptap/decode"
)

// outOfStepRules are about clients and servers that lost count of each other.
// What they explain makes every later reply misleading, so that they come first.
var outOfStepRules = []rule{
	{
		id: "PIPELINING-MISUSE", severity: Failure, title: "the client does not wait for replies",
		when:    []when{{text: `synchroni[sz]ation error|improper use of .{0,20}pipelining|improper command pipelining|pipelining not (supported|allowed)|early talker|smtp protocol synchroni|talk(s|ing)? (too early|before)|protocol error.{0,20}pregreet`, loose: true, also: notTLSBytes}, {to: toGreeting, text: `bad sequence|protocol error`}},
		lint:    lint{find: spokeTooEarly, severity: Warning, text: "the client speaks before the reply that it should wait for; strict servers refuse that"},
		text:    "the client did not wait for a reply, and the server minds: {reply}",
		cause:   "Commands were sent ahead where that is not allowed: before the greeting, behind EHLO, AUTH, DATA or STARTTLS, or without PIPELINING on offer. A script that pipes a file into nc does that, or a client whose timeout is shorter than the server's delay.",
		fix:     Fix{General: "Read every reply before the next command, unless the server offers PIPELINING", PHPMailer: "$mail->Timeout = 300; // PHPMailer 5.2 spoke early when it was short", Other: "swaks without --pipeline; nc -C -i 1"},
		sources: []string{"RFC 2920 section 3.1", "RFC 5321 section 4.3.1", "PHPMailer#1003"},
	},
	{
		id: "REPLY-DESYNC", severity: Failure, title: "replies and commands are out of step",
		find:    outOfStep,
		when:    []when{{said: `expected response code "?(354|250|334|220|235|250/251/252)"? but got (response )?code "?(2|3)\d\d|no message correspond to this error code`}},
		text:    "replies are out of step with commands[: {reply}]",
		cause:   "The client took a part of a reply of several lines for the whole, went on after a wait that was too short, or shares its connection with another thread or process.",
		fix:     Fix{General: "Update the client library: a reply ends at the line with a space behind its code; after a timeout close the connection", PHPMailer: "update PHPMailer; no open connection across a fork", Nodemailer: "update nodemailer", Symfony: "update symfony/mailer"},
		sources: []string{"RFC 5321 section 4.2.1", "nodemailer#456", "symfony/symfony#54169"},
	},
}

// sequenceRules are about the order of commands and the form of replies.
var sequenceRules = []rule{
	{
		id: "TRANSACTION-NOT-RESET", severity: Failure, title: "MAIL inside a transaction",
		when:    []when{{to: "MAIL", code: "503", text: `nested mail|sender (is )?already|already (given|specified|have)`}},
		text:    "MAIL inside a transaction that was not ended: {reply}",
		cause:   "After refused recipients or a refused message the old transaction is still open.",
		fix:     Fix{General: "Send RSET after a failed transaction", PHPMailer: "$mail->getSMTPInstance()->reset();", Smtplib: "smtp.rset()"},
		sources: []string{"RFC 5321 section 4.1.1.5"},
	},
	{
		id: "BAD-SEQUENCE-503", severity: Failure, title: "a command at the wrong time",
		when:    []when{{code: "503"}, {text: `bad sequence|need (mail|rcpt|helo|ehlo)|(helo|ehlo|mail|rcpt|hello).{0,12} first|polite people say hel|please say|out of sequence|already said`}},
		text:    "a command came at the wrong time: {reply}",
		cause:   "A command that has to come first was left out or refused, or the transaction was lost when TLS began or the connection was renewed.",
		fix:     Fix{General: "Look for the first refused command before it; the order is EHLO, STARTTLS, EHLO, AUTH, MAIL, RCPT, DATA", PHPMailer: "in code of your own around the SMTP class: reset() after a failure", Smtplib: "smtp.rset() after a failure"},
		sources: []string{"RFC 5321 section 4.1.4"},
	},
	{
		id: "UNKNOWN-COMMAND-500", severity: Failure, title: "an unknown command",
		when:    []when{{code: "500 502 504", also: notLogin}, {code: "221", text: `i can break rules`}},
		text:    "the server does not know the command: {reply}",
		cause:   "It is mistyped or not implemented, or is no command at all: text of a message, credentials, HTTP, or invisible characters such as a byte order mark.",
		fix:     Fix{General: "Look at the exact bytes of the line before the reply"},
		sources: []string{"RFC 5321 section 4.2.4"},
	},
	{
		id: "REPLY-MALFORMED", severity: Warning, title: "a reply of the wrong form",
		find:    malformedReply,
		text:    "a reply is not of the form that SMTP has",
		cause:   "The server is broken, or a filter, virus scanner or login page of the network answers in its place. Clients may misread it.",
		fix:     Fix{General: "Find out what answers there; try from another network", PHPMailer: "6.1.3 and later take a reply that is a bare code"},
		sources: []string{"RFC 5321 section 4.2"},
	},
	{
		id: "REPLY-NON-UTF8", severity: Advice, title: "a reply in another charset",
		find:    replyCharset,
		text:    "a reply holds text in another charset than UTF-8; it reads: {reply}",
		cause:   "Some servers answer in GBK or Latin-1 although replies should be ASCII. Logs show garbage there.",
		fix:     Fix{General: "Read the line as smtptap decodes it"},
		sources: []string{"RFC 5321 section 4.2"},
	},
}

// notTLSBytes leaves what servers say of TLS bytes to TLS-ON-PLAINTEXT-PORT.
func notTLSBytes(s *session, r *reply) bool {
	return !strings.Contains(r.folded(), `\026\003`) && !strings.Contains(r.folded(), `\x16\x03`) && len(s.noted("not-smtp-tls")) == 0 && len(s.hellos) == 0
}

func notLogin(_ *session, r *reply) bool { return r.verb != "AUTH" && r.verb != "STARTTLS" }

// spokeTooEarly finds commands before the greeting, or before a reply where the
// server does not offer PIPELINING. What a log joins on one line proves nothing.
func spokeTooEarly(s *session) *sighting {
	if s.pasted() && (s.lack(decode.LackServerLines) || s.lack(decode.LackStart) || s.lack(decode.LackClientLines)) {
		return nil
	}
	if at := s.noted("early-talker"); len(at) > 0 {
		return see(at...)
	}
	var proof []int
	for _, i := range s.notes["pipelined"] {
		if ev := s.ev(i); ev.Command != nil && ev.Command.Verb != "" {
			proof = append(proof, i)
		}
	}
	return see(proof...)
}

// outOfStep finds replies that no server gives to what they seem to answer, and
// commands that were sent into the middle of a reply.
func outOfStep(s *session) *sighting {
	for i := range s.replies {
		r := &s.replies[i]
		if s.lack(decode.LackClientLines) && r.asked < 0 {
			continue
		}
		switch {
		case r.verb == "" || r.verb == toGreeting:
		case r.code == 235 && r.verb != "AUTH", r.code == 334 && r.verb != "AUTH", r.code == 354 && r.verb != "DATA",
			r.code == 250 && r.verb == "DATA", r.code == 250 && r.verb == "STARTTLS", r.code == 250 && r.verb == "AUTH", r.code == 535 && (r.verb == "RCPT" || r.verb == "MAIL"):
			return see(r.proof()...)
		}
	}
	return s.spokeIntoReply()
}

// spokeIntoReply finds a command that was sent while a reply of several lines
// was still coming in.
func (s *session) spokeIntoReply() *sighting {
	for i := range s.replies {
		r := &s.replies[i]
		if len(r.event.Reply.Lines) < 2 || r.asked < 0 || r.verb != "EHLO" && s.offers("PIPELINING") {
			continue
		}
		for _, c := range s.commands {
			ev := s.ev(c)
			if c <= r.asked || c >= r.entry || !s.fromClient(c) {
				continue
			}
			// A reply event begins at its first line and stands behind what
			// was said before its last.
			if ev.Begin >= r.event.Begin && ev.At <= r.event.At {
				return see(c, r.entry)
			}
		}
	}
	return nil
}

// malformedReply finds replies without a code, or with several. TLS records in
// their place have a rule of their own.
func malformedReply(s *session) *sighting {
	if plainInTLS(s) != nil || s.tlsFault != nil {
		return nil
	}
	return see(s.noted("reply-no-code", "reply-codes-differ", "reply-too-long")...)
}

func replyCharset(s *session) *sighting {
	for _, i := range s.notes["invalid-utf8"] {
		if r := s.answer(i); r != nil && r.entry == i && r.code != 0 {
			return see(i).with("reply", r.quote())
		}
	}
	return nil
}
