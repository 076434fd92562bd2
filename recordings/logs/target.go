package logs

import (
	"net"
	"regexp"

	"smtptap/decode/facts"
)

// targets are how error texts name the server they could not reach.
var targets = []*regexp.Regexp{
	regexp.MustCompile(`(?:ssl|tls|tcp)://\[?([\w.:-]+?)\]?:(\d+)`),
	regexp.MustCompile(`host[ :]+"?(?:\w+://)?([\w.-]+):(\d+)`),
	regexp.MustCompile(`host, port: ([\w.-]+), (\d+)`),
	regexp.MustCompile(`connect to ([\w.-]+)(?: port |:)(\d+)`),
	regexp.MustCompile(`(?:ECONNREFUSED|ETIMEDOUT|dial tcp) \[?([\w.:-]+?)\]?:(\d+)`),
	regexp.MustCompile(`([\w-]+(?:\.[\w-]+)+)\[[0-9a-fA-F.:]+\]:(\d+)`),
	regexp.MustCompile(`(?:ENOTFOUND|EAI_AGAIN|no such host:?|resolve host:?) ([\w.-]+)()`),
	regexp.MustCompile(`with host ([\w.-]+)()`),
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
