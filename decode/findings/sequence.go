package findings

import (
	"slices"
	"strings"

	"smtptap/decode"
)

// notTLSBytes leaves what servers say of TLS bytes to TLS-ON-PLAINTEXT-PORT.
func notTLSBytes(s *session, r *reply) bool {
	return !strings.Contains(r.folded(), `\026\003`) && !strings.Contains(r.folded(), `\x16\x03`) && len(s.noted("not-smtp-tls")) == 0 && len(s.hellos) == 0
}

// spokeTooEarly finds commands before the greeting, or before a reply where the
// server does not offer PIPELINING. What a log joins on one line proves nothing.
func spokeTooEarly(s *session) *evidence {
	if s.tlsFault != nil {
		return nil // what is said in place of TLS waits for nothing
	}
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
func outOfStep(s *session) *evidence {
	for i := range s.replies {
		r := s.replies[i]
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
func (s *session) spokeIntoReply() *evidence {
	for i := range s.replies {
		r := s.replies[i]
		if len(r.event.Reply.Lines) < 2 || r.asked < 0 || r.verb != "EHLO" && s.offers("PIPELINING") {
			continue
		}
		first, _ := slices.BinarySearch(s.commands, r.asked+1)
		for _, c := range s.commands[first:] {
			if c >= r.entry {
				break
			}
			ev := s.ev(c)
			if !s.fromClient(c) {
				continue
			}
			// A reply event begins at its first line and stands after what
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
func malformedReply(s *session) *evidence {
	if plainInTLS(s) != nil || s.tlsFault != nil || s.greetedInTLS() {
		return nil
	}
	return see(s.noted("reply-no-code", "reply-codes-differ", "reply-too-long")...)
}

func replyCharset(s *session) *evidence {
	for _, i := range s.notes["invalid-utf8"] {
		if r := s.answer(i); r != nil && r.entry == i && r.code != 0 {
			return see(i)
		}
	}
	return nil
}

func answersNothing(_ *session, r *reply) bool { return r.verb == "" }
