package logs

import (
	"regexp"
	"strings"
)

// A program that catches no error prints it and no more: what the system's
// network calls or the TLS library said, or the client's own complaint.

var (
	errorNamed = regexp.MustCompile(`(?i)(?:error|exception)[:\])(]|\[errno |\bfailed: |\bdial tcp |\bx509: `)
	ownWords   = phraseOf(`no recipients defined|unexpected socket close|server response was|smtp\w*exception|econnreset|broken pipe|connection (?:was )?(?:reset|closed|lost|aborted)`)
)

// tellsFailure reports a line that names an error of a connection or of a mail
// client.
func tellsFailure(text string) bool {
	return errorNamed.MatchString(text) && (causeOf(text) != nil || ownWords.matches(strings.ToLower(text)))
}

// scoreErrorLine weighs one such line as less than anything that a dialect
// claims.
func scoreErrorLine(rows []row) int {
	for _, r := range rows {
		if tellsFailure(r.text) {
			return 1
		}
	}
	return 0
}

// parseErrorLine reads the first line that tells of a failure. What follows it
// is a stack, or the same again.
func parseErrorLine(rows []row) []line {
	for _, r := range rows {
		at, text := takeStamp(strings.TrimSpace(r.text))
		if at.IsZero() {
			at = r.at
		}
		if !tellsFailure(text) {
			continue
		}
		l := troubled(text)
		l.at = at
		switch c := causeOf(text); {
		case c == nil:
			return []line{l}
		case c.tls != "":
			return []line{{kind: tlsFailed, tls: failedTLS(text), at: at, starts: true}, l}
		}
		d := line{kind: dialed, at: at, starts: true, dial: targetIn(text)}
		blame(&d, text)
		return []line{d, l}
	}
	return nil
}
