package findings

import (
	"strconv"
	"strings"

	"smtptap/decode"
	"smtptap/decode/message"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// What a reply answers, where it is no verb.
const (
	toGreeting = "greeting"
	toMessage  = smtp.EndOfData
)

// A reply made ready for matching.
type reply struct {
	entry    int
	asked    int    // entry of what it answers, or -1
	rcpt     int    // entry of the RCPT that a reply of LMTP after the message is about, or -1
	verb     string // what it answers: a verb, toGreeting, toMessage, "" for nothing
	code     int
	codeText string
	enhanced string
	event    *decode.Event
	by       who.Party // the server, or smtptap itself

	read  bool   // text and lower are there; most replies are never looked at
	plain string // see text
	lower string // see folded
}

// mostMatched bounds the text of a reply that is looked at. No server tells a
// reason further down.
const mostMatched = 4 << 10

func newReply(i int, ev *decode.Event, by who.Party) *reply {
	r := &reply{by: by, entry: i, asked: -1, rcpt: -1, verb: plainVerb(ev.Reply.ToVerb), code: ev.Reply.Code, enhanced: ev.Reply.Enhanced, event: ev}
	if ev.Kind == decode.KindGreeting {
		r.verb = toGreeting
	}
	if r.code != 0 {
		r.codeText = strconv.Itoa(r.code)
	}
	return r
}

// plainVerb is a verb of LMTP as SMTP has it: what holds of EHLO holds of LHLO.
func plainVerb(verb string) string {
	if verb == "LHLO" {
		return "EHLO"
	}
	return verb
}

// text is the reply's lines joined by a space, without codes, in UTF-8.
func (r *reply) text() string {
	r.look()
	return r.plain
}

// folded is text made ready for matching.
func (r *reply) folded() string {
	r.look()
	return r.lower
}

func (r *reply) look() {
	if r.read {
		return
	}
	raw := masked(r.event, r.event.Reply.Text())
	r.plain, _ = message.Guess([]byte(raw[:min(len(raw), mostMatched)]))
	r.lower, r.read = fold(r.plain), true
}

// masked is text of an event without the secrets that stand in it where they
// are kept: findings are read by others than who has the recording.
func masked(e *decode.Event, text string) string {
	for _, s := range e.Secrets {
		start, end := s.Start-e.Span.Start, s.End-e.Span.Start
		if start >= 0 && start < end && end <= int64(len(e.Raw)) {
			text = strings.ReplaceAll(text, string(e.Raw[start:end]), decode.MaskText)
		}
	}
	return text
}

// positive reports a reply of 2xx or 3xx.
func (r *reply) positive() bool { return r.code >= 200 && r.code < 400 }

// proof are the entries that prove what a reply shows: what was asked, and the
// reply.
func (r *reply) proof() []int {
	switch {
	case r.rcpt >= 0:
		return []int{r.rcpt, r.entry}
	case r.asked >= 0:
		return []int{r.asked, r.entry}
	}
	return []int{r.entry}
}

// fold makes a text ready for matching: lower case, white space in single
// spaces, typographic quotes straight, cut where no reason is told any more.
func fold(s string) string {
	s = s[:min(len(s), mostMatched)]
	return strings.Join(strings.Fields(quotes.Replace(strings.ToLower(s))), " ")
}

var quotes = strings.NewReplacer("\u2018", "'", "\u2019", "'", "\u201c", `"`, "\u201d", `"`)

// firstWord is the first word of a line's text.
func firstWord(text string) string {
	word, _ := smtp.Word([]byte(text))
	return string(word)
}
