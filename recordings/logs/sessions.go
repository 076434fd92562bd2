package logs

import (
	"slices"
	"strings"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// sessions cuts lines into the connections that they are about: by the tool's
// own name for them, by its word that it connects anew, and by a greeting
// where none can be. Attempts that came to nothing stay with the connection
// that came about after them.
func sessions(lines []line) [][]line {
	var out [][]line
	for _, one := range bySession(lines) {
		out = append(out, byConnection(one)...)
	}
	return out
}

// bySession takes apart what a tool with several connections wrote
// interleaved. Lines without a name belong to the connection before them.
func bySession(lines []line) [][]line {
	if !slices.ContainsFunc(lines, func(l line) bool { return l.session != "" }) {
		return [][]line{lines}
	}
	names := map[string]int{}
	var out [][]line
	current := -1
	for _, l := range lines {
		at := current
		if l.session != "" {
			var known bool
			if at, known = names[l.session]; !known {
				at = len(out)
				if current >= 0 && len(names) == 0 {
					at = 0 // what stood in front of the first name
				} else {
					out = append(out, nil)
				}
				names[l.session] = at
			}
		}
		if at < 0 {
			at = 0
			out = append(out, nil)
		}
		current = at
		out[at] = append(out[at], l)
	}
	return out
}

func byConnection(lines []line) [][]line {
	var out [][]line
	begin := 0
	spoken := false // the connection under way has said something
	_, fromServer := sidesSeen(lines)
	for i, l := range lines {
		fresh := l.starts && spoken || spoken && greetsAgain(lines[begin:], i-begin) ||
			!fromServer && saysHelloAgain(lines[begin:], i-begin)
		if fresh {
			out = append(out, lines[begin:i])
			begin, spoken = i, false
		}
		if l.isWire() || l.kind == trouble && l.reply != "" {
			spoken = true
		}
	}
	return append(out, lines[begin:])
}

// greetsAgain reports that line i is the greeting of another connection: a 220
// that answers no STARTTLS, after the end of the one before or in front of
// an EHLO.
func greetsAgain(lines []line, i int) bool {
	l := lines[i]
	if l.kind != said || l.side != who.Server || code(l.text) != 220 {
		return false
	}
	for j := i - 1; j >= 0; j-- {
		before := lines[j]
		if !before.isWire() {
			if before.kind == closed {
				return true
			}
			continue
		}
		if before.side == who.Client {
			verb := verbOf(before.text)
			return verb == "QUIT" || verb != "STARTTLS" && j > 0 && saysHello(lines[i+1:])
		}
		if code(before.text) == 221 {
			return true
		}
		if code(before.text) == 220 && more(before.text) {
			return false // the same greeting goes on
		}
		return false
	}
	return false
}

// saysHelloAgain is greetsAgain for a log without lines of the server: an EHLO
// after an error and a command that is not STARTTLS.
func saysHelloAgain(lines []line, i int) bool {
	if v := verbOf(lines[i].text); !lines[i].isWire() || !smtp.Greets(v) {
		return false
	}
	failed := false
	for j := i - 1; j >= 0; j-- {
		l := lines[j]
		failed = failed || l.kind == trouble || l.kind == closed
		if l.isWire() {
			v := verbOf(l.text)
			return v == "QUIT" || failed && v != "STARTTLS" && !smtp.Extends(v)
		}
	}
	return false
}

// saysHello reports that the client's next line is EHLO or HELO, not over TLS.
func saysHello(lines []line) bool {
	for _, l := range lines {
		if l.kind == secured {
			return false
		}
		if l.isWire() && l.side == who.Client {
			v := verbOf(l.text)
			return smtp.Greets(v)
		}
	}
	return false
}

// eaten reports that the paste lost what stood in angle brackets: addresses
// are gone that the server had no objection to.
func eaten(lines []line) bool {
	for i, l := range lines {
		if l.kind != said && l.kind != exact || l.side != who.Client {
			continue
		}
		upper := strings.ToUpper(strings.TrimSpace(l.text))
		if !strings.HasPrefix(upper, "MAIL FROM:") && !strings.HasPrefix(upper, "RCPT TO:") {
			continue
		}
		if strings.ContainsAny(l.text, "<@") {
			return false
		}
		if refusedFor(lines[i+1:], 501, 500, 553) {
			continue
		}
		return true
	}
	return false
}

// refusedFor reports that the next reply has one of the codes that a server
// gives to a command it can't parse.
func refusedFor(lines []line, codes ...int) bool {
	for _, l := range lines {
		if l.kind == said && l.side == who.Client {
			return false
		}
		text := l.text
		if l.kind == trouble {
			text = l.reply
		}
		for _, c := range codes {
			if code(text) == c {
				return true
			}
		}
		if code(text) != 0 {
			return false
		}
	}
	return false
}

// cutEaten removes what slipped into the place of an address that was lost.
func cutEaten(lines []line) {
	for i := range lines {
		l := &lines[i]
		if l.kind != said || l.side != who.Client {
			continue
		}
		for _, verb := range []string{"MAIL FROM:", "RCPT TO:"} {
			if len(l.text) > len(verb) && strings.EqualFold(l.text[:len(verb)], verb) && !strings.ContainsAny(l.text, "<@") {
				l.text = l.text[:len(verb)]
			}
		}
	}
}
