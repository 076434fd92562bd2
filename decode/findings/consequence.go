package findings

import (
	"bytes"
	"slices"
	"strings"

	"smtptap/decode"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// follows reports a refusal that only follows from something else: it is no
// finding of its own. outcome knows those that follow from an earlier refusal.
func (s *session) follows(r *reply) bool {
	if r.code < 400 {
		return false
	}
	switch {
	case s.afterLeaving(r), s.loneAsterisk(r), s.inProxyHeader(r.asked), s.textRefused(r):
		return true
	case smtp.Greets(r.verb):
		return r.code == 503 && s.turnedAway(r)
	}
	return false
}

// afterLeaving reports what a server says of a client that has gone.
func (s *session) afterLeaving(r *reply) bool {
	left := s.clientLeft()
	return left >= 0 && r.entry > left && r.asked < 0
}

// loneAsterisk reports the reply to an asterisk that cancels a login that is
// over already: some clients send it after every refusal.
func (s *session) loneAsterisk(r *reply) bool {
	if r.asked < 0 {
		return false
	}
	ev := s.ev(r.asked)
	return ev.Command != nil && strings.TrimSpace(string(ev.Raw)) == "*" && s.triedLogin(r.asked)
}

// turnedAway reports a client that goes on after a greeting that refused it.
func (s *session) turnedAway(r *reply) bool {
	greeting := s.answer(s.greeting)
	return greeting != nil && greeting.code >= 400 && greeting.entry < r.entry
}

// textRefused reports a line of a message that the server read as a command:
// DATA-AS-COMMANDS tells of all of them.
func (s *session) textRefused(r *reply) bool { return s.stray[r.asked] }

// findText finds the lines of messages that came where commands belong: runs of
// lines after DATA that are no commands. A single line that looks like a verb is
// a mistyped command.
func (s *session) findText() {
	var run []int
	end := func() {
		if s.isMessage(run) {
			for _, i := range run {
				s.stray[i] = true
			}
		}
		run = run[:0]
	}
	for i := range s.t.Entries {
		switch ev := s.t.Entries[i].Event; {
		case ev == nil || s.t.Entries[i].Author() != who.Client:
		case ev.Kind != decode.KindCommand && ev.Kind != decode.KindAuth:
		case s.isText(i):
			run = append(run, i)
		default:
			end()
		}
	}
	end()
}

// isMessage reports whether lines read as a part of a message. Of lines that the
// decoder hides it takes two.
func (s *session) isMessage(run []int) bool {
	hidden := 0
	for _, i := range run {
		ev := s.ev(i)
		if ev.Auth != nil {
			hidden++
		} else if line := strings.TrimSpace(string(ev.Raw)); line != "*" && !likeVerb(line) {
			return true
		}
	}
	return hidden > 1
}

// likeVerb reports a line that has the shape of a command: one word, or a word
// in capitals with something after it.
func likeVerb(line string) bool {
	word := firstWord(line)
	more := len(word) < len(line)
	for _, c := range word {
		if (c < 'A' || c > 'Z') && (more || c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(word) > 2
}

// inProxyHeader reports an entry that belongs to a load balancer's header.
func (s *session) inProxyHeader(i int) bool {
	return i >= 0 && s.header != nil && i <= placeOf(s.header) && s.t.Entries[i].Event != nil
}

// forgetTLS forgets what was noted of bytes that came after a STARTTLS that was
// refused, up to the next command: a client that begins TLS all the same.
func (s *session) forgetTLS() {
	asked, refused := false, false
	dropped := map[int]bool{}
	for i := range s.t.Entries {
		e := &s.t.Entries[i]
		switch ev := e.Event; {
		case ev == nil:
		case ev.Reply != nil:
			refused = refused || asked && ev.Reply.Code >= 400 && (ev.Reply.ToVerb == "STARTTLS" || e.Author() == who.Smtptap)
		case ev.Command != nil && ev.Command.Known:
			asked, refused = ev.Command.Verb == "STARTTLS", false
		default:
			dropped[i] = refused
		}
	}
	s.forget(func(i int, _ string) bool { return dropped[i] })
}

// forget drops notes of the decoder.
func (s *session) forget(drop func(entry int, id string) bool) {
	for id, at := range s.notes {
		s.notes[id] = slices.DeleteFunc(at, func(i int) bool { return drop(i, id) })
	}
}

// findHeader finds such a header, and forgets what was noted of its bytes and of
// the command that comes right after it: they are no SMTP.
func (s *session) findHeader() {
	if s.header = proxyHeader(s); s.header == nil {
		return
	}
	next := placeOf(s.header)
	for _, c := range s.commands {
		if c > next {
			next = c
			break
		}
	}
	quit := s.tookHeaderForQuit()
	s.forget(func(i int, id string) bool {
		return (i <= next && id != "proxy-protocol" || quit && id == "pipelined") && s.t.Entries[i].Author() == who.Client
	})
}

// tookHeaderForQuit reports a header of version 2 to a server that refuses it
// line by line: it ends in QUIT, and the server does as it is told.
func (s *session) tookHeaderForQuit() bool {
	return s.header != nil && slices.ContainsFunc(s.spoken, func(r *reply) bool {
		return r.code >= 400 && s.inProxyHeader(r.asked) && bytes.Contains(s.ev(r.asked).Raw, []byte("QUIT\n"))
	})
}
