package capture

import (
	"bytes"
	"time"

	"smtptap/decode/smtp"
)

// A kind is what a conversation turned out to be.
type kind uint8

const (
	undecided kind = iota
	plain          // SMTP
	sealed         // TLS from the first byte on
	silent         // nothing was said
	other          // not SMTP
)

// maxFirst bounds what is kept of each end's first bytes until it is clear what
// they are.
const maxFirst = 4 << 10

// A heard is one thing that passed before it was clear what is spoken.
type heard struct {
	at  time.Time
	end int
	p   []byte
	n   int64
	how string
}

// tell tells h to another.
func (e heard) tell(h hearer) {
	switch {
	case e.how != "":
		h.closed(e.at, e.end, e.how)
	case e.n > 0:
		h.lost(e.at, e.end, e.n)
	default:
		h.said(e.at, e.end, e.p)
	}
}

// A recogniser finds out what a conversation is, by what is said in it: the port
// counts only where the content can't tell.
type recogniser struct {
	ports  [2]uint16
	opener int // the end that opened the connection, -1 when that was not seen
	first  [2][]byte
	heard  []heard
	decide func(k kind, client int)
}

func (r *recogniser) said(at time.Time, end int, p []byte) {
	r.heard = append(r.heard, heard{at: at, end: end, p: bytes.Clone(p)})
	r.first[end] = append(r.first[end], p...)
	if k, client := r.judge(false); k != undecided {
		r.decide(k, client)
	}
}

func (r *recogniser) lost(at time.Time, end int, n int64) {
	r.heard = append(r.heard, heard{at: at, end: end, n: n})
}

func (r *recogniser) closed(at time.Time, end int, how string) {
	r.heard = append(r.heard, heard{at: at, end: end, how: how})
}

// end decides when nothing more comes.
func (r *recogniser) end() {
	k, client := r.judge(true)
	if k == undecided {
		k = other
	}
	r.decide(k, client)
}

// judge says what is spoken, and which end is the client.
func (r *recogniser) judge(over bool) (kind, int) {
	for end := range r.first {
		if opens(r.first[end]) {
			return plain, end
		}
	}
	for end := range r.first {
		switch server := 1 - end; {
		case smtp.BeginsTLS(r.first[end]) && len(r.first[server]) == 0 && r.ports[server] == submissions:
			return sealed, end
		case greets(r.first[server]):
			return r.answered(server, over), end
		}
	}
	switch {
	case len(r.first[0])+len(r.first[1]) == 0:
		if over && r.opener >= 0 && mailPort(r.ports[1-r.opener]) {
			return silent, r.opener
		}
	case len(r.first[0]) > maxFirst || len(r.first[1]) > maxFirst || r.bothStrange():
		return other, 0
	}
	return undecided, 0
}

// answered says whether it is SMTP what a server begins with a greeting that
// FTP has as well.
func (r *recogniser) answered(server int, over bool) kind {
	greeting, _ := firstLine(r.first[server])
	said, complete := firstLine(r.first[1-server])
	switch c := smtp.ReadCommand(said); {
	case bytes.Contains(greeting, []byte("SMTP")):
		return plain
	case !complete && !over:
		return undecided
	case bytes.Contains(greeting, []byte("FTP")):
		return other
	case complete && c.Verb != "" && c.Verb != "AUTH", mailPort(r.ports[server]):
		return plain // FTP has AUTH too
	}
	return other
}

// bothStrange reports that both ends have begun with what is not SMTP.
func (r *recogniser) bothStrange() bool {
	for end := range r.first {
		if _, complete := firstLine(r.first[end]); !complete || greets(r.first[end]) {
			return false
		}
	}
	return true
}

// opens reports what only an SMTP client begins with.
func opens(p []byte) bool {
	if _, n, _ := smtp.ReadHeader(p); n > 0 && n <= len(p) {
		p = p[n:] // a PROXY header
	}
	line, complete := firstLine(p)
	c := smtp.ReadCommand(line)
	switch {
	case !complete:
		return false
	case c.Verb == "MAIL" || c.Verb == "RCPT":
		return c.Path.Found
	}
	return c.Verb == "EHLO" || c.Verb == "HELO" || c.Verb == "LHLO"
}

// greets reports what an SMTP server begins with (RFC 5321 section 3.1, RFC 7504,
// and 421 of a server that has no time).
func greets(p []byte) bool {
	line, complete := firstLine(p)
	code := smtp.ReadReplyLine(line).Code
	return complete && (code == 220 || code == 554 || code == 521 || code == 421)
}

// firstLine is the first line, with its end.
func firstLine(p []byte) (line []byte, complete bool) {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		return p, false
	}
	return p[:end+1], true
}

// submissions is the port of mail over TLS from the first byte on (RFC 8314).
const submissions = 465

// mailPort reports a port that is known for SMTP.
func mailPort(p uint16) bool {
	return p == 25 || p == submissions || p == 587 || p == 2525
}
