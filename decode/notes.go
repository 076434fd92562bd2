package decode

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// noteKinds says how much each note weighs, and its source. What it says is in
// decode/annotate.
var noteKinds = map[string]struct {
	level Level
	ref   string
}{
	"bare-lf":                   {Violation, "RFC 5321 section 2.3.8"},
	"bare-cr":                   {Violation, "RFC 5321 section 2.3.8"},
	"nul":                       {Violation, "RFC 5321 section 4.5.2"},
	"eight-bit":                 {Unusual, "RFC 5321 section 2.4"},
	"invalid-utf8":              {Unusual, "RFC 6531 section 3.3"},
	"command-too-long":          {Violation, "RFC 5321 section 4.5.3.1.4"},
	"reply-too-long":            {Violation, "RFC 5321 section 4.5.3.1.5"},
	"text-line-too-long":        {Violation, "RFC 5321 section 4.5.3.1.6"},
	"line-too-long":             {Unusual, ""},
	"eod-lookalike":             {Violation, "RFC 5321 section 4.1.1.4"},
	"dot-unstuffed":             {Violation, "RFC 5321 section 4.5.2"},
	"incomplete-line":           {Unusual, ""},
	"incomplete-message":        {Unusual, ""},
	"unsolicited-reply":         {Unusual, "RFC 5321 section 4.2"},
	"early-reply":               {Violation, "RFC 5321 section 4.1.1.4"},
	"false-end":                 {Violation, "RFC 5321 section 4.1.1.4"},
	"early-talker":              {Violation, "RFC 5321 section 3.1"},
	"pipelined":                 {Violation, "RFC 2920 section 3.1"},
	"reply-codes-differ":        {Violation, "RFC 5321 section 4.2.1"},
	"reply-no-code":             {Violation, "RFC 5321 section 4.2"},
	"command-blanks":            {Violation, "RFC 5321 section 4.1.1"},
	"path-missing":              {Violation, "RFC 5321 section 4.1.1.2"},
	"path-space":                {Violation, "RFC 5321 section 3.3"},
	"path-brackets":             {Violation, "RFC 5321 section 4.1.2"},
	"bdat-bad-size":             {Violation, "RFC 3030 section 2"},
	"data-after-refusal":        {Unusual, "RFC 2920 section 3.1"},
	"not-smtp-tls":              {Violation, "RFC 8314 section 3.3"},
	"not-smtp-http":             {Violation, ""},
	"proxy-protocol":            {Unusual, ""},
	"starttls-injection":        {Violation, "RFC 3207 section 6"},
	"starttls-reply-injection":  {Violation, "RFC 3207 section 6"},
	"auth-stray-credential":     {Unusual, "RFC 4954 section 4"},
	"auth-cancelled":            {Explain, "RFC 4954 section 4"},
	"auth-command-inside":       {Violation, "RFC 4954 section 4"},
	"user-" + FactEmpty:         {Unusual, ""},
	"user-" + FactNewline:       {Unusual, ""},
	"user-" + FactLeadingSpace:  {Unusual, ""},
	"user-" + FactTrailingSpace: {Unusual, ""},
	"user-" + FactNotASCII:      {Unusual, "RFC 4616 section 2"},
	"user-" + FactLatin1:        {Unusual, "RFC 4616 section 2"},
	"user-" + FactURLEncoded:    {Unusual, ""},
	"user-" + FactHTMLEscaped:   {Unusual, ""},
	"user-" + FactDoubleEncoded: {Unusual, "RFC 4954 section 4"},
	"user-" + FactUndefined:     {Unusual, ""},
	FactUserNoDomain:            {Explain, ""},
}

// note is the note with that id.
func note(id string, count int) Note {
	n := noteKinds[id]
	return Note{ID: id, Level: n.level, Ref: n.ref, Count: count}
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
	if add(c.Alike, "eod-lookalike"); c.Alike > 0 {
		notes[len(notes)-1].Of = strings.Join(c.Forms, ", ")
	}
	add(c.NotStuffed, "dot-unstuffed")
	if header && c.EightBit {
		add(1, "eight-bit")
	}
	return notes
}
