package logs

import (
	"strings"
)

// CodeIgniter's print_debugger(): the replies only, each behind the name of the
// step that it answers.

var (
	codeIgniterMarks = []mark{
		m(8, `^(?:hello|starttls|from|to|data|quit|reset): \d{3}[ -]`),
		m(8, `^Failed to (?:send AUTH LOGIN command|authenticate (?:username|password))\. Error: `),
		m(6, `The following SMTP error was encountered: |Unable to send email using PHP SMTP`),
		m(1, `^\d{3}[ -]\S`),
	}
	codeIgniterNeeds = compile(`^(?:hello|from|to|data): \d{3}[ -]|^Failed to (?:send AUTH|authenticate)|The following SMTP error was encountered`)
	codeIgniterJoint = jointOf(`(?:^|[\s\r])((?:hello|starttls|from|to|data|quit|reset): \d{3}[ -]|Failed to (?:send AUTH|authenticate))`)
	codeIgniterRow   = compile(`^(hello|starttls|from|to|data|quit|reset|Failed to [^.]*\. Error|The following SMTP error was encountered): ?(.*)$`)
)

var codeIgniterSteps = map[string]string{"hello": "EHLO", "starttls": "STARTTLS", "from": "MAIL", "to": "RCPT", "data": "DATA", "quit": "QUIT", "reset": "RSET"}

func parseCodeIgniter(rows []row) []line {
	var lines []line
	verb := ""
	for _, r := range rows {
		text := strings.TrimSpace(r.text)
		g := codeIgniterRow.FindStringSubmatch(text)
		switch {
		case g == nil && code(text) != 0:
			lines = append(lines, codeIgniterReply(text, verb)...)
		case g == nil:
			if strings.HasPrefix(text, "Unable to") {
				lines = append(lines, troubled(text))
			}
		case strings.HasPrefix(g[1], "Failed"):
			l := troubled(text)
			if verb = ""; code(g[2]) != 0 {
				verb = "AUTH"
				lines = append(lines, codeIgniterReply(g[2], verb)...)
			}
			lines = append(lines, l)
		case strings.HasPrefix(g[1], "The"):
			l := troubled(text)
			if code(g[2]) != 0 {
				l.reply = strings.Join(splitReply(g[2]), "\n")
			}
			lines = append(lines, l)
		default:
			verb = codeIgniterSteps[g[1]]
			lines = append(lines, codeIgniterReply(g[2], verb)...)
		}
	}
	return lines
}

func codeIgniterReply(text, verb string) []line {
	var lines []line
	for _, part := range splitReply(text) {
		l := server(part)
		l.answers = verb
		lines = append(lines, l)
	}
	return lines
}
