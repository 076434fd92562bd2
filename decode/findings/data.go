package findings

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"smtptap/decode"
	"smtptap/decode/who"
)

func notInChunk(s *session, r *reply) bool { return r.verb != "BDAT" && !s.said("BDAT") }

// nothingRefused reports that the refusal is the first of its transaction.
func nothingRefused(s *session, refused *reply) bool {
	from := s.last("MAIL", refused.entry)
	for i := range s.replies {
		r := s.replies[i]
		if r.entry > from && r.entry < refused.entry && r.code >= 400 {
			return false
		}
	}
	return true
}

// dotsMissing finds lines with a single leading dot; of a line with nothing but
// the dot the message's rest tells, which the server reads as commands.
func dotsMissing(s *session) *evidence {
	if at := s.noted("dot-unstuffed"); len(at) > 0 {
		return see(at...)
	}
	for i := range s.messages {
		m := &s.messages[i]
		if m.End < 0 || !m.Stuffed || m.Reply < 0 {
			continue
		}
		if c := s.nextLine(m.End); s.stray[c] {
			if r := s.answer(c); r != nil && (r.code >= 500 || r.code == 221) {
				g := see(m.End, c, r.entry)
				g.severity = Failure
				return g
			}
		}
	}
	return nil
}

// nextLine is the next line of the client after an entry, or -1.
func (s *session) nextLine(after int) int {
	for i := after + 1; i < len(s.t.Entries); i++ {
		if ev := s.t.Entries[i].Event; ev != nil && ev.Side == who.Client && (ev.Kind == decode.KindCommand || ev.Kind == decode.KindAuth) {
			return i
		}
	}
	return -1
}

// isText reports a line after DATA that is no command. The decoder hides such
// lines in sessions with a login: they might be credentials.
func (s *session) isText(i int) bool {
	ev := s.ev(i)
	if s.last("DATA", i) < 0 {
		return false
	}
	if ev.Auth != nil {
		return ev.Auth.Step == decode.StepStray
	}
	return ev.Command != nil && !ev.Command.Known && len(ev.Raw) > 2
}

// lintedLines bounds the bytes of a body that are looked at for dots.
const lintedLines = 64 << 10

// dotsDoubled finds lines that begin with three dots and a letter where no line
// begins with two: text with a leading dot, doubled twice.
func dotsDoubled(s *session) *evidence {
	if s.t.Bytes == nil || s.lack(decode.LackBody) || s.lack(decode.LackBytes) {
		return nil
	}
	for i := range s.messages {
		m := &s.messages[i]
		for _, p := range m.Parts {
			ev := s.ev(p)
			if ev.Body == nil || ev.Body.Chunk || !m.Stuffed {
				continue
			}
			if twoAndThree(s.read(ev.Span, lintedLines)) {
				return see(p)
			}
		}
	}
	return nil
}

func twoAndThree(body []byte) bool {
	two, three := 0, 0
	for line := range bytes.Lines(body) {
		dots := len(line) - len(bytes.TrimLeft(line, "."))
		rest := bytes.TrimRight(line[dots:], "\r\n")
		switch {
		case dots == 2 && len(rest) > 0:
			two++
		case dots == 3 && len(rest) > 0 && rest[0] != ' ':
			three++
		}
	}
	return three > 0 && two == 0
}

// read returns the first bytes of a span of the client's stream, nil when they
// were not kept.
func (s *session) read(span decode.Span, most int64) []byte {
	span.End = min(span.End, span.Start+most)
	p, err := io.ReadAll(s.t.Reader(who.ClientLeg, who.Client, span))
	if err != nil {
		return nil
	}
	return p
}

// dataAsCommands finds lines after DATA that are no commands and that the
// server did not understand.
func dataAsCommands(s *session) *evidence {
	var proof []int
	for i := range s.replies {
		r := s.replies[i]
		if r.asked >= 0 && (r.code >= 500 || r.code == 221) && s.stray[r.asked] {
			proof = append(proof, r.asked, r.entry)
		}
	}
	if len(proof) == 0 {
		proof = s.noted("data-after-refusal")
	}
	return see(firstFew(proof)...)
}

// noFinalDot finds a client that has said its message and waits: for the reply
// to an end that it did not send, or not as it must be.
func noFinalDot(s *session) *evidence {
	if s.pasted() || s.running() || s.lack(decode.LackEnd) {
		return nil
	}
	for i := range s.messages {
		m := &s.messages[i]
		if m.Complete || !m.Stuffed || len(m.Parts) == 0 || s.refusedSince(m.Parts[0]) || s.serverLeft() >= 0 {
			continue
		}
		if last := m.Parts[len(m.Parts)-1]; s.waitedAfter(last) || s.endsInDot(last) {
			return see(last)
		}
	}
	return nil
}

// waitedAfter reports that nothing came for a while after an entry until the
// session ended.
func (s *session) waitedAfter(i int) bool {
	return s.t.Entries[len(s.t.Entries)-1].At-s.t.Entries[i].At >= shortWait
}

// endsInDot reports a message whose last bytes are a dot that was meant as its
// end.
func (s *session) endsInDot(i int) bool {
	ev := s.ev(i)
	const end = 8
	span := decode.Span{Start: max(ev.Span.Start, ev.Span.End-end), End: ev.Span.End}
	if s.t.Bytes == nil {
		return false
	}
	tail := bytes.TrimRight(s.read(span, end), "\r\n")
	return bytes.HasSuffix(tail, []byte("\n.")) || bytes.HasSuffix(tail, []byte("\r."))
}

// refusedSince reports a reply that says no after an entry, other than one
// that says that the wait was too long.
func (s *session) refusedSince(i int) bool {
	for n := range s.replies {
		if r := s.replies[n]; r.entry > i && r.code >= 400 && !strings.Contains(r.folded(), "time") {
			return true
		}
	}
	return false
}

// overSize finds a message larger than the server announced.
func overSize(s *session) *evidence {
	limit, _ := strconv.ParseInt(strings.TrimSpace(s.offered["SIZE"]), 10, 64)
	if limit <= 0 {
		return nil
	}
	for i := range s.messages {
		m := &s.messages[i]
		if m.Size() > limit && len(m.Parts) > 0 {
			return see(s.ehlo, m.Parts[len(m.Parts)-1])
		}
	}
	for _, i := range s.byName["MAIL"] {
		for _, p := range s.ev(i).Command.Params {
			declared, _ := strconv.ParseUint(p.Value, 10, 64) // the largest there is for a larger one
			if p.Key == "SIZE" && declared > uint64(limit) {
				return see(s.ehlo, i)
			}
		}
	}
	return nil
}
