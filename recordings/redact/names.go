package redact

import (
	"regexp"
	"strings"
)

// leadingRun is encodedRun at the start of a text.
var leadingRun = regexp.MustCompile(`^(?:` + encodedRun.String() + `)`)

// inNames replaces the display names in a list of addresses (RFC 5322 section
// 3.4): quoted, encoded and plain ones, those in comments, and names of
// groups. All else stays as it is, mistakes included.
func (s *standIns) inNames(value string) string {
	l := nameList{names: s, rest: value}
	for l.rest != "" {
		l.next()
	}
	l.endAddress("")
	return l.out.String()
}

// A nameList is a list of addresses being read.
type nameList struct {
	names  *standIns
	rest   string
	phrase strings.Builder // since the last separator
	out    strings.Builder
}

// next takes a token.
func (l *nameList) next() {
	if strings.HasPrefix(l.rest, "=?") {
		if run := leadingRun.FindString(l.rest); run != "" {
			l.phrase.WriteString(l.take(len(run)))
			return
		}
	}
	switch l.rest[0] {
	case '"':
		l.phrase.WriteString(l.take(quotedEnd(l.rest)))
	case '(':
		n := commentEnd(l.rest)
		comment := strings.TrimSuffix(strings.TrimPrefix(l.take(n), "("), ")")
		l.endPhrase()
		l.out.WriteString("(" + l.name(comment) + ")")
	case '<':
		l.endPhrase()
		l.bracketed()
	case ',', ';':
		l.endAddress(l.take(1))
	case ':':
		if strings.Contains(l.phrase.String(), "@") {
			l.phrase.WriteString(l.take(1))
			return
		}
		l.endPhrase()
		l.out.WriteString(l.take(1))
	default:
		l.phrase.WriteString(l.take(1))
	}
}

// bracketed takes what stands in angle brackets, or after one that is not
// closed: an address, or the name of somebody who took them for quotes.
func (l *nameList) bracketed() {
	end := strings.IndexAny(l.rest, ">,")
	if end < 0 {
		end = len(l.rest)
	}
	inside := l.take(end)[1:]
	if !strings.Contains(inside, "@") && !strings.Contains(inside, "=?") {
		inside = l.name(inside)
	}
	l.out.WriteString("<" + inside)
	if strings.HasPrefix(l.rest, ">") {
		l.out.WriteString(l.take(1))
	}
}

func (l *nameList) take(n int) string {
	text := l.rest[:n]
	l.rest = l.rest[n:]
	return text
}

// endPhrase takes what stands in front of an address.
func (l *nameList) endPhrase() {
	phrase := l.phrase.String()
	l.phrase.Reset()
	l.out.WriteString(l.name(phrase))
}

// endAddress takes what stands alone, an address or a name without one.
func (l *nameList) endAddress(separator string) {
	l.endPhrase()
	l.out.WriteString(separator)
}

// name replaces a display name and keeps the white space around it.
func (l *nameList) name(phrase string) string {
	text := strings.TrimSpace(phrase)
	if text == "" {
		return phrase
	}
	at := strings.Index(phrase, text)
	before, after := phrase[:at], phrase[at+len(text):]
	plain := text
	if quotedEnd(text) == len(text) && len(text) > 1 {
		plain = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(text[1 : len(text)-1])
	}
	plain = openWords(plain)
	known := addressPattern.MatchString(plain)
	switch {
	case strings.EqualFold(plain, "undisclosed-recipients"), strings.EqualFold(plain, "undisclosed recipients"):
		return phrase
	case known && plain == text:
		return before + l.bare(text) + after
	case known && !strings.ContainsAny(plain, " \t\r\n<"):
		return before + `"` + l.names.text(plain) + `"` + after
	case known && strings.Contains(plain, "<") && len(plain) < len(text):
		return before + encodeWords(l.names.text(l.names.inNames(plain))) + after
	}
	stand := l.names.person(plain)
	if plain != text {
		stand = `"` + stand + `"`
	}
	return before + stand + after
}

// bare takes addresses without brackets, and the words around them.
func (l *nameList) bare(text string) string {
	var out, words []string
	flush := func() {
		if len(words) > 0 {
			out = append(out, l.names.person(strings.Join(words, " ")))
			words = nil
		}
	}
	for _, word := range strings.Fields(text) {
		if addressPattern.MatchString(word) {
			flush()
			out = append(out, word) // replaced with all other addresses
		} else {
			words = append(words, word)
		}
	}
	flush()
	return strings.Join(out, " ")
}

// quotedEnd is where the quoted string at the start of s ends; 0 for none.
func quotedEnd(s string) int {
	if s == "" || s[0] != '"' {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// commentEnd is where the comment at the start of s ends.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}
