package logs

import (
	"regexp"
	"strings"

	"smtptap/decode/who"
)

// A tool that is in no table still marks its sides somehow. The marks are
// learnt: what stands in front of reply codes, and what stands in front of
// commands.

var (
	serverSays = regexp.MustCompile(`(?:^|[\s:>'"|\])<])([2-5]\d\d)(?:[ -]\S|$)`)
	clientSays = regexp.MustCompile(`(?:^|[\s:>'"|\])<])((?:EHLO|HELO|LHLO|ehlo|helo) \S|(?:MAIL FROM|mail from|mail FROM|Mail From|RCPT TO|rcpt to|rcpt TO|Rcpt To):|AUTH (?:PLAIN|LOGIN|CRAM|XOAUTH)|(?:STARTTLS|DATA|QUIT|RSET|data|quit|rset)\s*\W*$)`)
	variable   = regexp.MustCompile(`[0-9a-fA-F]*[0-9][0-9a-zA-Z]*(?:[.:,/-][0-9a-fA-F]+)*`)
)

// maxLabel is how far behind the start of a line a mark may reach.
const maxLabel = 200

// labelOf is what stands in front of i, with what differs from line to line
// (stamps, numbers, ids) blotted out.
func labelOf(text string, i int) string {
	return variable.ReplaceAllString(text[:i], "0")
}

// saidAt finds where a reply or a command begins in text.
func saidAt(text string) (at int, side who.Party) {
	if len(text) > maxLabel+80 {
		text = text[:maxLabel+80]
	}
	c := clientSays.FindStringSubmatchIndex(text)
	s := serverSays.FindStringSubmatchIndex(text)
	switch {
	case c != nil && (s == nil || c[2] < s[2]):
		return c[2], who.Client
	case s != nil && s[2] <= maxLabel:
		return s[2], who.Server
	}
	return -1, 0
}

// learnLabels returns the marks of each side: labels in front of which nearly
// always the same side speaks.
func learnLabels(rows []row) map[string]who.Party {
	counts := map[string]*[3]int{}
	for i, r := range rows {
		if i == 4*maxTelling {
			break
		}
		at, side := saidAt(r.text)
		if at <= 0 {
			continue
		}
		label := labelOf(r.text, at)
		if strings.TrimSpace(label) == "" {
			continue
		}
		if counts[label] == nil {
			counts[label] = &[3]int{}
		}
		counts[label][side]++
	}
	labels := map[string]who.Party{}
	for label, n := range counts {
		switch {
		case n[who.Server] >= 4*n[who.Client] && n[who.Server] > 0:
			labels[label] = who.Server
		case n[who.Client] >= 4*n[who.Server] && n[who.Client] > 0:
			labels[label] = who.Client
		}
	}
	return labels
}

// labelled reads one row by the labels known; ok is false when it has none.
func labelled(text string, labels map[string]who.Party) (l line, ok bool) {
	if at, side := saidAt(text); at > 0 {
		if is, known := labels[labelOf(text, at)]; known && is == side {
			return saidBy(side, text[at:]), true
		}
	}
	// A line of a message or a credential: no verb shows where it begins.
	return labelledByMark(text, labels)
}

// labelledByMark looks for a known mark at the start of text.
func labelledByMark(text string, labels map[string]who.Party) (l line, ok bool) {
	head := text[:min(len(text), maxLabel)]
	var label strings.Builder
	from := 0
	for _, v := range append(variable.FindAllStringIndex(head, -1), []int{len(head), len(head)}) {
		for i := from; i < v[0]; i++ {
			label.WriteByte(head[i])
			if !endsMark(head[i]) && i+1 < len(text) {
				continue
			}
			if side, known := labels[label.String()]; known {
				return saidBy(side, text[i+1:]), true
			}
		}
		label.WriteByte('0')
		from = v[1]
	}
	return line{}, false
}

// endsMark reports an octet that a mark may end with.
func endsMark(c byte) bool { return strings.IndexByte(" \t:>\"'|])", c) >= 0 }

func parseMarked(rows []row) []line {
	labels := learnLabels(rows)
	var lines []line
	for _, r := range rows {
		at, _ := takeStamp(strings.TrimSpace(r.text))
		if at.IsZero() {
			at = r.at
		}
		l, ok := labelled(r.text, labels)
		if !ok {
			for _, l := range remark(strings.TrimSpace(r.text)) {
				l.at = at
				lines = append(lines, l)
			}
			continue
		}
		l.text = withoutEOL(strings.TrimRight(l.text, " \"'"))
		if l.side == who.Client {
			l.at = at
			lines = append(lines, l)
			continue
		}
		for _, reply := range splitReply(l.text) {
			s := server(reply)
			s.at = at
			lines = append(lines, s)
		}
	}
	return lines
}

// scoreMarked weighs how many lines both sides' learnt marks explain.
func scoreMarked(rows []row) int {
	labels := learnLabels(rows)
	sides := [3]int{}
	for _, r := range rows {
		if at, side := saidAt(r.text); at > 0 && labels[labelOf(r.text, at)] == side && labels[labelOf(r.text, at)] != 0 {
			sides[side]++
		}
	}
	if sides[who.Client] == 0 || sides[who.Server] == 0 {
		return 0
	}
	return 2 * (sides[who.Client] + sides[who.Server])
}
