package logs

import (
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// WP Mail SMTP's test report: the settings in blocks, then PHPMailer's log.

// wpShown are the settings that matter for a session, in the report's order.
var wpShown = []string{"Mailer", "Host", "Port", "SMTPSecure", "SMTPAutoTLS", "SMTPAuth", "OpenSSL"}

var (
	wpSetting = compile(`^(Host|Port|SMTPSecure|SMTPAutoTLS|SMTPAuth|ErrorInfo|Mailer|OpenSSL|PHP|WordPress|WP Mail SMTP): ?(.*)$`)
	wpNeeds   = compile(`^(?:WP Mail SMTP: |SMTP Debug:|SMTPAutoTLS: )`)
	wpMarks   = append([]mark{
		m(12, `^(?:WP Mail SMTP|WordPress MS|SMTPAutoTLS|SMTPSecure|Apache\.mod_security): `),
		m(6, `^(?:Versions|Params|Server|Debug|SMTP Debug):\s*$`),
		m(4, `^(?:WordPress|PHP|Mailer|Host|Port|SMTPAuth|ErrorInfo|OpenSSL): `),
	}, phpmailerMarks...)
	phpDump = compile(`^(?:bool|int|string\(\d+\)|string)[ (]?"?(.*?)"?\)?$`)
)

func parseWPMailSMTP(rows []row) []line {
	settings := map[string]string{}
	var lines []line
	var dialogue []row
	inDebug := false
	last := "" // the setting that rows without a name continue
	for _, r := range rows {
		text := strings.TrimSpace(r.text)
		if strings.HasPrefix(text, "SMTP Debug:") {
			inDebug = true
			continue
		}
		if inDebug {
			dialogue = append(dialogue, r)
			continue
		}
		if g := wpSetting.FindStringSubmatch(text); g != nil {
			value := phpDump.ReplaceAllString(strings.TrimSpace(g[2]), "$1")
			if _, known := settings[g[1]]; !known {
				settings[g[1]] = value
			}
			last = g[1]
			continue
		}
		switch {
		case text == "" || strings.HasSuffix(text, ":"):
			last = ""
		case last == "ErrorInfo":
			value := settings[last]
			extend(&value, text)
			settings[last] = value
		}
	}
	for _, name := range wpShown {
		if value, known := settings[name]; known {
			lines = append(lines, set(name, value))
		}
	}
	said := parsePHPMailer(dialogue)
	lines = append(lines, said...)
	if info := settings["ErrorInfo"]; info != "" {
		if !reported(said, dialed) && settings["Host"] != "" {
			lines = append(lines, wpAttempt(settings, info))
		}
		lines = append(lines, phpmailerError(info, ""))
	}
	return lines
}

// wpAttempt is the attempt to connect that the report speaks of without
// showing its log.
func wpAttempt(settings map[string]string, info string) line {
	l := attempt(settings["Host"], hostPort(settings["Host"], settings["Port"]))
	if settings["SMTPSecure"] == "ssl" {
		l.tls = &facts.TLS{Leg: who.ServerLeg, Implicit: true}
	}
	if strings.Contains(info, "connect") {
		blame(&l, info)
	}
	return l
}

func reported(lines []line, kind lineKind) bool {
	for _, l := range lines {
		if l.kind == kind {
			return true
		}
	}
	return false
}
