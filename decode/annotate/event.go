package annotate

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"smtptap/decode"
	"smtptap/decode/codes"
)

// event explains something that was said.
func (x *explainer) event(e *decode.Event) {
	switch e.Kind {
	case decode.KindGreeting, decode.KindReply:
		x.reply(e)
	case decode.KindCommand:
		x.command(e)
	case decode.KindAuth:
		x.auth(e.Auth)
	case decode.KindHeader:
		x.header(e.Header)
	case decode.KindBody:
		x.body(e)
	case decode.KindEndOfData:
		x.mean("end of the message")
	case decode.KindOpaque:
		x.opaque(e)
	case decode.KindMissing:
		x.missing(e.Missing)
	}
	x.notes(e.Notes)
}

// command explains a command line. It does not quote the line: where the
// command is unknown, that may be a credential in the wrong place.
func (x *explainer) command(e *decode.Event) {
	c := e.Command
	switch c.Verb {
	case "AUTH":
		x.auth(e.Auth)
		return
	case "MAIL", "RCPT":
		x.path(c)
		for _, p := range c.Params {
			x.parameter(p)
		}
		return
	case "BDAT":
		what := "a chunk of " + codes.Size(c.ChunkSize) + " follows"
		if c.Last {
			what += ", the last one"
		}
		x.mean(what)
		return
	}
	switch m, ok := codes.Verb(c.Verb); {
	case ok:
		x.mean(m.Text)
	case c.Verb != "" && !c.Known:
		x.say(Note, "no RFC defines this command")
	}
	if e.Auth != nil {
		x.auth(e.Auth)
	}
}

// path explains the address of MAIL or RCPT where there is something to say.
func (x *explainer) path(c *decode.Command) {
	switch {
	case c.HasPath && c.Path == "" && c.Verb == "MAIL":
		x.mean("no sender: a report about another message, which must not be answered with one (RFC 5321 section 4.5.5)")
	case c.HasPath:
		x.domain(c.Path)
	}
}

// domain shows an internationalised domain in both its forms, for one of them
// alone can be read wrongly.
func (x *explainer) domain(address string) {
	at := strings.LastIndexByte(address, '@')
	domain := address[at+1:]
	if !utf8.ValidString(domain) {
		return
	}
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil && ascii != strings.ToLower(domain) {
		x.mean(domain + " is " + ascii + " in the DNS")
		return
	}
	if strings.Contains(strings.ToLower(domain), "xn--") {
		if text, err := idna.Display.ToUnicode(domain); err == nil && text != domain {
			x.mean(domain + " is " + text)
		}
	}
}

func (x *explainer) parameter(p decode.Param) {
	written := p.Key
	if p.Value != "" {
		written += "=" + p.Value
	}
	if m, ok := codes.Parameter(p.Key, p.Value); ok {
		x.mean(written + ": " + m.Text)
		return
	}
	x.say(Note, written+": a parameter that no RFC defines")
}

func (x *explainer) body(e *decode.Event) {
	b := e.Body
	text := codes.Size(e.Span.Len()) + " in " + count(b.Lines, "line") + ", the longest of " + count(b.Longest, "byte")
	if b.Chunk {
		text = "chunk of the message: " + text
	} else {
		text = "text of the message: " + text
	}
	if b.EightBit {
		text += ", with bytes above 127"
	}
	x.mean(text)
}

func (x *explainer) opaque(e *decode.Event) {
	text := codes.Size(e.Span.Len())
	if e.Span.Len() == 0 {
		text = codes.Size(int64(len(e.Raw)))
	}
	switch {
	case len(e.Raw) > 5 && e.Raw[0] == 0x16 && e.Raw[5] == 1:
		x.mean("a TLS ClientHello: " + text)
	default:
		x.mean("bytes that are no SMTP: " + text)
	}
}

func (x *explainer) missing(m *decode.Missing) {
	size := "bytes"
	if m.Bytes >= 0 {
		size = codes.Size(m.Bytes)
	}
	switch m.Why {
	case decode.WhyEncrypted:
		x.mean(size + " of TLS, handed through unopened")
	case decode.WhyNotRecorded:
		x.say(Note, size+" passed here and were not recorded")
	case decode.WhyNotInLog:
		x.say(Note, size+" that the log does not show")
	default:
		x.say(Note, size+" are missing: "+m.Why)
	}
}
