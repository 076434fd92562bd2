package smtp

import "bytes"

// A Path is the address of MAIL or RCPT (RFC 5321 section 4.1.2).
type Path struct {
	Found  bool   // there is one, be it the empty reverse-path
	Text   []byte // between the angle brackets, or up to the next blank where they are missing
	Local  []byte // local part, with its quotes
	Domain []byte // domain or address literal, without the source route that may stand before (RFC 5321 appendix F.2)
}

// readPath reads a path at the start of p, and returns what follows it.
func readPath(p []byte) (path Path, rest []byte, form Form) {
	path.Found = true
	end := closingBracket(p)
	switch {
	case p[0] != '<':
		path.Text, _ = Word(p)
		rest, form = p[len(path.Text):], NoBrackets
	case end < 0:
		path.Text, form = p[1:], Unclosed
	default:
		path.Text, rest = p[1:end], p[end+1:]
	}
	form |= path.split()
	return path, rest, form
}

// closingBracket is the place of the > that ends a path, outside of quotes. A
// quote that does not end quotes nothing.
func closingBracket(p []byte) int {
	quoted := false
	for i := 0; i < len(p); i++ {
		switch {
		case quoted && p[i] == '\\':
			i++
		case p[i] == '"':
			quoted = !quoted
		case p[i] == '>' && !quoted:
			return i
		}
	}
	return bytes.IndexByte(p, '>')
}

// split finds local part and domain.
func (p *Path) split() Form {
	text := p.Text
	if len(text) == 0 {
		return 0
	}
	var form Form
	if text[0] == '@' {
		colon := bytes.IndexByte(text, ':')
		if colon < 0 || !isRoute(text[:colon]) {
			form = BadPath
		}
		text = text[colon+1:]
	}
	n := localLen(text)
	switch {
	case n > 0 && n == len(text): // Postmaster, or a name that the server completes
		p.Local = text
	case n > 0 && text[n] == '@' && isDomain(text[n+1:]):
		p.Local, p.Domain = text[:n], text[n+1:]
	default:
		form |= BadPath
		p.Local = text
		if at := bytes.LastIndexByte(text, '@'); at >= 0 && text[len(text)-1] != '"' {
			p.Local, p.Domain = text[:at], text[at+1:]
		}
	}
	return form
}

// isRoute reports a source route, "@one,@two".
func isRoute(p []byte) bool {
	for len(p) > 0 {
		hop, rest, more := bytes.Cut(p, []byte(","))
		if len(hop) < 2 || hop[0] != '@' || !isDomain(hop[1:]) || more && len(rest) == 0 {
			return false
		}
		p = rest
	}
	return true
}

// localLen is the length of the local part at the start of p, 0 for none: a
// quoted string, or atoms and dots. Dots may stand anywhere: some providers have
// given such addresses to their customers, and nobody misreads them.
func localLen(p []byte) int {
	if len(p) > 0 && p[0] == '"' {
		return quotedLen(p)
	}
	n := 0
	for n < len(p) && (isAtext(p[n]) || p[n] == '.') {
		n++
	}
	return n
}

func quotedLen(p []byte) int {
	for i := 1; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// isAtext reports what an atom is made of (RFC 5322 section 3.2.3), and octets
// above 127 (RFC 6531 section 3.3).
func isAtext(b byte) bool {
	return isAlnum(b) || b > 0x7f || b > ' ' && bytes.IndexByte([]byte("!#$%&'*+-/=?^_`{|}~"), b) >= 0
}

// isDomain reports a domain's form, or an address literal's. Underscores are
// taken, and labels of any length: they are for the DNS to judge.
func isDomain(p []byte) bool {
	if n := len(p); n > 2 && p[0] == '[' && p[n-1] == ']' {
		return bytes.IndexFunc(p[1:n-1], func(r rune) bool { return !isLiteral(r) }) < 0
	}
	for _, b := range p {
		if !isAlnum(b) && b != '-' && b != '.' && b != '_' && b <= 0x7f {
			return false
		}
	}
	return len(p) > 0
}

// isLiteral reports what stands between the brackets of an address literal.
func isLiteral(r rune) bool { return r > ' ' && r < 0x7f && r != '[' && r != '\\' && r != ']' }

// Params are the ESMTP parameters after a path, as sent (RFC 5321 section
// 4.1.2), the blanks before them included.
type Params []byte

// Next cuts the first parameter off. found is false when there is none; value is
// nil when it has none.
func (p Params) Next() (key, value []byte, rest Params, found bool) {
	word, rest := Word(p)
	if len(word) == 0 {
		return nil, nil, nil, false
	}
	if i := bytes.IndexByte(word, '='); i >= 0 {
		return word[:i], word[i+1:], rest, true
	}
	return word, nil, rest, true
}

// form says how the parameters differ from the grammar. A value may hold "=",
// which RFC 5321 does not allow and nobody misreads.
func (p Params) form() Form {
	var f Form
	for {
		blanks, rest := trimBlanks(p)
		if len(rest) == 0 {
			return f // blanks at the end are told of already
		}
		f |= separation(blanks)
		if key, _, _, _ := Params(rest).Next(); len(blanks) == 0 || !isName(key) {
			f |= BadParam
		}
		p = rest[wordLen(rest):]
	}
}
