package logs

import (
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// Exim's main log, one line for an event.

var eximMarks = []mark{
	m(14, `SMTP error from remote mail(?:er| server) after `),
	m(14, `SMTP protocol synchronization error|SMTP call from |SMTP command timeout on|unexpected disconnection while reading SMTP`),
	m(10, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:\[\d+\] )?[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} (?:<=|=>|->|\*\*|==|Completed)`),
	m(10, `rejected (?:RCPT|MAIL|EHLO|HELO|after DATA|AUTH)|\w+ authenticator failed for `),
	m(8, `TLS error on connection (?:from|to) `),
}

var (
	eximAfter = compile(`SMTP error from remote mail(?:er| server) after (?:pipelined )?(.*?): (?:host \S+ \[[^\]]*\]: )?([2-5]\d\d[ -].*)$`)
	eximHost  = compile(`host (\S+) \[([^\]]+)\]`)
	eximSync  = compile(`SMTP protocol synchronization error \((.*?)\): (.*)$`)
	eximInput = compile(`(?:next )?input="((?:[^"\\]|\\.)*)"`)
	eximAuth  = compile(`(\w+) authenticator failed for .*?: ([45]\d\d .*)$`)
	eximRCPT  = compile(`rejected (RCPT|MAIL|EHLO|HELO|AUTH|DATA|after DATA) ?(?:<([^>]*)>)?:? ?(.*)$`)
	eximFrom  = compile(`F=<([^>]*)>`)
	eximTLS   = compile(`TLS error on connection (?:from|to) .*`)
	eximDone  = compile(`=> (\S+) .*?H=(\S+) \[([^\]]+)\].*?C="([^"]*)"`)
)

func parseExim(rows []row) []line {
	var t tape
	for _, r := range rows {
		text := t.stamp(r)
		t.add(eximLine(text)...)
	}
	return t.lines
}

func eximLine(text string) []line {
	switch {
	case eximAfter.MatchString(text):
		g := eximAfter.FindStringSubmatch(text)
		return eximCommand(text, g[1], g[2])
	case eximSync.MatchString(text):
		return eximSynchronization(text)
	case eximAuth.MatchString(text):
		g := eximAuth.FindStringSubmatch(text)
		l := troubled(text)
		l.reply, l.answers = g[2], "AUTH"
		return []line{{kind: dialed, starts: true}, l}
	case eximTLS.MatchString(text):
		t := failedTLS(eximTLS.FindString(text))
		t.Leg = who.ClientLeg
		return []line{{kind: dialed, starts: true}, {kind: tlsFailed, tls: t}}
	case eximDone.MatchString(text):
		g := eximDone.FindStringSubmatch(text)
		l := server(g[4])
		l.answers = endOfData
		return []line{attempt(g[2], g[3]), client("RCPT TO:<" + g[1] + ">"), l}
	case eximRCPT.MatchString(text):
		return eximRejected(text)
	}
	return nil
}

// eximCommand is a reply of the other server and what it answered.
func eximCommand(text, command, reply string) []line {
	lines := []line{{kind: dialed, starts: true, dial: targetOfExim(text)}}
	verb := rejectVerb(command)
	if v := verbOf(command); v != "" {
		lines = append(lines, client(command))
		verb = ""
	}
	lines = append(lines, replyLines(reply, verb)...)
	return lines
}

func targetOfExim(text string) *facts.Dial {
	if g := eximHost.FindStringSubmatch(text); g != nil {
		return &facts.Dial{Host: g[1], Addr: g[2], Why: "configured"}
	}
	return nil
}

// eximSynchronization tells of a client that did not wait. What it sent is in
// the log with its unprintable octets written in octal.
func eximSynchronization(text string) []line {
	g := eximSync.FindStringSubmatch(text)
	lines := []line{{kind: dialed, starts: true}}
	if in := eximInput.FindStringSubmatch(g[2]); in != nil {
		lines = append(lines, line{kind: exact, side: who.Client, text: literal(`"` + in[1] + `"`)})
	}
	return append(lines, troubled(text))
}

func eximRejected(text string) []line {
	g := eximRCPT.FindStringSubmatch(text)
	lines := []line{{kind: dialed, starts: true}}
	from := eximFrom.FindStringSubmatch(text)
	if from != nil {
		lines = append(lines, client("MAIL FROM:<"+from[1]+">"))
	}
	if g[1] == "RCPT" {
		lines = append(lines, client("RCPT TO:<"+g[2]+">"))
	}
	l := troubled(text)
	if code(g[3]) != 0 {
		l.reply = g[3]
	}
	l.answers = rejectVerb(strings.TrimPrefix(g[1], "after "))
	return append(lines, l)
}
