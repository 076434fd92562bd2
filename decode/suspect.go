package decode

import (
	"bytes"
	"regexp"
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// Some servers end a message where RFC 5321 does not. To them what follows is
// commands, so that a login may stand in what is read as the message here. From
// the first line on that could be such an end, a message is read line by line,
// and its logins are masked.
type suspicion struct {
	on      bool
	login   bool   // AUTH was said: lines may be credentials
	passing bool   // the line is too long to be held, and the rest of it passes
	secrets []Span // of the field or body under way
}

// loginLine is AUTH at the start of a line, or after a control character, with
// nothing written on to it but the name of a mechanism.
var loginLine = regexp.MustCompile(`(?i)(?:^[^a-z0-9]*|[\x00-\x1f])((?:x-?)?auth|x-exps)(?:[ \t:="']|$|plain|login|cram-|xoauth)`)

// takeSuspect reads bytes of a message that somebody else may take for commands.
func (m *message) takeSuspect(d *Dialogue, at time.Duration, p []byte) int {
	l := &d.line[who.Client]
	n, ended := l.upTo(p)
	switch {
	case m.suspect.passing:
		m.suspect.passing = !ended
		m.pass(d, at, p[:n], n, nil)
		return n
	case l.over == hiding:
		d.overflowing(at, who.Client, p[:n])
	default:
		if l.empty() {
			l.begin = at
		}
		if room := max(MaxRaw-len(l.buf), 0); n > room {
			n, ended = room, false
		}
		l.add(at, p[:n])
		if !ended && len(l.buf) >= MaxRaw {
			m.overflow(d, l)
		}
	}
	if ended {
		m.judge(d, l)
	}
	return n
}

// overflow decides by the beginning of a line that is too long to be held: the
// rest of it passes, or is a part of its secret.
func (m *message) overflow(d *Dialogue, l *line) {
	secrets := m.suspectSecrets(d, l, l.buf)
	if n := len(secrets); n > 0 && secrets[n-1].to == len(l.buf) && !d.KeepSecrets && !d.rereads() {
		l.over, l.last = hiding, l.buf[len(l.buf)-1]
		return
	}
	m.suspect.passing = true
	m.judge(d, l)
}

// judge hands a line on, without what is secret in it.
func (m *message) judge(d *Dialogue, l *line) {
	text := smtp.TrimEnd(l.buf)
	secrets := m.suspectSecrets(d, l, text)
	for _, s := range secrets {
		d.known.rememberWords(text[s.from:s.to])
	}
	for _, h := range l.holes {
		mask := h.mask
		secrets = append(secrets, secretSpan{h.off, h.off + len(MaskText), &mask})
	}
	from := 0
	for _, s := range inOrder(secrets) {
		if s.from < from {
			continue
		}
		m.passRuns(d, l, from, s.from)
		switch at := l.timeOf(s.to - 1); {
		case (d.KeepSecrets || d.rereads()) && !l.isHole(s.from):
			start := m.pos
			m.passRuns(d, l, s.from, s.to)
			m.suspect.secrets = append(m.suspect.secrets, Span{start, m.pos})
		default:
			m.suspect.secrets = append(m.suspect.secrets, Span{m.pos, m.pos + int64(len(MaskText))})
			m.pass(d, at, []byte(MaskText), s.to-s.from+l.dropped(), s.mask)
			l.past = 0
		}
		from = s.to
	}
	m.passRuns(d, l, from, len(l.buf))
	l.reset()
}

// passRuns hands on the bytes [from,to) of a line, a run for each arrival.
func (m *message) passRuns(d *Dialogue, l *line, from, to int) {
	for from < to {
		end := to
		for _, mk := range l.marks {
			if mk.off > from && mk.off < end {
				end = mk.off
			}
		}
		run := d.lend(l.buf[from:end])
		m.pass(d, l.timeOf(from), run, len(run), nil)
		from = end
	}
}

// pass reads bytes as the message, and hands them, or the secret of fed bytes
// that they stand for, to the recorder.
func (m *message) pass(d *Dialogue, at time.Duration, p []byte, fed int, mask *Mask) {
	if mask != nil {
		d.mask(at, who.Client, mask, fed)
	} else {
		d.keep(at, who.Client, p)
	}
	for done := false; len(p) > 0; {
		var n int
		n, done = m.read(d, at, p)
		d.falseEnd.goOn(d, chunk{at, p[:n], mask})
		if p = p[n:]; done {
			m.finishData(d)
			return
		}
		m.mayEnd(d, false)
	}
}

// suspectSecrets finds a login in a line, and credentials in one after it.
func (m *message) suspectSecrets(d *Dialogue, l *line, text []byte) []secretSpan {
	var at []int
	if namesLogin(text) {
		at = loginLine.FindSubmatchIndex(text)
	}
	afterLogin := m.suspect.login && !isStrictCommand(text) && !bytes.HasPrefix(text, []byte("."))
	if at != nil {
		m.suspect.login = true
	}
	switch {
	case len(l.holes) > 0 || len(text) == 0:
		return nil
	case at != nil:
		if from := afterMechanism(text, at[3]); from < len(text) {
			return []secretSpan{{from, len(text), &Mask{What: "credentials"}}}
		}
		return nil
	case afterLogin:
		return []secretSpan{{0, len(text), &Mask{What: "credentials"}}}
	case hasVerb(text, "XCLIENT"):
		return xclientSecrets(text)
	}
	return spansOf(saslRuns(text), "credentials")
}

// secretsUpTo takes out the secrets of the event that ends there.
func (s *suspicion) secretsUpTo(end int64) []Span {
	var found []Span
	for len(s.secrets) > 0 && s.secrets[0].Start < end {
		found = append(found, s.secrets[0])
		s.secrets = s.secrets[1:]
	}
	return found
}
