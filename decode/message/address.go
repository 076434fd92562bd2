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
			list.problems.add(TooMany, "too-many-addresses", "n", strconv.Itoa(maxAddresses))
			break
		}
		list.next(&c)
	}
	return list.all, list.problems
}

type addressList struct {
	all      []Address
	problems problems
	group    string
}

// next reads one address with the comma or semicolon after it.
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
	l.problems.add(AddressMalformed, "address-bracket")
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
		l.problems.add(AddressMalformed, "address-quote")
	}
	if closed && c.i < len(c.s) && c.s[c.i] == '@' {
		phrase.WriteString(c.s[from:c.i])
		return
	}
	if strings.Contains(text, "=?") && ReadText(text).Encoded {
		l.problems.add(WordInQuotes, "word-in-quotes")
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
		l.problems.add(AddressMalformed, "address-missing")
	case !bracketed:
		addr, phrase = phrase, comment
	case phrase == "":
		phrase = comment
	}
	name := ReadText(phrase)
	l.problems.join(name.Problems...)
	if strings.Contains(addr, "=?") && ReadText(addr).Encoded {
		l.problems.add(AddressMalformed, "address-encoded")
	}
	if addr != "" && (!strings.Contains(addr, "@") || strings.ContainsAny(addr, " \t") && addr[0] != '"') {
		l.problems.add(AddressMalformed, "address-malformed", "value", clip(addr))
	}
	l.all = append(l.all, Address{Name: name.Value, Addr: addr, Group: l.group})
}
