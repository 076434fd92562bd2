package logs

import (
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/who"
)

// lacks says what the log is unable to show, as ids for rules and as sentences
// for people.
func lacks(b *builder) (ids, sentences []string) {
	add := func(id, sentence string) {
		if id != "" {
			ids = append(ids, id)
		}
		sentences = append(sentences, sentence)
	}
	lines, d := b.lines, b.dialect
	said := b.fromClient || b.fromServer
	if d.errorOnly || !said || !b.fromClient && replies(lines) < fewReplies {
		d = &dialect{errorOnly: true}
		add(decode.LackDialogue, "The text holds an error or single replies, not the whole dialogue.")
	}
	if b.midway && said && !d.errorOnly {
		add(decode.LackStart, "The beginning is missing: no greeting of the server is in the log.")
	}
	if said && !d.errorOnly && !ends(lines) {
		add(decode.LackEnd, "The log stops before the session ends; what came after is unknown.")
	}
	if said && !b.fromClient {
		add(decode.LackClientLines, "The client's lines are not in the log; what each reply answers is inferred from the order of the replies.")
	} else if b.guessed && !d.errorOnly {
		add(decode.LackClientLines, "Some of the client's lines are not in the log; what some replies answer is inferred.")
	}
	if said && !b.fromServer && !d.errorOnly {
		add(decode.LackServerLines, "The server's replies are not in the log; they are inferred from what the client did next. PHPMailer shows them at SMTPDebug level 2 and above.")
	}
	if b.bodyLost && !d.errorOnly {
		add(decode.LackBody, "The message, or part of it, is not in the log.")
	}
	if b.eaten {
		add(decode.LackBrackets, "The paste lost everything in angle brackets: addresses, the Message-ID, tags of an HTML body.")
	}
	if b.folding {
		add("", "The paste lost white space at the start of lines; folded header lines are put together again.")
	}
	if b.secret {
		add(decode.LackCredentials, "Credentials were hidden by the tool or by the poster, so nothing can be said about them.")
	}
	if !exactly(lines) {
		add(decode.LackBytes, "A log shows text, not bytes: line ends, trailing white space and characters outside ASCII may differ from what was sent.")
	}
	if !b.tlsKnown {
		add(decode.LackTLS, "Nothing about TLS versions, ciphers and certificates is in the log.")
	}
	stamps(lines, b, add)
	return ids, sentences
}

// fewReplies is how many replies without any command are no dialogue yet.
const fewReplies = 3

func replies(lines []line) int {
	n := 0
	for _, l := range lines {
		if l.kind == said && l.side == who.Server && code(l.text) != 0 && !more(l.text) {
			n++
		}
	}
	return n
}

// ends reports that the log shows how the session ended.
func ends(lines []line) bool {
	for i := len(lines) - 1; i >= 0; i-- {
		l := lines[i]
		switch l.kind {
		case closed, trouble, tlsFailed:
			return true
		case dialed:
			return l.dial != nil && l.dial.Err != ""
		case said:
			if l.side == who.Client {
				return strings.EqualFold(strings.TrimSpace(l.text), "QUIT")
			}
			n := code(l.text)
			return n == 221 || n == 421 || n == 521
		}
	}
	return false
}

// exactly reports that the log holds the client's bytes as they were.
func exactly(lines []line) bool {
	seen := false
	for _, l := range lines {
		if l.side != who.Client {
			continue
		}
		switch l.kind {
		case said, hidden:
			return false
		case exact:
			seen = true
		}
	}
	return seen
}

// stamps says how exact the times are.
func stamps(lines []line, b *builder, add func(id, sentence string)) {
	if b.started.IsZero() {
		add(decode.LackTimes, "The log has no time stamps, so it can't show how long anything took.")
		return
	}
	for _, l := range lines {
		if l.at.Nanosecond() != 0 {
			return
		}
	}
	if b.started.Truncate(time.Second).Equal(b.started) {
		add("", "The time stamps are whole seconds; shorter delays don't show.")
	}
}
