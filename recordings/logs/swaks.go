package logs

import (
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// swaks: a hint of three characters in front of each line, "~" in it for what
// went over TLS, "*" for what was not hoped for.

var (
	swaksRow   = compile(`^\s?(===|\*\*\*|->|~>|\*\*>|\*~>|<\*\*|<~\*|<-|<~)(?: (.*))?$`)
	swaksJoint = jointOf(`(?:^|\s)((?:<[-~]|<\*\*|<~\*) +\d{3}[ -]| ?[-~]>(?: |$)|\*[*~]> |=== (?:Trying|Connected|TLS|Connection)|\*\*\* )`)
	swaksMarks = []mark{
		m(10, `^\s?(?:<[-~]|<\*\*|<~\*) +\d{3}[ -]`),
		m(10, `^=== (?:Trying|Connected|TLS|Connection)`),
		m(6, `^\s?(?:->|~>|\*\*>|\*~>) `),
		m(4, `^(?:===|\*\*\*) `),
	}
	swaksTrying = compile(`^Trying (.+?)(?::(\d+))?\.\.\.$`)
	swaksCipher = compile(`^TLS started with cipher ([^:]+):([^:]+):?(\d*)`)
)

func parseSwaks(rows []row) []line {
	p := swaksLog{}
	for _, r := range rows {
		p.row(r)
	}
	return p.lines
}

type swaksLog struct {
	tape
	tls      bool
	starttls bool        // STARTTLS was said on this connection
	tried    *facts.Dial // the attempt under way, until something is said
	peer     *facts.TLS  // of the last handshake
}

func (p *swaksLog) row(r row) {
	p.at = r.at
	g := swaksRow.FindStringSubmatch(strings.TrimRight(r.text, "\r"))
	if g == nil {
		p.bare(r.text)
		return
	}
	hint, text := strings.TrimSpace(g[1]), g[2]
	p.overTLS(hint)
	switch hint {
	case "===":
		p.info(text)
	case "***":
		p.trouble(text)
	case "->", "~>", "**>", "*~>":
		p.tried = nil
		p.starttls = p.starttls || verbOf(text) == "STARTTLS"
		p.add(client(text))
	default:
		p.tried = nil
		p.add(replyLines(strings.TrimLeft(text, " "), "")...)
	}
}

// overTLS sees by the hint that TLS came up where the log does not say so.
func (p *swaksLog) overTLS(hint string) {
	if !p.tls && strings.Contains(hint, "~") {
		p.tls = true
		p.add(line{kind: secured})
	}
}

// bare takes a row that lost its hint: a command, if it looks like one.
func (p *swaksLog) bare(text string) {
	text = strings.TrimSpace(text)
	if v := verbOf(text); v != "" && (v == "EHLO" || v == "HELO" || v == "MAIL" || v == "RCPT") {
		p.add(client(text))
	}
}

func (p *swaksLog) info(text string) {
	switch {
	case strings.HasPrefix(text, "Trying "):
		p.tls, p.starttls = false, false
		l := line{kind: dialed, starts: true, dial: &facts.Dial{Why: "configured"}}
		if g := swaksTrying.FindStringSubmatch(text); g != nil {
			l.dial.Host, l.dial.Addr = g[1], hostPort(g[1], g[2])
		}
		p.tried = l.dial
		p.add(l)
	case strings.HasPrefix(text, "TLS started"):
		tls := &facts.TLS{Leg: who.ServerLeg, Implicit: !p.starttls}
		if g := swaksCipher.FindStringSubmatch(text); g != nil {
			tls.Version, tls.Cipher = tlsVersion(g[1]), g[2]
		}
		p.tls, p.peer = true, tls
		p.add(line{kind: secured, tls: tls})
	case strings.HasPrefix(text, "TLS peer certificate failed"):
		p.blameTLS(text)
	case strings.HasPrefix(text, "Connection closed"):
		p.add(line{kind: closed, side: who.Client})
	}
}

func (p *swaksLog) trouble(text string) {
	switch {
	case strings.HasPrefix(text, "Error connecting") && p.tried != nil:
		blame(&line{dial: p.tried}, text)
	case strings.HasPrefix(text, "TLS startup failed"):
		p.add(line{kind: tlsFailed, tls: failedTLS(text)})
	case strings.Contains(text, "closed connection unexpectedly"):
		p.add(line{kind: closed, side: who.Server})
	}
	text = strings.TrimSpace(text)
	p.add(troubled(text))
	if n := len(p.lines) - 2; n >= 0 && p.lines[n].kind == trouble && strings.HasSuffix(p.lines[n].text, ":") {
		if p.tried != nil {
			blame(&line{dial: p.tried}, text)
		}
	}
}

// blameTLS notes what swaks found wrong with a certificate that it took.
func (p *swaksLog) blameTLS(text string) {
	if p.peer == nil {
		return
	}
	p.peer.Reason = facts.Plain(text)
	if c := causeOf(text); c != nil && c.verdict != "" {
		p.peer.Verdict = c.verdict
	}
}

// tlsVersion writes OpenSSL's name of a protocol version as facts does.
func tlsVersion(name string) string {
	switch name {
	case "TLSv1":
		return "TLS 1.0"
	case "SSLv3":
		return "SSL 3.0"
	}
	if v, found := strings.CutPrefix(name, "TLSv"); found {
		return "TLS " + strings.ReplaceAll(v, "_", ".")
	}
	return name
}
