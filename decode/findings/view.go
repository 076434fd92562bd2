package findings

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/visible"
)

// A view is a transcript as the rules look at it.
type view struct {
	t        *decode.Transcript
	answers  []answer // every reply, the greeting included
	commands []int    // entries of commands and AUTH lines of the client
	says     []says   // what the client's own log says of its failures
	provider provider
	client   clientKind

	greeting int               // entry, or -1
	offered  map[string]string // EHLO keywords with their parameters, of the last EHLO reply
	ehlo     int               // entry of the reply that offered them, or -1
	secured  bool              // TLS was agreed on the client's leg, or the log says so
	auths    []int             // entries of AUTH commands
	authed   bool              // one of them was accepted
	user     string            // of the last AUTH
	mails    []int             // entries of MAIL commands
	messages []decode.Message
	last     map[string]int // last entry of each verb
}

// An answer is a reply, made ready for matching.
type answer struct {
	entry    int
	asked    int // entry of what it answers, or -1
	verb     string
	code     string
	enhanced string
	text     string // lines joined by a space, codes cut off, in UTF-8
	reply    *decode.Reply
}

// says is a line of a client's log about its own failure.
type says struct {
	entry int
	text  string
}

func newView(t *decode.Transcript) *view {
	v := &view{t: t, greeting: -1, ehlo: -1, offered: map[string]string{}, last: map[string]int{}}
	bySeq := map[[2]int]int{}
	for i := range t.Entries {
		e := &t.Entries[i]
		switch {
		case e.Event != nil:
			bySeq[[2]int{legOf(e), e.Event.Seq}] = i
			v.event(i, e, bySeq)
		case e.Fact != nil:
			v.fact(i, e.Fact)
		}
	}
	v.messages = t.Messages()
	v.client = recognise(v)
	v.findServer()
	return v
}

func legOf(e *decode.Entry) int {
	if e.Upstream {
		return 1
	}
	return 0
}

func (v *view) event(i int, e *decode.Entry, bySeq map[[2]int]int) {
	ev := e.Event
	switch ev.Kind {
	case decode.KindGreeting, decode.KindReply:
		v.reply(i, e, bySeq)
	case decode.KindCommand:
		v.command(i, ev)
	case decode.KindAuth:
		v.commands = append(v.commands, i)
		v.identity(ev)
	}
	if ev.TLS {
		v.secured = true
	}
}

func (v *view) command(i int, ev *decode.Event) {
	v.commands = append(v.commands, i)
	v.last[ev.Command.Verb] = i
	switch ev.Command.Verb {
	case "AUTH":
		v.auths = append(v.auths, i)
		v.identity(ev)
	case "MAIL":
		v.mails = append(v.mails, i)
	}
}

func (v *view) identity(ev *decode.Event) {
	if ev.Auth != nil && ev.Auth.User != "" {
		v.user = ev.Auth.User
	}
}

func (v *view) reply(i int, e *decode.Entry, bySeq map[[2]int]int) {
	ev := e.Event
	a := answer{entry: i, asked: -1, verb: ev.Reply.ToVerb, enhanced: ev.Reply.Enhanced, reply: ev.Reply, text: readable(ev.Reply.Text())}
	if ev.Reply.Code != 0 {
		a.code = strconv.Itoa(ev.Reply.Code)
	}
	if ev.Reply.To >= 0 {
		if asked, found := bySeq[[2]int{legOf(e), ev.Reply.To}]; found {
			a.asked = asked
		}
	}
	if ev.Kind == decode.KindGreeting {
		v.greeting, a.verb = i, "greeting"
	}
	v.answers = append(v.answers, a)
	switch {
	case a.verb == "EHLO" && ev.Reply.Code == 250:
		v.ehlo = i
		v.offered = map[string]string{}
		for _, k := range ev.Reply.EHLO {
			v.offered[k.Name] = k.Params
		}
	case a.verb == "AUTH" && ev.Reply.Code == 235:
		v.authed = true
	}
}

func (v *view) fact(i int, f facts.Fact) {
	switch f := f.(type) {
	case *facts.Note:
		if f.ID == "client-error" || f.ID == "client-setting" {
			v.says = append(v.says, says{i, f.Text})
		}
	case *facts.TLS:
		if f.Err == "" && f.Leg == facts.ClientLeg {
			v.secured = true
		}
	}
}

