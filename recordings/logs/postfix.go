package logs

import (
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// Mail server logs. They hold no dialogue but what matters of it: the reply
// that decided, the command that it answered, and who said it.

var postfixMarks = []mark{
	m(12, `postfix[\w/-]*/(?:smtp|smtpd|lmtp)\[\d+\]: `),
	m(12, `\bstatus=(?:sent|bounced|deferred) \(`),
	m(10, `\bNOQUEUE: reject: |: reject: (?:RCPT|MAIL|EHLO|HELO|DATA|CONNECT|END-OF-MESSAGE)`),
	m(8, `(?:lost connection|timeout|improper command pipelining|too many errors) after [A-Z-]+.* from \S+\[`),
	m(8, `SSL_accept error from |TLS library problem: `),
	m(5, `postfix/(?:qmgr|cleanup|pickup|bounce)\[\d+\]: `),
	m(4, `^(?:dis)?connect from \S+\[`),
}

var (
	inReplyTo     = compile(`\s*\(?in reply to ([A-Za-z -]+?)(?: command)?\)+\s*$`)
	postfixSaid   = compile(`(?:host|server) (\S+?)\[([^\]]+)\](?::\d+)? (?:said|refused to talk to me): (.*)$`)
	postfixTo     = compile(`\bto=<([^>]*)>`)
	postfixFrom   = compile(`\bfrom=<([^>]*)>`)
	postfixHelo   = compile(`\bhelo=<([^>]*)>`)
	postfixRelay  = compile(`\brelay=(\S+?)\[([^\]]+)\]:(\d+)`)
	postfixStatus = compile(`\bstatus=(sent|bounced|deferred) \((.*)\)\s*$`)
	postfixReject = compile(`reject: ([A-Z-]+) from (\S+?)\[([^\]]+)\](?::\d+)?: (.*)$`)
	postfixTLS    = compile(`TLS connection established (?:from|to) (\S+?)\[[^\]]*\](?::\d+)?: (TLSv[\d.]+) with cipher (\S+)`)
	postfixPeer   = compile(`([<>]) (\S+?)\[([^\]]+)\](?::\d+)?: (.*)$`)
	postfixAfter  = compile(`(?:lost connection|timeout|improper command pipelining|too many errors) after ([A-Z-]+)(?: .*)? from (\S+)`)
	postfixReach  = compile(`connect to (\S+?)\[([^\]]+)\]:(\d+): (.*)$`)
	postfixShake  = compile(`(?:SSL_accept error|SSL_connect error|TLS library problem).*`)
)

func parsePostfix(rows []row) []line {
	p := postfixLog{}
	for _, r := range rows {
		p.row(r)
	}
	return p.lines
}

type postfixLog struct {
	tape
	from  string // envelope sender, as the queue manager told it
	in    bool   // a session of smtpd is under way
	asked string // the last command that a lost connection was after
}

func (p *postfixLog) row(r row) {
	if p.at, _ = takeStamp(r.text); p.at.IsZero() {
		p.at = r.at
	}
	text := r.text
	if g := postfixFrom.FindStringSubmatch(text); g != nil && strings.Contains(text, "/qmgr[") {
		p.from = g[1]
	}
	switch {
	case postfixReject.MatchString(text):
		p.rejected(text)
	case postfixStatus.MatchString(text), postfixSaid.MatchString(text):
		p.delivered(text)
	case postfixReach.MatchString(text):
		p.unreachable(text)
	case postfixTLS.MatchString(text):
		g := postfixTLS.FindStringSubmatch(text)
		p.add(line{kind: secured, tls: &facts.TLS{Leg: who.ServerLeg, Version: tlsVersion(g[2]), Cipher: g[3]}})
	case postfixShake.MatchString(text):
		t := failedTLS(strings.Join(strings.Fields(postfixShake.FindString(text)), " "))
		t.Leg = who.ClientLeg
		p.add(line{kind: tlsFailed, tls: t})
	case postfixAfter.MatchString(text):
		g := postfixAfter.FindStringSubmatch(text)
		p.add(troubled(g[0]))
		if v := rejectVerb(g[1]); v != "" && v != endOfData {
			p.asked = v
		}
		if strings.Contains(text, "lost connection") {
			p.add(line{kind: closed, side: who.Client})
		}
	case postfixPeer.MatchString(text):
		p.peer(text)
	case strings.Contains(text, "disconnect from "):
		p.in = false
	case strings.Contains(text, "connect from "):
		p.add(line{kind: dialed, starts: true})
		p.in = true
	}
}

// rejected reads smtpd's word about a command it refused.
func (p *postfixLog) rejected(text string) {
	g := postfixReject.FindStringSubmatch(text)
	reply, _, _ := strings.Cut(g[4], "; from=<")
	reply, _, _ = strings.Cut(reply, "; proto=")
	verb := rejectVerb(g[1])
	p.add(line{kind: dialed, starts: !p.in})
	if h := postfixHelo.FindStringSubmatch(text); h != nil && h[1] != "" {
		p.add(client("EHLO " + h[1]))
	}
	if verb == "RCPT" || verb == "DATA" || verb == "MAIL" || verb == endOfData {
		p.envelope(text, verb)
	}
	p.reply(reply, verb)
}

// rejectVerb is Postfix's name of a protocol stage as a verb.
func rejectVerb(stage string) string {
	switch stage = strings.ToUpper(strings.TrimSpace(stage)); stage {
	case "CONNECT":
		return ""
	case "END-OF-MESSAGE", "END OF DATA", "PIPELINED END OF DATA", "INITIAL CONNECTION":
		return map[bool]string{true: endOfData, false: ""}[stage != "INITIAL CONNECTION"]
	}
	word, _, _ := strings.Cut(stage, " ")
	return word
}

// envelope says the commands in front of the one that was decisive, as far as
// the log names their addresses.
func (p *postfixLog) envelope(text, verb string) {
	from, to := postfixFrom.FindStringSubmatch(text), postfixTo.FindStringSubmatch(text)
	switch {
	case from != nil:
		p.add(client("MAIL FROM:<" + from[1] + ">"))
	case p.from != "":
		p.add(client("MAIL FROM:<" + p.from + ">"))
	}
	if verb == "MAIL" {
		return
	}
	if to != nil {
		p.add(client("RCPT TO:<" + to[1] + ">"))
	}
}

func (p *postfixLog) reply(text, verb string) {
	p.add(replyLines(strings.Join(strings.Fields(text), " "), verb)...)
}

// delivered reads the outcome of one delivery: what the other server said.
func (p *postfixLog) delivered(text string) {
	outcome := text
	status := ""
	if g := postfixStatus.FindStringSubmatch(text); g != nil {
		status, outcome = g[1], g[2]
	}
	if !strings.Contains(outcome, " while ") { // it names how far the session came
		p.relay(text)
	}
	verb := ""
	if g := inReplyTo.FindStringSubmatch(outcome); g != nil {
		verb = rejectVerb(g[1])
		outcome = inReplyTo.ReplaceAllString(outcome, "")
	}
	if verb == "" && strings.HasPrefix(outcome, "SASL authentication failed") {
		verb = "AUTH"
	}
	refused := strings.Contains(outcome, "refused to talk")
	if verb == "" && !refused {
		verb = "?"
	}
	switch g := postfixSaid.FindStringSubmatch(outcome); {
	case g != nil:
		p.transaction(text, verb)
		p.reply(g[3], verb)
	case status == "sent" && code(outcome) != 0:
		p.transaction(text, endOfData)
		p.reply(outcome, endOfData)
	case code(outcome) != 0:
		p.transaction(text, verb)
		p.reply(outcome, verb)
	case status == "deferred" || status == "bounced":
		p.add(troubled(outcome))
		if postfixReach.MatchString(outcome) {
			p.unreachable(outcome)
		}
	}
}

// relay notes which server the delivery went to.
func (p *postfixLog) relay(text string) {
	if g := postfixRelay.FindStringSubmatch(text); g != nil {
		p.add(attempt(g[1], hostPort(g[2], g[3])))
		return
	}
	if g := postfixSaid.FindStringSubmatch(text); g != nil {
		p.add(attempt(g[1], g[2]))
	}
}

// transaction says what the delivery must have said before the reply came.
func (p *postfixLog) transaction(text, verb string) {
	switch verb {
	case "MAIL", "RCPT", "DATA", endOfData:
	default:
		return
	}
	p.envelope(text, verb)
}

func (p *postfixLog) unreachable(text string) {
	g := postfixReach.FindStringSubmatch(text)
	l := attempt(g[1], hostPort(g[2], g[3]))
	blame(&l, g[4])
	p.add(l)
}

// peer reads the dialogue that debug_peer_list makes Postfix write: ">" is what
// Postfix says, as server or as client.
func (p *postfixLog) peer(text string) {
	g := postfixPeer.FindStringSubmatch(text)
	ours := strings.Contains(text, "/smtpd[") == (g[1] == ">")
	if ours || code(g[4]) != 0 && !strings.Contains(text, "/smtp") {
		p.add(replyLines(g[4], "")...)
		return
	}
	p.add(client(g[4]))
}
