package session

import (
	"bytes"
	"slices"
	"strings"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// An edit changes the replies to EHLO. Such a reply waits until it is complete;
// nothing else waits.
type edit struct {
	change func(reply []byte) (changed []byte, did bool)
	id     string // of the note about a change
	held   []byte // a reply to EHLO that is not complete
}

func (l *edit) Handle(at *Place, e Event) {
	switch {
	case e.Kind == Bytes && e.Peer == who.Server && smtp.Extends(e.Answers) && !e.Own:
		l.reply(at, e)
		return
	case e.Kind == Ended && e.Peer == who.Server:
		held := l.held
		l.held = nil
		at.Bytes(who.Server, held)
	}
	at.Next(e)
}

func (l *edit) reply(at *Place, e Event) {
	reply := append(l.held, e.Data...)
	l.held = nil
	n, code := smtp.FirstReply(reply)
	if n == 0 && len(reply) < maxKept {
		l.held = reply
		return
	}
	e.Data = reply
	if changed, did := l.change(reply); code == 250 && did {
		at.Hear(who.Server, reply)
		e.Data, e.Own = changed, true
		defer at.Note(l.id)
	}
	at.Next(e)
}

// hideSTARTTLS takes the server's offer of STARTTLS out of what the client hears.
func hideSTARTTLS(tls *starttls) Layer {
	tls.tell = true
	return &edit{
		change: func(reply []byte) ([]byte, bool) { return without(reply, "STARTTLS", "") },
		id:     "starttls-hidden",
	}
}

// keywords are the extensions in a reply to EHLO (RFC 5321 section 4.1.1.1).
func keywords(reply []byte) []smtp.Keyword {
	var list []smtp.Keyword
	for i, line := range bytes.Split(smtp.TrimEnd(reply), []byte("\n")) {
		if i > 0 {
			list = append(list, keywordOf(line))
		}
	}
	return list
}

func keywordOf(line []byte) smtp.Keyword { return smtp.ReadKeyword(smtp.ReadReplyLine(line).Text) }

// offers reports whether a reply to EHLO lists an extension.
func offers(reply []byte, keyword string) bool {
	return slices.ContainsFunc(keywords(reply), func(k smtp.Keyword) bool { return k.Is(keyword) })
}

// without takes an extension out of a reply to EHLO (RFC 5321 section 4.1.1.1), or
// only that parameter of it, and the extension with its last. AUTH= is AUTH, as
// old servers write it.
func without(reply []byte, keyword, param string) (altered []byte, changed bool) {
	var lines [][]byte
	for i, line := range bytes.SplitAfter(reply, []byte("\n")) {
		if k := keywordOf(line); i > 0 && (k.Is(keyword) || k.Is(keyword+"=")) {
			params := bytes.Fields(k.Params)
			n := len(params)
			params = slices.DeleteFunc(params, func(p []byte) bool { return strings.EqualFold(string(p), param) })
			switch {
			case param == "" || n > 0 && len(params) == 0:
				line, changed = nil, true
			case len(params) < n:
				line, changed = slices.Concat([]byte("250-"), k.Name, []byte(" "), bytes.Join(params, []byte(" ")), []byte("\r\n")), true
			}
		}
		if len(line) > 0 {
			lines = append(lines, line)
		}
	}
	if !changed {
		return reply, false
	}
	return joinReply(lines), true
}

// withKeyword adds an extension to a reply to EHLO that does not list it.
func withKeyword(reply []byte, keyword string) (altered []byte, changed bool) {
	lines := bytes.SplitAfter(reply, []byte("\n"))
	lines = lines[:len(lines)-1]
	for _, line := range lines[1:] {
		if keywordOf(line).Is(keyword) {
			return reply, false
		}
	}
	return joinReply(append(lines, []byte("250 "+keyword+"\r\n"))), true
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