// readable is a reply's text in UTF-8. Chinese providers still answer in GBK.
func readable(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	if text, err := simplifiedchinese.GB18030.NewDecoder().String(s); err == nil && !strings.ContainsRune(text, utf8.RuneError) {
		return text
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteRune(rune(c)) // Latin-1, which every byte is
	}
	return b.String()
}

// findServer finds out whose server it is: by what it says of itself, by the
// links in its replies, and by where the session went.
func (v *view) findServer() {
	var texts []string
	for _, a := range v.answers {
		if a.verb == "greeting" || a.verb == "EHLO" {
			texts = append(texts, a.text)
		}
	}
	for _, e := range v.t.Entries {
		if d, ok := e.Fact.(*facts.Dial); ok {
			texts = append(texts, d.Host)
		}
	}
	texts = append(texts, v.t.Target)
	for _, a := range v.answers {
		if a.reply.Code >= 400 {
			texts = append(texts, a.text)
		}
	}
	for _, s := range v.says {
		texts = append(texts, s.text)
	}
	v.provider = findProvider(texts...)
}

// answerTo is the reply to entry i, or nil.
func (v *view) answerTo(i int) *answer {
	for n := range v.answers {
		if v.answers[n].asked == i {
			return &v.answers[n]
		}
	}
	return nil
}

// answersTo are the replies to that verb.
func (v *view) answersTo(verb string) []*answer {
	var all []*answer
	for n := range v.answers {
		if v.answers[n].verb == verb {
			all = append(all, &v.answers[n])
		}
	}
	return all
}

func (v *view) event0(i int) *decode.Event { return v.t.Entries[i].Event }

// before reports whether the client sent that verb before entry i.
func (v *view) before(verb string, i int) bool {
	for _, c := range v.commands {
		if c >= i {
			return false
		}
		if ev := v.t.Entries[c].Event; ev.Command != nil && ev.Command.Verb == verb {
			return true
		}
	}
	return false
}

// local reports whether both ends are this machine, as far as is known.
func (v *view) local() bool {
	for _, e := range v.t.Entries {
		if d, ok := e.Fact.(*facts.Dial); ok && d.Err == "" {
			return strings.HasPrefix(d.Addr, "127.") || strings.HasPrefix(d.Addr, "[::1]")
		}
	}
	return v.t.Target == "sink"
}

// took is how long the reply to an entry took.
func (v *view) took(a *answer) time.Duration {
	if a.asked < 0 {
		return 0
	}
	return v.t.Entries[a.entry].Event.Begin - v.t.Entries[a.asked].At
}

// fill puts the session's own words into a sentence: {reply}, {code}, {user},
// {from}, {rcpt}, {helo}, {mech}, {offered}, {server}, {says}.
func (v *view) fill(text string, entries []int) string {
	if !strings.Contains(text, "{") {
		return text
	}
	words := map[string]string{"user": v.user, "server": string(v.provider), "offered": v.offered["AUTH"]}
	if v.provider == "" {
		words["server"] = "the server"
	}
	for _, i := range v.commands {
		if c := v.event0(i).Command; c != nil {
			switch c.Verb {
			case "MAIL":
				words["from"] = c.Path
			case "EHLO", "HELO":
				words["helo"] = c.Arg
			}
		}
	}
	for _, i := range entries {
		v.wordsOf(i, words)
	}
	return placeholders.ReplaceAllStringFunc(text, func(p string) string {
		word, found := words[strings.Trim(p, "{}")]
		if !found || word == "" {
			return "?"
		}
		return visible.Text(shorten(word))
	})
}

func (v *view) wordsOf(i int, words map[string]string) {
	e := v.t.Entries[i]
	if n, ok := e.Fact.(*facts.Note); ok {
		words["says"] = n.Text
	}
	if e.Event == nil {
		return
	}
	if r := e.Event.Reply; r != nil {
		words["code"] = strconv.Itoa(r.Code)
		words["reply"] = strings.TrimSpace(strconv.Itoa(r.Code) + " " + strings.TrimSpace(r.Enhanced+" "+readable(r.Text())))
	}
	if c := e.Event.Command; c != nil && c.Verb == "RCPT" {
		words["rcpt"] = c.Path
	}
	if a := e.Event.Auth; a != nil && a.Mechanism != "" {
		words["mech"] = a.Mechanism
	}
}

// shorten keeps a quotation from filling the screen.
func shorten(s string) string {
	const most = 160
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}
