package logs

import (
	"net"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
)

// targets are how error texts name the server they could not reach.
var targets = []*pattern{
	compile(`(?:ssl|tls|tcp)://\[?([\w.:-]+?)\]?:(\d+)`),
	compile(`host[ :]+"?(?:\w+://)?([\w.-]+):(\d+)`),
	compile(`host, port: ([\w.-]+), (\d+)`),
	compile(`connect to ([\w.-]+)(?: port |:)(\d+)`),
	compile(`(?:ECONNREFUSED|ETIMEDOUT|dial tcp) \[?([\w.:-]+?)\]?:(\d+)`),
	compile(`([\w-]+(?:\.[\w-]+)+)\[[0-9a-fA-F.:]+\]:(\d+)`),
	compile(`(?:ENOTFOUND|EAI_AGAIN|no such host:?|resolve host:?) ([\w.-]+)()`),
	compile(`with host ([\w.-]+)()`),
}

// attempt tells that the tool tried to connect.
func attempt(host, addr string) line {
	return line{kind: dialed, starts: true, dial: &facts.Dial{Host: host, Addr: addr, Why: "configured"}}
}

// failedAttempt is the attempt that an error text is about.
func failedAttempt(text string) line {
	l := line{kind: dialed, starts: true, dial: targetIn(text)}
	blame(&l, text)
	return l
}

// targetIn is the attempt to connect that an error text is about.
func targetIn(text string) *facts.Dial {
	for _, re := range targets {
		if g := re.FindStringSubmatch(text); g != nil {
			return &facts.Dial{Host: g[1], Addr: hostPort(g[1], g[2]), Why: "configured"}
		}
	}
	return &facts.Dial{Why: "configured"}
}

// portOf is the port of an address, "" if it has none.
func portOf(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return port
}

// hostNames are names of servers as code, settings and prose have them.
var hostNames = compile(`\b(?:smtp|smtps|mail|smtphm|smtpdm)[\w-]*\.(?:[\w-]+\.)+[A-Za-z]{2,}\b`)

// nameTarget tells sessions that don't say where the tool connected to of the
// one server that the text around them names.
func nameTarget(all []*decode.Transcript, rows []row) {
	named := ""
	for _, r := range rows {
		if len(starts(r.text)) > 0 {
			continue // a reply names who speaks, not whom the client was to reach
		}
		for _, host := range hostNames.FindAllString(r.text[:min(len(r.text), maxRow)], 3) {
			if host = strings.ToLower(host); named != "" && named != host {
				return
			}
			named = host
		}
	}
	for _, t := range all {
		if t.Target == "" {
			t.Target = named
		}
	}
}
