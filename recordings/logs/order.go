package logs

import (
	"strings"
	"time"
)

// oldestFirst turns a log around that a viewer shows newest first. The order
// of the protocol decides; stamps only where it says nothing, because a text
// may hold an older session after a newer one.
func oldestFirst(rows []row) []row {
	some := rows[:min(len(rows), mostOrdered)]
	forward, backward := protocolOrder(some)
	up, down := stampOrder(some)
	if backward >= forward+leastSteps && up <= down || backward >= forward && down > 1 && down > up {
		turned := make([]row, len(rows))
		for i, r := range rows {
			turned[len(rows)-1-i] = r
		}
		return turned
	}
	return rows
}

const (
	mostOrdered = 10000 // how many rows are looked at for their order
	leastSteps  = 2     // how much of the protocol must speak for another order without stamps
)

// places are the steps of a session in their order.
var places = []*pattern{
	compile(`\bconnect from |connection opened|connection: opening|trying \S+\.\.\.|\b220[ -]`),
	compile(`\behlo\b|\bhelo\b|\b250-\S`),
	compile(`(?:^|[a-z:>~] )starttls$`),
	compile(`\b220[ -].*(?:tls|ready to start|go ahead)`),
	compile(`\bauth (?:plain|login|cram-md5|xoauth2|ntlm)\b|\b(?:235|334|535)[ -]`),
	compile(`\bmail from:`),
	compile(`\brcpt to:`),
	compile(`\bdata$|\b354[ -]`),
	compile(`\bquit$|\b221[ -]|\bdisconnect from |connection closed|closing connection|lost connection|failed to connect|connect\(\) failed`),
}

// protocolOrder counts the steps that follow an earlier step, and those that
// follow a later one.
func protocolOrder(rows []row) (forward, backward int) {
	last := -1
	for _, r := range rows {
		text := strings.TrimSpace(r.text)
		if len(text) > 300 {
			text = text[:300]
		}
		at := placeOf(text)
		switch {
		case at < 0 || at == last:
			continue
		case last < 0:
		case at > last:
			forward++
		default:
			backward++
		}
		last = at
	}
	return forward, backward
}

// placeOf is the step that a row shows, the latest if several; -1 for none.
func placeOf(text string) int {
	text = strings.ToLower(text)
	for i := len(places) - 1; i >= 0; i-- {
		if places[i].MatchString(text) {
			return i
		}
	}
	return -1
}

// stampOrder counts the stamps that are later than the one before, and those
// that are earlier.
func stampOrder(rows []row) (up, down int) {
	var last time.Time
	for _, r := range rows {
		at := r.at
		if at.IsZero() {
			at, _ = takeStamp(strings.TrimSpace(r.text))
		}
		if at.IsZero() {
			continue
		}
		switch {
		case last.IsZero():
		case at.After(last):
			up++
		case at.Before(last):
			down++
		}
		last = at
	}
	return up, down
}
