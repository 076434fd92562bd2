package logs

import (
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// msmtp --debug ("<--" server, "-->" client; headings in the user's language)
// and msmtp's log file.

var (
	msmtpJoint = jointOf(`(?:^|\s)(<-- \d{3}[ -]|-->(?: |$)|msmtp: )`)
	msmtpMarks = []mark{
		m(8, `^<-- \d{3}[ -]`),
		m(6, `^--> `),
		m(10, `^msmtp: `),
		m(20, `smtpstatus=\d{3} smtpmsg='`),
	}
	msmtpError = compile(`^msmtp: (.*)$`)
)

func parseMsmtp(rows []row) []line {
	var lines []line
	var dialogue, early []row
	said := false
	settings := map[string]string{}
	for _, r := range rows {
		text := strings.TrimSpace(r.text)
		said = said || strings.HasPrefix(text, "<-- ") || strings.HasPrefix(text, "--> ")
		switch g := msmtpSetting.FindStringSubmatch(text); {
		case strings.Contains(text, "exitcode=") && strings.Contains(text, "host="):
			lines = append(lines, msmtpLogFile(r)...)
		case g != nil:
			settings[g[1]] = g[2]
		case !said && strings.HasPrefix(text, "msmtp: "):
			// Errors go to another stream and often come out first.
			early = append(early, r)
		default:
			dialogue = append(dialogue, r)
		}
	}
	if settings["host"] != "" {
		l := attempt(settings["host"], hostPort(settings["host"], settings["port"]))
		if settings["tls"] == "on" && settings["tls_starttls"] == "off" {
			l.tls = &facts.TLS{Leg: who.ServerLeg, Implicit: true}
		}
		lines = append(lines, l)
	}
	return append(lines, readMarked(append(dialogue, early...), msmtpRemark)...)
}

var msmtpSetting = compile(`^(host|port|tls|tls_starttls|auth)\s+= (\S+)$`)

var (
	msmtpHost   = compile(`\bhost=(\S+)`)
	msmtpStatus = compile(`\bsmtpstatus=(\d{3})`)
	msmtpSaid   = compile(`\bsmtpmsg='([^']*)'`)
	msmtpErrMsg = compile(`\berrormsg='([^']*)'`)
)

// msmtpLogFile reads a line of the log file: one message each.
func msmtpLogFile(r row) []line {
	at, _ := takeStamp(r.text)
	t := tape{at: at}
	if g := msmtpHost.FindStringSubmatch(r.text); g != nil {
		t.add(attempt(g[1], g[1]))
	}
	if g := msmtpSaid.FindStringSubmatch(r.text); g != nil && msmtpStatus.MatchString(r.text) {
		t.add(replyLines(g[1], "")...)
	}
	if g := msmtpErrMsg.FindStringSubmatch(r.text); g != nil {
		t.add(troubled(g[1]))
	}
	return t.lines
}

var msmtpConnect = compile(`cannot connect to ([\w.-]+), port (\d+): (.*)$`)

func msmtpRemark(text string) []line {
	g := msmtpError.FindStringSubmatch(text)
	if g == nil {
		return nil
	}
	said := g[1]
	if reply, found := strings.CutPrefix(said, "server message: "); found {
		if code(reply) == 0 {
			return nil
		}
		l := troubled(said)
		l.reply = reply
		return []line{l}
	}
	if g := msmtpConnect.FindStringSubmatch(said); g != nil {
		l := attempt(g[1], hostPort(g[1], g[2]))
		blame(&l, g[3])
		return []line{l, troubled(said)}
	}
	if c := causeOf(said); c != nil && c.tls != "" {
		return []line{{kind: tlsFailed, tls: failedTLS(said)}, troubled(said)}
	}
	return []line{troubled(said)}
}
