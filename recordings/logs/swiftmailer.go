package logs

import (
	"strings"

	"smtptap/decode/who"
)

// Swift Mailer's LoggerPlugin: "<<" a reply with its line ends, ">>" a command,
// "!!" an exception, "++" what the transport does. Symfony Mailer's getDebug():
// "> " and "< ", each line of a reply its own, since 7.1 after a stamp.

var (
	swiftRow   = compile(`^(\+\+|<<|>>|!!)(?: (.*))?$`)
	swiftJoint = jointOf(`(?:^|\s)(<< \d{3}[ -]|>> |!! |\+\+ (?:Starting|Stopping|Swift_))`)
	swiftMarks = []mark{
		m(20, `^\+\+ (?:Starting|Stopping|Swift_|\S*Transport)`),
		m(8, `^<< \d{3}[ -]`),
		m(4, `^>> `),
		m(6, `^!! `),
		m(6, `Swift_\w+`),
		m(4, expectedCode),
		m(4, `Failed to authenticate on SMTP server|Connection could not be established with host`),
	}
	symfonyRow   = compile(`^(?:\[([0-9T:.+Z-]+)\] )?([<>])(?: (.*))?$`)
	symfonyJoint = jointOf(`(?:^|\s)((?:\[[0-9T:.+Z-]{20,35}\] )(?:[<>]) |< \d{3}[ -]|> (?:EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT|RSET)\b)`)
	symfonyMarks = []mark{
		m(12, `^\[[0-9T:.+Z-]{20,35}\] [<>] `),
		m(20, `Symfony\\+Component\\+Mailer`),
		m(5, `^< \d{3}[ -]`),
		m(5, `^> (?:EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT|RSET|\.)`),
		m(3, expectedCode),
		m(4, `Connection could not be established with host "|stream_socket_client\(\): |Unable to connect with STARTTLS`),
	}
)

const expectedCode = `Expected response code "?\d{3}(?:/\d{3})*"? but got`

var unexpected = compile(`Expected response code "?(\d{3}(?:/\d{3})*)"? but got (?:code "(\d{3})"|an empty response)(?:, with message[\s]+"(.*))?`)

// expectedVerbs tell by the code that was hoped for what was asked.
var expectedVerbs = map[string]string{"235": "AUTH", "334": "AUTH", "354": "DATA", "250/251/252": "RCPT", "220": ""}

// unexpectedReply is an exception with the reply that it holds; ok is false
// when it is no such exception.
func unexpectedReply(text string) (l line, ok bool) {
	g := unexpected.FindStringSubmatch(text)
	if g == nil {
		return line{}, false
	}
	l = troubled(text)
	if reply := strings.Trim(writtenOut(g[3]), "\" \n"); code(reply) != 0 {
		if i := strings.IndexByte(reply, '"'); i > 0 {
			reply = strings.TrimRight(reply[:i], " \n")
		}
		l.reply = strings.Join(splitReply(strings.ReplaceAll(reply, "\n", " ")), "\n")
	}
	l.answers = expectedVerbs[g[1]]
	return l, true
}

func parseSwiftMailer(rows []row) []line {
	p := swiftLog{}
	for _, r := range rows {
		p.row(r)
	}
	p.finish()
	return p.lines
}

type swiftLog struct {
	tape
	inReply bool
	said    bool   // on the connection under way
	failure string // an exception under way, over several rows
}

func (p *swiftLog) add(lines ...line) {
	for _, l := range lines {
		p.said = (p.said || l.isWire()) && l.kind != dialed
		p.tape.add(l)
	}
}

func (p *swiftLog) row(r row) {
	text := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(r.text), "<br />"))
	g := swiftRow.FindStringSubmatch(text)
	if g == nil {
		p.loose(text)
		return
	}
	p.finish()
	p.at = r.at
	p.inReply = false
	text = g[2]
	switch g[1] {
	case "++":
		if strings.HasPrefix(text, "Starting") {
			p.add(line{kind: dialed, starts: true})
		}
	case "<<":
		p.inReply = true
		p.add(replyLines(text, "")...)
	case ">>":
		p.add(client(text))
	case "!!":
		p.failure = text
	}
}

