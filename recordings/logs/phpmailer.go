package logs

import (
	"strings"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// PHPMailer from 5.2.8 on prints "CLIENT -> SERVER:" and "SERVER -> CLIENT:",
// with a stamp or not, and in front of them whatever the application's own
// Debugoutput adds.

var phpmailerMarks = []mark{
	m(10, `^(?:\d{2,4}-\d\d-\d\d \d\d:\d\d:\d\d\s+)?(?:CLIENT -> SERVER|SERVER -> CLIENT):`),
	m(10, `^(?:SMTP \(level \d\)|debug level \d; message|\d): (?:CLIENT -> SERVER|SERVER -> CLIENT|SMTP (?:ERROR|NOTICE|INBOUND)|Connection):`),
	m(8, `\b(?:CLIENT -> SERVER|SERVER -> CLIENT):`),
	m(6, `\bSMTP (?:ERROR|NOTICE|INBOUND): |\bSMTP -> get_lines\(\)`),
	m(6, `\bConnection: (?:opening|opened|closed|closing|Failed to connect)|\bConnection failed\. Error #\d`),
	m(3, `\bSMTP Error: |\bSMTP connect\(\) failed`),
	m(1, `^[2-5]\d\d[ -]\S`),
}

var (
	phpmailerRow = compile(`^(.*?)\b(CLIENT -> (?:SERVER|SMTP)|SERVER -> CLIENT|SERVER -> |SMTP ERROR|SMTP NOTICE|SMTP INBOUND|SMTP -> (?:FROM SERVER|ERROR|NOTICE|get_lines\(\))|Connection failed\.|Connection)(?::|(?: ))[ \t]?(.*)$`)
	phpmailerSay = compile(`SMTP Error: |SMTP connect\(\) failed|Mailer Error: |Message could not be sent|The following (?:From address|recipients) failed|Invalid host|Invalid address|Could not (?:authenticate|connect)|Called \w+(?: \w+)? without being connected|Extension missing: `)

	// The stamps count only in front of an entry or of another stamp; a
	// message may speak of times too.
	phpmailerJoint = jointOf(`(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\s{1,8})?(?:SMTP \(level \d\): |debug level \d; message: )?(?:CLIENT -> (?:SERVER|SMTP):|SERVER -> CLIENT:|SMTP (?:ERROR|NOTICE|INBOUND): |SMTP -> (?:FROM SERVER|ERROR|NOTICE|get_lines\(\)):|Connection: (?:opening|opened|closed|closing|Failed)|Connection failed\. |SMTP Error: |SMTP connect\(\) failed)|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\s{1,8}(?:\d{4}-\d\d-\d\d|$)`)
)

// parsePHPMailer reads every version's form; 5.1 knows no client lines.
func parsePHPMailer(rows []row) []line {
	p := phpmailerLog{tape: tape{lines: make([]line, 0, len(rows))}}
	for _, r := range rows {
		p.row(r)
	}
	p.finishOptions()
	p.onlyInbound()
	return p.lines
}

type phpmailerLog struct {
	tape             // at: the stamp of the entry under way
	verb    string   // of the last command
	inReply bool     // rows without a mark continue the server's reply
	options string   // of "Connection: opening", which may span rows
	dial    int      // index of the attempt under way, after dialed; 0 for none
	inbound []string // raw lines of the server that level 4 shows before the reply
}

func (p *phpmailerLog) row(r row) {
	if p.idle(r.text) {
		return
	}
	at, text := takeStamp(strings.TrimLeft(r.text, " \t"))
	if at.IsZero() {
		at = r.at
	}
	stamped := len(text) < len(strings.TrimLeft(r.text, " \t"))
	found := phpmailerRow.FindStringSubmatch(r.text)
	if found == nil {
		if stamped {
			p.at = at
		}
		p.loose(r.text, strings.TrimSpace(text), stamped)
		return
	}
	p.finishOptions()
	p.inReply = false
	if at.IsZero() {
		at = stampInside(found[1])
	}
	p.at = at
	entry := trimEntry(found[3])
	switch found[2] {
	case "CLIENT -> SERVER", "CLIENT -> SMTP":
		p.onlyInbound()
		p.add(client(entry))
		if entry == "." {
			p.verb = endOfData
		} else if v := verbOf(entry); v != "" {
			p.verb = v
		}
	case "SERVER -> ":
		p.serverEntry(withLostCode(entry))
	case "SERVER -> CLIENT", "SMTP -> FROM SERVER":
		p.serverEntry(entry)
	case "SMTP INBOUND":
		p.inbound = append(p.inbound, literal(entry))
	case "SMTP ERROR", "SMTP -> ERROR":
		p.errorEntry(entry)
	case "SMTP NOTICE", "SMTP -> NOTICE":
		p.notice(entry)
	case "Connection", "Connection failed.":
		p.connection(found[2], entry)
	case "SMTP -> get_lines()":
		p.lowLevel(entry)
	}
}

const longestStamp = 40

// idle reports a row that can tell nothing where the log stands: most rows of
// a large log are none of PHPMailer's.
func (p *phpmailerLog) idle(text string) bool {
	return !p.inReply && p.options == "" && len(p.lines) > 0 && (!p.lastIsClient() || len(text) > longestStamp) && !p.failed() &&
		!phpmailerRow.pre.allows(text) && !phpmailerSay.pre.allows(text) && !opensslError.pre.allows(text) && !strings.Contains(text, "EOF caught")
}

// stampInside finds the stamp of an entry after what an application put in
// front of it.
func stampInside(prefix string) (t time.Time) {
	if strings.IndexByte(prefix, ':') < 0 {
		return t
	}
	for i := 0; i+1 < len(prefix) && i < 80; i++ {
		if digit(prefix[i]) && digit(prefix[i+1]) && (i == 0 || !digit(prefix[i-1])) {
			if t, rest := takeStamp(prefix[i:]); len(rest) < len(prefix)-i-10 || rest == "" {
				return t
			}
		}
	}
	return t
}

// trimEntry cuts off what output channels put after an entry.
func trimEntry(s string) string {
	if i := strings.LastIndex(s, `\r\n, referer: `); i >= 0 {
		s = s[:i]
	} else if i := strings.LastIndex(s, ", referer: "); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimSuffix(strings.TrimRight(s, " "), ",")
	s = strings.TrimSuffix(s, `\r\n`)
	return breakEnd.ReplaceAllString(s, "")
}

// onlyInbound takes the raw lines of a reply that the log shows in no other
// way, because it is cut.
func (p *phpmailerLog) onlyInbound() {
	for _, l := range p.inbound {
		if l = strings.TrimSpace(l); code(l) != 0 {
			p.add(server(l))
		}
	}
	p.inbound = nil
}

var laterCode = compile(`\b([2-5]\d\d)-\S`)

// withLostCode gives a reply its first code back where copying lost it and a
// later line of the same reply still has it.
func withLostCode(text string) string {
	g := laterCode.FindStringSubmatch(text)
	if code(strings.TrimLeft(text, " ")) != 0 || g == nil {
		return text
	}
	return g[1] + "-" + strings.TrimLeft(text, " ")
}

func (p *phpmailerLog) serverEntry(text string) {
	p.inbound = nil
	text = strings.TrimLeft(text, " \t")
	if text == "" {
		// 5.1 may break the line after the mark: decided by the next row.
		p.add(line{kind: noReply, side: who.Server, text: p.verb})
		p.inReply = true
		return
	}
	p.reply(text)
	p.inReply = true
}

func (p *phpmailerLog) reply(text string) {
	for _, l := range splitReply(text) {
		p.add(server(strings.TrimRight(l, " ")))
	}
}

// loose takes a row without a mark: more of a reply, a line of the options, a
// message of the PHPMailer class (which html output does not stamp), or a line
// that the page swallowed.
func (p *phpmailerLog) loose(raw, text string, stamped bool) {
	text = trimEntry(text)
	switch {
	case text == "" && stamped && p.lastIsClient():
		p.add(client("")) // the line was nothing but tags
	case text == "":
	case p.options != "":
		extend(&p.options, text)
		if strings.HasSuffix(text, ")") {
			p.finishOptions()
		}
	case p.inReply && code(text) != 0:
		if n := len(p.lines) - 1; p.lines[n].kind == noReply {
			p.lines = p.lines[:n]
		}
		p.reply(text)
	case strings.HasPrefix(text, "EOF caught"):
		p.notice(text)
	case phpmailerSay.MatchString(text):
		p.inReply = false
		p.add(phpmailerError(levelMark.ReplaceAllString(text, ""), p.verb))
	case p.failed() && opensslError.MatchString(raw):
		p.connectFailed(text)
	case opensslError.MatchString(raw):
		p.details(text)
	case p.inReply && !stamped && strings.HasPrefix(raw, "   "):
		p.garbage(text)
	}
}

// details takes the lines below an error of OpenSSL's, which give its reason.
func (p *phpmailerLog) details(text string) {
	if n := len(p.lines) - 1; n >= 0 && p.lines[n].kind == trouble {
		extend(&p.lines[n].text, text)
	}
}

// garbage takes more of a reply that is no text, such as a record of TLS.
func (p *phpmailerLog) garbage(text string) {
	if n := len(p.lines) - 1; n >= 0 && p.lines[n].side == who.Server && p.lines[n].kind == said && code(p.lines[n].text) == 0 {
		extend(&p.lines[n].text, text)
	}
}

// errorEntry takes an error line. Below level 3 it is the only word about a
// connection that never came about.
func (p *phpmailerLog) errorEntry(text string) {
	if strings.Contains(text, "Failed to connect to server") {
		if !p.failed() {
			p.add(line{kind: dialed, starts: true, dial: &facts.Dial{Why: "configured"}})
			p.dial = len(p.lines)
		}
		blame(&p.lines[p.dial-1], text)
	}
	p.add(phpmailerError("SMTP ERROR: "+text, p.verb))
}

func (p *phpmailerLog) lastIsClient() bool {
	n := len(p.lines)
	return n > 0 && p.lines[n-1].side == who.Client && p.lines[n-1].kind == said
}

func (p *phpmailerLog) notice(text string) {
	if text == "" {
		return
	}
	p.add(troubled("SMTP NOTICE: " + text))
	if strings.Contains(text, "EOF") {
		p.add(line{kind: closed, side: who.Server})
	}
}

var inboundLine = compile(`^\$str is (".*)$`)

var timedOut = compile(`(?:timed[- ]out|timelimit reached|select failed)`)

func (p *phpmailerLog) lowLevel(text string) {
	if g := inboundLine.FindStringSubmatch(text); g != nil {
		p.inbound = append(p.inbound, literal(g[1]))
	}
	if timedOut.MatchString(text) {
		p.add(troubled("PHPMailer waited for a reply: " + text))
	}
	if i := strings.Index(text, "Auth method"); i >= 0 {
		p.add(line{kind: setting, text: text[i:]})
	}
}

// levelMark is what callables put in front: the level of the entry.
var levelMark = compile(`^(?:SMTP \(level \d\)|debug level \d; message|\d): `)

var opening = compile(`^opening(?: to ((?:ssl|tls)://)?(.*?)(?::(\d+))?, (?:timeout|t)=(\d+)(?:, (?:options|opt)=(.*))?)?$`)

func (p *phpmailerLog) connection(mark, text string) {
	if mark == "Connection failed." || strings.HasPrefix(text, "Failed to connect") {
		p.connectFailed(text)
		return
	}
	switch {
	case strings.HasPrefix(text, "opening"):
		p.open(text)
	case strings.HasPrefix(text, "opened"):
		if p.failed() && p.lines[p.dial-1].tls != nil {
			p.add(line{kind: secured, tls: p.lines[p.dial-1].tls})
		}
		p.dial = 0
	case strings.HasPrefix(text, "clos"):
		if strings.Contains(text, "error") {
			p.add(troubled("Connection: " + text))
		}
		p.add(line{kind: closed, side: who.Client})
	}
}

// open notes an attempt to connect, and whether TLS is spoken from the start.
func (p *phpmailerLog) open(text string) {
	l := line{kind: dialed, starts: true, dial: &facts.Dial{Why: "configured"}}
	if found := opening.FindStringSubmatch(text); found != nil && found[2] != "" {
		l.dial.Host = found[2]
		l.dial.Addr = hostPort(found[2], found[3])
		if found[1] == "ssl://" {
			l.tls = &facts.TLS{Leg: who.ServerLeg, Implicit: true, SNI: found[2]}
		}
		p.options = found[5]
	}
	p.add(l)
	p.dial = len(p.lines)
	if p.options != "" && (p.options == "array()" || strings.HasSuffix(p.options, ")")) {
		p.finishOptions()
	}
}

func (p *phpmailerLog) failed() bool { return p.dial > 0 }

var phpOption = compile(`'(\w+)' => (\w+|'[^']*')`)

// finishOptions tells of the stream options, which say whether certificates
// are verified.
func (p *phpmailerLog) finishOptions() {
	options := p.options
	p.options = ""
	for _, o := range phpOption.FindAllStringSubmatch(options, -1) {
		if name := o[1]; name != "ssl" && o[2] != "array" {
			p.add(set("SMTPOptions", "'"+name+"' => "+o[2]))
		}
	}
}

var opensslError = compile(`error:[0-9A-F]{8}:|certificate|routines:`)

// connectFailed adds what PHP says to the attempt under way.
func (p *phpmailerLog) connectFailed(text string) {
	p.add(troubled("Connection failed: " + text))
	if p.dial == 0 {
		return
	}
	blame(&p.lines[p.dial-1], text)
}

var phpmailerCommand = compile(`(?i)(EHLO|HELO|STARTTLS|MAIL FROM|RCPT TO|DATA END|DATA|RSET|QUIT|AUTH|Username|Password|User & Password|NOOP|VRFY)(?: not accepted from server| command)? ?(?:failed|not accepted|rejected)?:`)

// phpmailerError is an error line, with the reply that it may hold.
func phpmailerError(text, last string) line {
	l := troubled(text)
	if strings.Contains(text, "Failed to connect to server") || strings.Contains(text, "SMTP connect() failed") || strings.Contains(text, "Could not connect") {
		return l
	}
	if at := phpmailerCommand.FindStringSubmatchIndex(text); at != nil {
		rest := strings.TrimSpace(text[at[1]:])
		if code(rest) != 0 {
			l.reply = strings.Join(splitReply(rest), "\n")
			l.answers = errorVerb(text[at[2]:at[3]])
			if l.answers == "" {
				l.answers = last
			}
		}
	}
	return l
}

// errorVerb is the verb after PHPMailer's name for a step.
func errorVerb(step string) string {
	switch step := strings.ToUpper(step); step {
	case "MAIL FROM":
		return "MAIL"
	case "RCPT TO":
		return "RCPT"
	case "DATA END":
		return endOfData
	case "USERNAME", "PASSWORD", "USER & PASSWORD":
		return "AUTH"
	default:
		return step
	}
}
