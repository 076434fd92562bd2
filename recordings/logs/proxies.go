package logs

import (
	"strings"

	"smtptap/decode/who"
)

// email-oauth2-proxy shows both of its legs; the one to the server is
// indented. Lines are Python's bytes literals.

var (
	oauthProxyRow   = compile(`^(?:(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d): )?SMTP \(([^)]*)\)( +)(-->|<--) (.*)$`)
	oauthProxyMarks = []mark{m(12, `SMTP \([^)]*\) +(?:-->|<--) (?:b['"]|\[ )`)}
)

func parseOAuthProxy(rows []row) []line {
	near, far := []line{}, []line{}
	replies := 0
	for _, r := range rows {
		g := oauthProxyRow.FindStringSubmatch(r.text)
		if g == nil || strings.HasPrefix(g[5], "[") {
			continue
		}
		at, _ := takeStamp(g[1])
		bytes := literal(g[5])
		var ls []line
		if g[4] == "-->" {
			ls = []line{{kind: exact, side: who.Client, text: bytes}}
		} else {
			for _, l := range strings.Split(withoutEOL(bytes), "\n") {
				ls = append(ls, server(strings.TrimSuffix(l, "\r")))
			}
		}
		for _, l := range ls {
			l.at, l.session = at, g[2]
			if len(g[3]) > 1 {
				far = append(far, l)
				if l.side == who.Server {
					replies++
				}
			} else {
				near = append(near, l)
			}
		}
	}
	if replies > 0 && len(far) >= len(near)/2 {
		return far
	}
	return near
}
