package logs

import "smtptap/decode/who"

// remarks are what many tools say beside the dialogue, whatever their form.
var remarkForms = []struct {
	re   *pattern
	tell func(g []string) []line
}{
	{compile(`^(?:\*+ +)?(?:Trying|Connecting to(?: SMTP server)?) "?([\w.:*-]+?)"?(?: at |:| port )(\d+)(?:\.\.\.)?$`), func(g []string) []line {
		return []line{attempt(g[1], hostPort(g[1], g[2]))}
	}},
	{compile(`^(?:c: )?Trying to connect to ([\w.-]+) on port (\d+)`), func(g []string) []line {
		return []line{attempt(g[1], hostPort(g[1], g[2]))}
	}},
	{compile(`(?i)^(?:INFO )?(?:start(?:ing)? TLS session|TLS (?:negotiation )?(?:succeeded|established)|connection (?:secured|upgraded)|secure connection established)`), func([]string) []line {
		return []line{{kind: secured}}
	}},
	{compile(`(?i)^(?:could not start TLS|unable to (?:connect with|start|use) (?:TLS|STARTTLS)|TLS (?:startup|negotiation|handshake) failed|STARTTLS attempted but failed|SSL_accept error|SSL_connect error).*`), func(g []string) []line {
		return []line{{kind: tlsFailed, tls: failedTLS(g[0])}, troubled(g[0])}
	}},
	{compile(`(?i)^(?:(?:SocketStream )?(?:read|write) error|an error occurred: |error: |failed to (?:send|connect)|unable to (?:send|connect)|could not (?:send|connect)|exception|fatal error: |mail error: |mailsmtp last error).*`), func(g []string) []line {
		return []line{troubled(g[0])}
	}},
	{compile(`(?i)^\W*(?:\* OK .*IMAP|\+OK .*(?:POP|dovecot|ready)|SSH-2\.0-).*`), func(g []string) []line {
		return []line{troubled(g[0])} // another service
	}},
	{compile(`(?i)^(?:connection closed by foreign host|remote host closed connection)`), func([]string) []line {
		return []line{{kind: closed, side: who.Server}}
	}},
	{compile(`(?i)^(?:-+ ?connection closed|closing connection|disconnecting|connection closed$)`), func([]string) []line {
		return []line{{kind: closed, side: who.Client}}
	}},
}

// remark reads a row that is no line of the dialogue; nil when it says nothing
// that is understood.
func remark(text string) []line {
	for _, f := range remarkForms {
		if g := f.re.FindStringSubmatch(text); g != nil {
			return f.tell(g)
		}
	}
	return nil
}
