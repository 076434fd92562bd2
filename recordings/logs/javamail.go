package logs

import (
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// JavaMail, Jakarta Mail and Angus Mail with mail.debug: the bare protocol
// between lines that begin with DEBUG.

var javamailMarks = []mark{
	m(10, `^DEBUG(?: SMTPS?| TLS| SMTP TRANSPORT): |^DEBUG: (?:setDebug|getProvider|Jakarta Mail|JavaMail|Angus|successfully loaded|Tables of|not loading|Loading|URL |Providers )`),
	m(10, `(?:AuthenticationFailedException|SMTPSendFailedException|SMTPAddressFailedException|SMTPSenderFailedException|MailConnectException|SendFailedException|MessagingException): `),
	m(4, `com\.sun\.mail|(?:javax|jakarta)\.mail|org\.eclipse\.angus|angus-mail`),
	m(1, `^[2-5]\d\d(?:[ -]\S|$)`),
	m(1, `^(?:(?:EHLO|HELO) \S|MAIL FROM:|RCPT TO:|AUTH |STARTTLS$|DATA$|QUIT$|RSET$)`),
}

var (
	javamailDebug     = compile(`^DEBUG(?: (?:SMTPS?|TLS|SMTP TRANSPORT))?: (.*)$`)
	javamailTrying    = compile(`^trying to connect to host "([^"]*)", port (-?\d+), isSSL (true|false)`)
	javamailReply     = compile(`^got response code (\d{3}), with response: (.*)$`)
	javamailException = compile(`(AuthenticationFailed|SMTPSendFailed|SMTPAddressFailed|SMTPSenderFailed|MailConnect|SendFailed|SSLHandshake|Messaging|Socket\w*|UnknownHost|Connect)Exception: (.*)$`)
	failedToSend      = compile(`(?i)failed to send[^:]*: (\d{3}[ -].*)$`)
)

var javamailVerbs = map[string]string{"AuthenticationFailed": "AUTH", "SMTPAddressFailed": "RCPT", "SMTPSenderFailed": "MAIL"}

func parseJavaMail(rows []row) []line {
	j := javamailLog{}
	p := rawLog{rows: rows, remark: j.remark}
	for i := range rows {
		p.row(i)
	}
	return p.lines
}

type javamailLog struct {
	dial *line // the attempt under way
	ssl  bool
}

func (j *javamailLog) remark(text string) ([]line, bool) {
	if g := failedToSend.FindStringSubmatch(text); g != nil {
		l := troubled(text)
		l.reply = g[1]
		return []line{l}, true
	}
	if g := javamailException.FindStringSubmatch(text); g != nil {
		return j.exception(text, g[1], g[2]), true
	}
	g := javamailDebug.FindStringSubmatch(text)
	if g == nil {
		return nil, strings.HasPrefix(text, "\tat ") || strings.HasPrefix(text, "DEBUG")
	}
	return j.debug(g[1]), true
}

func (j *javamailLog) debug(text string) []line {
	if g := javamailTrying.FindStringSubmatch(text); g != nil {
		j.ssl = g[3] == "true"
		l := attempt(g[1], hostPort(g[1], g[2]))
		if j.ssl {
			l.tls = &facts.TLS{Leg: who.ServerLeg, Implicit: true, SNI: g[1]}
		}
		j.dial = &l
		return []line{l}
	}
	switch {
	case strings.HasPrefix(text, "connected to host") && j.ssl:
		// The greeting stands in front of this line, but came over TLS.
		return nil
	case strings.HasSuffix(text, " command trace suppressed"):
		return []line{client(strings.TrimSuffix(text, " command trace suppressed"))}
	case strings.HasPrefix(text, "EOF"), strings.HasPrefix(text, "could not connect"), strings.Contains(text, "failed"):
		return []line{troubled("JavaMail: " + text)}
	}
	if g := javamailReply.FindStringSubmatch(text); g != nil {
		l := troubled("JavaMail: " + text)
		if code(g[2]) != 0 {
			l.reply = strings.TrimSpace(g[2])
		}
		return []line{l}
	}
	return nil
}

// exception reads the first line of a stack trace.
func (j *javamailLog) exception(text, what, rest string) []line {
	l := troubled(strings.TrimSpace(text))
	if code(rest) != 0 {
		l.reply = strings.Join(splitReply(strings.TrimRight(rest, "; ")), "\n")
		l.answers = javamailVerbs[what]
		return []line{l}
	}
	if causeOf(text) == nil {
		return []line{l}
	}
	lines := statement(text)
	lines[0].starts = j.dial == nil
	return lines
}
