package logs

import (
	"smtptap/decode/who"
)

// An outlook says of every line what follows it. It is worked out once, from
// the end, because asking at each line would take time that grows with the
// square of the log.
type outlook struct {
	next    []int  // the next line that is said, -1 for none
	word    []int  // the same, but empty lines of the client
	dot     []bool // the dot comes before the server's next line
	tls     []bool // the log says what became of TLS
	verdict []bool // an error says how an AUTH exchange ended, here or behind

	handshake string // the first error that is about TLS, "" for none
	late      bool   // the server's first line is a greeting, whoever spoke before
}

func lookAhead(lines []line) *outlook {
	n := len(lines)
	o := &outlook{next: make([]int, n), word: make([]int, n), dot: make([]bool, n), tls: make([]bool, n), verdict: make([]bool, n)}
	next, word := -1, -1
	dot, tls, verdict := false, false, false
	for i := n - 1; i >= 0; i-- {
		l := lines[i]
		o.next[i], o.word[i], o.dot[i], o.tls[i] = next, word, dot, tls
		if l.isWire() {
			next = i
			if l.side == who.Server || l.text != "" {
				word = i
			}
		}
		switch {
		case l.kind == said && l.side == who.Server:
			dot = false
		case l.kind == said && l.text == ".":
			dot = true
		case l.kind == secured, l.kind == tlsFailed:
			tls = true
		case l.kind == trouble:
			verdict = verdict || l.answers == "AUTH"
			if c := causeOf(l.text); c != nil && c.tls != "" {
				o.handshake = l.text
			}
		}
		o.verdict[i] = verdict
	}
	o.late = greetedLate(lines)
	return o
}
