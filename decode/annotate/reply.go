package annotate

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"smtptap/decode"
	"smtptap/decode/codes"
	"smtptap/decode/message"
)

// reply explains a reply: its code, its enhanced code, what an EHLO reply
// offers, what an AUTH challenge asks for.
func (x *explainer) reply(e *decode.Event) {
	r := e.Reply
	if e.Auth != nil && e.Auth.Prompt != "" {
		x.challenge(r.Code, e.Auth)
	} else {
		x.replyCode(e)
	}
	if m, ok := codes.Enhanced(r.Enhanced); ok && !bland(r) {
		x.mean("reply", "code", r.Enhanced, "meaning", m.In(x.view.Lang))
	}
	for _, k := range r.EHLO {
		x.keyword(k)
	}
	x.foreignText(e)
	if r.Dropped > 0 {
		x.say(Note, "reply-cut", "lines", x.lineCount(int64(r.Dropped)))
	}
}

func (x *explainer) replyCode(e *decode.Event) {
	r := e.Reply
	if r.Code == 0 {
		return // a note says that there is no code
	}
	var m codes.Meaning
	var ok bool
	if e.Kind == decode.KindGreeting || r.ToVerb != "" {
		m, ok = codes.ReplyTo(r.Code, r.ToVerb)
	} else {
		m, ok = codes.Reply(r.Code)
	}
	if !ok {
		x.say(Warning, "reply-unknown", "code", strconv.Itoa(r.Code))
		return
	}
	key := "reply"
	if r.For != "" {
		key = "reply-for"
	}
	x.mean(key, "code", strconv.Itoa(r.Code), "meaning", m.In(x.view.Lang), "recipient", r.For)
}

// bland reports whether the enhanced code of a success only repeats it.
func bland(r *decode.Reply) bool {
	if r.Code >= 400 {
		return false
	}
	return strings.HasSuffix(r.Enhanced, ".0") || r.Enhanced == "2.1.5"
}

func (x *explainer) keyword(k decode.Keyword) {
	written := k.Name
	if k.Params != "" && !strings.HasSuffix(written, "=") {
		written += " "
	}
	written += k.Params
	if m, ok := codes.Keyword(k.Name, k.Params); ok {
		x.mean("parameter", "written", written, "meaning", m.In(x.view.Lang))
		return
	}
	x.say(Note, "keyword-unknown", "written", written)
}

// foreignText shows what a reply says in a charset other than UTF-8, such as
// the Chinese of servers that answer in GBK.
func (x *explainer) foreignText(e *decode.Event) {
	raw := x.view.raw(e)
	if utf8.Valid(raw) {
		return
	}
	text, charset := message.Guess(bytes.TrimRight(raw, "\r\n"))
	for line := range strings.SplitSeq(text, "\n") {
		x.tell(Meaning, x.readAs(strings.TrimSuffix(line, "\r"), nil, charset))
	}
}
