package logs

import (
	"net"

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
