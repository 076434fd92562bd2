package message

import (
	"strconv"
	"strings"
)

// maxAddresses bounds the addresses that are read from one value.
const maxAddresses = 1000

// An Address is one address of a header field in readable form. Nothing in it
// is made visible.
type Address struct {
	Name  string // display name, or the comment that stands for one; decoded
	Addr  string // between the angle brackets, or the bare address
	Group string // name of the group it stands in, if any
}

// String is the usual form: Name <addr>.
func (a Address) String() string {
	switch {
	case a.Name == "":
		return a.Addr
	case a.Addr == "":
		return a.Name
	}
	return a.Name + " <" + a.Addr + ">"
}

// Addresses reads a list of addresses for showing it (RFC 5322 section 3.4):
// names are decoded, quotes and comments resolved, groups opened. It takes
// whatever the value holds; what it cannot place is a problem.
func Addresses(value string) ([]Address, []Problem) {
	var list addressList
	c := cursor{s: value}
	for !c.done() {
		if len(list.all) == maxAddresses {
			list.problem(TooMany, "more than "+strconv.Itoa(maxAddresses)+" addresses, the rest is not read")
			break
		}
		list.next(&c)
	}
	return list.all, list.problems
}

type addressList struct {
	all      []Address
	problems []Problem
	group    string
}

func (l *addressList) problem(id, text string) {
	for _, p := range l.problems {
		if p.ID == id {
			return
		}
	}
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, Problem{id, text})
	}
}

// next reads one address with the comma or semicolon behind it.
func (l *addressList) next(c *cursor) {
	var phrase, comment strings.Builder
	var addr string
	bracketed, at := false, false // an @ was seen
	finish := func() { l.add(phrase.String(), addr, comment.String(), bracketed) }
	for !c.done() {
		switch ch := c.s[c.i]; ch {
		case ',':
			c.i++
			finish()
			return
		case ';':
			c.i++
			finish()
			l.group = ""
			return
		case ':':
			c.i++
			if !bracketed && !at {
				l.group = Words(strings.TrimSpace(phrase.String()))
				phrase.Reset()
				continue
			}
			phrase.WriteByte(ch)
		case '(':
			if comment.Len() > 0 {
				comment.WriteByte(' ')
			}
			comment.WriteString(c.comment())
		case '"':
			c.i++
			l.quoted(c, &phrase)
		case '<':
			c.i++
			addr, bracketed = l.bracketed(c), true
		default:
			at = at || ch == '@'
			phrase.WriteByte(ch)
			c.i++
		}
	}
	finish()
}

// bracketed reads an address up to its closing bracket. Where that is missing
// it ends at the next comma.
func (l *addressList) bracketed(c *cursor) string {
	rest := c.s[c.i:]
	end := strings.IndexAny(rest, ">,")
	if end >= 0 && rest[end] == '>' {
		c.i += end + 1
		return strings.TrimSpace(rest[:end])
	}
	l.problem(AddressMalformed, "an angle bracket is not closed")
	if end < 0 {
		end = len(rest)
	}
	c.i += end
	return strings.TrimSpace(rest[:end])
}

// quoted takes a quoted string: part of a name, or of a local part, which
// keeps its quotes.
func (l *addressList) quoted(c *cursor, phrase *strings.Builder) {
	from := c.i - 1
	text, closed := c.quoted()
	if !closed {
		l.problem(AddressMalformed, "a quote is not closed")
	}
	if closed && c.i < len(c.s) && c.s[c.i] == '@' {
		phrase.WriteString(c.s[from:c.i])
		return
	}
	if strings.Contains(text, "=?") && ReadText(text).Encoded {
		l.problem(WordInQuotes, "an encoded-word stands inside quotes, where it is plain text (RFC 2047 section 5)")
	}
	phrase.WriteString(text)
}

// add takes what stood between two commas.
func (l *addressList) add(phrase, addr, comment string, bracketed bool) {
	phrase = strings.TrimSpace(phrase)
	if phrase == "" && addr == "" && comment == "" && !bracketed {
		return
	}
	switch {
	case !bracketed && !strings.Contains(phrase, "@") && ReadText(phrase).Encoded:
		l.problem(AddressMalformed, "a name stands without an address")
	case !bracketed:
		addr, phrase = phrase, comment
	case phrase == "":
		phrase = comment
	}
	name := ReadText(phrase)
	for _, p := range name.Problems {
		l.problem(p.ID, p.Text)
	}
	if strings.Contains(addr, "=?") && ReadText(addr).Encoded {
		l.problem(AddressMalformed, "an encoded-word stands in an address")
	}
	if addr != "" && (!strings.Contains(addr, "@") || strings.ContainsAny(addr, " \t") && addr[0] != '"') {
		l.problem(AddressMalformed, clip(addr)+" is not an address")
	}
	l.all = append(l.all, Address{Name: name.Value, Addr: addr, Group: l.group})
}
