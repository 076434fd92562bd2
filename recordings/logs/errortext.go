package logs

import (
	"strings"
)

// Often there is no dialogue at all, only the text of an error: PHPMailer's
// ErrorInfo, an exception, a line of an application's log.

var (
	errorInfoMarks = []mark{
		m(4, `SMTP server error: .*(?:Detail: |SMTP code: )|SMTP Error: data not accepted|\bSMTP code: \d{3}`),
		m(3, `SMTP Error: |SMTP connect\(\) failed|Mailer Error: |SMTP server error: |The following (?:From address|recipients) failed`),
	}
	errorInfoRE   = compile(`(?s)(?:SMTP server error: (.*?))?\s*Detail: (.*?)\s*SMTP code: (\d{3})(?:\s*Additional SMTP info: (\d\.\d+\.\d+))?`)
	errorInfoCode = compile(`(?s)SMTP server error: (.*?)\s*SMTP code: (\d{3})`)
)

// parseErrorInfo reads the parts of PHPMailer's ErrorInfo: what failed, what the
// server said, its code and its enhanced code.
func parseErrorInfo(rows []row) []line {
	text := joinRows(rows)
	begin := 0
	for _, mark := range []string{"Mailer Error: ", "SMTP Error: ", "The following "} {
		if i := strings.Index(text, mark); i > 0 && (begin == 0 || i < begin) {
			begin = i
		}
	}
	said := strings.TrimSpace(text[begin:])
	l := troubled(strings.Join(strings.Fields(said[:min(len(said), maxJoined)]), " "))
	if g := errorInfoRE.FindStringSubmatch(text); g != nil {
		reply := g[3]
		if g[4] != "" {
			reply += " " + g[4]
		}
		l.reply = reply + " " + strings.Join(strings.Fields(g[2]), " ")
		if found := phpmailerCommand.FindStringSubmatch(g[1] + ":"); found != nil {
			l.answers = errorVerb(found[1])
		}
		l.text = cutRepeats(l.text)
		return []line{l}
	}
	if g := errorInfoCode.FindStringSubmatch(text); g != nil {
		l.reply = g[2] + " " + strings.Join(strings.Fields(g[1]), " ")
		return []line{l}
	}
	if c := causeOf(text); c != nil {
		d := line{kind: dialed, starts: true, dial: targetIn(text)}
		blame(&d, l.text)
		return []line{d, l}
	}
	for _, r := range rows {
		if e := phpmailerError(strings.TrimSpace(r.text), ""); e.reply != "" {
			return []line{e}
		}
	}
	return []line{l}
}

// cutRepeats cuts an error text off where it begins again: PHPMailer up to 6.x
// appends the details once for every time the error is set.
func cutRepeats(text string) string {
	const details = "SMTP server error: "
	first := strings.Index(text, details)
	if first < 0 {
		return text
	}
	if again := strings.Index(text[first+1:], details); again >= 0 {
		return text[:first+1+again]
	}
	return text
}

var (
	applicationWords = compile(`(?i)error|fail|exception|reject|refus|response|fatal|said|smtp`)
	applicationReply = compile(`(?:^|[\s"'=(:<\[])([45]\d\d[ -](?:\d\.\d{1,3}\.\d{1,3}\b|[A-Za-z#<]).*)$`)
	httpStatus       = compile(`^(?:400 Bad Request|401 Unauthorized|403 Forbidden|404 Not Found|405 Method Not|422 Unprocessable|429 Too Many Requests|500 Internal Server Error|502 Bad Gateway|504 Gateway Time)`)
	tupleReply       = compile(`\(?([45]\d\d), ?b?['"](.*?)['"]`)
)

// scoreApplication weighs rows that speak of an error and quote a reply.
func scoreApplication(rows []row) int {
	total := 0
	for _, r := range rows {
		text := strings.TrimSpace(r.text)
		if !strings.ContainsAny(text, "45") || code(text) != 0 {
			continue
		}
		before, reply := replyIn(text)
		if reply != "" && (applicationWords.MatchString(before) || enhancedFront.MatchString(reply[4:])) {
			total += 3
		}
	}
	return total
}

// parseApplication finds replies of a server inside the error texts of an
// application. What the application says before them is told once.
func parseApplication(rows []row) []line {
	var t tape
	prose := ""
	for _, r := range rows {
		text := t.stamp(r)
		before, reply := replyIn(text)
		switch {
		case reply != "":
			if before != "" && before != prose {
				prose = before
				t.add(troubled(before))
			}
			t.add(replyLines(reply, "?")...)
		case causeOf(text) != nil:
			t.add(failedAttempt(text), troubled(text))
		}
	}
	return t.lines
}

// replyIn finds a reply in an error text, and what stands before it.
func replyIn(text string) (before, reply string) {
	if g := applicationReply.FindStringSubmatchIndex(text); g != nil && !httpStatus.MatchString(text[g[2]:g[3]]) {
		return strings.TrimRight(text[:g[2]], ` "'=(:<[`), cutQuote(text, text[g[2]:g[3]])
	}
	if g := tupleReply.FindStringSubmatchIndex(text); g != nil {
		return strings.TrimRight(text[:g[0]], " :("), text[g[2]:g[3]] + " " + withoutEOL(writtenOut(text[g[4]:g[5]]))
	}
	return "", ""
}

// cutQuote ends a reply where the quotes around it close.
func cutQuote(text, reply string) string {
	i := strings.Index(text, reply)
	if i > 0 {
		if q := text[i-1]; q == '"' || q == '\'' {
			if end := strings.IndexByte(reply, q); end > 0 {
				reply = reply[:end]
			}
		}
	}
	return strings.TrimSpace(withoutEOL(reply))
}
