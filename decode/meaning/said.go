package meaning

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Said lists what an error of a client, or of a mail server as a client, may
// mean, the likeliest first. Where it quotes a reply, that tells more than what
// the client makes of it.
func Said(message string) []Reading {
	message = waits.ReplaceAllString(message, " ")
	l := words()
	t := read(message, l.saysNo)
	concepts := l.concepts(t)
	var all []Reading
	for _, s := range errors() {
		if said := s.heard(t, concepts); said >= leastScore {
			all = append(all, Reading{ID: s.ID, Score: said, Said: said, Stage: s.Stage})
		}
	}
	if r, found := Quoted(message); found {
		for _, reading := range Of(r) {
			reading.Score += quotedScore
			all = append(all, reading)
		}
	}
	rank(all)
	return all
}

// quotedScore is what the words of a reply count more than those of a client.
const quotedScore = 8

// waits are settings of how long to wait, which are no failures: JavaMail
// prints "timeout -1" with each connection error.
var waits = regexp.MustCompile(`(?i)\b(?:connection ?)?time[- ]?out(?: is)?(?:\s*[=:]\s*|\s+)-?\d+(?:\.\d+)?\s*(?:ms|s|sec|seconds?)?\b`)

// quoted is a reply inside other text: a code, an enhanced code, and words; or
// an enhanced code alone.
var quoted = regexp.MustCompile(`(?s)(?:^|[^\d.\w/#-])([45][0-7]\d)(?:[ -]{1,2}|[:,'")\]]+\s*(?:b?['"])?)(?:#?([245]\.\d{1,3}\.\d{1,3})\b)?(.*)`)

var quotedEnhanced = regexp.MustCompile(`(?s)(?:^|[\s(#'"=])([45]\.[0-7]\.\d{1,3})\b(.*)`)

// Quoted is the reply that a message quotes. Its stage is what the words around
// it name.
func Quoted(message string) (Reply, bool) {
	at := quoted.FindStringSubmatchIndex(message)
	if at == nil {
		m := quotedEnhanced.FindStringSubmatch(message)
		if m == nil {
			return Reply{}, false
		}
		return Reply{Stage: namedStage(message), Code: int(m[1][0]-'0') * 100, Enhanced: m[1], Words: m[2]}, true
	}
	before := message[:at[2]]
	if strings.HasSuffix(strings.ToUpper(strings.TrimRight(before, " :/=1.02")), "HTTP") {
		return Reply{}, false
	}
	code, _ := strconv.Atoi(message[at[2]:at[3]])
	enhanced := ""
	if at[4] >= 0 {
		enhanced = message[at[4]:at[5]]
	}
	return Reply{Stage: namedStage(before), Code: code, Enhanced: enhanced, Words: message[at[6]:at[7]]}, true
}

// stageNames are words that name what a reply answers.
var stageNames = []struct{ words, stage string }{
	{"end of data", "."}, {"data end", "."}, {"message body", "."}, {"smtpdataerror", "."}, {"data not accepted", "."},
	{"rcpt", "RCPT"}, {"recipientsrefused", "RCPT"}, {"recipients failed", "RCPT"}, {"failedrecipient", "RCPT"}, {"addressfailed", "RCPT"},
	{"mail from", "MAIL"}, {"senderrefused", "MAIL"}, {"senderfailed", "MAIL"},
	{"authenticationerror", "AUTH"}, {"authenticationfailed", "AUTH"}, {"invalid login", "AUTH"}, {"sasl auth", "AUTH"}, {"authenticate", "AUTH"}, {"password command", "AUTH"}, {"username command", "AUTH"}, {"auth ", "AUTH"},
	{"starttls", "STARTTLS"}, {"ehlo", "EHLO"}, {"heloerror", "EHLO"}, {"initial greeting", "greeting"}, {"refused to talk to me", "greeting"}, {"smtpconnecterror", "greeting"},
}

func namedStage(message string) string {
	folded := fold(message)
	for _, n := range stageNames {
		if strings.Contains(folded, n.words) {
			return n.stage
		}
	}
	return ""
}

func rank(all []Reading) {
	slices.SortStableFunc(all, func(a, b Reading) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.Said, a.Said), cmp.Compare(a.ID, b.ID))
	})
}
