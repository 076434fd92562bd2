package logs

import (
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// nodemailer's own logger, versions 2 to 7:
// "[stamp] LEVEL [#pool] [connection] S: text".

var nodemailerRow = compile(`^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\] (?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s+(?:\[#(\d+)\] )?(?:\[([A-Za-z0-9+/=_-]+)\] )?(?:([SC]):(?: |$))?(.*)$`)

var nodemailerMarks = []mark{
	m(20, `Creating transport: nodemailer`),
	m(10, `^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?:DEBUG|INFO |TRACE)\s*(?:\[#\d+\] )?(?:\[[A-Za-z0-9+/=_-]+\] )?[SC]: `),
	m(6, `^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?:INFO |DEBUG|ERROR)\s*\[[A-Za-z0-9+/=_-]{8,14}\] `),
	m(6, `smtp-connection/index\.js|node_modules/nodemailer|SMTPConnection\._`),
	m(6, `^\s*code: ['"](?:ECONNECTION|ETIMEDOUT|ESOCKET|EDNS|ETLS|EAUTH|EENVELOPE|EMESSAGE|EPROTOCOL|ESTREAM)['"]`),
	m(5, nodemailerError),
	m(3, `^\s*(?:response: ['"]|responseCode: \d{3}|command: ['"](?:CONN|EHLO|API|DATA|AUTH \w+|MAIL FROM|RCPT TO|STARTTLS)['"])`),
	m(2, `^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?:DEBUG|INFO |TRACE|ERROR|WARN )\s*\S`),
}

const nodemailerError = `(?:Invalid login|Mail command failed|Can't send mail[^:]*|Data command failed|Message failed|Invalid greeting\.|Error upgrading connection with STARTTLS|Recipient command failed|Greeting never received|Missing credentials for)`

var (
	nodemailerFailure = compile(nodemailerError + `[:.]? ?(?:response=)?(\d{3}[ -].*)?$`)
	nodemailerField   = compile(`^\s*(code|command|response|responseCode|errno|syscall|address|port): '?(.*?)'?,?$`)
	nodemailerDial    = compile(`^(?:Resolved (\S+) as (\S+)|(Secure connection|Connection) established to (\S+))`)
)

func parseNodemailer(rows []row) []line {
	p := nodemailerLog{hosts: map[string]string{}, said: map[string]bool{}}
	for _, r := range rows {
		if g := nodemailerRow.FindStringSubmatch(strings.TrimSpace(r.text)); g != nil {
			p.entry(r, g)
			continue
		}
		p.loose(r)
	}
	p.finishError()
	return p.lines
}

type nodemailerLog struct {
	lines []line
	data  bool              // the server wants the message: entries without a mark are its lines
	hosts map[string]string // address by connection, as resolved
	last  line              // stamp and connection of the entry under way
	tried bool              // an attempt to connect was told
	said  map[string]bool   // connections on which something was said

	failure string            // text of an error object under way
	fields  map[string]string // its members
}

func (p *nodemailerLog) add(lines ...line) {
	for _, l := range lines {
		l.at, l.session = p.last.at, p.last.session
		p.tried = p.tried || l.kind == dialed
		if l.kind == said {
			p.said[l.session] = true
		}
		p.lines = append(p.lines, l)
	}
}

func (p *nodemailerLog) entry(r row, g []string) {
	p.finishError()
	p.last = line{session: g[3]}
	if p.last.at, _ = takeStamp(g[1]); p.last.at.Year() == 1970 {
		p.last.at = r.at
	}
	text := g[5]
	switch {
	case g[4] == "S":
		p.add(replyLines(text, "")...)
		p.data = code(text) == 354
	case g[4] == "C":
		p.data = false
		p.add(client(text))
	case p.data && strings.Contains(r.text, "DEBUG"):
		p.add(client(text))
		p.data = text != "."
	default:
		p.info(text)
	}
}

// info reads what nodemailer says about the connection.
func (p *nodemailerLog) info(text string) {
	if g := nodemailerDial.FindStringSubmatch(text); g != nil {
		if g[1] != "" {
			p.hosts[p.last.session] = g[1]
			return
		}
		host := p.hosts[p.last.session]
		p.add(attempt(host, g[4]))
		if g[3] == "Secure connection" {
			p.add(line{kind: secured, tls: &facts.TLS{Leg: who.ServerLeg, Implicit: true}})
		}
		return
	}
	switch {
	case strings.HasPrefix(text, "Connection upgraded with STARTTLS"):
		p.add(line{kind: secured})
	case strings.HasPrefix(text, "Failed STARTTLS upgrade"):
		p.add(line{kind: tlsFailed, tls: failedTLS(text)})
	case leftOutText.MatchString(text):
		if p.data {
			p.add(client(text))
			p.data = false
		}
	case strings.HasPrefix(text, "SMTP handshake finished"):
	case strings.HasPrefix(text, "Closing connection"), text == "Connection closed":
		p.add(line{kind: closed, side: who.Client})
	case strings.HasPrefix(text, "Send Error: "), nodemailerFailure.MatchString(text), causeOf(text) != nil:
		p.failure = text
		p.finishError()
	}
}

// loose reads the error object that console.log prints, and lines of a message
// that has several.
func (p *nodemailerLog) loose(r row) {
	text := strings.TrimSpace(r.text)
	if p.failure != "" {
		if g := nodemailerField.FindStringSubmatch(text); g != nil {
			if p.fields == nil {
				p.fields = map[string]string{}
			}
			p.fields[g[1]] = g[2]
			return
		}
	}
	if strings.HasPrefix(text, "at ") || text == "}" {
		return
	}
	n := len(p.lines) - 1
	if n >= 0 && p.lines[n].kind == said && p.lines[n].side == who.Server && more(p.lines[n].text) && code(text) == code(p.lines[n].text) {
		p.add(server(text))
		return
	}
	if nodemailerFailure.MatchString(text) || strings.Contains(text, "Error: ") {
		p.finishError()
		p.failure = strings.TrimLeft(text, "{ ")
		return
	}
	if g := nodemailerField.FindStringSubmatch(text); g != nil && (g[1] == "response" || g[1] == "responseCode" || g[1] == "code") && (g[1] != "code" || strings.HasPrefix(g[2], "E")) {
		p.failure = "nodemailer reports an error"
		p.fields = map[string]string{g[1]: g[2]}
	}
}

// finishError tells of the error gathered so far.
func (p *nodemailerLog) finishError() {
	if p.failure == "" {
		return
	}
	text, fields := p.failure, p.fields
	p.failure, p.fields = "", nil
	l := troubled(text)
	if g := nodemailerFailure.FindStringSubmatch(text); g != nil && g[1] != "" {
		l.reply = strings.Join(splitReply(g[1]), "\n")
	}
	if response := writtenOut(fields["response"]); l.reply == "" && code(response) != 0 {
		l.reply = strings.Join(splitReply(response), "\n")
	}
	if command := fields["command"]; command != "" {
		l.text += " (" + command + ", " + fields["code"] + ")"
		l.answers = nodemailerVerb(command)
	} else if fields["code"] != "" {
		l.text += " (" + fields["code"] + ")"
	}
	if l.answers == "" {
		l.answers = nodemailerStep(text)
	}
	p.connection(text, fields)
	p.add(l)
}

// connection tells of an attempt to connect that the error is about.
func (p *nodemailerLog) connection(text string, fields map[string]string) {
	c := causeOf(text + " " + fields["code"])
	if c == nil || p.tried || p.said[p.last.session] {
		return // the connection came about; what failed came later
	}
	l := line{kind: dialed, starts: true, dial: targetIn(text)}
	if address := hostPort(fields["address"], fields["port"]); address != "" {
		l.dial.Addr = address
	}
	if c.tls != "" {
		l.tls = &facts.TLS{Leg: who.ServerLeg, Implicit: true}
	}
	blame(&l, text)
	p.add(l)
}

// nodemailerVerb is the verb of an error's command.
func nodemailerVerb(command string) string {
	word, _, _ := strings.Cut(command, " ")
	if word == "CONN" {
		return ""
	}
	if verbs[word] {
		return word
	}
	return ""
}

// nodemailerStep is the verb that the words of an error are about.
func nodemailerStep(text string) string {
	switch {
	case strings.Contains(text, "Invalid login"):
		return "AUTH"
	case strings.Contains(text, "Mail command failed"):
		return "MAIL"
	case strings.Contains(text, "recipients were rejected"), strings.Contains(text, "Recipient command failed"):
		return "RCPT"
	case strings.Contains(text, "Data command failed"):
		return "DATA"
	case strings.Contains(text, "Message failed"):
		return endOfData
	case strings.Contains(text, "upgrading connection"):
		return "STARTTLS"
	}
	return ""
}
