package logs

import (
	"strings"

	"smtptap/decode/who"
)

// Python's smtplib with set_debuglevel(1) or (2): "send: 'ehlo x\r\n'",
// "reply: b'250 OK\r\n'", each a literal. Some frameworks log each argument of
// the print as a record of its own.

var (
	smtplibRow   = compile(`(?:^|\s)(connect fail|connect|send|reply|data): ?(.*)$`)
	smtplibRaise = compile(`SMTP(\w+)(?:Error|Refused|Disconnected): ?(.*)$`)
	smtplibCode  = compile(`\((\d{3}), (b?['"].*?['"])(?:, |\))`)
)

var smtplibMarks = []mark{
	m(10, `(?:^|\s)(?:send: b?['"]|reply: (?:b?['"]\d{3}[ -]|retcode \()|connect: (?:to )?\(|data: \(\d{3})`),
	m(6, `^(?:send|reply|data):\s*$`),
	m(10, `smtplib\.SMTP\w+:`),
	m(6, `\bSMTP(?:Authentication|SenderRefused|RecipientsRefused|Data|Connect|Helo|NotSupported|ServerDisconnected)\w*: ?[({]`),
}

func parseSmtplib(rows []row) []line {
	p := smtplibLog{}
	for _, r := range rows {
		p.row(r)
	}
	return p.lines
}

type smtplibLog struct {
	tape
	pending string // a word whose argument is a record of its own
	last    string // code of the last reply, "" when the client spoke since
}

func (p *smtplibLog) add(l line) {
	if l.kind == said && l.side == who.Server && code(l.text) != 0 {
		p.last = l.text[:3]
	} else if l.isWire() {
		p.last = ""
	}
	p.tape.add(l)
}

func (p *smtplibLog) row(r row) {
	p.stamp(r)
	text := strings.TrimSpace(r.text)
	if g := smtplibRaise.FindStringSubmatch(text); g != nil {
		p.raised(text, g[1], g[2])
		return
	}
	g := smtplibRow.FindStringSubmatch(text)
	switch {
	case g != nil && g[2] == "":
		p.pending = g[1]
	case g != nil && isArgument(g[2]):
		p.pending = ""
		p.argument(g[1], g[2])
	case p.pending != "" && isArgument(text):
		p.argument(p.pending, text)
		p.pending = ""
	case strings.Contains(text, "Error sending") || strings.Contains(text, "ERROR"):
		p.add(troubled(text))
	}
}

// isArgument tells what print shows from prose after the same word.
func isArgument(s string) bool {
	s = strings.TrimLeft(s, "bu")
	return s != "" && strings.IndexByte(`'"(`, s[0]) >= 0 || strings.HasPrefix(s, "retcode ") || strings.HasPrefix(s, "to (")
}

func (p *smtplibLog) argument(word, arg string) {
	switch word {
	case "connect", "connect fail":
		p.connect(word, arg)
	case "send":
		p.send(literal(arg))
	case "reply":
		if strings.HasPrefix(arg, "retcode") {
			return // the lines of the reply again
		}
		p.reply(literal(arg))
	case "data":
		// The reply to DATA or to the message again, unless the log shows
		// nothing else of it.
		if g := smtplibCode.FindStringSubmatch(arg); g != nil && p.last != g[1] {
			p.tuple(g, endOfData)
		}
	}
}

// send takes what was sent. The literal holds its bytes: line ends are known.
func (p *smtplibLog) send(bytes string) {
	p.add(line{kind: exact, side: who.Client, text: bytes})
}

func (p *smtplibLog) reply(bytes string) {
	for _, l := range strings.Split(withoutEOL(bytes), "\n") {
		if l = strings.TrimRight(l, "\r"); l != "" {
			p.add(server(l))
		}
	}
}

// tuple takes a reply that is only known as (code, text).
func (p *smtplibLog) tuple(g []string, verb string) {
	for _, reply := range strings.Split(unfoldReply(g[1]+" "+withoutEOL(literal(g[2])), "\n"), "\n") {
		l := server(reply)
		l.answers = verb
		p.add(l)
	}
}

var smtplibTarget = compile(`\(b?'([^']*)', '?(\d+)'?\)`)

func (p *smtplibLog) connect(word, arg string) {
	g := smtplibTarget.FindStringSubmatch(arg)
	if g == nil {
		return
	}
	if n := len(p.lines); n > 0 && p.lines[n-1].kind == dialed && word == "connect" {
		return // "connect: to (...)" and "connect: (...)" are one attempt
	}
	l := attempt(g[1], hostPort(g[1], g[2]))
	if word == "connect fail" {
		blame(&l, arg)
	}
	p.add(l)
}

// smtplibVerbs are what the reply inside an exception answers.
var smtplibVerbs = map[string]string{
	"Authentication": "AUTH", "Sender": "MAIL", "Recipients": "RCPT", "Data": endOfData, "Helo": "EHLO", "Connect": "",
}

func (p *smtplibLog) raised(text, what, rest string) {
	l := troubled(text)
	if g := smtplibCode.FindStringSubmatch(rest); g != nil {
		l.reply = unfoldReply(g[1]+" "+withoutEOL(literal(g[2])), "\n")
		l.answers = smtplibVerbs[what]
	}
	p.add(l)
	if what == "Server" && strings.Contains(rest, "closed") {
		p.add(line{kind: closed, side: who.Server})
	}
}
