package annotate

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode"
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
		x.ofReply(r, x.text("reply", "code", r.Enhanced, "meaning", m.In(x.view.Lang)))
	}
	for _, k := range r.EHLO {
		x.keyword(k)
	}
	x.foreignText(e)
	if e.Auth == nil || e.Auth.Prompt == "" {
		x.encodedText(e)
	}
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
	x.ofReply(r, x.text(key, "code", strconv.Itoa(r.Code), "meaning", m.In(x.view.Lang), "recipient", r.For))
}

// ofReply adds what a reply means, which is routine where it says yes.
func (x *explainer) ofReply(r *decode.Reply, text string) {
	if r.Positive() {
		x.routine(text)
	} else {
		x.tell(Meaning, text)
	}
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
		x.routine(x.text("parameter", "written", written, "meaning", m.In(x.view.Lang)))
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

// Bounds of what is looked for in a reply that is base64.
const (
	fewestEncoded = 12 // shorter words may be anything
	mostEncoded   = 2 << 10
	mostWords     = 200
	mostDecoded   = 3
)

// encodedText shows text that a reply holds as base64. Postfix ends its refusal
// of a login with the prompt that went before: "UGFzc3dvcmQ6".
func (x *explainer) encodedText(e *decode.Event) {
	words := bytes.Fields(x.view.raw(e))
	found := 0
	for _, word := range words[:min(len(words), mostWords)] {
		word = bytes.Trim(word, `"'()[]<>,`)
		if text := fromBase64(word); text != "" && found < mostDecoded {
			x.mean("base64-inside", "value", text)
			found++
		}
	}
}

// fromBase64 is the text that a word encodes, "" where it is likelier that it is
// only a word.
func fromBase64(word []byte) string {
	if len(word) < fewestEncoded || len(word) > mostEncoded || len(word)%4 != 0 {
		return ""
	}
	b, err := base64.StdEncoding.Strict().DecodeString(string(word))
	if err != nil || !utf8.Valid(b) {
		return ""
	}
	letters := 0
	for _, r := range string(b) {
		switch {
		case unicode.IsLetter(r):
			letters++
		case !unicode.IsPrint(r):
			return ""
		}
	}
	if 2*letters < utf8.RuneCount(b) {
		return ""
	}
	return string(b)
}
