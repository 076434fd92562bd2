package logs

import (
	"strings"
)

// nodemailer before version 2 printed in three other forms.

// Version 1: event objects, { type: 'server', message: '220 ...' }.

var eventObject = compile(`type: '(server|client)',?\s*(?:message: (.*?))?(?: \})?$`)

func parseNodemailer1(rows []row) []line {
	var lines []line
	side := ""
	for _, r := range rows {
		text := strings.TrimSpace(r.text)
		message := ""
		if g := eventObject.FindStringSubmatch(text); g != nil {
			side, message = g[1], g[2]
		} else if rest, found := strings.CutPrefix(text, "message: "); found {
			message = strings.TrimSuffix(strings.TrimSpace(rest), "}")
		}
		if message == "" || side == "" {
			continue
		}
		said := withoutEOL(literal(message))
		if side == "client" {
			lines = append(lines, client(strings.TrimRight(said, " }")))
			continue
		}
		for _, l := range strings.Split(said, "\n") {
			lines = append(lines, server(strings.TrimSuffix(l, "\r")))
		}
	}
	return lines
}

// Version 0.2 to 0.7: "SERVER 1:" and below it the text after a drawn branch,
// its further lines indented.

var treeHead = compile(`^\s*(SERVER|CLIENT) (\d+):\s*$`)

func parseNodemailerTree(rows []row) []line {
	var lines []line
	side, session := "", ""
	for _, r := range rows {
		if g := treeHead.FindStringSubmatch(r.text); g != nil {
			side, session = g[1], g[2]
			continue
		}
		text, branch := strings.CutPrefix(strings.TrimLeft(r.text, " "), "└──")
		text = strings.TrimSpace(text)
		var l line
		switch {
		case branch && side == "CLIENT":
			l = client(text)
		case side == "SERVER" && code(text) != 0:
			l = server(text)
		default:
			side = ""
			for _, l := range treeRemark(text) {
				l.session = session
				lines = append(lines, l)
			}
			continue
		}
		l.session = session
		lines = append(lines, l)
	}
	return lines
}

func treeRemark(text string) []line {
	if strings.Contains(text, "Error: ") {
		return []line{nodemailerTrouble(text)}
	}
	return remark(text)
}

// nodemailerTrouble is an error with the reply at its end, if it has one.
func nodemailerTrouble(text string) line {
	l := troubled(text)
	if i := strings.Index(text, " - "); i > 0 && code(text[i+3:]) != 0 {
		l.reply = text[i+3:]
		if j := strings.Index(l.reply, "sending email"); j > 0 {
			l.reply = l.reply[:j]
		}
	}
	l.answers = nodemailerStep(text)
	return l
}

// Version 0.1: "SEND:" and "RECEIVE:", and below it a string as JSON.

func parseNodemailer01(rows []row) []line {
	var lines []line
	side := ""
	for _, r := range rows {
		text := strings.TrimSpace(r.text)
		switch {
		case text == "SEND:" || text == "RECEIVE:":
			side = text
			continue
		case strings.HasPrefix(text, `"`) && side != "":
			for _, part := range strings.Split(withoutEOL(literal(text)), "\n") {
				part = strings.TrimSuffix(part, "\r")
				if side == "SEND:" {
					lines = append(lines, client(part))
				} else {
					lines = append(lines, server(part))
				}
			}
		case strings.Contains(text, "rror: "):
			lines = append(lines, troubled(strings.TrimLeft(text, "-> ")))
		}
		side = ""
	}
	return lines
}
