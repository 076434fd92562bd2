package logs

import (
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// lacks says what the log is unable to show, as ids for rules and as sentences
// for people.
func lacks(b *builder) (ids []string, sentences []facts.Sentence) {
	add := func(id string, sentence facts.Sentence) {
		if id != "" {
			ids = append(ids, id)
		}
		sentences = append(sentences, sentence)
	}
	lines, d := b.lines, b.dialect
	said := b.fromClient || b.fromServer
	if d.errorOnly || !said || !b.fromClient && replies(lines) < fewReplies {
		d = &dialect{errorOnly: true}
		add(decode.LackDialogue, "lacks-dialogue")
	}
	if b.midway && said && !d.errorOnly {
		add(decode.LackStart, "lacks-start")
	}
	if said && !d.errorOnly && !ends(lines) {
		add(decode.LackEnd, "lacks-end")
	}
	if said && !b.fromClient {
		add(decode.LackClientLines, "lacks-client-lines")
	} else if b.guessed && !d.errorOnly {
		add(decode.LackClientLines, "lacks-some-client-lines")
	}
	if said && !b.fromServer && !d.errorOnly {
		add(decode.LackServerLines, "lacks-server-lines")
	}
	if b.bodyLost && !d.errorOnly {
		add(decode.LackBody, "lacks-body")
	}
	if b.eaten {
		add(decode.LackBrackets, "lacks-brackets")
	}
	if b.folding {
		add("", "lacks-folding")
	}
	if b.secret {
		add(decode.LackCredentials, "lacks-credentials")
	}
	if !exactly(lines) {
		add(decode.LackBytes, "lacks-bytes")
	}
	if !b.tlsKnown {
		add(decode.LackTLS, "lacks-tls")
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
func stamps(lines []line, b *builder, add func(id string, sentence facts.Sentence)) {
	if b.started.IsZero() {
		add(decode.LackTimes, "lacks-times")
		return
	}
	for _, l := range lines {
		if l.at.Nanosecond() != 0 {
			return
		}
	}
	if b.started.Truncate(time.Second).Equal(b.started) {
		add("", "lacks-fractions")
	}
}
