package logs

import (
	"strings"
)

// What a log puts in front of a payload differs from line to line: a stamp, a
// process id, the name of a connection. A label is that text with everything
// of the kind written as one sign, so that lines of the same form have the
// same label.

// Signs of a label.
const (
	varies = '\x01' // a number, a stamp, an id
	level  = '\x02' // the severity of a logger
)

// calendar are the words of a stamp.
var calendar = map[string]bool{
	"mon": true, "tue": true, "wed": true, "thu": true, "fri": true, "sat": true, "sun": true, "am": true, "pm": true,
	"jan": true, "feb": true, "mar": true, "apr": true, "may": true, "jun": true, "jul": true, "aug": true, "sep": true, "oct": true, "nov": true, "dec": true,
	"utc": true, "gmt": true, "cet": true, "cest": true,
}

var severities = map[string]bool{
	"trace": true, "debug": true, "info": true, "notice": true, "warn": true, "warning": true, "error": true, "err": true, "fatal": true, "critical": true, "verbose": true,
}

// labelOf is the label of a text that stands in front of a payload.
func labelOf(text string) string {
	return scanLabel(text, nil)
}

// scanLabel writes the label of text, and tells visit the label of each
// beginning of it.
func scanLabel(text string, visit func(label string, end int)) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case wordByte(c):
			end := i
			for end < len(text) && wordByte(text[end]) {
				end++
			}
			i = i + sign(&b, text, i, end)
		case c == ' ' || c == '\t':
			for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
				i++
			}
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
		default:
			b.WriteByte(c)
			i++
		}
		if visit != nil {
			visit(b.String(), i)
		}
	}
	return b.String()
}

// sign writes the word text[i:end] or what stands for it, and returns how many
// bytes of text that takes.
func sign(b *strings.Builder, text string, i, end int) int {
	word := text[i:end]
	lower := strings.ToLower(word)
	switch {
	case severities[lower]:
		b.WriteByte(level)
		return end - i
	case calendar[lower], !hasDigit(word):
		if calendar[lower] {
			word = string(varies)
		}
		b.WriteString(word)
		return end - i
	}
	// A stamp, an address, a version: its further parts belong to it.
	for end+1 < len(text) && strings.IndexByte(".:,/+-", text[end]) >= 0 && wordByte(text[end+1]) {
		next := end + 1
		for next < len(text) && wordByte(text[next]) {
			next++
		}
		if part := text[end+1 : next]; !hasDigit(part) && !isHex(part) {
			break
		}
		end = next
	}
	b.WriteByte(varies)
	return end - i
}

func wordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

func isHex(s string) bool {
	return len(s) >= 4 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// counterparts are marks of one side and of the other, as tools use them.
var counterparts = [][2]string{
	{"S:", "C:"}, {"S ", "C "}, {"s:", "c:"}, {"<--", "-->"}, {"<<<", ">>>"}, {"<<", ">>"}, {"<-", "->"}, {"<~", "~>"}, {"<=", "=>"}, {"<", ">"},
	{"server", "client"}, {"Server", "Client"}, {"SERVER", "CLIENT"}, {"SERVER -> CLIENT", "CLIENT -> SERVER"},
	{"recv", "send"}, {"Recv", "Send"}, {"RECV", "SEND"}, {"received", "sent"}, {"Received", "Sent"}, {"RECEIVED", "SENT"}, {"got", "sent"}, {"Got", "Sent"},
	{"read", "write"}, {"READ", "WRITE"}, {"rx", "tx"}, {"RX", "TX"}, {"in", "out"}, {"IN", "OUT"}, {"reply", "send"}, {"Response", "Command"}, {"response", "command"}, {"Response", "Request"}, {"response", "request"},
	{"S->C", "C->S"}, {"S > C", "C > S"}, {"from", "to"}, {"服务器", "客户端"},
}

// otherLabels are what the other side may have when label is one side's;
// several, because words such as "in" may stand for different things.
func otherLabels(label string) []string {
	var all []string
	for _, pair := range counterparts {
		for k := range 2 {
			i := strings.LastIndex(label, pair[k])
			if i < 0 || wordByte(pair[k][0]) && i > 0 && wordByte(label[i-1]) {
				continue
			}
			rest := label[i+len(pair[k]):]
			if rest != "" && wordByte(rest[0]) && wordByte(pair[k][len(pair[k])-1]) {
				continue
			}
			all = append(all, label[:i]+pair[1-k]+rest)
		}
	}
	return all
}