// loose takes a row without a mark: more of a reply, of an exception, the dot
// after a message, or what an application prints.
func (p *swiftLog) loose(text string) {
	switch {
	case text == "":
	case p.inReply && code(text) != 0:
		p.add(server(text))
	case stackStep.MatchString(text):
		p.finish()
		p.step(stackStep.FindStringSubmatch(text))
	case p.failure != "":
		extend(&p.failure, text)
	case text == "." && p.lastCommand() == "":
		p.lines[len(p.lines)-1].text = "."
	case p.inReply && len(p.lines) > 0 && !strings.Contains(text, "rror") && !strings.Contains(text, "==="):
		// A reply line that was wrapped.
		if last := &p.lines[len(p.lines)-1]; last.side == who.Server && len(last.text) > 40 && text != "..." {
			extend(&last.text, text)
			return
		}
	case strings.Contains(text, "xpected response code") || strings.Contains(text, "rror: ") || strings.Contains(text, "Exception") ||
		strings.HasPrefix(text, "Failed to authenticate") || strings.HasPrefix(text, "Connection could not") || strings.HasPrefix(text, "Unable to connect"):
		p.inReply = false
		p.failure = text
		if !strings.Contains(text, `message`) {
			p.finish()
		}
	}
}

// stackStep is a line of a stack trace that names the step that failed.
var stackStep = compile(`_?do(MailFrom|RcptTo|Data|Helo|Ehlo)Command|[^\w]executeCommand\(['"](MAIL|RCPT|DATA|EHLO|HELO|AUTH|STARTTLS|\\r\\n\.)|(?:Login|Plain|CramMd5|XOAuth2)Authenticator|handleAuth`)

// step gives the reply of the last exception the verb that it answers.
func (p *swiftLog) step(g []string) {
	n := len(p.lines) - 1
	if n < 0 || p.lines[n].kind != trouble || p.lines[n].reply == "" || p.lines[n].answers != "" {
		return
	}
	verb := strings.ToUpper(g[1] + g[2])
	switch {
	case strings.HasPrefix(verb, "MAIL"):
		verb = "MAIL"
	case strings.HasPrefix(verb, "RCPT"):
		verb = "RCPT"
	case verb == "":
		verb = "AUTH"
	case strings.HasSuffix(verb, "."):
		verb = endOfData
	}
	p.lines[n].answers = verb
}

// lastCommand is the text of the last line if the client said it, "-" if not.
func (p *swiftLog) lastCommand() string {
	if n := len(p.lines); n > 0 && p.lines[n-1].side == who.Client {
		return p.lines[n-1].text
	}
	return "-"
}

// finish tells of the exception gathered so far.
func (p *swiftLog) finish() {
	text := strings.TrimSpace(p.failure)
	p.failure = ""
	if text == "" {
		return
	}
	if l, ok := unexpectedReply(text); ok {
		p.add(l)
		return
	}
	p.connection(text)
	p.add(troubled(text))
}

// connection reads an exception about a connection or about TLS.
func (p *swiftLog) connection(text string) {
	c := causeOf(text)
	switch {
	case c == nil:
	case c.tls != "":
		p.add(line{kind: tlsFailed, tls: failedTLS(text)})
	case !p.said:
		p.add(failedAttempt(text))
	}
}

func parseSymfony(rows []row) []line {
	p := swiftLog{}
	for _, r := range rows {
		g := symfonyRow.FindStringSubmatch(strings.TrimSpace(r.text))
		if g == nil {
			p.loose(strings.TrimSpace(r.text))
			continue
		}
		p.finish()
		p.inReply = false
		p.at = r.at
		if g[1] != "" {
			p.at, _ = takeStamp(g[1])
		}
		// A reply after ">" is one that the poster quotes.
		if g[2] == ">" && (code(g[3]) == 0 || !enhancedFront.MatchString(g[3][min(len(g[3]), 4):])) {
			p.add(client(g[3]))
			continue
		}
		p.add(replyLines(g[3], "")...)
	}
	p.finish()
	return p.lines
}
