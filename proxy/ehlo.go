package proxy

import (
	"bytes"
	"slices"
	"strings"

	"smtptap/decode/who"
)

// An alteration is a stage of server bytes that changes the replies to EHLO.
// Such a reply waits until it is complete; nothing else waits.
type alteration struct {
	edit func(reply []byte) (altered []byte, changed bool)
	told func(s *session) // called when a reply was changed
	held []byte           // a reply to EHLO that is not complete
}

func (a *alteration) stage(r *relay, p []byte) (more bool) {
	p = slices.Concat(a.held, p)
	a.held = nil
	for len(p) > 0 {
		n, answersEHLO := firstReply(p), r.isDue("EHLO")
		if n == 0 && answersEHLO && len(p) < maxHeldReply {
			a.held = p
			return true
		}
		if n == 0 {
			n = len(p)
		}
		if !a.pass(r, p[:n], answersEHLO) {
			r.ph.fromServer = slices.Concat(r.ph.fromServer, p[n:])
			return false
		}
		p = p[n:]
	}
	return true
}

// pass sends one reply on, changed if need be.
func (a *alteration) pass(r *relay, reply []byte, answersEHLO bool) (more bool) {
	if code, _ := replyHead(reply); answersEHLO && code == 250 {
		if altered, changed := a.edit(reply); changed {
			r.s.log.Data(who.Server, who.Smtptap, reply)
			r.noteServer(who.Smtptap, altered)
			r.deliverReplies(altered, false)
			a.told(r.s)
			return true
		}
	}
	return r.relayServer(reply)
}

// serverEnds sends on what was held for an end that does not come.
func (a *alteration) serverEnds(r *relay) {
	held := a.held
	a.held = nil
	if len(held) > 0 {
		r.relayServer(held)
	}
}

// isDue reports whether the server's next reply will answer that.
func (r *relay) isDue(verb string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.due == verb
}

// withoutKeyword removes an extension from a reply to EHLO (RFC 5321 section
// 4.1.1.1).
func withoutKeyword(reply []byte, keyword string) (altered []byte, changed bool) {
	var lines [][]byte
	for i, line := range bytes.SplitAfter(reply, []byte("\n")) {
		switch {
		case len(line) == 0:
		case i > 0 && strings.EqualFold(keywordOf(line), keyword):
			changed = true
		default:
			lines = append(lines, line)
		}
	}
	return joinReply(lines), changed
}

// withKeyword adds an extension to a reply to EHLO that does not list it.
func withKeyword(reply []byte, keyword string) (altered []byte, changed bool) {
	lines := bytes.SplitAfter(reply, []byte("\n"))
	lines = lines[:len(lines)-1]
	for _, line := range lines[1:] {
		if strings.EqualFold(keywordOf(line), keyword) {
			return reply, false
		}
	}
	return joinReply(append(lines, []byte("250 "+keyword+"\r\n"))), true
}

// keywordOf is the keyword of one line of a reply to EHLO.
func keywordOf(line []byte) string {
	if len(line) < 4 {
		return ""
	}
	word, _, _ := strings.Cut(strings.TrimRight(string(line[4:]), " \r\n"), " ")
	return word
}

// joinReply makes one reply of lines: a hyphen follows the code in all but the
// last (RFC 5321 section 4.2.1).
func joinReply(lines [][]byte) []byte {
	var b bytes.Buffer
	for i, line := range lines {
		line = bytes.Clone(line)
		if len(line) > 3 && (line[3] == ' ' || line[3] == '-') {
			line[3] = '-'
			if i == len(lines)-1 {
				line[3] = ' '
			}
		}
		b.Write(line)
	}
	return b.Bytes()
}
