package standin

import (
	"bytes"
	"fmt"
	"maps"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
	"smtptap/proxy/sink"
	"smtptap/recordings/diff"
	"smtptap/recordings/redact"
)

// same reports that a command means what one meant then: the client may call
// itself anything, log in as anybody, and send a message of another size.
func (r *recording) same(now *smtp.Command, event *decode.Event) bool {
	if event.Kind != decode.KindCommand {
		return false
	}
	then := event.Command
	switch {
	case now.Verb == "" || now.Verb != then.Verb:
		return now.Verb == "" && strings.EqualFold(string(now.Word), then.Verb) && string(now.Arg) == then.Arg
	case now.Verb == "MAIL", now.Verb == "RCPT":
		return now.Path.Found == then.HasPath && samePath(string(now.Path.Text), then.Path) && maps.Equal(params(now), paramsThen(then))
	case now.Verb == "AUTH":
		return event.Auth != nil && decode.Mechanism(now.Arg) == event.Auth.Mechanism
	case now.Verb == "BDAT":
		return now.Last == then.Last && (now.Size < 0) == (then.ChunkSize < 0)
	case now.Verb == "VRFY", now.Verb == "EXPN":
		return string(now.Arg) == then.Arg
	}
	return true
}

// samePath compares addresses: domains in any case. A stand-in of a redacted
// recording is anybody.
func samePath(now, then string) bool {
	if now == then || redact.StandIn(then) {
		return true
	}
	a, b := strings.LastIndexByte(now, '@'), strings.LastIndexByte(then, '@')
	return a >= 0 && b >= 0 && now[:a] == then[:b] && strings.EqualFold(now[a:], then[b:])
}

// fleeting are parameters that differ in any two sessions, or follow from what
// is compared already.
var fleeting = map[string]bool{"SIZE": true, "ENVID": true, "ORCPT": true}

func params(c *smtp.Command) map[string]string {
	all := map[string]string{}
	for key, value, rest, found := c.Params.Next(); found; key, value, rest, found = rest.Next() {
		if key := strings.ToUpper(string(key)); !fleeting[key] {
			all[key] = string(value)
		}
	}
	return all
}

func paramsThen(c *decode.Command) map[string]string {
	all := map[string]string{}
	for _, p := range c.Params {
		if !fleeting[p.Key] {
			all[p.Key] = p.Value
		}
	}
	return all
}

// mostCompared bounds the messages that are compared; room is how much larger than
// then one may be, for its dates and ids.
const (
	mostCompared = 32 << 20
	room         = 64 << 10
)

// content is a message on its way.
type content struct {
	bytes.Buffer
	size int64
	room int64 // how much of it is held
	most int64 // octets after which the session ended then; 0 for no such
	then *end
}

func (c *content) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	if c.size <= c.room {
		c.Buffer.Write(p)
	}
	if c.then != nil && c.size >= c.most && c.then.Then != sink.GoesOn {
		return 0, c.then.Then
	}
	return len(p), nil
}

// differs is in what a message differs from that of a step, "" for nothing that
// matters, or where that can't be told.
func (r *recording) differs(s *step, now *content) facts.Sentence {
	switch {
	case r.redacted || r.t.Lack(decode.LackBody) || r.t.Lack(decode.LackBrackets) || r.messages[s.message].Size() > mostCompared:
		return ""
	case now.size > now.room:
		return "standin-size"
	}
	t := transcriptOf(now.Bytes(), s.verb() == "BDAT")
	all := t.Messages()
	if len(all) == 0 {
		return ""
	}
	d, err := diff.Message(r.t, &r.messages[s.message], t, &all[0])
	if err != nil || d == nil {
		return "" // the recording lacks bytes
	}
	return facts.Plain(strings.TrimPrefix(d.Key, "message 1, "))
}

// transcriptOf is a session that consists of a message.
func transcriptOf(wire []byte, chunk bool) *decode.Transcript {
	var d decode.Dialogue
	var stream []byte
	t := &decode.Transcript{}
	feed := func(side who.Party, p []byte) {
		out := d.Feed(0, side, p)
		for _, e := range out.Events {
			t.Entries = append(t.Entries, decode.Entry{Event: &e})
		}
		for _, piece := range out.Pieces {
			switch {
			case piece.Side != who.Client:
			case piece.Mask != nil:
				stream = append(stream, decode.MaskText...)
			default:
				stream = append(stream, piece.Bytes...)
			}
		}
	}
	feed(who.Server, []byte("220 \r\n"))
	if chunk {
		feed(who.Client, fmt.Appendf(nil, "BDAT %d LAST\r\n", len(wire)))
	} else {
		feed(who.Client, []byte("DATA\r\n"))
		feed(who.Server, []byte("354 \r\n"))
	}
	feed(who.Client, wire)
	t.Bytes = func(_ who.Leg, _ who.Party, s decode.Span) ([]byte, error) { return stream[s.Start:s.End], nil }
	return t
}
