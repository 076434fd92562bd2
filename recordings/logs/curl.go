package logs

import (
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// curl -v and programs built on libcurl: "* " information, "> " client,
// "< " server. The message is uploaded without being shown.

var (
	curlRow   = compile(`^(?:(\d\d:\d\d:\d\d\.\d+) )?([*<>{}])(?: (.*))?$`)
	curlJoint = jointOf(`(?:^|\s)([<>] \S|[{}] \[\d+ bytes|\* +(?:[A-Z]|connect to)|curl: \(\d+\))`)
	curlMarks = []mark{
		m(6, `^(?:\d\d:\d\d:\d\d\.\d+ )?< \d{3}(?:[ -]|$)`),
		m(5, `^(?:\d\d:\d\d:\d\d\.\d+ )?> (?:EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT|VRFY|RSET)`),
		m(5, `^(?:\d\d:\d\d:\d\d\.\d+ )?\* +(?:Trying|Connected to|Connection|Closing|Rebuilt|TCP_NODELAY|SSL|TLS|ALPN|Host|  subject|Server certificate|Curl_|Command failed|Could not|connect to|upload|We are|Mark bundle|Access denied|Login denied|schannel|old SSL|response reading)`),
		m(3, `^[{}] \[\d+ bytes data\]`),
		m(8, `^curl: \(\d+\) `),
	}
	curlTrying = compile(`^ *Trying \[?([\w.:]+?)\]?(?::(\d+))?\.\.\.`)
	curlHost   = compile(`^Connected to (\S+) \(([^)]*)\) port (\d+)`)
	curlSSL    = compile(`^SSL connection using (\S+) / (\S+)`)
	curlFailed = compile(`^curl: \((\d+)\) (.*)$`)
	curlMeter  = compile(`^[ \d.:%kMG-]*--:--:--[ \d.:kMG-]*([*<>{}] ?.*)$`)
	curlJudged = compile(`SSL certificate verify result: (.*), continuing anyway`)
	curlSaid   = compile(`(MAIL|RCPT|EHLO|HELO|AUTH|STARTTLS) failed: (\d{3})`)
)

func parseCurl(rows []row) []line {
	p := curlLog{}
	for _, r := range rows {
		p.row(r)
	}
	return p.lines
}

type curlLog struct {
	tape
	data  bool       // the server wants the message
	said  bool       // something was said on this connection
	over  bool       // the log has told that TLS failed, and nothing since
	peer  *facts.TLS // of the last handshake
	tried int        // index of the attempt under way, after dialed; 0 for none
}

func (p *curlLog) add(ls ...line) {
	for _, l := range ls {
		switch {
		case l.isWire():
			p.said, p.over = true, false
		case l.kind == tlsFailed:
			p.over = true
		}
		p.tape.add(l)
	}
}

func (p *curlLog) row(r row) {
	p.at = r.at
	text := strings.TrimRight(r.text, "\r")
	if over := curlMeter.FindStringSubmatch(text); over != nil {
		text = over[1]
	}
	g := curlRow.FindStringSubmatch(text)
	if g == nil {
		p.loose(r.text)
		return
	}
	if g[1] != "" {
		p.at, _ = takeStamp(g[1])
	}
	switch g[2] {
	case ">":
		p.add(client(g[3]))
	case "<":
		p.add(replyLines(g[3], "")...)
		p.data = code(g[3]) == 354
	case "*":
		p.info(g[3])
	case "}":
		if p.data {
			p.add(bodyUnseen())
			p.data = false
		}
	}
}

func (p *curlLog) info(text string) {
	text = strings.TrimRight(text, " ")
	switch {
	case curlTrying.MatchString(text):
		g := curlTrying.FindStringSubmatch(text)
		p.add(line{kind: dialed, starts: true, dial: &facts.Dial{Addr: hostPort(g[1], g[2]), Why: "configured"}})
		p.tried, p.said = len(p.lines), false
	case curlHost.MatchString(text):
		if g := curlHost.FindStringSubmatch(text); p.tried > 0 {
			d := p.lines[p.tried-1].dial
			d.Host, d.Addr = g[1], hostPort(strings.Trim(g[2], "[]"), g[3])
		}
	case curlSSL.MatchString(text):
		g := curlSSL.FindStringSubmatch(text)
		p.peer = &facts.TLS{Leg: who.ServerLeg, Implicit: !p.said, Version: tlsVersion(g[1]), Cipher: g[2]}
		p.add(line{kind: secured, tls: p.peer})
	case curlJudged.MatchString(text):
		p.judged(curlJudged.FindStringSubmatch(text)[1])
	case strings.HasPrefix(text, "Closing connection"):
		p.add(line{kind: closed, side: who.Client})
	case strings.HasPrefix(text, "Command failed"), strings.HasPrefix(text, "Access denied"), strings.Contains(text, "problem"):
		p.failed(text)
	case causeOf(text) != nil && !strings.HasPrefix(text, "TLSv") && !strings.Contains(text, "certificate verify ok"):
		p.failed(text)
	}
}

// failed tells of an error, and whom of the connection it is about.
func (p *curlLog) failed(text string) {
	c := causeOf(text)
	switch {
	case c == nil:
	case c.tls != "":
		if !p.over {
			p.add(line{kind: tlsFailed, tls: failedTLS(text)})
		}
	case p.tried > 0 && !p.said:
		blame(&p.lines[p.tried-1], text)
	case !p.said:
		p.add(failedAttempt(text))
	}
	p.add(troubled(text))
}

// judged notes what curl found wrong with a certificate that it was told to take.
func (p *curlLog) judged(reason string) {
	if p.peer == nil {
		return
	}
	p.peer.Reason = facts.Plain(reason)
	if c := causeOf(reason); c != nil {
		p.peer.Verdict = c.verdict
	}
}

// loose reads what the program says at its end.
func (p *curlLog) loose(text string) {
	g := curlFailed.FindStringSubmatch(strings.TrimSpace(text))
	if g == nil {
		return
	}
	if causeOf(g[2]) != nil {
		p.failed(strings.TrimSpace(text))
		return
	}
	l := troubled(strings.TrimSpace(text))
	if said := curlSaid.FindStringSubmatch(g[2]); said != nil {
		l.answers = said[1]
	}
	p.add(l)
}
