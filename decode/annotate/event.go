package annotate

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"smtptap/decode"
	"smtptap/decode/codes"
	"smtptap/decode/units"
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
		x.routine(x.text("end-of-data"))
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
		key := "chunk-follows"
		if c.Last {
			key = "last-chunk-follows"
		}
		x.routine(x.text(key, "size", units.Bytes(c.ChunkSize)))
		return
	}
	switch m, ok := codes.Verb(c.Verb); {
	case ok:
		x.routine(m.In(x.view.Lang))
	case c.Verb != "" && !c.Known:
		x.say(Note, "command-unknown")
	}
	if e.Auth != nil {
		x.auth(e.Auth)
	}
}

// path explains the address of MAIL or RCPT where there is something to say.
func (x *explainer) path(c *decode.Command) {
	switch {
	case c.HasPath && c.Path == "" && c.Verb == "MAIL":
		x.mean("null-sender")
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
		x.mean("domain-ascii", "domain", domain, "other", ascii)
		return
	}
	if strings.Contains(strings.ToLower(domain), "xn--") {
		if text, err := idna.Display.ToUnicode(domain); err == nil && text != domain {
			x.mean("domain-text", "domain", domain, "other", text)
		}
	}
}

func (x *explainer) parameter(p decode.Param) {
	written := p.Key
	if p.Value != "" {
		written += "=" + p.Value
	}
	if m, ok := codes.Parameter(p.Key, p.Value); ok {
		x.routine(x.text("parameter", "written", written, "meaning", m.In(x.view.Lang)))
		return
	}
	x.say(Note, "parameter-unknown", "written", written)
}

func (x *explainer) body(e *decode.Event) {
	b, key := e.Body, "body"
	if b.Chunk {
		key = "chunk"
	}
	if b.EightBit {
		key += "-high"
	}
	x.routine(x.text(key, "size", units.Bytes(e.Span.Len()), "lines", x.lineCount(b.Lines), "longest", units.Bytes(b.Longest)))
}

func (x *explainer) opaque(e *decode.Event) {
	size := e.Span.Len()
	if size == 0 {
		size = int64(len(e.Raw))
	}
	key := "not-smtp"
	if len(e.Raw) > 5 && e.Raw[0] == 0x16 && e.Raw[5] == 1 {
		key = "client-hello"
	}
	x.mean(key, "size", units.Bytes(size))
}

func (x *explainer) missing(m *decode.Missing) {
	size := x.text("bytes-missing")
	if m.Bytes >= 0 {
		size = units.Bytes(m.Bytes)
	}
	switch m.Why {
	case decode.WhyEncrypted:
		x.mean("missing-encrypted", "size", size)
	case decode.WhyNotRecorded:
		x.say(Note, "missing-not-recorded", "size", size)
	case decode.WhyNotInLog:
		x.say(Note, "missing-not-in-log", "size", size)
	default:
		x.say(Note, "missing", "size", size, "why", m.Why)
	}
}
