package decode

import (
	"bytes"
	"unicode/utf8"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// noteTexts says what each note means. The texts speak of one occurrence; how
// often it occurs within an event is Note.Count.
var noteTexts = map[string]struct {
	level Level
	text  string
	ref   string
}{
	"bare-lf":                  {Violation, "a line ends in LF without CR", "RFC 5321 section 2.3.8"},
	"bare-cr":                  {Violation, "a CR stands without LF", "RFC 5321 section 2.3.8"},
	"nul":                      {Violation, "holds a NUL octet", "RFC 5321 section 4.5.2"},
	"eight-bit":                {Unusual, "holds octets above 127", "RFC 5321 section 2.4"},
	"invalid-utf8":             {Unusual, "holds octets above 127 that are not UTF-8", "RFC 6531 section 3.3"},
	"command-too-long":         {Violation, "the command line is longer than 512 octets", "RFC 5321 section 4.5.3.1.4"},
	"reply-too-long":           {Violation, "a reply line is longer than 512 octets", "RFC 5321 section 4.5.3.1.5"},
	"text-line-too-long":       {Violation, "a line is longer than 998 octets", "RFC 5321 section 4.5.3.1.6"},
	"line-too-long":            {Unusual, "the line is longer than what is kept for display", ""},
	"eod-lookalike":            {Violation, "a line looks like the end of the message to servers that are not strict about CRLF", "RFC 5321 section 4.1.1.4"},
	"dot-unstuffed":            {Violation, "a line begins with a single dot; the server removes it", "RFC 5321 section 4.5.2"},
	"incomplete-line":          {Unusual, "the line has no end", ""},
	"incomplete-message":       {Unusual, "the message has no end", ""},
	"unsolicited-reply":        {Unusual, "the reply answers no command", "RFC 5321 section 4.2"},
	"early-reply":              {Violation, "the server accepted before the message ended: it saw an end earlier", "RFC 5321 section 4.1.1.4"},
	"early-talker":             {Violation, "the client spoke before the greeting", "RFC 5321 section 3.1"},
	"pipelined":                {Violation, "the client did not wait for the reply before, and the server did not offer PIPELINING", "RFC 2920 section 3.1"},
	"reply-codes-differ":       {Violation, "the lines of one reply have different codes; the last one counts", "RFC 5321 section 4.2.1"},
	"reply-no-code":            {Violation, "the line does not begin with a reply code", "RFC 5321 section 4.2"},
	"command-blanks":           {Violation, "blanks stand where RFC 5321 has none, or one space; servers don't agree on what such a line says", "RFC 5321 section 4.1.1"},
	"path-missing":             {Violation, "no address where one belongs", "RFC 5321 section 4.1.1.2"},
	"path-space":               {Violation, "a space stands between the colon and the address", "RFC 5321 section 3.3"},
	"path-brackets":            {Violation, "the address is not in angle brackets", "RFC 5321 section 4.1.2"},
	"bdat-bad-size":            {Violation, "the chunk size is not a number that can be counted", "RFC 3030 section 2"},
	"data-after-refusal":       {Unusual, "sent after a DATA that was refused, so it is read as a command", "RFC 2920 section 3.1"},
	"not-smtp-tls":             {Violation, "the client speaks TLS where plain SMTP is spoken", "RFC 8314 section 3.3"},
	"not-smtp-http":            {Violation, "the client speaks HTTP", ""},
	"proxy-protocol":           {Unusual, "a load balancer's PROXY header, which is not SMTP", ""},
	"starttls-injection":       {Violation, "clear text after STARTTLS; it was not sent on", "RFC 3207 section 6"},
	"starttls-reply-injection": {Violation, "clear text after the reply to STARTTLS; it was not sent on", "RFC 3207 section 6"},

	"auth-stray-credential": {Unusual, "looks like a credential, but nobody asked for one", "RFC 4954 section 4"},
	"auth-cancelled":        {Explain, "the client gave the exchange up", "RFC 4954 section 4"},
	"auth-command-inside":   {Violation, "a command where the server waits for a response", "RFC 4954 section 4"},

	"user-" + FactEmpty:         {Unusual, "the user name is empty", ""},
	"user-" + FactNewline:       {Unusual, "the user name ends in a line break", ""},
	"user-" + FactLeadingSpace:  {Unusual, "the user name begins with a space", ""},
	"user-" + FactTrailingSpace: {Unusual, "the user name ends in a space", ""},
	"user-" + FactNotASCII:      {Unusual, "the user name is not ASCII", "RFC 4616 section 2"},
	"user-" + FactLatin1:        {Unusual, "the user name is 8-bit text, but not UTF-8", "RFC 4616 section 2"},
	"user-" + FactURLEncoded:    {Unusual, "the user name looks URL-encoded", ""},
	"user-" + FactHTMLEscaped:   {Unusual, "the user name looks HTML-escaped", ""},
	"user-" + FactDoubleEncoded: {Unusual, "the user name is base64 of base64", "RFC 4954 section 4"},
	"user-" + FactUndefined:     {Unusual, "the user name is a programming language's word for nothing", ""},
	FactUserNoDomain:            {Explain, "the user name has no domain", ""},
}

// note is the note with that id.
func note(id string, count int) Note {
	n := noteTexts[id]
	return Note{ID: id, Level: n.level, Text: n.text, Ref: n.ref, Count: count}
}

// addNotes joins notes of several lines of one event.
func addNotes(have, more []Note) []Note {
next:
	for _, n := range more {
		for i := range have {
			if have[i].ID == n.ID {
				have[i].Count += n.Count
				continue next
			}
		}
		have = append(have, n)
	}
	return have
}

// longestCommand is what a command or reply line may hold without its CRLF
// (RFC 5321 section 4.5.3.1). AUTH lines may be longer (RFC 4954 section 4).
const longestCommand = 512 - 2

// lineNotes tells what is wrong with the octets of a command or reply line, as
// far as they are no secret.
func lineNotes(e *Event, l *line, partial bool) []Note {
	var notes []Note
	add := func(yes bool, id string) {
		if yes {
			notes = append(notes, note(id, 1))
		}
	}
	text := smtp.TrimEnd(e.Raw)
	crlf := bytes.HasSuffix(e.Raw, []byte("\r\n"))
	if l.over == keeping {
		crlf = l.crlf
	}
	add(!partial && !crlf, "bare-lf")
	add(bytes.IndexByte(text, '\r') >= 0, "bare-cr")
	add(bytes.IndexByte(text, 0) >= 0, "nul")
	eightBit := smtp.HasEightBit(text)
	whole := text
	if l.over != fits {
		whole = nil // cut anywhere, perhaps inside a character
	}
	add(eightBit && utf8.Valid(whole), "eight-bit")
	add(eightBit && !utf8.Valid(whole), "invalid-utf8")
	switch {
	case e.Side == who.Server:
		add(len(text) > longestCommand, "reply-too-long")
	case e.Auth == nil:
		add(len(text) > longestCommand, "command-too-long")
	}
	add(l.over == keeping, "line-too-long")
	add(partial, "incomplete-line")
	return notes
}

// countNotes tells what was counted in a header field or a body.
func countNotes(c *smtp.Counts, header bool) []Note {
	var notes []Note
	add := func(n int, id string) {
		if n > 0 {
			notes = append(notes, note(id, n))
		}
	}
	add(c.BareLF, "bare-lf")
	add(c.BareCR, "bare-cr")
	add(c.NULs, "nul")
	add(c.Long, "text-line-too-long")
	add(c.Alike, "eod-lookalike")
	add(c.NotStuffed, "dot-unstuffed")
	if header && c.EightBit {
		add(1, "eight-bit")
	}
	return notes
}
