package logs

import (
	"strings"

	"smtptap/decode/meaning"
)

// Often a paste holds no dialogue: a program printed what the system, a TLS
// library or a server said, and nothing more. Each sentence that speaks of a
// failure is a statement, whatever the program.

var (
	// aboutMail are words without which an error is not one of mail.
	aboutMail = compile(`(?i)smtp|e-?mail|\bmail(?:er|box|s)?\b|mailer|sendmail|postfix|exim|qmail|recipient|\bsender\b|starttls|\bmx\b|deliver|courri|correo|posta|письм|почт|邮件|郵件|メール|메일|\b(?:25|465|587|2525)\b|[245]\.\d{1,3}\.\d{1,3}|dial tcp|errno|x509|route to host|\b(?:4[2-7]|5[0-7])\d\b|\btls\b|\bssl\b|socket|authenticat`)
	// tellsError are words of failure in lower case, in the languages that systems
	// speak.
	tellsError = compile(`error|fail|exception|panic:|unencrypted|refus|reject|denied|timed?[ -]?out|timeout|\bunable|can ?not\b|can't|could ?n[o']t|couldn't|wasn't able|\bnot (?:accept|allow|permit|found|support|authori|connect|sent|deliver|verif|valid)|invalid|bounce|undeliver|looping|loops back|\beof\b|reset by peer|broken pipe|closed|no such|unknown|requires?d?\b|lost connection|no route|unreachable|\bdefer|greylist|expired|null\b|x509|[245]\.\d{1,3}\.\d{1,3}|fehl|verweiger|abgelehnt|ungültig|échou|erreur|refus|impossible|rechaz|fall[oó]|no se pudo|errore|rifiutat|impossibile|recusad|falh|ошибк|отказ|не удал|невозможно|错误|錯誤|失败|失敗|拒绝|拒絕|超时|无法|無法|エラー|できません|拒否|오류|실패|거부|hata|başarısız|reddedil|błąd|odrzucon|nie można`)
	// namesError begins what a program says when it gives up.
	namesError = compile(`(?i)(?:error|exception)[:\])(=]|\[errno |\bfailed: |\bdial tcp |\bx509: |error="`)
	stackFrame = compile(`^\s*(?:at |File "|#\d+ |\.\.\. \d+ more)`)
)

// statementWeight tells how surely a row is a statement: 0 for none.
func statementWeight(text string) int {
	if len(text) > maxRow {
		text = text[:maxRow]
	}
	cause := causeOf(text)
	if stackFrame.MatchString(text) || cause == nil && !tellsError.MatchString(strings.ToLower(text)) {
		return 0
	}
	n := 1
	if aboutMail.MatchString(text) {
		n++
	}
	if cause != nil || n == 1 && len(meaning.Said(text)) > 0 {
		n += 2
	}
	if namesError.MatchString(text) {
		n++
	}
	return n
}

// scoreStatements weighs a text as less than anything that a dialect claims. It
// is one where a word of failure stands beside a word of mail, if not in the
// same row.
func scoreStatements(rows []row) int {
	most := 0
	for _, r := range rows {
		most = max(most, statementWeight(r.text))
	}
	if most > 3 || most > 0 && anyMatches(rows, aboutMail) {
		return 1
	}
	return 0
}

// maxStatements bounds how many of the surest statements are told.
const maxStatements = 6

// parseStatements tells the rows that speak of a failure most plainly, in
// their order. What several rows say again is told once.
func parseStatements(rows []row) []line {
	most := 0
	for _, r := range rows {
		most = max(most, statementWeight(r.text))
	}
	if most < 2 && !anyMatches(rows, aboutMail) {
		return nil
	}
	var t tape
	seen := map[string]bool{}
	for i, r := range rows {
		w := statementWeight(r.text)
		if w == 0 || w < most-1 || len(seen) == maxStatements {
			continue
		}
		text := wrapped(t.stamp(r), rows[i+1:])
		if key := keyOf(text); !seen[key] {
			seen[key] = true
			t.add(statement(text)...)
		}
	}
	return t.lines
}

// wrapped joins a sentence with the rows that it was wrapped to: those that
// begin in lower case after a row that ends in the middle of one.
func wrapped(text string, rest []row) string {
	for _, r := range rest {
		next := strings.TrimSpace(r.text)
		if next == "" || len(text) < 40 || strings.ContainsAny(text[len(text)-1:], `.!?;})]"`) || next[0] < 'a' || next[0] > 'z' {
			break
		}
		extend(&text, next)
	}
	return text
}

// statement is what a sentence about a failure tells.
func statement(text string) []line {
	l := troubled(text)
	c := causeOf(text)
	switch {
	case c == nil:
		return []line{l}
	case c.tls != "":
		return []line{{kind: tlsFailed, tls: failedTLS(text), starts: true}, l}
	}
	return []line{failedAttempt(text), l}
}
